package identity

import (
	"context"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/auth/sigv4"
)

// AccessKey is a long-term key of a user.
type AccessKey struct {
	ID      string    `json:"id"`
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
	Sealed  []byte    `json:"sealed"`
}

// held is the bare secret of an access key of a user or a session. It is immutable.
type held struct {
	account   string
	principal string // unique id of the user or role; the account for its root user
	id        string
	secret    string
	token     string
	session   *Session // nil for a long-term key
}

// CreateKey makes an access key. This is the only time that anybody sees its secret.
func (d *Directory) CreateKey(
	ctx context.Context, user *Principal,
) (key AccessKey, secret string, err error) {
	if secret, err = newSecret(); err != nil {
		return AccessKey{}, "", err
	}
	key = AccessKey{Active: true, Created: d.now()}
	if key.ID, err = d.newKeyID(keyPrefix); err != nil {
		return AccessKey{}, "", err
	}
	if key.Sealed, err = d.seal(sealKindKey, user.Account, key.ID, secret); err != nil {
		return AccessKey{}, "", err
	}
	err = d.editPrincipal(ctx, user, func(_ *draft, next *Principal) error {
		if len(next.Keys) >= maxKeys {
			return refuse(LimitExceeded, "Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		next.Keys = append(slices.Clip(next.Keys), key)
		return nil
	})
	if err != nil {
		return AccessKey{}, "", err
	}
	d.held.Store(key.ID, &held{account: user.Account, principal: user.ID, id: key.ID, secret: secret})
	return key, secret, nil
}

func (p *Principal) key(id string) int {
	return slices.IndexFunc(p.Keys, func(k AccessKey) bool { return k.ID == id })
}

func noKey(id string) error {
	return refuse(NoSuchEntity, "The Access Key with id %s cannot be found.", id)
}

// SetKeyActive says whether a key may be used.
func (d *Directory) SetKeyActive(ctx context.Context, user *Principal, id string, active bool) error {
	return d.editPrincipal(ctx, user, func(_ *draft, next *Principal) error {
		at := next.key(id)
		if at < 0 {
			return noKey(id)
		}
		next.Keys = slices.Clone(next.Keys)
		next.Keys[at].Active = active
		return nil
	})
}

// DeleteKey ends a key.
func (d *Directory) DeleteKey(ctx context.Context, user *Principal, id string) error {
	err := d.editPrincipal(ctx, user, func(t *draft, next *Principal) error {
		at := next.key(id)
		if at < 0 {
			return noKey(id)
		}
		t.records[useRecord(id)] = nil
		next.Keys = slices.Delete(slices.Clone(next.Keys), at, at+1)
		return nil
	})
	if err == nil {
		d.held.Delete(id)
		d.uses.Delete(id)
	}
	return err
}

// KeyOwner is the user whose long-term key this is.
func (d *Directory) KeyOwner(id string) (*Principal, bool) {
	v, ok := d.held.Load(id)
	if !ok || v.(*held).session != nil {
		return nil, false
	}
	p, ok := d.view(v.(*held).account).principals[v.(*held).principal]
	return p, ok
}

// AccountOf is the account of an access key that this installation made and still knows.
func (d *Directory) AccountOf(id string) (string, bool) {
	v, ok := d.held.Load(id)
	if !ok {
		return "", false
	}
	return v.(*held).account, true
}

// Secret implements sigv4.Secrets: what is known of an access key. ok is false for one that this installation
// did not make.
func (d *Directory) Secret(accessKeyID string) (credential sigv4.Credential, ok bool) {
	v, ok := d.held.Load(accessKeyID)
	if !ok {
		return d.refusal.credential, d.ours(accessKeyID)
	}
	h := v.(*held)
	if h.session != nil && h.session.ofRoot() {
		return h.credential(h.session.caller), true
	}
	p, ok := d.view(h.account).principals[h.principal]
	if !ok {
		return d.refusal.credential, true
	}
	if h.session == nil {
		if at := p.key(accessKeyID); at < 0 || !p.Keys[at].Active {
			return d.refusal.credential, true
		}
		return h.credential(p.caller), true
	}
	if p.Kind == User {
		caller := *p.caller
		caller.Issued = h.session.Issued
		return h.credential(&caller), true
	}
	return h.credential(h.session.caller), true
}
