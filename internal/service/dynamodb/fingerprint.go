package dynamodb

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// readToken is the ClientRequestToken of a transaction; nil when there is none. It counts for one account in
// one region.
func readToken(caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput) *engine.Token {
	if in.ClientRequestToken == nil {
		return nil
	}
	f := fingerprint{sha256.New()}
	for i := range in.TransactItems {
		f.write(&in.TransactItems[i])
	}
	return &engine.Token{
		Owner: caller.Account + "/" + caller.Region, Name: *in.ClientRequestToken,
		Fingerprint: [sha256.Size]byte(f.h.Sum(nil)),
	}
}

// fingerprint tells transactions apart by what they do, not by how the request spells it: members in another
// order are the same. What only changes the answer, such as ReturnConsumedCapacity, is left out.
type fingerprint struct{ h hash.Hash }

func (f fingerprint) write(item *dynamodbapi.TransactWriteItem) {
	switch {
	case item.Put != nil:
		p := item.Put
		f.parts("Put", p.TableName, p.Item, nil, p.ConditionExpression, p.ExpressionAttributeNames,
			p.ExpressionAttributeValues)
	case item.Update != nil:
		u := item.Update
		f.parts("Update", u.TableName, u.Key, u.UpdateExpression, u.ConditionExpression,
			u.ExpressionAttributeNames, u.ExpressionAttributeValues)
	case item.Delete != nil:
		d := item.Delete
		f.parts("Delete", d.TableName, d.Key, nil, d.ConditionExpression, d.ExpressionAttributeNames,
			d.ExpressionAttributeValues)
	case item.ConditionCheck != nil:
		c := item.ConditionCheck
		f.parts("ConditionCheck", c.TableName, c.Key, nil, c.ConditionExpression, c.ExpressionAttributeNames,
			c.ExpressionAttributeValues)
	}
}

func (f fingerprint) parts(
	kind string, table *string, item attribute.Item, update, condition *string, names map[string]string,
	values attribute.Item,
) {
	f.part([]byte(kind))
	f.part([]byte(api.Text(table)))
	f.part(item)
	f.part([]byte(api.Text(update)))
	f.part([]byte(api.Text(condition)))
	f.count(len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f.part([]byte(name))
		f.part([]byte(names[name]))
	}
	f.part(values)
}

// part adds bytes behind their length, so that no two lists of parts look alike. A hash never fails to write.
func (f fingerprint) part(b []byte) {
	f.count(len(b))
	_, _ = f.h.Write(b)
}

func (f fingerprint) count(n int) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(n))
	_, _ = f.h.Write(length[:])
}
