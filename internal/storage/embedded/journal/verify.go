package journal

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// Kinds of files that Verify knows.
const (
	KindSegment = "segment"
	KindSpare   = "spare"
	KindParked  = "parked"
)

// Report accounts for every byte of a file of the journal. Frame, Opened, Locked, Damaged, Padding,
// Preallocated and Leftover add up to Size.
type Report struct {
	Kind     string
	Sequence uint64 // of a segment
	Base     LSN    // of a segment: the record it begins with, or would
	First    LSN    // of the first and the last record or parked section; 0 if none
	Last     LSN
	Released LSN    // the highest that a segment mentions
	Ending   string // of a segment: "open", "continues" or "closed"
	Size     int64

	Frame   int64 // headers, directories and marks: authentic under the frame key
	Opened  int64 // sections: authentic under their table's key
	Locked  int64 // sections whose key cannot be had: as written by their checksum, not proved by their key
	Damaged int64 // sections and frames that are not authentic
	Padding int64 // zeros up to a page's end
	// Preallocated bytes are zeros that no group was written to yet. Leftover bytes follow the last group: a
	// write that a crash tore, or, in a segment that is not guarded, what the file held in an earlier life.
	// They are never read as part of this life.
	Preallocated int64
	Leftover     int64
	// Guarded says of a segment that it began on zeros and beside a high-water mark.
	Guarded bool

	Tables  map[storage.TableID]TableReport
	Anchors []Anchor // the newest that a segment has; nil if it has none
}

// TableReport says what a file holds of one table.
type TableReport struct {
	Sections int
	Bytes    int64
	Locked   int // sections whose key cannot be had
	Damaged  int
	Cause    error // why the first locked one is locked
	Epochs   map[storage.Epoch]int
}

// Verify authenticates a segment, spare or parked file without changing it, and needs no other file. The
// report is as complete as the damage allows; the error joins a *CorruptError or *storage.CorruptError for
// each damaged place. A section whose key cannot be had is reported, and is no error.
func Verify(fs vfs.FS, path string, frameKey [32]byte, keys storage.Keys) (Report, error) {
	v := verifier{fs: fs, path: path, name: fs.PathBase(path), frameKey: frameKey, keys: keys}
	v.report.Tables = map[storage.TableID]TableReport{}
	v.ciphers = map[cipherID]cipherResult{}
	info, err := fs.Stat(path)
	if err != nil {
		return v.report, fmt.Errorf("journal: %w", err)
	}
	v.report.Size = info.Size()
	switch {
	case strings.HasSuffix(path, segmentSuffix):
		err = v.segment()
	case strings.HasSuffix(path, spareSuffix), strings.HasSuffix(path, spareSuffix+newSuffix):
		err = v.spare()
	default:
		err = v.parked()
	}
	if err != nil {
		v.found = append(v.found, err)
	}
	return v.report, errors.Join(v.found...)
}

type verifier struct {
	fs       vfs.FS
	path     string
	name     string
	frameKey [32]byte
	keys     storage.Keys
	report   Report
	found    []error
	session  [saltSize]byte
	ciphers  map[cipherID]cipherResult
	scratch  []byte
	next     LSN
}

func (v *verifier) corrupt(offset int64, cause error) error {
	return &CorruptError{File: v.name, Offset: offset, Cause: cause}
}

func (v *verifier) add(offset int64, format string, args ...any) {
	v.found = append(v.found, v.corrupt(offset, fmt.Errorf(format, args...)))
}

func (v *verifier) named(err error) error {
	var c *CorruptError
	if errors.As(err, &c) {
		return v.corrupt(c.Offset, c.Cause)
	}
	return err
}

func (v *verifier) segment() error {
	v.report.Kind, v.report.Ending = KindSegment, "open"
	r, err := openSegment(v.fs, v.path, &v.frameKey)
	if err != nil {
		v.report.Damaged = v.report.Size
		return v.named(err)
	}
	defer r.close()
	v.report.Sequence, v.report.Released = r.head.seq, r.head.released
	v.report.Base = r.head.base
	v.report.Guarded = r.head.guarded
	v.report.Frame = pageSize
	v.next = r.head.base
	v.session = r.head.session
	if seq, _, ok := parseName(v.name); ok && seq != r.head.seq {
		v.add(0, "it is segment %d under the name of another", r.head.seq)
	}
	at := int64(pageSize)
	for more := true; more && at < r.size(); {
		if at, more, err = v.step(r, at); err != nil {
			break
		}
	}
	if err == nil && r.head.guarded && v.report.Ending != "open" {
		err = r.checkZero(at)
	}
	return v.segmentEnd(r, at, err)
}

// segmentEnd accounts for what follows the last group, which ends at offset at; wrong is what is wrong there.
func (v *verifier) segmentEnd(r *segmentReader, at int64, wrong error) error {
	if wrong != nil && !isFormat(wrong) {
		return wrong
	}
	err := v.tail(r.file, at)
	if wrong != nil {
		v.found = append(v.found, v.named(wrong))
		v.report.Leftover, v.report.Damaged = 0, v.report.Damaged+v.report.Leftover
	}
	return err
}

