package tablekeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
	"github.com/sealtable/sealtable/internal/storage"
)

// The keys file; docs/format/table-keys.md draws it:
//
//	magic 8 │ version 1 │ table id 16 │ generation 8 │ length 4, body
//
// The body is an envelope under the installation's catalog key, with all that stands before it as associated
// data.
const (
	magic       = "STTABKEY"
	fileVersion = 1
	headerSize  = 8 + 1 + 16 + 8 + 4
	fileLabel   = "sealtable table keys file v1"
	keyLabel    = "sealtable table data key v1"
	keyPurpose  = "data-key"
	wrappedSize = storage.KeySize + envelope.Overhead

	stateCurrent  = 1
	statePrepared = 2

	maxARN        = 2048
	maxPairs      = 16
	maxText       = 2048
	maxCiphertext = 6144 // as much as the key service takes
	maxEpochs     = 1024
	maxFile       = 1 << 20
)

// Chain is how a table key is wrapped by the key service: under which key, with which encryption context,
// into which bytes.
type Chain struct {
	KeyARN             string
	Context            map[string]string
	TableKeyCiphertext []byte
}

func (c Chain) clone() Chain {
	return Chain{KeyARN: c.KeyARN, Context: maps.Clone(c.Context),
		TableKeyCiphertext: bytes.Clone(c.TableKeyCiphertext)}
}

func (c Chain) validate() error {
	if c.KeyARN == "" || len(c.KeyARN) > maxARN || len(c.Context) > maxPairs {
		return errors.New("the key's ARN or the encryption context is missing or too long")
	}
	for key, value := range c.Context {
		if len(key) > maxText || len(value) > maxText {
			return errors.New("the encryption context is too long")
		}
	}
	if len(c.TableKeyCiphertext) == 0 || len(c.TableKeyCiphertext) > maxCiphertext {
		return errors.New("the wrapped table key is missing or too long")
	}
	return nil
}

// link is one table key with the data keys that it wraps.
type link struct {
	number uint32 // counts the table keys of the table, from 1
	chain  Chain
	keys   []wrappedKey // ascending by epoch, never empty
}

func (l *link) epoch() storage.Epoch { return l.keys[len(l.keys)-1].epoch }

func (l *link) epochs() []storage.Epoch {
	all := make([]storage.Epoch, 0, len(l.keys))
	for _, k := range l.keys {
		all = append(all, k.epoch)
	}
	return all
}

// wrappedKey is a data key under a table key.
type wrappedKey struct {
	epoch storage.Epoch
	box   [wrappedSize]byte
}

// keysFile is the content of a keys file.
type keysFile struct {
	generation uint64 // counts the writes of the file, from 1
	last       uint32 // the highest number that any table key had
	current    link
	prepared   *link // during a change of the table's key; it wraps the same epochs
}

// keyContext binds a wrapped data key to its purpose, table, epoch and version.
func keyContext(id storage.TableID, epoch storage.Epoch) envelope.Context {
	bound := envelope.AppendField(make([]byte, 0, 64), keyPurpose)
	bound = envelope.AppendField(bound, id[:])
	bound = envelope.AppendField(bound, binary.BigEndian.AppendUint32(nil, uint32(epoch)))
	return envelope.Context{Label: keyLabel, Bound: envelope.AppendField(bound, []byte{fileVersion})}
}

// wrapKey seals a data key under a table key.
func wrapKey(
	random io.Reader, id storage.TableID, epoch storage.Epoch, tableKey, dataKey *lockedmem.Key,
) (wrappedKey, error) {
	wrapped := wrappedKey{epoch: epoch}
	err := dataKey.With(func(bare []byte) error {
		_, err := envelope.Seal(wrapped.box[:0], random, tableKey, keyContext(id, epoch), bare)
		return err
	})
	return wrapped, err
}

// unwrapKey opens a data key straight into locked memory.
func unwrapKey(
	arena *lockedmem.Arena, id storage.TableID, w *wrappedKey, tableKey *lockedmem.Key,
) (*lockedmem.Key, error) {
	return arena.New(storage.KeySize, func(dst []byte) error {
		return envelope.Open(dst, tableKey, keyContext(id, w.epoch), w.box[:])
	})
}

// encode gives the bytes of the file.
func (f *keysFile) encode(random io.Reader, catalog *lockedmem.Key, id storage.TableID) ([]byte, error) {
	links := []*link{&f.current}
	if f.prepared != nil {
		links = append(links, f.prepared)
	}
	body := binary.BigEndian.AppendUint32(nil, f.last)
	body = append(body, byte(len(links)))
	for i, l := range links {
		body = l.append(append(body, byte(stateCurrent+i)))
	}
	file := append(make([]byte, 0, headerSize+len(body)+envelope.Overhead), magic...)
	file = append(file, fileVersion)
	file = append(file, id[:]...)
	file = binary.BigEndian.AppendUint64(file, f.generation)
	file = binary.BigEndian.AppendUint32(file, uint32(len(body)+envelope.Overhead))
	return envelope.Seal(file, random, catalog, envelope.Context{Label: fileLabel, Bound: bytes.Clone(file)},
		body)
}

