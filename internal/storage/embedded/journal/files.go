package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	segmentSuffix = ".segment"
	spareSuffix   = ".spare"
	newSuffix     = ".new" // a spare that is not ready
	diskCategory  = vfs.WriteCategoryUnspecified
	zeroChunk     = 256 << 10
	// zeroSync is how much of a file is filled between syncs: a commit's sync waits for no more than that.
	zeroSync = 4 << 20
	// keepSpares bounds how many released segments wait for reuse.
	keepSpares = 2
)

func segmentName(seq uint64) string { return fmt.Sprintf("%016x%s", seq, segmentSuffix) }
func spareName(n uint64) string     { return fmt.Sprintf("%016x%s", n, spareSuffix) }

// parseName splits the name of a file of ours.
func parseName(name string) (n uint64, suffix string, ok bool) {
	if len(name) < 17 {
		return 0, "", false
	}
	n, err := strconv.ParseUint(name[:16], 16, 64)
	suffix = name[16:]
	return n, suffix, err == nil && strings.ToLower(name[:16]) == name[:16]
}

// segment is a segment that holds records, or will.
type segment struct {
	head segmentHead
	name string
}

type spareFile struct {
	name string
	size int64
}

// files keeps the directory: segments with consecutive sequence numbers, and spare files. A file gets a
// segment's name only when its header is durable, so a segment without an authentic header is damage and
// never a crash.
type files struct {
	fs        vfs.FS
	dir       string
	keep      int64 // size of spares that are worth keeping
	log       *slog.Logger
	mu        sync.Mutex
	changed   sync.Cond // preparing became false
	segments  []segment // oldest first; the last is active
	needed    int       // on Open: the first segment to replay
	spares    []spareFile
	nextSpare uint64
	preparing bool
	// preparing ahead failed: the commit that needs the segment tries again, not every one before it
	failed bool
	work   sync.WaitGroup
}

// openFiles reads the directory and every segment's header.
func openFiles(o *Options) (*files, error) {
	f := &files{fs: o.FS, dir: o.Dir, keep: o.SegmentBytes, log: o.Logger}
	f.changed.L = &f.mu
	if err := f.fs.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: make directory: %w", err)
	}
	if err := syncDir(f.fs, f.fs.PathDir(f.dir)); err != nil {
		return nil, err
	}
	names, err := f.fs.List(f.dir)
	if err != nil {
		return nil, fmt.Errorf("journal: list directory: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := f.adopt(name, &o.FrameKey); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(f.segments, func(a, b segment) int { return cmp.Compare(a.head.seq, b.head.seq) })
	return f, f.checkChain(o.Flushed)
}

// adopt takes one directory entry in.
func (f *files) adopt(name string, frameKey *[32]byte) error {
	n, suffix, ok := parseName(name)
	switch {
	case ok && suffix == segmentSuffix:
		head, err := f.readHead(name, n, frameKey)
		if err != nil {
			return err
		}
		f.segments = append(f.segments, segment{head: head, name: name})
		return nil
	case ok && suffix == spareSuffix:
		f.nextSpare = max(f.nextSpare, n+1)
		return f.adoptSpare(name)
	case ok && suffix == spareSuffix+newSuffix:
		f.nextSpare = max(f.nextSpare, n+1)
		return f.remove(name)
	}
	f.log.Warn("the journal's directory holds a file that is not its own", "file", name)
	return nil
}

func (f *files) adoptSpare(name string) error {
	info, err := f.fs.Stat(f.path(name))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if info.Size() != f.keep || len(f.spares) >= keepSpares {
		return f.remove(name)
	}
	// A life begins on zeros: what stands behind its groups is then a torn write, or damage.
	if zeros, err := isZeroFile(f.fs, f.path(name)); err != nil || !zeros {
		return cmp.Or(err, f.remove(name))
	}
	f.spares = append(f.spares, spareFile{name, info.Size()})
	return nil
}

func isZeroFile(fs vfs.FS, path string) (bool, error) {
	file, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return false, fmt.Errorf("journal: open a spare file: %w", err)
	}
	defer func() { _ = file.Close() }()
	for buf := make([]byte, zeroChunk); ; {
		n, err := file.Read(buf)
		switch {
		case !isZero(buf[:n]):
			return false, nil
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("journal: read a spare file: %w", err)
		}
	}
}

