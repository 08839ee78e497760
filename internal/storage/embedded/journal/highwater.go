package journal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// highWaterName lies beside the journal's directory, so that putting the directory back to an earlier day
	// does not take the mark along; and comes before it in order of name, so that what copies files in that
	// order never finds the mark ahead.
	highWaterName   = "high-water"
	highWaterMagic  = "STJH"
	highWaterFixed  = 32 // authenticated fields of a copy, before its MAC
	highWaterCopies = 2
	highWaterBytes  = highWaterCopies * pageSize
)

// highWater is the mark beside the journal that says up to which record it was durable. A journal that ends
// before it was cut.
//
// It is raised only to what is durable already, so no crash leaves it ahead. Its two copies are written one
// after the other, each synced: a crash tears one of them at most, and damage to one does not lower the mark.
type highWater struct {
	fs   vfs.FS
	path string
	key  [sha256.Size]byte

	at   atomic.Uint64 // the LSN that both copies have, durably
	mu   sync.Mutex    // one writer; a data plane commit never takes it
	file vfs.File
	page []byte
}

// HighWater is what a mark says.
type HighWater struct {
	LSN LSN
	// Copies is how many of the two copies are authentic. One is what a crash during a write leaves.
	Copies int
}

// HighWaterPath is where the mark of the journal in dir lies.
func HighWaterPath(fs vfs.FS, dir string) string { return fs.PathJoin(fs.PathDir(dir), highWaterName) }

func newHighWater(o *Options) (*highWater, error) {
	m := &highWater{fs: o.FS, path: HighWaterPath(o.FS, o.Dir), page: make([]byte, pageSize)}
	key, err := hkdf.Key(sha256.New, o.FrameKey[:], nil, "sealtable/journal/high-water/v1\x00", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("journal: derive the key of the high-water mark: %w", err)
	}
	defer clear(key)
	copy(m.key[:], key)
	return m, nil
}

// ReadHighWater reads the mark of the journal in dir. It is os.ErrNotExist if there is none, and a
// *CorruptError if neither copy is authentic.
func ReadHighWater(fs vfs.FS, dir string, frameKey [32]byte) (HighWater, error) {
	m, err := newHighWater(&Options{FS: fs, Dir: dir, FrameKey: frameKey})
	if err != nil {
		return HighWater{}, err
	}
	defer clear(m.key[:])
	return m.read()
}

func (m *highWater) corrupt(cause error) error {
	return &CorruptError{File: m.fs.PathBase(m.path), Cause: cause}
}

func (m *highWater) read() (HighWater, error) {
	file, err := m.fs.Open(m.path)
	if err != nil {
		return HighWater{}, fmt.Errorf("journal: open the high-water mark: %w", err)
	}
	defer func() { _ = file.Close() }()
	content := make([]byte, highWaterBytes+1)
	n, err := file.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return HighWater{}, fmt.Errorf("journal: read the high-water mark: %w", err)
	}
	if n != highWaterBytes {
		return HighWater{}, m.corrupt(fmt.Errorf("it is not %d bytes long", highWaterBytes))
	}
	var mark HighWater
	for c := range highWaterCopies {
		if lsn, ok := m.parse(content[c*pageSize : (c+1)*pageSize]); ok {
			mark.LSN = max(mark.LSN, lsn)
			mark.Copies++
		}
	}
	if mark.Copies == 0 {
		return mark, m.corrupt(errors.New("neither copy of the high-water mark is authentic"))
	}
	return mark, nil
}

func (m *highWater) mac() hash.Hash { return hmac.New(sha256.New, m.key[:]) }

func (m *highWater) parse(page []byte) (LSN, bool) {
	mac := m.mac()
	mac.Write(page[:highWaterFixed])
	ok := hmac.Equal(mac.Sum(nil), page[highWaterFixed:highWaterFixed+macSize])
	ok = ok && string(page[:4]) == highWaterMagic && page[4] == formatVersion
	ok = ok && isZero(page[highWaterFixed+macSize:])
	return LSN(binary.BigEndian.Uint64(page[8:])), ok
}

