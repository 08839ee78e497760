package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
)

// The keyring file and the export are the same but for the magic; docs/format/keyring.md draws them:
//
//	magic 8 │ version 2 │ seal kind 1 │ installation 16 │ generation 8 │
//	length 2, seal parameters │ length 4, body │ SHA-256 32
//
// The body is sealed under the key that the seal gives, with all that stands before it as associated data.
const (
	keyringMagic = "STKEYRNG"
	exportMagic  = "STEXPORT"
	fileVersion  = 1

	headerSize = 8 + 2 + 1 + 16 + 8
	sumSize    = sha256.Size
	maxFile    = 1 << 20
	maxParams  = 8 << 10
	// as many as have room in one piece of locked memory
	maxVersions = (lockedmem.MaxSize - keySize - 2) / versionSize
	bodyLabel   = "sealtable keyring body v1"

	keySize     = 32
	versionSize = 4 + 8 + keySize
	bodyMinimum = keySize + 2 + versionSize
)

// sealedFile is the outside of a keyring file: everything that is legible without the seal.
type sealedFile struct {
	kind         Kind
	installation ID
	generation   uint64 // counts the writes of the file, from 1
	params       []byte
	head         []byte // all that is bound into the body
	body         []byte // an envelope
}

// rootVersion is one version of the root key. Versions count from 1 and are never used twice.
type rootVersion struct {
	number  uint32
	created time.Time
	key     *lockedmem.Key
	id      keyID
}

// contents is the inside of a keyring file.
type contents struct {
	secret   *lockedmem.Key // the installation secret, which never changes
	versions []rootVersion  // ascending; the last is the current one
}

func (c *contents) current() rootVersion { return c.versions[len(c.versions)-1] }

func (c *contents) destroy() {
	c.secret.Destroy()
	for _, v := range c.versions {
		v.key.Destroy()
	}
}

// parseFile takes a keyring file apart. The parts lie in file. Nothing is authentic before openBody says so;
// the sum tells a torn file from a wrong passphrase.
func parseFile(path, magic string, file []byte) (*sealedFile, error) {
	if len(file) < headerSize+2+4+sumSize || !bytes.Equal(file[:8], []byte(magic)) {
		return nil, damaged(path, "it does not begin as such a file does")
	}
	content, sum := file[:len(file)-sumSize], file[len(file)-sumSize:]
	if got := sha256.Sum256(content); !bytes.Equal(got[:], sum) {
		return nil, damaged(path, "the check sum is wrong")
	}
	if version := binary.BigEndian.Uint16(file[8:]); version != fileVersion {
		return nil, &Error{Kind: ErrVersion, Path: path, Hint: "use the version of sealtable that wrote " +
			"it, or a newer one"}
	}
	f := &sealedFile{
		kind:         Kind(file[10]),
		installation: ID(file[11:27]),
		generation:   binary.BigEndian.Uint64(file[27:]),
	}
	rest := content[headerSize:]
	size := int(binary.BigEndian.Uint16(rest))
	rest = rest[2:]
	if size == 0 || size > maxParams || len(rest) < size+4 {
		return nil, damaged(path, "the seal parameters are cut")
	}
	f.params, rest = rest[:size], rest[size:]
	f.head, f.body = content[:headerSize+2+size+4], rest[4:]
	if uint64(len(f.body)) != uint64(binary.BigEndian.Uint32(rest)) {
		return nil, damaged(path, "the body is cut")
	}
	return f, nil
}

