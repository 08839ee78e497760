package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
)

// Records are named KIND/ACCOUNT/ID, and those of last uses use/ID.

func principalRecord(p *Principal) string { return string(p.Kind) + "/" + p.Account + "/" + p.ID }
func policyRecord(p *Policy) string       { return "policy/" + p.Account + "/" + p.ID }
func sessionRecord(s *Session) string     { return "session/" + s.Account + "/" + s.AccessKeyID }
func useRecord(id string) string          { return "use/" + id }

// Open reads what the directory knows.
func Open(ctx context.Context, config Config) (_ *Directory, err error) {
	d := &Directory{config: config}
	if d.awsOwned, err = newCatalogue(awsPolicies); err != nil {
		return nil, err
	}
	if d.idKey, err = deriveIDKey(config.Secrets); err != nil {
		return nil, err
	}
	if d.refusal, err = newRefusal(); err != nil {
		return nil, err
	}
	err = config.Records.Load(ctx, func(name string, data []byte) error {
		if err := d.loadRecord(name, data); err != nil {
			return fmt.Errorf("record %s of the directory: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.dropStaleUses()
	config.Clock.Sweep(sweepPeriod, func(now time.Time, _ bool) clock.Outlook {
		d.sweepSessions(context.Background(), now)
		return clock.Outlook{}
	})
	config.Clock.Sweep(usePeriod, func(time.Time, bool) clock.Outlook {
		if err := d.flushUses(context.Background()); err != nil {
			config.Log.Warn("the last use of access keys could not be written down; it is tried again in "+
				"an hour", "error", err)
		}
		return clock.Outlook{}
	})
	return d, nil
}

// Close writes down what is not yet written. The Directory is not used after it: close the clock before, and
// the records after.
func (d *Directory) Close() error {
	err := d.flushUses(context.Background())
	d.config.Secrets.Destroy()
	return err
}

func (d *Directory) now() time.Time { return d.config.Clock.Now().Truncate(time.Second) }

func (d *Directory) loadRecord(name string, data []byte) error {
	kind, rest, ok := strings.Cut(name, "/")
	if !ok {
		return errors.New("it has no kind")
	}
	switch kind {
	case string(User), string(Role), string(Group):
		return d.loadPrincipal(name, data)
	case "policy":
		return d.loadPolicy(name, data)
	case "oidc":
		return d.loadProvider(name, data)
	case "session":
		return d.loadSession(name, data)
	case "use":
		return d.loadUse(rest, data)
	}
	return fmt.Errorf("it is of kind %q, which this program does not know: use a newer program", kind)
}

var errMisplaced = errors.New("it holds what belongs elsewhere")

func (d *Directory) loadPrincipal(name string, data []byte) error {
	p := &Principal{}
	if err := json.Unmarshal(data, p); err != nil {
		return err
	}
	if principalRecord(p) != name {
		return errMisplaced
	}
	for i := range p.Inline {
		d.recompile(&p.Inline[i].Document, policy.Identity, p.ARN())
	}
	if p.Kind == Role {
		d.recompile(&p.Trust, policy.Trust, p.ARN())
	}
	for _, k := range p.Keys {
		secret, err := d.unseal(sealKindKey, p.Account, k.ID, k.Sealed)
		if err != nil {
			return err
		}
		d.held.Store(k.ID, &held{account: p.Account, principal: p.ID, id: k.ID, secret: secret})
	}
	d.account(p.Account).current.Load().enter(p)
	return nil
}

// recompile reads a stored document again. One that cannot be read, because the program has become stricter,
// denies everything.
func (d *Directory) recompile(doc *Document, kind policy.Kind, owner string) {
	compiled, err := policy.Parse([]byte(doc.Text), kind)
	if err != nil {
		d.config.Log.Error("a stored policy cannot be read and denies everything: write it anew", "of", owner,
			"error", err)
		compiled = denyAll(kind)
	}
	doc.compiled = compiled
}

func (d *Directory) loadPolicy(name string, data []byte) error {
	p := &Policy{}
	if err := json.Unmarshal(data, p); err != nil {
		return err
	}
	if policyRecord(p) != name {
		return errMisplaced
	}
	for i := range p.Versions {
		d.recompile(&p.Versions[i].Document, policy.Identity, p.ARN())
	}
	d.account(p.Account).current.Load().enterPolicy(p)
	return nil
}

func (d *Directory) loadSession(name string, data []byte) error {
	s := &Session{}
	if err := json.Unmarshal(data, s); err != nil {
		return err
	}
	if sessionRecord(s) != name {
		return errMisplaced
	}
	if s.Policy.Text != "" {
		d.recompile(&s.Policy, policy.Identity, "session "+s.Name)
	}
	plain, err := d.unseal(sealKindTemp, s.Account, s.AccessKeyID, s.Sealed)
	if err != nil {
		return err
	}
	secret, token, err := splitSession(plain)
	if err != nil {
		return err
	}
	d.hold(s, secret, token)
	d.sessions.restore(s)
	return nil
}

func (d *Directory) loadUse(id string, data []byte) error {
	use := &Use{}
	if err := json.Unmarshal(data, use); err != nil {
		return err
	}
	last := &lastUse{}
	last.current.Store(use)
	last.written.Store(use)
	d.uses.Store(id, last)
	return nil
}

// dropStaleUses forgets the uses of what is gone: one that was written down while its key was deleted.
func (d *Directory) dropStaleUses() {
	d.uses.Range(func(id, v any) bool {
		_, isKey := d.held.Load(id)
		_, isRole := d.view(v.(*lastUse).current.Load().Account).principals[id.(string)]
		if !isKey && !isRole {
			d.uses.Delete(id)
		}
		return true
	})
}
