package identity

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

const testAccount = "111122223333"

var errBroken = errors.New("the disk is broken")

// disk keeps records as the catalog does, and breaks when it is told to.
type disk struct {
	mu      sync.Mutex
	records map[string][]byte
	broken  bool
}

func (d *disk) Load(_ context.Context, visit func(string, []byte) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, data := range d.records {
		if err := visit(name, data); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) Write(_ context.Context, changes map[string][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return errBroken
	}
	for name, data := range changes {
		if data == nil {
			delete(d.records, name)
		} else {
			d.records[name] = bytes.Clone(data)
		}
	}
	return nil
}

func (d *disk) copy() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.records)
}

type world struct {
	*Directory
	disk   *disk
	clock  *clock.Clock
	arena  *lockedmem.Arena
	secret byte // of the key that secrets are sealed with
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{disk: &disk{records: map[string][]byte{}}, clock: clock.New(), arena: lockedmem.NewArena(nil), secret: 7}
	t.Cleanup(func() {
		w.clock.Close()
		if err := w.arena.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // a test may have broken the disk
	return w
}

func (w *world) open() error {
	key, err := w.arena.FromBytes(bytes.Repeat([]byte{w.secret}, 32))
	if err != nil {
		return err
	}
	directory, err := Open(context.Background(), Config{
		Records: w.disk, Secrets: key, Clock: w.clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		key.Destroy()
		return err
	}
	w.Directory = directory
	return nil
}

// restart closes the directory and reads it anew.
func (w *world) restart(t testing.TB) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) make(t *testing.T, kind Kind, name, trust string) *Principal {
	t.Helper()
	p, err := w.Create(t.Context(), New{Kind: kind, Account: testAccount, Name: name, Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	trustsAccount = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`
	allowsGet     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}}`
	allowsPut     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"*"}}`
)

// callerOf is the caller that a key's credential stands for, as the router makes it.
func (w *world) callerOf(t *testing.T, id string) *auth.Caller {
	t.Helper()
	credential, ok := w.Secret(id)
	if !ok || credential.Caller == nil {
		t.Fatalf("key %s is refused", id)
	}
	caller := *credential.Caller
	caller.AccessKeyID, caller.Region = id, "us-east-1"
	return &caller
}

// refused says whether a key is known and refused.
func (w *world) refused(id string) bool {
	credential, ok := w.Secret(id)
	return ok && credential.Caller == nil && credential.SessionToken != "" && credential.Secret != ""
}

func hour() RoleSession { return RoleSession{Name: "one", Duration: time.Hour} }
