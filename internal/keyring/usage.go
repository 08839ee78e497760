package keyring

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"
)

// trackedOperations are the operations that count as use of a key (GetKeyLastUsage in the AWS KMS API
// Reference). A use is kept as an index into this list: names are only ever added at its end.
var trackedOperations = []Operation{
	"Decrypt", "DeriveSharedSecret", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair",
	"GenerateDataKeyPairWithoutPlaintext",
	"GenerateDataKeyWithoutPlaintext", "GenerateMac", "ReEncrypt", "Sign", "Verify", "VerifyMac",
}

// LastUse is the last successful use of a key, to the second.
type LastUse struct {
	Operation Operation `json:"operation"`
	Time      time.Time `json:"time"`
}

// usage is the last use of a key in one word, seconds and operation, so that noting it costs no lock and no
// memory. 0 is none.
type usage struct {
	last  atomic.Uint64
	saved atomic.Uint64
}

type usageRecord struct {
	scope Scope
	id    string
	use   LastUse
}

func packUse(op Operation, at time.Time) uint64 {
	i := slices.Index(trackedOperations, op)
	if i < 0 || at.Unix() < 0 {
		return 0
	}
	return uint64(at.Unix())<<8 | uint64(i)
}

// note leaves the word alone while it would not change, so that cores which share a busy key do not fight for
// it.
func (u *usage) note(op Operation, at time.Time) {
	if word := packUse(op, at); word != 0 && u.last.Load() != word {
		u.last.Store(word)
	}
}

func (u *usage) restore(r usageRecord) {
	word := packUse(r.use.Operation, r.use.Time)
	u.last.Store(word)
	u.saved.Store(word)
}

// LastUse is the last successful use of the key. ok is false when there was none.
func (k *Key) LastUse() (use LastUse, ok bool) {
	word := k.usage.last.Load()
	if word == 0 {
		return LastUse{}, false
	}
	return LastUse{Operation: trackedOperations[word&0xff], Time: time.Unix(int64(word>>8), 0).UTC()}, true
}

// flushUsage writes down the last uses that changed. They are a help, not a promise: a crash loses up to an
// hour of them.
func (k *Keyring) flushUsage(ctx context.Context) error {
	var changes []Change
	var settle []func()
	k.regions.each(func(s Scope, r *region) {
		r.keys.each(func(id string, key *Key) {
			word := key.usage.last.Load()
			use, ok := key.LastUse()
			if !ok || word == key.usage.saved.Load() {
				return
			}
			data, err := json.Marshal(use)
			if err != nil {
				return
			}
			changes = append(changes, Change{Name: recordName("usage", s, id), Data: data})
			settle = append(settle, func() { key.usage.saved.Store(word) })
		})
	})
	if len(changes) == 0 {
		return nil
	}
	if err := k.config.Records.Write(ctx, changes...); err != nil {
		return err
	}
	for _, f := range settle {
		f()
	}
	return nil
}

func appendUsage(list *[]usageRecord, scope Scope, id string, data []byte) error {
	record := usageRecord{scope: scope, id: id}
	if err := json.Unmarshal(data, &record.use); err != nil {
		return err
	}
	*list = append(*list, record)
	return nil
}
