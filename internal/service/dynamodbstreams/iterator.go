package dynamodbstreams

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/seal/envelope"
	"github.com/sealtable/sealtable/internal/storage"
)

// iteratorLifetime is how long an iterator can be used ("GetShardIterator").
const iteratorLifetime = 15 * time.Minute

// iterator is what a shard iterator says once it is opened. Clients see it sealed under a key of the
// installation: they can neither read nor make one. It survives a restart of the server.
type iterator struct {
	Account, Region, Table string
	Label                  string
	TableID                storage.TableID // another table of the same name is another table
	Place                  engine.StreamPosition
	Made                   int64 // milliseconds since 1970
}

func iteratorContext() envelope.Context { return envelope.Context{Label: "sealtable shard iterator 1"} }

func (s *Service) sealIterator(f *target, place engine.StreamPosition) (*string, error) {
	plain, err := json.Marshal(iterator{
		Account: f.name.table.Account, Region: f.name.table.Region, Table: f.name.table.Table,
		Label:   f.name.label,
		TableID: f.table.ID, Place: place, Made: s.clock.Now().UnixMilli(),
	})
	if err != nil {
		return nil, err
	}
	sealed, err := envelope.Seal(nil, rand.Reader, s.key, iteratorContext(), plain)
	if err != nil {
		return nil, err
	}
	return new(base64.StdEncoding.EncodeToString(sealed)), nil
}

// openIterator reads an iterator that was made for the caller's region. Whether it is too old is said by
// expired, once the caller is known to have permission.
func (s *Service) openIterator(caller *auth.Caller, given string) (*iterator, error) {
	malformed := invalid("Invalid ShardIterator")
	sealed, err := base64.StdEncoding.Strict().DecodeString(given)
	if err != nil || envelope.PlainSize(sealed) < 0 {
		return nil, malformed
	}
	plain := make([]byte, envelope.PlainSize(sealed))
	if err := envelope.Open(plain, s.key, iteratorContext(), sealed); err != nil {
		return nil, malformed
	}
	it := new(iterator)
	if err := json.Unmarshal(plain, it); err != nil || it.Region != caller.Region {
		return nil, malformed
	}
	return it, nil
}

func (it *iterator) name() streamName {
	return streamName{engine.Name{Account: it.Account, Region: it.Region, Table: it.Table}, it.Label}
}

func (it *iterator) expired(now time.Time) error {
	made := time.UnixMilli(it.Made).UTC()
	if now.Sub(made) <= iteratorLifetime {
		return nil
	}
	return dynamodbstreamsapi.ExpiredIteratorException("Iterator expired. The iterator was created at time " +
		made.Format(time.UnixDate) +
		" while right now it is " + now.Format(time.UnixDate) +
		" which is further in the future than the tolerated delay of 900000 milliseconds.")
}
