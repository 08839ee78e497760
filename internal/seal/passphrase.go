package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

const (
	paramsVersion   = 1
	passphraseSalt  = 32
	passphraseSize  = 2 + 4 + 4 + 1 + passphraseSalt
	minPassphrase   = 8
	maxPassphrase   = 1 << 10
	maxMemory       = 256 << 10 // KiB
	maxTime         = 16
	maxThreads      = 16
	defaultMemory   = 64 << 10
	defaultTime     = 3
	defaultThreads  = 2
	argonVersion    = argon2.Version // 0x13
	hintPassphrases = "a passphrase has from 8 to 1024 bytes"
)

// cost is how hard a passphrase is to guess. The zero value stands for the default, which is also the least
// that is accepted from a file: RFC 9106's second recommendation, 64 MiB and three passes.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

func (c cost) orDefault() cost {
	if c == (cost{}) {
		return cost{memory: defaultMemory, time: defaultTime, threads: defaultThreads}
	}
	return c
}

// bounded refuses parameters that would make guessing cheap, or take the memory or the time of the machine.
func (c cost) bounded(least cost) bool {
	return c.memory >= least.memory && c.memory <= maxMemory && c.time >= least.time && c.time <= maxTime &&
		c.threads >= 1 && c.threads <= maxThreads
}

// passphraseSealer makes the key from a passphrase. Its parameters are:
//
//	version 1 │ Argon2 version 1 │ memory in KiB 4 │ passes 4 │ threads 1 │ salt 32
type passphraseSealer struct {
	arena  *lockedmem.Arena
	random io.Reader
	path   string
	source func() ([]byte, error)
	cost   cost // smaller in tests only
}

func (s passphraseSealer) New() (params, key *lockedmem.Key, err error) {
	c := s.cost.orDefault()
	salt := make([]byte, passphraseSalt)
	if _, err := io.ReadFull(s.random, salt); err != nil {
		return nil, nil, fmt.Errorf("no random bytes: %w", err)
	}
	b := append(make([]byte, 0, passphraseSize), paramsVersion, argonVersion)
	b = binary.BigEndian.AppendUint32(b, c.memory)
	b = binary.BigEndian.AppendUint32(b, c.time)
	b = append(b, c.threads)
	b = append(b, salt...)
	if key, err = s.derive(c, salt); err != nil {
		return nil, nil, err
	}
	if params, err = s.arena.FromBytes(b); err != nil {
		key.Destroy()
		return nil, nil, err
	}
	return params, key, nil
}

func (s passphraseSealer) Open(params []byte) (*lockedmem.Key, error) {
	if len(params) != passphraseSize {
		return nil, damaged(s.path, "the passphrase parameters have a wrong length")
	}
	if params[0] != paramsVersion || params[1] != argonVersion {
		return nil, &Error{Kind: ErrVersion, Path: s.path, Cause: errors.New("passphrase parameters"),
			Hint: "use the version of sealtable that wrote it, or a newer one"}
	}
	c := cost{memory: binary.BigEndian.Uint32(params[2:]), time: binary.BigEndian.Uint32(params[6:]),
		threads: params[10]}
	if !c.bounded(s.cost.orDefault()) {
		return nil, damaged(s.path, "the cost of the passphrase is out of bounds")
	}
	return s.derive(c, params[11:])
}

func (s passphraseSealer) derive(c cost, salt []byte) (*lockedmem.Key, error) {
	if s.source == nil {
		return nil, &Error{Kind: ErrPassphrase, Path: s.path, Cause: errors.New("none was given"),
			Hint: "give the passphrase that seals the keyring"}
	}
	passphrase, err := s.source()
	defer lockedmem.Wipe(passphrase)
	if err != nil {
		return nil, &Error{Kind: ErrPassphrase, Path: s.path, Cause: err,
			Hint: "give the passphrase that seals the keyring"}
	}
	if len(passphrase) < minPassphrase || len(passphrase) > maxPassphrase {
		return nil, &Error{Kind: ErrPassphrase, Path: s.path, Cause: errors.New("too short or too long"),
			Hint: hintPassphrases}
	}
	return s.arena.FromBytes(argon2.IDKey(passphrase, salt, c.time, c.memory, c.threads, keySize))
}