func (f *files) remove(name string) error {
	if err := f.fs.Remove(f.path(name)); err != nil {
		return fmt.Errorf("journal: remove a spare file: %w", err)
	}
	return nil
}

// readHead authenticates a segment's header and its place: name and size.
func (f *files) readHead(name string, seq uint64, frameKey *[32]byte) (segmentHead, error) {
	r, err := openSegment(f.fs, f.path(name), frameKey)
	if err != nil {
		return segmentHead{}, f.named(name, err)
	}
	defer r.close()
	if r.head.seq != seq {
		return r.head, f.corrupt(name, 0,
			fmt.Errorf("it is segment %d under the name of another", r.head.seq))
	}
	return r.head, nil
}

// corrupt names a file as an operator finds it: with the journal's directory.
func (f *files) corrupt(name string, offset int64, cause error) error {
	return &CorruptError{File: f.relative(name), Offset: offset, Cause: cause}
}

func (f *files) named(name string, err error) error {
	var c *CorruptError
	if errors.As(err, &c) {
		return f.corrupt(name, c.Offset, c.Cause)
	}
	return err
}

// newestName is the segment that the journal ends with, or would.
func (f *files) newestName() string {
	if n := len(f.segments); n > 0 {
		return f.segments[n-1].name
	}
	return segmentName(1)
}

func (f *files) path(name string) string     { return f.fs.PathJoin(f.dir, name) }
func (f *files) relative(name string) string { return f.fs.PathJoin(f.fs.PathBase(f.dir), name) }

// checkChain sets needed to the first segment that may hold a record above flushed, and checks that the
// segments from there on follow each other.
func (f *files) checkChain(flushed LSN) error {
	for f.needed = len(f.segments) - 1; f.needed > 0; f.needed-- {
		this, before := &f.segments[f.needed], &f.segments[f.needed-1]
		if this.head.base <= flushed+1 {
			return nil
		}
		if this.head.seq != before.head.seq+1 {
			return f.corrupt(segmentName(this.head.seq-1), 0, errors.New("the segment is missing"))
		}
		if this.head.previous != before.head.salt || this.head.base < before.head.base {
			return f.corrupt(before.name, 0,
				fmt.Errorf("it is not the segment that %s goes on from: a copy of another time", this.name))
		}
	}
	f.needed = max(f.needed, 0)
	return nil
}

func (f *files) syncDir() error { return syncDir(f.fs, f.dir) }

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("journal: open directory: %w", err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("journal: sync directory: %w", err)
	}
	return nil
}

// takeSpare gives a file of at least size bytes, waiting for one that is being prepared or making it.
func (f *files) takeSpare(size int64) (spareFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		fits := func(s spareFile) bool { return s.size >= size }
		if i := slices.IndexFunc(f.spares, fits); i >= 0 {
			s := f.spares[i]
			f.spares = slices.Delete(f.spares, i, i+1)
			return s, nil
		}
		if !f.preparing {
			break
		}
		f.changed.Wait()
	}
	return f.prepareLocked(size)
}

// prepareLocked makes a spare without holding mu, which it holds on entry and return.
func (f *files) prepareLocked(size int64) (spareFile, error) {
	f.preparing = true
	n := f.nextSpare
	f.nextSpare++
	f.mu.Unlock()
	s, err := f.make(n, size)
	f.mu.Lock()
	f.preparing = false
	f.changed.Broadcast()
	return s, err
}

// prepareAhead makes a spare in the background, so that the next segment costs the commits no more than its
// header.
func (f *files) prepareAhead(size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fits := func(s spareFile) bool { return s.size >= size }
	if f.preparing || f.failed || slices.ContainsFunc(f.spares, fits) {
		return
	}
	f.preparing = true // before the goroutine runs, so that there is never a second
	f.work.Go(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		s, err := f.prepareLocked(size)
		f.failed = err != nil
		if f.failed {
			f.log.Warn("preparing the next journal segment failed; a commit will try again", "error", err)
			return
		}
		f.spares = append(f.spares, s)
	})
}

