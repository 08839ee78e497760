package keyring

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// RootKey wraps keys under the root key of the installation. What Wrap gives, Unwrap takes only with the same
// purpose and owner.
type RootKey interface {
	Wrap(purpose string, owner, plaintext []byte) ([]byte, error)
	Unwrap(purpose string, owner, wrapped []byte) (*lockedmem.Key, error)
}

// What the root key is asked to wrap.
const (
	purposeBacking = "kms-backing-key"
	purposeFile    = "kms-key-material"
)

// The layout of a material file; docs/format/key-material.md draws it.
const (
	materialMagic  = "STKEYMAT"
	materialFormat = 1 // of symmetric keys
	specFormat     = 2 // of all others: says the key's spec
	maxVersions    = 1<<16 - 1
	bareSize       = 32       // bytes of a symmetric backing key
	maxMaterial    = 64 << 20 // bytes; no file of ours comes near
)

// MaterialFile is the file of one key: its backing keys, wrapped under the root key. Reading one needs no
// catalog.
type MaterialFile struct {
	KeyID    string
	Spec     Spec
	Versions []MaterialVersion // oldest first
	seal     []byte            // wrapped digest of everything before it
	body     []byte            // what the digest is of
}

// MaterialVersion is one wrapped backing key.
type MaterialVersion struct {
	MaterialID string
	Created    time.Time // whole milliseconds
	wrapped    []byte
}

// ParseMaterial reads a material file without the root key: nothing in it is authenticated before Verify or
// Backing.
func ParseMaterial(data []byte) (*MaterialFile, error) {
	r := fieldReader{rest: data}
	if string(r.take(len(materialMagic))) != materialMagic {
		return nil, errors.New("not a key material file")
	}
	format := r.number(1)
	if format != materialFormat && format != specFormat && !r.short {
		return nil, fmt.Errorf("key material file of format %d, this program reads up to %d: use a newer "+
			"program", format, specFormat)
	}
	f := &MaterialFile{KeyID: string(r.take(int(r.number(1)))), Spec: Symmetric}
	if format == specFormat {
		f.Spec = Spec(r.take(int(r.number(1))))
	}
	for range r.number(2) {
		if r.short {
			break
		}
		f.Versions = append(f.Versions, readVersion(&r))
	}
	f.body = data[:len(data)-len(r.rest)]
	f.seal = r.take(int(r.number(2)))
	if r.short || len(r.rest) > 0 || len(f.Versions) == 0 || !wellFormed(f.KeyID) {
		return nil, errors.New("key material file is cut short, extended or malformed")
	}
	if !f.Spec.made() || (f.Spec == Symmetric) != (format == materialFormat) {
		return nil, fmt.Errorf("key material file of KeySpec %q, which this program does not read in it",
			f.Spec)
	}
	return f, nil
}

func readVersion(r *fieldReader) MaterialVersion {
	id := hex.EncodeToString(r.take(32))
	created := time.UnixMilli(int64(r.number(8))).UTC()
	return MaterialVersion{MaterialID: id, Created: created, wrapped: r.take(int(r.number(2)))}
}

// encode is the file's bytes, under a fresh seal.
func (f *MaterialFile) encode(root RootKey) ([]byte, error) {
	if len(f.Versions) > maxVersions {
		return nil, fmt.Errorf("key %s has more than %d versions", f.KeyID, maxVersions)
	}
	b := f.encodeHead()
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Versions)))
	for _, v := range f.Versions {
		id, err := hex.DecodeString(v.MaterialID)
		if err != nil || len(id) != 32 || len(v.wrapped) > 1<<16-1 {
			return nil, fmt.Errorf("key %s has a malformed version", f.KeyID)
		}
		b = append(b, id...)
		b = binary.BigEndian.AppendUint64(b, uint64(v.Created.UnixMilli()))
		b = binary.BigEndian.AppendUint16(b, uint16(len(v.wrapped)))
		b = append(b, v.wrapped...)
	}
	digest := sha256.Sum256(b)
	seal, err := root.Wrap(purposeFile, []byte(f.KeyID), digest[:])
	if err != nil {
		return nil, fmt.Errorf("seal the material of key %s: %w", f.KeyID, err)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(seal)))
	return append(b, seal...), nil
}

