package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/sealtable/sealtable/internal/storage"
)

const (
	sectionInfo = "sealtable/journal/section/v1\x00"
	// sealedHeader is what a self-contained section carries before its sealed bytes: version, 3 zero bytes,
	// epoch, table, LSN, session salt, nonce, tag.
	sealedHeader = 4 + 4 + 16 + 8 + saltSize + 8 + tagSize
	// maxSection bounds one section's payload.
	maxSection = 1 << 30
)

// sectionCipher seals or opens the sections of one table under one epoch's data key and one session.
type sectionCipher struct {
	epoch storage.Epoch
	aead  cipher.AEAD
	data  []byte // associated data
}

// newSectionCipher derives the section key: HKDF-SHA-256 of the data key, salted by the session.
func newSectionCipher(
	keys storage.Keys, table storage.TableID, epoch storage.Epoch, session *[saltSize]byte,
) (*sectionCipher, error) {
	var dataKey [storage.KeySize]byte
	defer clear(dataKey[:])
	if err := keys.Key(table, epoch, &dataKey); err != nil {
		return nil, &storage.SealedError{Table: table, Cause: err}
	}
	data := append([]byte(sectionInfo), table[:]...)
	data = binary.BigEndian.AppendUint32(data, uint32(epoch))
	key, err := hkdf.Key(sha256.New, dataKey[:], session[:], string(data), storage.KeySize)
	if err != nil {
		return nil, fmt.Errorf("journal: derive section key: %w", err)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("journal: section cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("journal: section cipher: %w", err)
	}
	return &sectionCipher{epoch: epoch, aead: aead, data: data}, nil
}

// sealer seals for Commit. One counter serves all keys of the session: forgetting a table's cipher and
// deriving the same key again can therefore never repeat a nonce.
type sealer struct {
	keys    storage.Keys
	session [saltSize]byte
	nonce   atomic.Uint64

	shards [cipherShards]cipherShard
}

// A shard of the cipher cache. A sync.Map would allocate for every look-up to box the table ID.
type cipherShard struct {
	mu      sync.RWMutex
	ciphers map[storage.TableID]*sectionCipher
	forgets uint64 // counts calls of forget, so that a cipher asked for before is not kept after
}

const cipherShards = 64

// shard picks by bytes that differ: random ones for tables, the last for those of the installation.
func (s *sealer) shard(table storage.TableID) *cipherShard {
	return &s.shards[(table[0]^table[15])%cipherShards]
}

// cipher returns the table's cipher under its current epoch, as cached since the last forget.
func (s *sealer) cipher(table storage.TableID) (*sectionCipher, error) {
	shard := s.shard(table)
	shard.mu.RLock()
	c, before := shard.ciphers[table], shard.forgets
	shard.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	// Asking may take as long as unwrapping a key does, so no lock is held: other tables do not wait.
	epoch, err := s.keys.Current(table)
	if err != nil {
		return nil, &storage.SealedError{Table: table, Cause: err}
	}
	if c, err = newSectionCipher(s.keys, table, epoch, &s.session); err != nil {
		return nil, err
	}
	shard.keep(table, c, before)
	return c, nil
}

func (h *cipherShard) keep(table storage.TableID, c *sectionCipher, before uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.forgets != before {
		return
	}
	if h.ciphers == nil {
		h.ciphers = make(map[storage.TableID]*sectionCipher)
	}
	h.ciphers[table] = c
}

func (s *sealer) forget(table storage.TableID) {
	shard := s.shard(table)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.forgets++
	delete(shard.ciphers, table)
}

func (s *sealer) forgetAll() {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		shard.forgets++
		shard.ciphers = nil
		shard.mu.Unlock()
	}
}

