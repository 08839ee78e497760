package dynamodb

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
)

// A NextToken says where the next page of a statement begins. It is bound to the table, the statement and its
// parameters, so that one of another statement is refused, and it is checked against damage. It is not a
// secret and grants nothing: it says no more than LastEvaluatedKey, and whoever brings it runs the statement
// with permissions of their own, on the items that the statement's own condition lets through. That is why it
// needs no key, and holds after a restart. In base64url it is
//
//	1 byte    the version, 1
//	16 bytes  of the binding
//	n bytes   the number of the partition in the statement's list, as an unsigned varint
//	n bytes   the key behind which to go on, empty at the beginning of a partition
//	8 bytes   of the SHA-256 of all that
const (
	tokenVersion  = 1
	tokenBinding  = 16
	tokenChecksum = 8
	invalidToken  = "Invalid NextToken"
	foreignToken  = "NextToken does not match request"
)

// position is where the page of a selection begins.
type position struct {
	partition int
	key       attribute.Item // nil at the beginning
}

// bindToken is what a token is bound to.
func bindToken(t *engine.Table, statement *string, parameters []attribute.Value) [tokenBinding]byte {
	f := fingerprint{sha256.New()}
	f.part([]byte(t.ID.String()))
	f.statement(statement, parameters)
	return [tokenBinding]byte(f.h.Sum(nil))
}

func (f fingerprint) statement(statement *string, parameters []attribute.Value) {
	f.part([]byte(api.Text(statement)))
	f.count(len(parameters))
	for _, v := range parameters {
		f.part(v)
	}
}

func (p *position) token(binding [tokenBinding]byte) string {
	raw := append([]byte{tokenVersion}, binding[:]...)
	raw = append(binary.AppendUvarint(raw, uint64(p.partition)), p.key...)
	sum := sha256.Sum256(raw)
	return base64.URLEncoding.EncodeToString(append(raw, sum[:tokenChecksum]...))
}

// readPosition reads a token, which may be nil. The position fits the selection.
func readPosition(token *string, binding [tokenBinding]byte, p *selection) (at position, err error) {
	if token == nil {
		return at, nil
	}
	raw, err := base64.URLEncoding.DecodeString(*token)
	body := len(raw) - tokenChecksum
	if err != nil || body < 1+tokenBinding || raw[0] != tokenVersion {
		return at, invalid(invalidToken)
	}
	sum := sha256.Sum256(raw[:body])
	if subtle.ConstantTimeCompare(sum[:tokenChecksum], raw[body:]) != 1 {
		return at, invalid(invalidToken)
	}
	if subtle.ConstantTimeCompare(binding[:], raw[1:1+tokenBinding]) != 1 || p.key != nil {
		return at, invalid(foreignToken)
	}
	partition, n := binary.Uvarint(raw[1+tokenBinding : body])
	if n <= 0 || partition > 0 && partition >= uint64(len(p.partitions)) {
		return at, invalid(invalidToken)
	}
	at.partition = int(partition)
	key := raw[1+tokenBinding+n : body]
	if len(key) == 0 {
		return at, nil
	}
	if attribute.CheckItem(key) != nil {
		return at, invalid(invalidToken)
	}
	at.key = key
	return at, nil
}

// tokenRefusal words errors of reading a page, whose start key came out of a token.
func tokenRefusal(err error) error {
	if errors.Is(err, engine.ErrStartKey) || errors.Is(err, engine.ErrStartKeyOutside) {
		return invalid(invalidToken)
	}
	return lookupRefusal(expressionRefusal(err))
}
