package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Records keeps what the directory knows. Names are short paths; what they hold is for this package to read.
type Records interface {
	// Load calls visit for every record, in any order. visit does not keep data.
	Load(ctx context.Context, visit func(name string, data []byte) error) error
	// Write makes all changes, or none; nil data deletes a record. When it returns nil they are durable.
	Write(ctx context.Context, changes map[string][]byte) error
}

// Config is what a Directory is made of. Every member is needed.
type Config struct {
	Records Records
	// Secrets seals the secrets of access keys. The directory uses it until Close, and destroys it then.
	Secrets *lockedmem.Key
	Clock   *clock.Clock
	Log     *slog.Logger
}

// Directory is all principals of an installation. It is safe for concurrent use.
type Directory struct {
	config   Config
	idKey    []byte // authenticates the access key ids of this installation
	refusal  refusal
	awsOwned *catalogue
	accounts sync.Map // account id → *account
	held     sync.Map // access key id → *held
	uses     sync.Map // access key id, or a role's unique id → *lastUse
	sessions sessionBook
}

// account is one account. Changes in it happen one at a time; reads do not wait for them.
type account struct {
	mu      sync.Mutex // held by changes
	current atomic.Pointer[snapshot]
}

func (d *Directory) account(id string) *account {
	if a, ok := d.accounts.Load(id); ok {
		return a.(*account)
	}
	fresh := &account{}
	fresh.current.Store(newSnapshot())
	a, _ := d.accounts.LoadOrStore(id, fresh)
	return a.(*account)
}

// view is what is known of an account now. Accounts that nobody has are empty, and asking for them leaves
// nothing behind.
func (d *Directory) view(id string) *snapshot {
	if a, ok := d.accounts.Load(id); ok {
		return a.(*account).current.Load()
	}
	return newSnapshot()
}

// draft is a change in the making: the next snapshot, and the records that make it durable.
type draft struct {
	*snapshot
	records map[string][]byte
}

// change makes a new snapshot of an account, writes it down and shows it.
func (d *Directory) change(ctx context.Context, accountID string, edit func(*draft) error) error {
	a := d.account(accountID)
	a.mu.Lock()
	defer a.mu.Unlock()
	next := &draft{snapshot: a.current.Load().clone(), records: map[string][]byte{}}
	if err := edit(next); err != nil {
		return err
	}
	if len(next.records) == 0 {
		return nil
	}
	if err := d.config.Records.Write(ctx, next.records); err != nil {
		return fmt.Errorf("write the records of account %s: %w", accountID, err)
	}
	a.current.Store(next.snapshot)
	return nil
}

func (t *draft) put(p *Principal) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	t.records[principalRecord(p)] = data
	t.enter(p)
	return nil
}

func (t *draft) remove(p *Principal) {
	t.records[principalRecord(p)] = nil
	t.leave(p)
}

func (t *draft) putPolicy(p *Policy) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	t.records[policyRecord(p)] = data
	t.enterPolicy(p)
	return nil
}

func (t *draft) removePolicy(p *Policy) {
	t.records[policyRecord(p)] = nil
	delete(t.policies, p.ARN())
	delete(t.policyNames, lower(p.Name))
}

// same is the present version of a principal that was found earlier.
func (t *draft) same(p *Principal) (*Principal, error) {
	current, ok := t.principals[p.ID]
	if !ok {
		return nil, noPrincipal(p.Kind, p.Name)
	}
	return current, nil
}

// editPrincipal changes one principal. edit gets a shallow copy: it replaces what it changes and never writes
// through its slices.
func (d *Directory) editPrincipal(
	ctx context.Context, p *Principal, edit func(t *draft, next *Principal) error,
) error {
	return d.change(ctx, p.Account, func(t *draft) error {
		current, err := t.same(p)
		if err != nil {
			return err
		}
		next := *current
		if err := edit(t, &next); err != nil {
			return err
		}
		t.leave(current)
		return t.put(&next)
	})
}
