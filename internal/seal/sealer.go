package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Kind is how a keyring file is sealed. The numbers lie in files: they are never given anew.
type Kind byte

const (
	// File leaves the sealing key in the keyring file. Its mode and its place outside the data directory are
	// all that protects it.
	File Kind = 1
	// Passphrase makes the sealing key from a passphrase by Argon2id (RFC 9106).
	Passphrase Kind = 2
	// PKCS11 has the sealing key wrapped by a key that does not leave an HSM.
	PKCS11 Kind = 3
	// AWSKMS has the sealing key wrapped by a key of AWS KMS, or of another Sealtable.
	AWSKMS Kind = 4
)

func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Passphrase:
		return "passphrase"
	case PKCS11:
		return "pkcs11"
	case AWSKMS:
		return "awskms"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// ParseKind reads the name of a seal.
func ParseKind(s string) (Kind, error) {
	for _, k := range []Kind{File, Passphrase, PKCS11, AWSKMS} {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, &Error{Kind: ErrSealKind, Cause: fmt.Errorf("%q", s),
		Hint: "the seals are file, passphrase, awskms and pkcs11"}
}

// A Sealer makes the key that seals a keyring file, and finds it again. Whatever it needs for finding lies in
// its parameters, which are stored in the file in the clear, at most 8 KiB of them, and are authenticated by
// the body: for a passphrase the salt and cost, for an HSM the label of an object and a wrapped key, for a
// KMS the key's ARN and the ciphertext of a data key.
type Sealer interface {
	// New makes a key and the parameters from which Open will find it. The caller destroys both.
	New() (params, key *lockedmem.Key, err error)
	// Open finds the key. The parameters come from a file that nobody has authenticated yet.
	Open(params []byte) (key *lockedmem.Key, err error)
}

// sealer gives the sealer of a kind for an installation; path is for its errors.
func (o *Options) sealer(kind Kind, path string, id ID) (Sealer, error) {
	switch kind {
	case File:
		return fileSealer{arena: o.Memory, random: o.random, path: path}, nil
	case Passphrase:
		return passphraseSealer{arena: o.Memory, random: o.random, path: path, source: o.Passphrase,
			cost: o.cost}, nil
	}
	if o.External != nil {
		wrapper, err := o.External(kind)
		if err != nil {
			return nil, &Error{Kind: ErrSealKind, Path: path, Cause: fmt.Errorf("%v: %w", kind, err)}
		}
		return externalSealer{arena: o.Memory, random: o.random, path: path, wrapper: wrapper,
			installation: id, kind: kind}, nil
	}
	return nil, &Error{Kind: ErrSealKind, Path: path, Cause: fmt.Errorf("%v", kind),
		Hint: "this program has the seals file and passphrase"}
}

// fileSealer stores the key itself.
type fileSealer struct {
	arena  *lockedmem.Arena
	random io.Reader
	path   string
}

func (s fileSealer) New() (params, key *lockedmem.Key, err error) {
	if key, err = randomKey(s.arena, s.random); err != nil {
		return nil, nil, err
	}
	err = key.With(func(b []byte) error {
		params, err = keep(s.arena, b)
		return err
	})
	if err != nil {
		key.Destroy()
		return nil, nil, err
	}
	return params, key, nil
}

func (s fileSealer) Open(params []byte) (*lockedmem.Key, error) {
	if len(params) != keySize {
		return nil, damaged(s.path, "the key of the file seal has a wrong length")
	}
	return keep(s.arena, params)
}

// wrongSeal is what a body means that does not open although the file is not torn.
func wrongSeal(kind Kind, path string) error {
	if kind == Passphrase {
		return &Error{Kind: ErrPassphrase, Path: path,
			Cause: errors.New("it is wrong, or the file was tampered with"),
			Hint:  "try again with the passphrase that the keyring was sealed with"}
	}
	return damaged(path, "it was tampered with")
}
