package journal

import (
	"bufio"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	iofs "io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

const (
	parkedMagic = "STJP"
	// parkedHead: magic, version, 3 zero bytes, table, 8 zero bytes, salt, MAC.
	parkedHead = 64 + macSize
	// parkedEnd stands where the length of the next section would, behind the last one.
	parkedEnd    = 1<<32 - 1
	parkedPrefix = 4 + 8 // length or parkedEnd, then LSN or number of sections
)

// Parked is one sealed section that waits for its table's key.
type Parked struct {
	LSN    LSN
	Sealed []byte
}

// WriteParked adds sections, in order of LSN, to the parked file at path, and makes it if there is none. The
// new file takes the old one's place whole and is durable when WriteParked returns. Sections up to the last
// LSN that is there already are skipped, so that parking which a crash cut short can be repeated; all
// sections of one LSN belong into one call.
func WriteParked(fs vfs.FS, path string, frameKey [32]byte, table storage.TableID, add []Parked) error {
	w, err := NewParkedWriter(fs, path, frameKey, table)
	if err != nil {
		return err
	}
	for _, p := range add {
		if err := w.Add(p); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Finish()
}

// ParkedWriter adds sections one by one, so that they need not all be in memory.
type ParkedWriter struct {
	fs    vfs.FS
	path  string
	table storage.TableID
	file  vfs.File
	out   *bufio.Writer
	mac   parkedMAC
	had   LSN // the old file's last
	last  LSN
	err   error
}

// NewParkedWriter begins a new file with what the one at path holds. Finish or Abort must follow.
func NewParkedWriter(
	fs vfs.FS, path string, frameKey [32]byte, table storage.TableID,
) (*ParkedWriter, error) {
	file, err := fs.Create(path+newSuffix, diskCategory)
	if err != nil {
		return nil, fmt.Errorf("journal: park sections: %w", err)
	}
	w := &ParkedWriter{fs: fs, path: path, table: table, file: file, out: bufio.NewWriterSize(file, 64<<10)}
	head := make([]byte, parkedHead)
	copy(head, parkedMagic)
	head[4] = formatVersion
	copy(head[8:], table[:])
	var salt [saltSize]byte
	freshSalt(&salt)
	copy(head[32:], salt[:])
	if w.mac, err = newParkedMAC(&frameKey, &salt, table); err == nil {
		w.write(w.mac.sum(head[:64], head[:64]))
		err = ReadParked(fs, path, frameKey, table, w.copy)
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	w.had = w.last
	return w, nil
}

// Add appends a section; the bytes are copied.
func (w *ParkedWriter) Add(p Parked) error {
	if p.LSN <= w.had {
		return w.err
	}
	if p.LSN < w.last {
		w.err = fmt.Errorf("journal: parked section of commit %d after that of %d", p.LSN, w.last)
		return w.err
	}
	return w.copy(p)
}

func (w *ParkedWriter) copy(p Parked) error {
	lsn, _, e, _, err := parseSealed(p.Sealed)
	if err == nil && (lsn != p.LSN || e.table != w.table) {
		err = errors.New("the section is of another commit or table")
	}
	if err != nil {
		w.err = fmt.Errorf("journal: park commit %d: %w", p.LSN, err)
		return w.err
	}
	w.last = p.LSN
	var prefix [parkedPrefix]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(len(p.Sealed)))
	binary.BigEndian.PutUint64(prefix[4:], uint64(p.LSN))
	w.write(prefix[:])
	w.write(p.Sealed)
	w.write(w.mac.next(prefix[:], p.Sealed))
	return w.err
}

func (w *ParkedWriter) write(b []byte) {
	if w.err == nil {
		if _, err := w.out.Write(b); err != nil {
			w.err = fmt.Errorf("journal: park sections: %w", err)
		}
	}
}

// Finish puts the new file in the old one's place, durably.
func (w *ParkedWriter) Finish() error {
	var prefix [parkedPrefix]byte
	binary.BigEndian.PutUint32(prefix[:], parkedEnd)
	binary.BigEndian.PutUint64(prefix[4:], w.mac.count)
	w.write(prefix[:])
	w.write(w.mac.next(prefix[:], nil))
	if w.err != nil {
		w.Abort()
		return w.err
	}
	if err := w.publish(); err != nil {
		w.Abort()
		return fmt.Errorf("journal: park sections: %w", err)
	}
	return nil
}

func (w *ParkedWriter) publish() error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return err
	}
	if err := w.fs.Rename(w.path+newSuffix, w.path); err != nil {
		return err
	}
	return syncDir(w.fs, w.fs.PathDir(w.path))
}

// Abort gives up; the old file stays as it was.
func (w *ParkedWriter) Abort() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	_ = w.fs.Remove(w.path + newSuffix)
}

// ReadParked calls fn for every section of the parked file in order; Sealed is valid during the call only. No
// file is an empty one. A file of another table or installation, cut or changed, is a *storage.CorruptError;
// what fn was given is authentic.
func ReadParked(
	fs vfs.FS, path string, frameKey [32]byte, table storage.TableID, fn func(Parked) error,
) error {
	r, found, err := openParked(fs, path, &frameKey)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer func() { _ = r.file.Close() }()
		if found != table {
			err = damaged("it belongs to table %s", found)
		} else {
			err = r.each(fn)
		}
	}
	var d damage
	if errors.As(err, &d) {
		return &storage.CorruptError{Table: table, File: fs.PathBase(path), Cause: err}
	}
	return err
}