func (m *highWater) encode(lsn LSN) []byte {
	clear(m.page)
	copy(m.page, highWaterMagic)
	m.page[4] = formatVersion
	binary.BigEndian.PutUint64(m.page[8:], uint64(lsn))
	mac := m.mac()
	mac.Write(m.page[:highWaterFixed])
	mac.Sum(m.page[highWaterFixed:highWaterFixed])
	return m.page
}

// begin makes the mark, or brings both copies of the one that is there up to lsn.
func (m *highWater) begin(lsn LSN) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err = m.fs.Stat(m.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = m.create(lsn)
	case err == nil:
		if m.file, err = m.fs.OpenReadWrite(m.path, diskCategory); err == nil {
			err = m.write(lsn)
		}
	}
	if err != nil {
		return fmt.Errorf("journal: write the high-water mark: %w", err)
	}
	return nil
}

// create makes the mark under another name first: under its own, it is never less than one authentic copy.
func (m *highWater) create(lsn LSN) (err error) {
	fresh := m.path + newSuffix
	if m.file, err = m.fs.OpenReadWrite(fresh, diskCategory); err != nil {
		return err
	}
	if err := m.write(lsn); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil { // its size too
		return err
	}
	if err := m.fs.Rename(fresh, m.path); err != nil {
		return err
	}
	return syncDir(m.fs, m.fs.PathDir(m.path))
}

// write makes both copies say lsn, one after the other.
func (m *highWater) write(lsn LSN) error {
	page := m.encode(lsn)
	for c := range int64(highWaterCopies) {
		if _, err := m.file.WriteAt(page, c*pageSize); err != nil {
			return err
		}
		if err := m.file.SyncData(); err != nil {
			return err
		}
	}
	m.at.Store(uint64(lsn))
	return nil
}

// RaiseHighWater makes the mark say at least upTo, which must be durable, and in fact all that is durable by
// then. An error is final for the journal, as one of its segments' would be.
func (j *Journal) RaiseHighWater(upTo LSN) error {
	m := j.mark
	if LSN(m.at.Load()) >= upTo {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if LSN(m.at.Load()) >= upTo {
		return nil
	}
	if m.file == nil {
		return ErrClosed
	}
	if err := m.write(LSN(j.newest.Load())); err != nil {
		err = fmt.Errorf("journal: stopped, nothing more is acknowledged until it is opened anew: write "+
			"the high-water mark: %w", err)
		j.queue.refuse(err)
		return err
	}
	return nil
}

// CommitMarked is Commit for records that must not be lost even to somebody who cuts the journal's end after
// a crash: when it returns, the high-water mark has the record. The mark costs two syncs, shared by all who
// wait for it, and holds nobody up who does not.
func (j *Journal) CommitMarked(sections []Section) (LSN, error) {
	lsn, err := j.Commit(sections)
	if err == nil {
		err = j.RaiseHighWater(lsn)
	}
	return lsn, err
}

// refuse lets nothing more into the queue.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
}

func (m *highWater) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.key[:])
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}

// checkHighWater compares the end of the journal with the mark. A journal of a time before marks has none.
func (p *replay) checkHighWater() error {
	j := p.j
	if j.had == nil {
		for i := range j.files.segments {
			if j.files.segments[i].head.guarded {
				return j.mark.corrupt(errors.New("the high-water mark of the journal is missing"))
			}
		}
		return nil
	}
	if j.had.Copies < highWaterCopies {
		j.o.Logger.Warn("one of the two copies of the journal's high-water mark is not authentic, as "+
			"a crash "+
			"leaves it, or damage; it is written again", "file", j.mark.path)
	}
	if p.next > j.had.LSN {
		return nil
	}
	file := j.files.fs.PathBase(j.o.Dir)
	if len(j.files.segments) > 0 {
		file = j.files.relative(j.files.newestName())
	}
	return &CorruptError{File: file, Cause: fmt.Errorf("the journal ends at record %d, but its "+
		"high-water mark says that record %d was durable: its newest part was cut off",
		p.next-1, j.had.LSN)}
}