// appendFile seals c into the bytes of a file.
func appendFile(arena *lockedmem.Arena, random io.Reader, magic string, f sealedFile, sealKey *lockedmem.Key,
	c *contents) ([]byte, error) {
	body, err := arena.New(keySize+2+len(c.versions)*versionSize, c.write)
	if err != nil {
		return nil, err
	}
	defer body.Destroy()
	file := append(make([]byte, 0, headerSize+maxParams+body.Len()+envelope.Overhead+sumSize), magic...)
	file = binary.BigEndian.AppendUint16(file, fileVersion)
	file = append(file, byte(f.kind))
	file = append(file, f.installation[:]...)
	file = binary.BigEndian.AppendUint64(file, f.generation)
	file = binary.BigEndian.AppendUint16(file, uint16(len(f.params)))
	file = append(file, f.params...)
	file = binary.BigEndian.AppendUint32(file, uint32(body.Len()+envelope.Overhead))
	context := envelope.Context{Label: bodyLabel, Bound: bytes.Clone(file)}
	defer lockedmem.Wipe(context.Bound) // the parameters of the file seal are a key
	err = body.With(func(plain []byte) (err error) {
		file, err = envelope.Seal(file, random, sealKey, context, plain)
		return err
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	return append(file, sum[:]...), nil
}

// write lays the body out: secret 32 │ count 2 │ for each version: number 4 │ created 8, Unix seconds │ key
// 32.
func (c *contents) write(b []byte) error {
	if err := c.secret.CopyTo(b[:keySize]); err != nil {
		return err
	}
	binary.BigEndian.PutUint16(b[keySize:], uint16(len(c.versions)))
	b = b[keySize+2:]
	for _, v := range c.versions {
		binary.BigEndian.PutUint32(b, v.number)
		binary.BigEndian.PutUint64(b[4:], uint64(v.created.Unix()))
		if err := v.key.CopyTo(b[12:versionSize]); err != nil {
			return err
		}
		b = b[versionSize:]
	}
	return nil
}

// openBody gives what lies inside f. A body that is not authentic is envelope.ErrNotAuthentic.
func openBody(arena *lockedmem.Arena, path string, f *sealedFile, sealKey *lockedmem.Key) (*contents, error) {
	size := envelope.PlainSize(f.body)
	if size < bodyMinimum || (size-keySize-2)%versionSize != 0 || size > keySize+2+maxVersions*versionSize {
		return nil, damaged(path, "the body has an impossible length")
	}
	plain, err := openInto(arena, sealKey, envelope.Context{Label: bodyLabel, Bound: f.head}, f.body)
	if err != nil {
		return nil, err
	}
	defer plain.Destroy()
	c := &contents{}
	err = plain.With(func(b []byte) error { return c.read(arena, path, b) })
	if err != nil {
		c.destroy()
		return nil, err
	}
	return c, nil
}

func (c *contents) read(arena *lockedmem.Arena, path string, b []byte) (err error) {
	if c.secret, err = keep(arena, b[:keySize]); err != nil {
		return err
	}
	count := int(binary.BigEndian.Uint16(b[keySize:]))
	b = b[keySize+2:]
	if count*versionSize != len(b) {
		return damaged(path, "the number of root keys is wrong")
	}
	for ; len(b) > 0; b = b[versionSize:] {
		v := rootVersion{number: binary.BigEndian.Uint32(b),
			created: time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC()}
		if v.number != uint32(len(c.versions)+1) {
			return damaged(path, "the root keys are not in order")
		}
		if v.key, err = keep(arena, b[12:versionSize]); err != nil {
			return err
		}
		c.versions = append(c.versions, v)
		if c.versions[len(c.versions)-1].id, err = identify(v.key); err != nil {
			return err
		}
	}
	return nil
}

// keep copies a key out of memory that will be destroyed.
func keep(arena *lockedmem.Arena, b []byte) (*lockedmem.Key, error) {
	return arena.New(len(b), func(dst []byte) error {
		copy(dst, b)
		return nil
	})
}

// openInto opens an envelope straight into locked memory.
func openInto(
	arena *lockedmem.Arena, key *lockedmem.Key, c envelope.Context, sealed []byte,
) (*lockedmem.Key, error) {
	size := envelope.PlainSize(sealed)
	if size <= 0 || size > lockedmem.MaxSize {
		return nil, envelope.ErrNotAuthentic
	}
	return arena.New(size, func(dst []byte) error { return envelope.Open(dst, key, c, sealed) })
}

// randomKey makes a new key of 256 bits.
func randomKey(arena *lockedmem.Arena, random io.Reader) (*lockedmem.Key, error) {
	return arena.New(keySize, func(b []byte) error {
		_, err := io.ReadFull(random, b)
		return err
	})
}