// openParked opens a parked file and authenticates its header, which names its table.
func openParked(fs vfs.FS, path string, frameKey *[32]byte) (*parkedReader, storage.TableID, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, storage.TableID{}, fmt.Errorf("journal: open parked file: %w", err)
	}
	r := &parkedReader{file: file, in: bufio.NewReaderSize(file, 64<<10)}
	info, err := file.Stat()
	if err != nil {
		err = fmt.Errorf("journal: %w", err)
	}
	var table storage.TableID
	if err == nil {
		r.left = info.Size()
		table, err = r.open(frameKey)
	}
	if err != nil {
		_ = file.Close()
		return nil, table, err
	}
	return r, table, nil
}

// parkedTable reads which table a parked file belongs to.
func parkedTable(fs vfs.FS, path string, frameKey *[32]byte) (storage.TableID, error) {
	r, table, err := openParked(fs, path, frameKey)
	if err == nil {
		err = r.file.Close()
	}
	return table, err
}

// damage is an error about bytes, not about the disk or of the caller's function.
type damage struct{ error }

func damaged(format string, args ...any) error { return damage{fmt.Errorf(format, args...)} }

type parkedReader struct {
	file vfs.File
	in   *bufio.Reader
	left int64 // bytes of the file not read yet, so that no length from it makes us allocate more
	mac  parkedMAC
	buf  []byte
}

// open reads and authenticates the header.
func (r *parkedReader) open(frameKey *[32]byte) (table storage.TableID, err error) {
	var head [parkedHead]byte
	if err := r.full(head[:]); err != nil {
		return table, err
	}
	if string(head[:4]) != parkedMagic || head[4] != formatVersion {
		return table, damaged("not a parked file of version %d", formatVersion)
	}
	copy(table[:], head[8:])
	if r.mac, err = newParkedMAC(frameKey, (*[saltSize]byte)(head[32:64]), table); err != nil {
		return table, err
	}
	if !hmac.Equal(r.mac.sum(nil, head[:64]), head[64:]) {
		return table, damaged("the header is not authentic: damaged, or of another installation")
	}
	return table, nil
}

// each reads up to the end mark, behind which nothing may stand.
func (r *parkedReader) each(fn func(Parked) error) error {
	for {
		var prefix [parkedPrefix]byte
		if err := r.full(prefix[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(prefix[:])
		number := binary.BigEndian.Uint64(prefix[4:])
		if n == parkedEnd {
			return r.end(prefix[:], number)
		}
		if int64(n)+macSize > r.left {
			return damaged("cut at section %d", r.mac.count)
		}
		if err := r.section(prefix[:], int(n)); err != nil {
			return err
		}
		if err := fn(Parked{LSN(number), r.buf[:n]}); err != nil {
			return err
		}
	}
}

func (r *parkedReader) section(prefix []byte, n int) error {
	if cap(r.buf) < n+macSize {
		r.buf = make([]byte, n+macSize)
	}
	r.buf = r.buf[:n+macSize]
	if err := r.full(r.buf); err != nil {
		return err
	}
	if at := r.mac.count; !hmac.Equal(r.mac.next(prefix, r.buf[:n]), r.buf[n:]) {
		return damaged("section %d is not authentic", at)
	}
	return nil
}

func (r *parkedReader) end(prefix []byte, count uint64) error {
	var mac [macSize]byte
	if err := r.full(mac[:]); err != nil {
		return err
	}
	if count != r.mac.count || !hmac.Equal(r.mac.next(prefix, nil), mac[:]) {
		return damaged("the end mark is not authentic")
	}
	if r.left != 0 {
		return damaged("%d bytes behind the end", r.left)
	}
	return nil
}

func (r *parkedReader) full(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.left -= int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("cut: it ends early")
	}
	if err != nil {
		return fmt.Errorf("journal: read parked file: %w", err)
	}
	return nil
}

// parkedMAC authenticates one parked file; every section's MAC covers its place.
type parkedMAC struct {
	mac   hash.Hash
	count uint64
}

func newParkedMAC(frameKey *[32]byte, salt *[saltSize]byte, table storage.TableID) (parkedMAC, error) {
	key, err := hkdf.Key(sha256.New, frameKey[:], salt[:], "sealtable/journal/parked/v1\x00"+string(table[:]),
		sha256.Size)
	if err != nil {
		return parkedMAC{}, fmt.Errorf("journal: derive parked key: %w", err)
	}
	defer clear(key)
	return parkedMAC{mac: hmac.New(sha256.New, key)}, nil
}

// next is the MAC of the section, or end mark, at the place reached.
func (m *parkedMAC) next(prefix, sealed []byte) []byte {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], m.count)
	m.count++
	return m.sum(nil, place[:], prefix, sealed)
}

func (m *parkedMAC) sum(dst []byte, parts ...[]byte) []byte {
	m.mac.Reset()
	for _, p := range parts {
		m.mac.Write(p)
	}
	return m.mac.Sum(dst)
}