// make writes a file of zeros, so that writes to it change no metadata and fdatasync is cheap; a full disk
// shows here.
func (f *files) make(n uint64, size int64) (spareFile, error) {
	path := f.path(spareName(n))
	err := f.fill(path+newSuffix, size)
	if err == nil {
		err = f.fs.Rename(path+newSuffix, path)
	}
	if err != nil {
		_ = f.fs.Remove(path + newSuffix)
		return spareFile{}, err
	}
	return spareFile{spareName(n), size}, nil
}

func (f *files) fill(path string, size int64) (err error) {
	file, err := f.fs.OpenReadWrite(path, diskCategory)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	if err := preallocate(file, size); err != nil {
		return err
	}
	zeros := make([]byte, min(size, zeroChunk))
	for at := int64(0); at < size; at += int64(len(zeros)) {
		clear(zeros) // a file may change what it was given to write
		if _, err := file.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at); err != nil {
			return err
		}
		if at%zeroSync == 0 && at > 0 {
			if err := file.SyncData(); err != nil {
				return err
			}
		}
	}
	return file.Sync()
}

// preallocate shows whether there is room, if the file does not have its size yet.
func preallocate(file vfs.File, size int64) error {
	info, err := file.Stat()
	if err != nil || info.Size() == size {
		return err
	}
	if err := file.Preallocate(0, size); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		return err
	}
	return nil
}

// activate turns a spare into the segment that head describes, durable with its name when it returns.
func (f *files) activate(s spareFile, head *segmentHead, page []byte) (vfs.File, error) {
	file, err := f.fs.OpenReadWrite(f.path(s.name), diskCategory)
	if err != nil {
		return nil, fmt.Errorf("open a spare segment: %w", err)
	}
	name := segmentName(head.seq)
	if _, err = file.WriteAt(page, 0); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = f.fs.Rename(f.path(s.name), f.path(name))
	}
	if err == nil {
		err = f.syncDir()
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("begin %s: %w", name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.segments = append(f.segments, segment{head: *head, name: name})
	f.failed = false
	return file, nil
}

// releasable says whether a segment has only records up to upTo. The active one stays.
func (f *files) releasable(upTo LSN) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.segments) > 1 && f.segments[1].head.base <= upTo+1
}

// recycle takes released segments out, oldest first, each durably before the next: a crash leaves no gap.
func (f *files) recycle(upTo LSN) error {
	for f.releasable(upTo) {
		f.mu.Lock()
		old := f.segments[0]
		n, spare := f.nextSpare, int64(old.head.size) == f.keep && len(f.spares) < keepSpares
		f.nextSpare++
		f.mu.Unlock()
		if err := f.retire(old, spareName(n)+newSuffix, spare); err != nil {
			return err
		}
		f.mu.Lock()
		f.segments = slices.Delete(f.segments, 0, 1)
		f.mu.Unlock()
		if spare {
			f.reuse(n, int64(old.head.size))
		}
	}
	return nil
}

// reuse turns a released segment, which is called a spare that is not ready, into zeros. A segment's life
// begins on zeros, so that damage behind its last group is told from a torn write.
func (f *files) reuse(n uint64, size int64) {
	s, err := f.make(n, size)
	if err != nil {
		f.log.Warn("clearing a released journal segment failed; it was removed", "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spares = append(f.spares, s)
}

// retire renames or removes a segment. The directory is synced before anybody overwrites the file: were the
// old name to come back over new content, it would look like damage.
func (f *files) retire(old segment, as string, spare bool) error {
	var err error
	if spare {
		err = f.fs.Rename(f.path(old.name), f.path(as))
	} else {
		err = f.fs.Remove(f.path(old.name))
	}
	if err != nil {
		return fmt.Errorf("journal: release %s: %w", old.name, err)
	}
	return f.syncDir()
}

func (f *files) usage() (segments, spares int64, oldest LSN) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.segments {
		segments += int64(s.head.size)
	}
	for _, s := range f.spares {
		spares += s.size
	}
	if len(f.segments) > 0 {
		oldest = f.segments[0].head.base
	}
	return segments, spares, oldest
}

// close waits for work in the background.
func (f *files) close() { f.work.Wait() }