// step verifies the group at offset at, or what damage stands there; more is false at the end of the groups.
func (v *verifier) step(r *segmentReader, at int64) (next int64, more bool, err error) {
	g, err := r.readGroup(at)
	if err != nil && !isFormat(err) {
		return at, false, err
	}
	if err != nil {
		later, found, err := r.declares(at, at+pageSize)
		if err == nil && !found && r.head.guarded {
			err = r.checkRemains(at)
		}
		if err != nil || !found {
			return at, false, err
		}
		v.report.Damaged += later - at
		v.add(at, "no authentic group here, though the one at %d says that it was durable", later)
		v.next = 0
		return later, true, nil
	}
	if !g.whole() {
		torn, err := r.isTorn(&g)
		if err != nil || torn {
			return at, false, err
		}
		if g, err = r.readGroup(at); err != nil {
			return at, false, err
		}
	}
	v.group(&g)
	return g.end(), g.kind == kindRecords || g.kind == kindAnchors, nil
}

// group accounts for one authentic group.
func (v *verifier) group(g *group) {
	if v.next != 0 && g.first != v.next {
		v.add(g.at, "its group begins with record %d, not %d", g.first, v.next)
	}
	v.next = g.first + LSN(g.records)
	v.report.Released = max(v.report.Released, g.released)
	v.report.Frame += groupHeader + int64(len(g.directory))
	v.report.Padding += int64(len(g.padding))
	if !isZero(g.padding) {
		v.add(g.at, "the padding of its group is not zero")
	}
	switch g.kind {
	case kindContinues:
		v.report.Ending = "continues"
	case kindEnd:
		v.report.Ending = "closed"
	case kindAnchors:
		v.report.Anchors = parseAnchors(g.directory)
	}
	w := g.walk()
	for i := range g.records {
		if err := w.nextRecord(); err != nil {
			v.add(g.at, "%w", err)
			return
		}
		v.saw(g.first + LSN(i))
		for e, body, sound, ok := w.nextSection(); ok; e, body, sound, ok = w.nextSection() {
			v.section(g.first+LSN(i), &e, body, sound)
		}
	}
}

func (v *verifier) saw(lsn LSN) {
	if v.report.First == 0 {
		v.report.First = lsn
	}
	v.report.Last = lsn
}

// section opens one section, if its key can be had, and drops the plaintext.
func (v *verifier) section(lsn LSN, e *entry, body []byte, sound bool) {
	t := v.report.Tables[e.table]
	if t.Epochs == nil {
		t.Epochs = map[storage.Epoch]int{}
	}
	t.Sections++
	t.Bytes += int64(len(body))
	t.Epochs[e.epoch]++
	err := v.open(e, body, sound)
	var sealed *storage.SealedError
	switch {
	case err == nil:
		v.report.Opened += int64(len(body))
	case errors.As(err, &sealed):
		v.report.Locked += int64(len(body))
		t.Locked++
		if t.Cause == nil {
			t.Cause = sealed.Cause
		}
	default:
		v.report.Damaged += int64(len(body))
		t.Damaged++
		v.found = append(v.found, &storage.CorruptError{Table: e.table, File: v.name,
			Cause: fmt.Errorf("record %d: %w", lsn, err)})
	}
	v.report.Tables[e.table] = t
}

func (v *verifier) open(e *entry, body []byte, sound bool) error {
	if !sound {
		return errors.New("the sealed bytes are not those that were written")
	}
	id := cipherID{e.table, e.epoch}
	res, ok := v.ciphers[id]
	if !ok {
		res.cipher, res.err = newSectionCipher(v.keys, e.table, e.epoch, &v.session)
		v.ciphers[id] = res
	}
	if res.err != nil {
		return res.err
	}
	payload, err := res.cipher.open(nil, body, e, &v.scratch)
	clear(payload)
	return err
}

// tail counts what follows the last group, page by page.
func (v *verifier) tail(file io.ReaderAt, at int64) error {
	page := make([]byte, pageSize)
	for at < v.report.Size {
		n, err := file.ReadAt(page[:min(pageSize, v.report.Size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("journal: read %s: %w", v.name, err)
		}
		if n == 0 {
			break
		}
		if isZero(page[:n]) {
			v.report.Preallocated += int64(n)
		} else {
			v.report.Leftover += int64(n)
		}
		at += int64(n)
	}
	return nil
}

func (v *verifier) spare() error {
	v.report.Kind = KindSpare
	file, err := v.fs.Open(v.path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := v.tail(file, 0); err != nil || v.report.Leftover == 0 {
		return err
	}
	v.report.Leftover, v.report.Damaged = 0, v.report.Leftover
	return v.corrupt(0, errors.New("a file kept for the next segment must hold nothing but zeros"))
}

func (v *verifier) parked() error {
	v.report.Kind = KindParked
	table, err := parkedTable(v.fs, v.path, &v.frameKey)
	if err == nil {
		v.report.Frame = v.report.Size
		err = ReadParked(v.fs, v.path, v.frameKey, table, v.parkedSection)
	}
	var d damage
	if errors.As(err, &d) {
		v.report.Damaged, v.report.Frame = v.report.Size-v.report.Opened-v.report.Locked, 0
		return v.corrupt(0, err)
	}
	return err
}

func (v *verifier) parkedSection(p Parked) error {
	lsn, session, e, body, err := parseSealed(p.Sealed)
	if err != nil || lsn != p.LSN {
		return damaged("section of commit %d is not a sealed section of it", p.LSN)
	}
	if v.session != session {
		v.session = session
		clear(v.ciphers)
	}
	v.saw(p.LSN)
	v.report.Frame -= int64(len(body))
	v.section(p.LSN, &e, body, true)
	return nil
}