// encodeHead is what stands before the versions. A symmetric key's file is of the format that older programs
// read.
func (f *MaterialFile) encodeHead() []byte {
	format := byte(specFormat)
	if f.Spec == Symmetric {
		format = materialFormat
	}
	b := append([]byte(materialMagic), format, byte(len(f.KeyID)))
	b = append(b, f.KeyID...)
	if format == specFormat {
		b = append(append(b, byte(len(f.Spec))), f.Spec...)
	}
	return b
}

// Verify authenticates every byte of the file and unwraps every version.
func (f *MaterialFile) Verify(root RootKey) error {
	if err := f.verifySeal(root); err != nil {
		return err
	}
	for _, v := range f.Versions {
		key, err := f.unwrap(root, v)
		if err != nil {
			return err
		}
		key.Destroy()
	}
	return nil
}

func (f *MaterialFile) verifySeal(root RootKey) error {
	want, err := root.Unwrap(purposeFile, []byte(f.KeyID), f.seal)
	if err != nil {
		return fmt.Errorf("open the seal of the material of key %s: %w", f.KeyID, err)
	}
	defer want.Destroy()
	got := sha256.Sum256(f.body)
	return want.With(func(digest []byte) error {
		if subtle.ConstantTimeCompare(got[:], digest) != 1 {
			return fmt.Errorf("the material file of key %s was changed", f.KeyID)
		}
		return nil
	})
}

// Backing is the backing key that made the ciphertexts which name id. The caller destroys it.
func (f *MaterialFile) Backing(root RootKey, id BackingID) (*lockedmem.Key, error) {
	for _, v := range f.Versions {
		if backingIDOf(v.MaterialID) == id {
			return f.unwrap(root, v)
		}
	}
	return nil, fmt.Errorf("key %s has no backing key %x", f.KeyID, id)
}

// Decrypt opens a ciphertext of the key without the catalog, for offline inspection and recovery.
func (f *MaterialFile) Decrypt(root RootKey, context Context, blob []byte) ([]byte, error) {
	info, ok := ReadBlob(blob)
	if !ok || f.Spec != Symmetric {
		return nil, errBlob
	}
	key, err := f.Backing(root, info.Backing)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	var derived [32]byte
	defer clear(derived[:])
	err = key.With(func(bare []byte) error {
		deriveKey(&derived, bare, deriveLabel, blob[:blobHeader])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return openBlob(&derived, f.KeyID, context, blob)
}

// unwrap is the version's bare key, which the caller destroys. Its id is checked against the key: a record
// that was moved here is not a key of ours.
func (f *MaterialFile) unwrap(root RootKey, v MaterialVersion) (*lockedmem.Key, error) {
	key, err := root.Unwrap(purposeBacking, f.owner(v), v.wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap version %s of key %s: %w", v.MaterialID, f.KeyID, err)
	}
	err = key.With(func(bare []byte) error {
		if size := f.Spec.secretSize(); size != 0 && len(bare) != size ||
			materialIDOf(bare, f.KeyID) != v.MaterialID {
			return fmt.Errorf("version %s of key %s holds another key", v.MaterialID, f.KeyID)
		}
		return nil
	})
	if err != nil {
		key.Destroy()
		return nil, err
	}
	return key, nil
}

// wrap wraps a backing key for the file. created is cut to what the file keeps.
func (f *MaterialFile) wrap(root RootKey, bare []byte, created time.Time) (MaterialVersion, error) {
	v := MaterialVersion{MaterialID: materialIDOf(bare, f.KeyID),
		Created: created.Truncate(time.Millisecond).UTC()}
	wrapped, err := root.Wrap(purposeBacking, f.owner(v), bare)
	if err != nil {
		return v, fmt.Errorf("wrap a version of key %s: %w", f.KeyID, err)
	}
	v.wrapped = wrapped
	return v, nil
}

// owner is what a wrapped backing key is bound to.
func (f *MaterialFile) owner(v MaterialVersion) []byte {
	owner := appendField(nil, f.KeyID)
	owner = appendField(owner, v.MaterialID)
	owner = binary.BigEndian.AppendUint64(owner, uint64(v.Created.UnixMilli()))
	if f.Spec != Symmetric {
		owner = appendField(owner, string(f.Spec))
	}
	return owner
}

// fieldReader takes fields off the front of rest. Once that is too short, every field is empty and short
// stays true.
type fieldReader struct {
	rest  []byte
	short bool
}

func (r *fieldReader) take(n int) []byte {
	if r.short || n < 0 || n > len(r.rest) {
		r.short = true
		return nil
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

func (r *fieldReader) number(size int) (n uint64) {
	for _, b := range r.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}