func (l *link) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, l.number)
	dst = envelope.AppendField(dst, l.chain.KeyARN)
	dst = append(dst, byte(len(l.chain.Context)))
	for _, key := range slices.Sorted(maps.Keys(l.chain.Context)) {
		dst = envelope.AppendField(dst, key)
		dst = envelope.AppendField(dst, l.chain.Context[key])
	}
	dst = envelope.AppendField(dst, l.chain.TableKeyCiphertext)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(l.keys)))
	for _, k := range l.keys {
		dst = binary.BigEndian.AppendUint32(dst, uint32(k.epoch))
		dst = append(dst, k.box[:]...)
	}
	return dst
}

// decode authenticates and reads a keys file.
func decode(file []byte, catalog *lockedmem.Key, id storage.TableID) (*keysFile, error) {
	if len(file) < headerSize+envelope.Overhead || !bytes.Equal(file[:8], []byte(magic)) {
		return nil, damaged(id, "it is cut, or does not begin as a keys file does")
	}
	if file[8] != fileVersion {
		return nil, fail(id, ErrVersion,
			fmt.Errorf("version %d: use the version of sealtable that wrote it, or a newer one", file[8]))
	}
	if owner := storage.TableID(file[9:25]); owner != id {
		return nil, damaged(id, "it is the keys file of table "+owner.String())
	}
	head, body := file[:headerSize], file[headerSize:]
	if uint64(binary.BigEndian.Uint32(head[headerSize-4:])) != uint64(len(body)) {
		return nil, damaged(id, "its length is wrong")
	}
	plain := make([]byte, envelope.PlainSize(body))
	err := envelope.Open(plain, catalog, envelope.Context{Label: fileLabel, Bound: head}, body)
	if errors.Is(err, envelope.ErrNotAuthentic) {
		return nil, damaged(id, "it was changed, or belongs to another installation")
	}
	if err != nil {
		return nil, fail(id, ErrClosed, err)
	}
	f := &keysFile{generation: binary.BigEndian.Uint64(file[25:])}
	if !f.read(plain) {
		return nil, damaged(id, "its content makes no sense")
	}
	return f, nil
}

// read reads the body of a file. It is authentic, but nothing is taken for granted.
func (f *keysFile) read(body []byte) bool {
	c := cursor{rest: body}
	f.last = c.uint32()
	count := c.byte()
	if count < 1 || count > 2 || c.byte() != stateCurrent || !f.current.read(&c) {
		return false
	}
	if count == 2 {
		f.prepared = &link{}
		if c.byte() != statePrepared || !f.prepared.read(&c) || f.prepared.number == f.current.number ||
			f.prepared.number > f.last || !slices.Equal(f.current.epochs(), f.prepared.epochs()) {
			return false
		}
	}
	return !c.failed && len(c.rest) == 0 && f.current.number >= 1 && f.current.number <= f.last
}

func (l *link) read(c *cursor) bool {
	l.number = c.uint32()
	l.chain.KeyARN = string(c.field(maxARN))
	pairs := int(c.byte())
	if pairs > maxPairs {
		return false
	}
	l.chain.Context = make(map[string]string, pairs)
	before := ""
	for i := range pairs {
		key := string(c.field(maxText))
		if i > 0 && key <= before {
			return false
		}
		before, l.chain.Context[key] = key, string(c.field(maxText))
	}
	l.chain.TableKeyCiphertext = bytes.Clone(c.field(maxCiphertext))
	count := int(c.uint16())
	if c.failed || count == 0 || count > maxEpochs {
		return false
	}
	l.keys = make([]wrappedKey, count)
	for i := range l.keys {
		k := &l.keys[i]
		k.epoch = storage.Epoch(c.uint32())
		copy(k.box[:], c.take(wrappedSize))
		if k.epoch < 1 || i > 0 && k.epoch <= l.keys[i-1].epoch {
			return false
		}
	}
	return !c.failed && l.chain.validate() == nil
}

// cursor reads fields one after the other. Once it failed it gives zeros.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) take(n int) []byte {
	if c.failed || n > len(c.rest) {
		c.failed = true
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) field(most int) []byte {
	n := c.uint32()
	if uint64(n) > uint64(most) {
		c.failed = true
		return nil
	}
	return c.take(int(n))
}
