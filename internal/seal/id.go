package seal

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
)

// ID names an installation: a random UUID (RFC 9562, version 4). It lies in the keyring and in the data
// directory, so that each is known to belong to the other. It is no secret.
type ID [16]byte

func newID(random io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return ID{}, err
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// IsZero says whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads what String writes, and nothing else.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(id) || ID(b).String() != s {
		return ID{}, errors.New("not the id of an installation")
	}
	copy(id[:], b)
	return id, nil
}
