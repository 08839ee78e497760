package seal

import (
	"errors"
	"io"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Wrapper is a key that does not leave the place where it is: an HSM, or an external KMS. It wraps the
// sealing key of a keyring for one installation and for no other.
//
// Errors that wrap ErrUnavailable say that it cannot be reached now, and may be later; ErrPassphrase says
// that the PIN is wrong or missing. After any other error nothing is tried again.
type Wrapper interface {
	// Wrap gives parameters from which Unwrap will find the key. It keeps no part of the key.
	Wrap(key []byte, installation ID) (params []byte, err error)
	// Unwrap finds the key. Nobody has authenticated the parameters yet. What it returns is wiped.
	Unwrap(params []byte, installation ID) (key []byte, err error)
}

// externalSealer has the key wrapped by somebody else. The parameters are the wrapper's.
type externalSealer struct {
	arena        *lockedmem.Arena
	random       io.Reader
	path         string
	wrapper      Wrapper
	installation ID
	kind         Kind
}

// New makes a key, and sees that it comes back: a keyring whose seal does not open is a keyring lost.
func (s externalSealer) New() (params, key *lockedmem.Key, err error) {
	if key, err = randomKey(s.arena, s.random); err != nil {
		return nil, nil, err
	}
	var wrapped []byte
	err = key.With(func(b []byte) (err error) {
		wrapped, err = s.wrapper.Wrap(b, s.installation)
		return err
	})
	if err == nil && (len(wrapped) == 0 || len(wrapped) > maxParams) {
		err = errors.New("what it gave has no place in a keyring")
	}
	if err == nil {
		err = s.comesBack(wrapped, key)
	}
	if err == nil {
		params, err = s.arena.FromBytes(wrapped)
	}
	if err != nil {
		key.Destroy()
		return nil, nil, s.explain(err)
	}
	return params, key, nil
}

func (s externalSealer) comesBack(params []byte, key *lockedmem.Key) error {
	again, err := s.Open(params)
	if err != nil {
		return err
	}
	defer again.Destroy()
	same, err := equalKeys(key, again)
	if err == nil && !same {
		err = errors.New("it gave another key back than it was given")
	}
	return err
}

func (s externalSealer) Open(params []byte) (*lockedmem.Key, error) {
	bare, err := s.wrapper.Unwrap(params, s.installation)
	defer lockedmem.Wipe(bare)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(bare) != keySize {
		return nil, damaged(s.path, "the sealing key has a wrong length")
	}
	return s.arena.FromBytes(bare)
}

// explain gives errors of a wrapper the shape of all others.
func (s externalSealer) explain(err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, ErrPassphrase):
		return &Error{Kind: ErrPassphrase, Path: s.path, Cause: err, Hint: "give the PIN of the token"}
	case errors.Is(err, ErrUnavailable):
		return &Error{Kind: ErrUnavailable, Path: s.path, Cause: err,
			Hint: "the keyring is sealed by " + s.kind.String() +
				": see that it can be reached, and try again"}
	}
	return &Error{Kind: ErrSealKind, Path: s.path, Cause: err,
		Hint: "the keyring is sealed by " + s.kind.String()}
}
