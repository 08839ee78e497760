package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
)

// A wrapped record; docs/format/wrapped-key.md draws it:
//
//	version 1 │ algorithm 1 │ root key version 4 │ root key id 8 │ salt 32 │ ciphertext │ tag 16
const (
	recordVersion   = 1
	recordAlgorithm = 1 // HKDF-SHA-256 and AES-256-GCM
	recordHeader    = 1 + 1 + 4 + keyIDSize
	recordLabel     = "sealtable wrapped key v1: "

	keyIDSize    = 8
	keyIDLabel   = "sealtable root key id v1"
	installLabel = "sealtable installation key v1: "
	maxPurpose   = 64
	maxOwner     = 1 << 10

	// RecordOverhead is how much longer a wrapped record is than what it holds.
	RecordOverhead = recordHeader + envelope.Overhead
	// MaxSecret is the longest secret that can be wrapped.
	MaxSecret = 32 << 10
)

// Purpose says what a key is for, in lower-case words. Nothing that is sealed for one purpose opens for
// another.
type Purpose string

// The purposes of installation keys. Wrap takes any other purpose as well.
const (
	Catalog    Purpose = "catalog"
	Journal    Purpose = "journal"
	Trail      Purpose = "trail"
	IAMSecrets Purpose = "iam-secrets"
	Iterators  Purpose = "stream-iterators"
	// KeyringVersion authenticates which root key a data directory was last under.
	KeyringVersion Purpose = "keyring-version"
	Control        Purpose = "control" // proves to a server that runs that somebody can open the keyring
)

// keyID tells root keys apart, also those of equal version in two installations. It gives nothing away of the
// key.
type keyID [keyIDSize]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

func identify(key *lockedmem.Key) (id keyID, err error) {
	err = key.With(func(b []byte) error {
		sum, err := hkdf.Key(sha256.New, b, nil, keyIDLabel, keyIDSize)
		copy(id[:], sum)
		return err
	})
	return id, err
}

// Wrap seals a secret under the current root key, for one purpose and one owner, with a new random salt.
func (r *Root) Wrap(purpose Purpose, owner, plaintext []byte) ([]byte, error) {
	if err := checkScope(purpose, owner); err != nil {
		return nil, err
	}
	if len(plaintext) == 0 || len(plaintext) > MaxSecret {
		return nil, &Error{Kind: ErrRecord,
			Cause: errors.New("only secrets of 1 to 32768 bytes can be wrapped")}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.contents == nil {
		return nil, &Error{Kind: ErrClosed}
	}
	root := r.contents.current()
	record := append(make([]byte, 0, RecordOverhead+len(plaintext)), recordVersion, recordAlgorithm)
	record = binary.BigEndian.AppendUint32(record, root.number)
	record = append(record, root.id[:]...)
	return envelope.Seal(record, r.options.random, root.key, recordContext(purpose, owner, record), plaintext)
}

// Unwrap opens what Wrap made, straight into locked memory. The caller destroys the key.
func (r *Root) Unwrap(purpose Purpose, owner, record []byte) (*lockedmem.Key, error) {
	if err := checkScope(purpose, owner); err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	root, err := r.rootOf(record)
	if err != nil {
		return nil, err
	}
	key, err := openInto(r.options.Memory, root.key, recordContext(purpose, owner, record[:recordHeader]),
		record[recordHeader:])
	if errors.Is(err, envelope.ErrNotAuthentic) {
		return nil, &Error{Kind: ErrRecord, Cause: fmt.Errorf("purpose %s", purpose)}
	}
	return key, err
}

// RecordVersion says under which version of the root key a record is wrapped. Those below the current one are
// due for wrapping anew after a rotation. It does not authenticate the record.
func RecordVersion(record []byte) (uint32, error) {
	if len(record) <= RecordOverhead {
		return 0, &Error{Kind: ErrRecord, Cause: errors.New("it is cut")}
	}
	if record[0] != recordVersion || record[1] != recordAlgorithm {
		return 0, &Error{Kind: ErrVersion, Cause: errors.New("wrapped record"),
			Hint: "use the version of sealtable that wrote it, or a newer one"}
	}
	return binary.BigEndian.Uint32(record[2:]), nil
}

// rootOf finds the root key of a record. The caller holds mu.
func (r *Root) rootOf(record []byte) (rootVersion, error) {
	if r.contents == nil {
		return rootVersion{}, &Error{Kind: ErrClosed}
	}
	number, err := RecordVersion(record)
	if err != nil {
		return rootVersion{}, err
	}
	if number >= 1 && uint64(number) <= uint64(len(r.contents.versions)) {
		if root := r.contents.versions[number-1]; root.id == keyID(record[6:recordHeader]) {
			return root, nil
		}
	}
	return rootVersion{}, &Error{Kind: ErrRootVersion, Cause: fmt.Errorf("version %d", number),
		Hint: "the record is of another installation, or newer than this keyring: " + hintBackup}
}

// recordContext binds a record to purpose, owner, and all that its header says.
func recordContext(purpose Purpose, owner, header []byte) envelope.Context {
	bound := envelope.AppendField(make([]byte, 0, 12+len(purpose)+len(owner)+len(header)), purpose)
	bound = envelope.AppendField(bound, owner)
	return envelope.Context{Label: recordLabel + string(purpose), Bound: envelope.AppendField(bound, header)}
}

func checkScope(purpose Purpose, owner []byte) error {
	if purpose == "" || len(purpose) > maxPurpose || len(owner) > maxOwner {
		return &Error{Kind: ErrPurpose, Cause: fmt.Errorf("%q with an owner of %d bytes", string(purpose),
			len(owner))}
	}
	return nil
}

// InstallationKey gives the key of this installation for one of the purposes above. It is the same for the
// life of the installation: rotating the root key does not change it. The caller destroys it.
func (r *Root) InstallationKey(purpose Purpose) (*lockedmem.Key, error) {
	switch purpose {
	case Catalog, Journal, Trail, IAMSecrets, Iterators, Control, KeyringVersion:
	default:
		return nil, &Error{Kind: ErrPurpose,
			Cause: fmt.Errorf("no installation key is for %q", string(purpose))}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.contents == nil {
		return nil, &Error{Kind: ErrClosed}
	}
	var key *lockedmem.Key
	err := r.contents.secret.With(func(secret []byte) error {
		derived, err := hkdf.Key(sha256.New, secret, r.installation[:], installLabel+string(purpose), keySize)
		if err != nil {
			return err
		}
		key, err = r.options.Memory.FromBytes(derived)
		return err
	})
	return key, err
}