// seal appends the section's directory entry and sealed bytes to the request.
func (s *sealer) seal(r *request, section *Section) error {
	if len(section.Payload) > maxSection {
		return fmt.Errorf("%w: a section of %d bytes", ErrTooLarge, len(section.Payload))
	}
	c, err := s.cipher(section.Table)
	if err != nil {
		return err
	}
	e := entry{table: section.Table, epoch: c.epoch, size: uint32(len(section.Payload)),
		nonce: s.nonce.Add(1)}
	binary.BigEndian.PutUint64(r.nonce[4:], e.nonce)
	start := len(r.bodies)
	r.bodies = c.aead.Seal(r.bodies, r.nonce[:], section.Payload, c.data)
	end := len(r.bodies) - tagSize
	copy(e.tag[:], r.bodies[end:])
	r.bodies = r.bodies[:end]
	e.sum = xxhash.Sum64(r.bodies[start:])
	r.directory = e.append(r.directory)
	return nil
}

var errNotAuthentic = errors.New("the section does not open under the table's key")

// open appends the opened section to dst. Its capacity should leave room for the tag, which is joined to the
// sealed bytes.
func (c *sectionCipher) open(dst, body []byte, e *entry, scratch *[]byte) ([]byte, error) {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], e.nonce)
	*scratch = append(append((*scratch)[:0], body...), e.tag[:]...)
	out, err := c.aead.Open(dst, nonce[:], *scratch, c.data)
	if err != nil {
		return nil, errNotAuthentic
	}
	return out, nil
}

// appendSealed appends the self-contained form of a section.
func appendSealed(dst []byte, lsn LSN, session *[saltSize]byte, e *entry, body []byte) []byte {
	dst = append(dst, formatVersion, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.epoch))
	dst = append(dst, e.table[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(lsn))
	dst = append(dst, session[:]...)
	dst = binary.BigEndian.AppendUint64(dst, e.nonce)
	dst = append(dst, e.tag[:]...)
	return append(dst, body...)
}

// parseSealed takes a self-contained section apart; body aliases sealed.
func parseSealed(sealed []byte) (lsn LSN, session [saltSize]byte, e entry, body []byte, err error) {
	if len(sealed) < sealedHeader || len(sealed) > sealedHeader+maxSection {
		return lsn, session, e, nil, errors.New("not a sealed section: wrong length")
	}
	if sealed[0] != formatVersion || !isZero(sealed[1:4]) {
		return lsn, session, e, nil, fmt.Errorf("sealed section of unknown version %d", sealed[0])
	}
	be := binary.BigEndian
	e.epoch = storage.Epoch(be.Uint32(sealed[4:]))
	copy(e.table[:], sealed[8:])
	lsn = LSN(be.Uint64(sealed[24:]))
	copy(session[:], sealed[32:])
	e.nonce = be.Uint64(sealed[64:])
	copy(e.tag[:], sealed[72:])
	body = sealed[sealedHeader:]
	e.size = uint32(len(body))
	return lsn, session, e, body, nil
}

// OpenSection opens a section that was parked as the part that commit lsn had for its table. Its error is a
// *storage.SealedError when the key cannot be had, and a *storage.CorruptError when the bytes are not what
// was sealed.
func OpenSection(keys storage.Keys, lsn LSN, sealed []byte) ([]byte, error) {
	at, session, e, body, err := parseSealed(sealed)
	if err != nil {
		return nil, &storage.CorruptError{File: "parked section", Cause: err}
	}
	if at != lsn {
		return nil, parkedCorrupt(e.table, fmt.Errorf("it belongs to commit %d, not %d", at, lsn))
	}
	c, err := newSectionCipher(keys, e.table, e.epoch, &session)
	if err != nil {
		return nil, err
	}
	var scratch []byte
	payload, err := c.open(nil, body, &e, &scratch)
	if err != nil {
		return nil, parkedCorrupt(e.table, fmt.Errorf("commit %d: %w", lsn, err))
	}
	return payload, nil
}

func parkedCorrupt(table storage.TableID, cause error) error {
	return &storage.CorruptError{Table: table, File: "parked section", Cause: cause}
}
