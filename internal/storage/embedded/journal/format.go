package journal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/sealtable/sealtable/internal/storage"
)

// Sizes and offsets of docs/format/journal.md.
const (
	formatVersion = 1

	pageSize = 4096
	macSize  = sha256.Size
	saltSize = 32
	tagSize  = 16

	segmentMagic = "STJS"
	groupMagic   = "STJG"

	groupFixed  = 64                      // authenticated fields of a group, before its MAC
	groupHeader = groupFixed + macSize    // where the directory begins
	recordEntry = 4                       // directory: number of sections of a record
	entrySize   = 16 + 4 + 4 + 8 + 16 + 8 // directory: one section
	headerMAC   = pageSize - macSize
)

// Kinds of groups.
const (
	kindRecords   = 1 // commits; without any it carries only Released and Synced
	kindContinues = 2 // the segment is full, the next one exists
	kindEnd       = 3 // the journal was closed; nothing follows in this segment
	kindAnchors   = 4 // no commits: what is released, and how far each table's own files are by then
)

// segmentHead is the first page of a segment: one life of one file.
type segmentHead struct {
	seq      uint64
	base     LSN  // of the first record of this life
	released LSN  // what Release had been told when the life began
	anchored bool // anchors had been written when the life began
	// the file held zeros behind its first page when the life began, and the high-water mark was there
	guarded  bool
	size     uint64
	salt     [saltSize]byte // fresh for every life: keys its MACs
	session  [saltSize]byte // fresh for every Open: keys its sections
	previous [saltSize]byte // salt of the segment before, zero for the first
}

// frameMAC authenticates the header and the groups of one life of a segment.
type frameMAC struct{ mac hash.Hash }

// newFrameMAC derives the key of a life: nothing of another life, sequence number or installation verifies
// under it.
func newFrameMAC(frameKey *[32]byte, salt *[saltSize]byte, seq uint64) (*frameMAC, error) {
	info := string(binary.BigEndian.AppendUint64([]byte("sealtable/journal/segment/v1\x00"), seq))
	key, err := hkdf.Key(sha256.New, frameKey[:], salt[:], info, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("journal: derive segment key: %w", err)
	}
	defer clear(key)
	return &frameMAC{hmac.New(sha256.New, key)}, nil
}

// sum appends the MAC of the parts to dst.
func (m *frameMAC) sum(dst []byte, parts ...[]byte) []byte {
	m.mac.Reset()
	for _, p := range parts {
		m.mac.Write(p)
	}
	return m.mac.Sum(dst)
}

func (m *frameMAC) verify(want []byte, parts ...[]byte) bool {
	var got [macSize]byte
	return hmac.Equal(m.sum(got[:0], parts...), want)
}

// encode writes the header page. Everything but the MAC itself is under the MAC, the zero bytes too.
func (h *segmentHead) encode(page []byte, mac *frameMAC) {
	clear(page[:pageSize])
	copy(page, segmentMagic)
	page[4] = formatVersion
	page[5] = bit(h.anchored)
	page[6] = bit(h.guarded)
	be := binary.BigEndian
	be.PutUint64(page[8:], h.seq)
	be.PutUint64(page[16:], uint64(h.base))
	be.PutUint64(page[24:], uint64(h.released))
	be.PutUint64(page[32:], h.size)
	copy(page[64:], h.salt[:])
	copy(page[96:], h.session[:])
	copy(page[128:], h.previous[:])
	mac.sum(page[headerMAC:headerMAC], page[:headerMAC])
}

// parseHead reads a header page. A page that was not written under frameKey is an error.
func parseHead(page []byte, frameKey *[32]byte) (segmentHead, *frameMAC, error) {
	var h segmentHead
	if len(page) < pageSize || string(page[:4]) != segmentMagic {
		return h, nil, errors.New("no segment header")
	}
	if page[4] != formatVersion {
		return h, nil, fmt.Errorf("segment version %d; this program reads version %d", page[4], formatVersion)
	}
	be := binary.BigEndian
	h.anchored, h.guarded = page[5] != 0, page[6] != 0
	h.seq, h.base = be.Uint64(page[8:]), LSN(be.Uint64(page[16:]))
	h.released, h.size = LSN(be.Uint64(page[24:])), be.Uint64(page[32:])
	copy(h.salt[:], page[64:])
	copy(h.session[:], page[96:])
	copy(h.previous[:], page[128:])
	mac, err := newFrameMAC(frameKey, &h.salt, h.seq)
	if err != nil {
		return h, nil, err
	}
	if !mac.verify(page[headerMAC:pageSize], page[:headerMAC]) {
		return h, nil, errors.New("the segment header is not authentic: damaged, or of another installation")
	}
	return h, mac, nil
}

// groupHead is the fixed part of a group.
type groupHead struct {
	kind      byte
	anchored  bool // the journal has anchors: those of this group, or earlier ones
	seq       uint64
	offset    uint64 // where in the segment the group begins
	synced    uint64 // every byte of the segment before this was durable when the group was written
	released  LSN
	first     LSN // of the first record; of the next one to come where there are none
	records   uint32
	dirBytes  uint32 // length of the directory
	bodyBytes uint64 // length of all sealed bytes
}

// length is what the group takes up on disk, padding included.
func (g *groupHead) length() int64 {
	return alignPage(groupHeader + int64(g.dirBytes) + int64(g.bodyBytes))
}

