package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/storage"
)

// Token makes a transaction idempotent: one that has the same name, by the same owner, within ten minutes of
// the first is not done again. Fingerprint tells whether it is the same transaction.
type Token struct {
	Owner, Name string
	Fingerprint [sha256.Size]byte
}

// ErrTokenReused says that a token was used for another transaction.
var ErrTokenReused = errors.New("engine: the token belongs to another transaction")

// tokenLifetime is how long a token counts ("TransactWriteItems: ClientRequestToken").
const tokenLifetime = 10 * time.Minute

// Tokens are rows of a system table, in the same commit as the transaction that they stand for, so that a
// client which asks again after a crash gets what it would have got before. The partition is the owner, the
// sort bytes are the name, the value is
//
//	8 bytes   when the token ends, in milliseconds since 1970, big endian
//	32 bytes  the fingerprint of the transaction
const (
	tokenSystem = 3
	tokenSize   = 8 + sha256.Size
)

func tokenTable() storage.TableID { return storage.System(tokenSystem) }

func (t *Token) row() storage.Row {
	return storage.Row{Table: tokenTable(), Partition: []byte(t.Owner), Sort: []byte(t.Name)}
}

// used says whether the transaction was done already.
func (t *Token) used(tx storage.Tx, now time.Time) (bool, error) {
	stored, found, err := tx.Get(t.row())
	if err != nil || !found {
		return false, err
	}
	ends, err := tokenEnd(stored)
	switch {
	case err != nil:
		return false, err
	case !now.Before(ends):
		return false, nil
	case [sha256.Size]byte(stored[8:]) != t.Fingerprint:
		return false, ErrTokenReused
	}
	return true, nil
}

func (t *Token) remember(tx storage.Tx, now time.Time) error {
	value := binary.BigEndian.AppendUint64(make([]byte, 0, tokenSize),
		uint64(now.Add(tokenLifetime).UnixMilli()))
	return tx.Put(t.row(), append(value, t.Fingerprint[:]...))
}

func tokenEnd(stored []byte) (time.Time, error) {
	if len(stored) != tokenSize {
		return time.Time{}, fmt.Errorf("engine: a token of %d bytes", len(stored))
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(stored))), nil
}

// openTokens makes the table of tokens when the first one comes, and from then on takes away those that have
// ended.
func (e *Engine) openTokens(ctx context.Context) error {
	e.tokens.Lock()
	defer e.tokens.Unlock()
	if e.tokensOpen {
		return nil
	}
	if err := e.store.CreateTable(ctx, tokenTable()); err != nil && !errors.Is(err, storage.ErrTableExists) {
		return fmt.Errorf("making the table of tokens: %w", err)
	}
	e.tokensOpen = true
	e.clock.Sweep(tokenLifetime, func(now time.Time, _ bool) clock.Outlook {
		if err := e.dropTokens(context.Background(), now); err != nil {
			e.log.Warn("tokens of transactions that have ended are still kept", "error", err)
		}
		return clock.Outlook{}
	})
	return nil
}

// droppedAtOnce is how many tokens one transaction takes away.
const droppedAtOnce = 1000

// dropTokens takes away the tokens that have ended.
func (e *Engine) dropTokens(ctx context.Context, now time.Time) error {
	for {
		ended, err := e.endedTokens(ctx, now)
		if err != nil || len(ended) == 0 {
			return err
		}
		err = e.store.Update(ctx, ended, func(tx storage.Tx) error { return dropEnded(tx, ended, now) })
		if err != nil || len(ended) < droppedAtOnce {
			return err
		}
	}
}

// dropEnded looks again, because a token may have been used anew since.
func dropEnded(tx storage.Tx, rows []storage.Row, now time.Time) error {
	for _, row := range rows {
		stored, found, err := tx.Get(row)
		if err != nil {
			return err
		}
		if ends, err := tokenEnd(stored); !found || err == nil && now.Before(ends) {
			continue
		}
		if err := tx.Delete(row); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) endedTokens(ctx context.Context, now time.Time) (ended []storage.Row, err error) {
	rows := e.store.Scan(ctx, storage.CollectionScan{Table: tokenTable()})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for len(ended) < droppedAtOnce && rows.Next() {
		if ends, err := tokenEnd(rows.Value()); err == nil && now.Before(ends) {
			continue
		}
		t := Token{Owner: string(rows.Partition()), Name: string(rows.Sort())}
		ended = append(ended, t.row())
	}
	return ended, rows.Err()
}
