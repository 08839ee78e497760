package seal

import (
	"crypto/hmac"
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// NewSeal is a seal that was made for a keyring and is not in its file yet: what one process makes for
// another that has the keyring open.
type NewSeal struct {
	Kind   Kind
	Params *lockedmem.Key
	Key    *lockedmem.Key
}

// Destroy wipes it.
func (s *NewSeal) Destroy() {
	s.Params.Destroy()
	s.Key.Destroy()
}

// MakeSeal makes a seal for this keyring, in the way that o says, and changes nothing. Of o Seal, Passphrase
// and External count.
func (r *Root) MakeSeal(o Options) (*NewSeal, error) {
	kind := o.Seal
	if kind == 0 {
		r.mu.RLock()
		kind = r.kind
		r.mu.RUnlock()
	}
	o.Memory = r.options.Memory
	o.random = r.options.random
	o.cost = r.options.cost
	sealer, err := o.sealer(kind, r.dir.Path(keyringName), r.installation)
	if err != nil {
		return nil, err
	}
	params, key, err := sealer.New()
	if err != nil {
		return nil, err
	}
	return &NewSeal{Kind: kind, Params: params, Key: key}, nil
}

// TakeSeal seals the keyring anew with what MakeSeal made. After that the root has the seal; after an error
// it is the caller's still. The root key stays what it was, as with Rewrap.
func (r *Root) TakeSeal(s *NewSeal) error {
	if _, err := ParseKind(s.Kind.String()); err != nil {
		return err
	}
	if s.Params.Len() == 0 || s.Params.Len() > maxParams || s.Key.Len() != keySize {
		return &Error{Kind: ErrSealKind, Cause: errors.New("it is incomplete")}
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	lock, now, err := r.begin()
	if err != nil {
		return diskError(r.dir.Path(""), err)
	}
	defer lock.Close()
	if err := r.write(s.Kind, s.Params, s.Key, now); err != nil {
		return diskError(r.dir.Path(keyringName), err)
	}
	r.adopt(s)
	return nil
}

// adopt replaces the seal in memory by the one that the file has.
func (r *Root) adopt(s *NewSeal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.params.Destroy()
	r.sealKey.Destroy()
	r.kind = s.Kind
	r.params = s.Params
	r.sealKey = s.Key
}

func equalKeys(a, b *lockedmem.Key) (same bool, err error) {
	err = a.With(func(x []byte) error {
		return b.With(func(y []byte) error {
			same = hmac.Equal(x, y)
			return nil
		})
	})
	return same, err
}