func alignPage(n int64) int64 { return (n + pageSize - 1) &^ (pageSize - 1) }

// encode fills buf[:groupFixed]; seal adds the MAC once the directory stands behind it.
func (g *groupHead) encode(buf []byte) {
	clear(buf[:groupFixed])
	copy(buf, groupMagic)
	buf[4] = formatVersion
	buf[5] = g.kind
	buf[6] = bit(g.anchored)
	be := binary.BigEndian
	be.PutUint64(buf[8:], g.seq)
	be.PutUint64(buf[16:], g.offset)
	be.PutUint64(buf[24:], g.synced)
	be.PutUint64(buf[32:], uint64(g.released))
	be.PutUint64(buf[40:], uint64(g.first))
	be.PutUint32(buf[48:], g.records)
	be.PutUint32(buf[52:], g.dirBytes)
	be.PutUint64(buf[56:], g.bodyBytes)
}

// errNoGroup says that no group of this life begins here. It is no news by itself: what follows decides
// whether it is damage.
var errNoGroup = errors.New("no authentic group")

// parseGroupHead reads the fixed part, unauthenticated, and refuses what could not have been written at this
// place.
func parseGroupHead(buf []byte, h *segmentHead, at int64) (groupHead, error) {
	var g groupHead
	if len(buf) < groupHeader || string(buf[:4]) != groupMagic || buf[4] != formatVersion {
		return g, errNoGroup
	}
	be := binary.BigEndian
	g.kind, g.anchored = buf[5], buf[6] != 0
	g.seq = be.Uint64(buf[8:])
	g.offset = be.Uint64(buf[16:])
	g.synced = be.Uint64(buf[24:])
	g.released, g.first = LSN(be.Uint64(buf[32:])), LSN(be.Uint64(buf[40:]))
	g.records = be.Uint32(buf[48:])
	g.dirBytes = be.Uint32(buf[52:])
	g.bodyBytes = be.Uint64(buf[56:])
	room := h.size - uint64(at)
	switch {
	case g.seq != h.seq, g.offset != uint64(at), g.synced > g.offset, g.first < h.base:
		return g, errNoGroup
	case uint64(at)+groupHeader > h.size, g.bodyBytes > room, uint64(g.dirBytes) > room:
		return g, errNoGroup
	case uint64(g.length()) > room:
		return g, errNoGroup
	}
	return g, nil
}

// entry is the directory's word on one section. The MAC over the directory covers the section's tag, so no
// other section, not even of the same table and key, can take its place; the sealed bytes themselves are
// under the tag alone, so that damage to them condemns one table and not the group.
type entry struct {
	table storage.TableID
	epoch storage.Epoch
	size  uint32 // sealed bytes, without the tag
	nonce uint64
	tag   [tagSize]byte
	// xxHash64 of the sealed bytes: tells a torn write without the table's key; authenticity is the tag's
	// business
	sum uint64
}

func (e *entry) append(dst []byte) []byte {
	be := binary.BigEndian
	dst = append(dst, e.table[:]...)
	dst = be.AppendUint32(dst, uint32(e.epoch))
	dst = be.AppendUint32(dst, e.size)
	dst = be.AppendUint64(dst, e.nonce)
	dst = append(dst, e.tag[:]...)
	return be.AppendUint64(dst, e.sum)
}

func parseEntry(b []byte) (e entry) {
	be := binary.BigEndian
	copy(e.table[:], b)
	e.epoch, e.size = storage.Epoch(be.Uint32(b[16:])), be.Uint32(b[20:])
	e.nonce = be.Uint64(b[24:])
	copy(e.tag[:], b[32:48])
	e.sum = be.Uint64(b[48:])
	return e
}

// directoryReader walks the records of an authentic directory.
type directoryReader struct{ rest []byte }

// next gives the entries of the next record, encoded. It checks lengths although the directory is authentic:
// a reader of bytes from disk does not panic.
func (d *directoryReader) next() (entries []byte, err error) {
	if len(d.rest) < recordEntry {
		return nil, errors.New("directory ends early")
	}
	n := int64(binary.BigEndian.Uint32(d.rest)) * entrySize
	if n > int64(len(d.rest)-recordEntry) {
		return nil, errors.New("directory ends within a record")
	}
	entries = d.rest[recordEntry : recordEntry+n]
	d.rest = d.rest[recordEntry+n:]
	return entries, nil
}

// checkDirectory says whether directory describes exactly the records and bytes that the group's fixed part
// names.
func checkDirectory(g *groupHead, directory []byte) error {
	if g.kind == kindAnchors {
		return checkAnchors(g, directory)
	}
	d := directoryReader{directory}
	var bodies uint64
	for range g.records {
		entries, err := d.next()
		if err != nil {
			return err
		}
		for ; len(entries) > 0; entries = entries[entrySize:] {
			bodies += uint64(binary.BigEndian.Uint32(entries[20:]))
		}
	}
	if len(d.rest) != 0 || bodies != g.bodyBytes {
		return errors.New("directory and group disagree on lengths")
	}
	return nil
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

func freshSalt(salt *[saltSize]byte) {
	// crypto/rand.Read never fails: it ends the process rather than return predictable bytes.
	_, _ = rand.Read(salt[:])
}
