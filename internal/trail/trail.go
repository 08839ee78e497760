// Package trail keeps a record of every call: who, what, under which key and encryption context, with which
// outcome (P9).
//
// Callers may rely on this: a record never holds item data or key bytes; what Flush or Close answered without
// an error is durable; and while the trail cannot be written, calls wait for it rather than go unrecorded.
// Records are lines of JSON in CloudTrail's shape, compressed, in files of a file system that seals what it
// stores; Scanner reads them back. Lines that were recorded within the same fraction of a second come in any
// order. After a write that failed, the records in question are written again in a new file: a record may
// stand in two files, under one eventID. A torn end is cut off the file as soon as the disk works again, or
// at the next start.
package trail

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	flushEvery   = 200 * time.Millisecond
	shardCount   = 8
	shardLimit   = 4 << 20   // bytes waiting in one shard before callers wait
	blockSize    = 256 << 10 // bytes of records in one block
	fileLimit    = 64 << 20  // bytes in one file before the next is begun
	filePrefix   = "trail-"
	fileSuffix   = ".zst"
	defaultFiles = 16
)

// Options are what a Trail works with.
type Options struct {
	FS       vfs.FS // seals what is written; see sealedfs
	Dir      string
	Clock    *clock.Clock
	Log      *slog.Logger
	MaxFiles int // how many files of 64 MiB the trail may take, the oldest are removed; 0 means 16
	// Torn says whether a file ends with bytes that were never declared synced, as sealedfs finds out. Its
	// error says that the file is damaged otherwise. Without it no torn end is looked for.
	Torn func(path string) (bool, error)
}

// Trail records calls. It is safe for concurrent use.
type Trail struct {
	o         Options
	limit     int // bytes in one shard
	fileLimit int64
	events    eventIDs
	shards    [shardCount]shard
	turn      atomic.Uint32

	stop, stopped chan struct{}
	closing       sync.Once
	closeErr      error

	writing sync.Mutex // guards what follows
	file    vfs.File
	written int64
	durable bool // something in file is durable
	number  uint64
	pending []byte   // taken from the shards and not durable yet
	givenUp []uint64 // files in which a write failed: their ends may be torn
	encoder *zstd.Encoder
	scratch []byte // a block; the file may change it
}

// shard holds lines that wait to be written, so that callers on several cores do not wait for one lock.
type shard struct {
	mu      sync.Mutex
	change  sync.Cond // there is room, or the trail is closing, or a waiting caller is done
	lines   []byte
	waiting int
	closed  bool
}

// Open goes on with the trail in a directory, in a new file.
func Open(o Options) (*Trail, error) {
	t, err := open(o)
	if err != nil {
		return nil, err
	}
	go t.flushLoop()
	return t, nil
}

func open(o Options) (*Trail, error) {
	if o.MaxFiles == 0 {
		o.MaxFiles = defaultFiles
	}
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the trail's directory: %w", err)
	}
	if err := syncDir(o.FS, o.FS.PathDir(o.Dir)); err != nil {
		return nil, fmt.Errorf("making the trail's directory: %w", err)
	}
	numbers, err := fileNumbers(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	t := &Trail{o: o, limit: shardLimit, fileLimit: fileLimit, stop: make(chan struct{}),
		stopped: make(chan struct{})}
	if len(numbers) > 0 {
		t.number = numbers[len(numbers)-1]
	}
	for i := range t.shards {
		t.shards[i].change.L = &t.shards[i].mu
	}
	if err := t.events.seed(); err != nil {
		return nil, err
	}
	if t.encoder, err = newEncoder(); err != nil {
		return nil, err
	}
	t.healTorn(numbers)
	return t, nil
}

// Record takes a record in. It returns before the record is durable, and waits while too much is to be
// written. After Close there is nobody left to write: such a record is reported to the log as lost.
func (t *Trail) Record(r service.Record) {
	s := &t.shards[t.turn.Add(1)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		t.o.Log.Error("a call came after the trail was closed; it is not recorded", "service", r.Service,
			"operation", r.Operation)
		return
	}
	if len(s.lines) > t.limit {
		s.waiting++
		for len(s.lines) > t.limit && !s.closed {
			s.change.Wait()
		}
		s.waiting--
		s.change.Broadcast()
	}
	s.lines = t.appendRecord(s.lines, r)
}

func (t *Trail) flushLoop() {
	defer close(t.stopped)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := t.Flush(); err != nil {
				t.o.Log.Error("the trail cannot be written; calls will wait when its memory is full", "error",
					err)
			}
		case <-t.stop:
			return
		}
	}
}

// Flush makes durable what was recorded so far. What could not be written stays for the next time; meanwhile
// no more is taken from the shards, so that callers wait when those are full.
func (t *Trail) Flush() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if len(t.pending) > 0 {
		if err := t.writePending(); err != nil {
			return err
		}
	}
	for i := range t.shards {
		t.shards[i].drain(&t.pending)
	}
	return t.writePending()
}

func (s *shard) drain(into *[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*into = append(*into, s.lines...)
	s.lines = s.lines[:0]
	s.change.Broadcast()
}

// writePending writes what is pending and syncs it. After an error the file is given up: what reached the
// disk is not known, and all that is pending goes to the next one.
func (t *Trail) writePending() error {
	if len(t.pending) == 0 {
		return nil
	}
	if err := t.tryPending(); err != nil {
		return errors.Join(err, t.giveUp())
	}
	t.pending, t.durable = t.pending[:0], true
	t.healGivenUp()
	return nil
}

// giveUp ends a file in which a write failed. One of which nothing was durable is removed, and its number
// used again: on a full disk each attempt would leave a file, and these would take the place of the files
// that are kept.
func (t *Trail) giveUp() error {
	err := t.closeFile()
	if !t.durable {
		removed := t.o.FS.Remove(t.path(t.number))
		if removed == nil || errors.Is(removed, fs.ErrNotExist) {
			t.number--
			return err
		}
		err = errors.Join(err, removed)
	}
	t.givenUp = append(t.givenUp, t.number)
	return err
}

func (t *Trail) tryPending() error {
	if t.file == nil || t.written >= t.fileLimit {
		if err := t.nextFile(); err != nil {
			return err
		}
	}
	for lines, rest := cutLines(t.pending, blockSize); len(lines) > 0; lines, rest = cutLines(rest,
		blockSize) {
		t.scratch = appendBlock(t.scratch[:0], t.encoder, lines)
		n, err := t.file.Write(t.scratch)
		t.written += int64(n)
		if err != nil {
			return fmt.Errorf("writing the trail: %w", err)
		}
	}
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("making the trail durable: %w", err)
	}
	return nil
}

// nextFile begins a file whose name is durable. That old files cannot be removed keeps no call from being
// recorded.
func (t *Trail) nextFile() error {
	if err := t.closeFile(); err != nil {
		t.o.Log.Warn("a file of the trail was closed uncleanly; what is in it was durable before", "error",
			err)
	}
	t.number++
	t.durable = false
	file, err := t.o.FS.Create(t.path(t.number), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("beginning a file of the trail: %w", err)
	}
	t.file, t.written = file, 0
	if err := syncDir(t.o.FS, t.o.Dir); err != nil {
		return fmt.Errorf("beginning a file of the trail: %w", err)
	}
	if err := t.removeOldest(); err != nil {
		t.o.Log.Warn("the oldest files of the trail could not be removed", "error", err)
	}
	return nil
}

// removeOldest keeps the trail within as much as MaxFiles full files hold, the newest among them. Files that
// are not full, because a start or a failed write began the next one, make no other go.
func (t *Trail) removeOldest() error {
	numbers, err := fileNumbers(t.o.FS, t.o.Dir)
	if err != nil {
		return err
	}
	room := int64(t.o.MaxFiles-1) * t.fileLimit
	for n := len(numbers) - 2; n >= 0; n-- {
		info, err := t.o.FS.Stat(t.path(numbers[n]))
		if err != nil {
			return fmt.Errorf("looking at the trail: %w", err)
		}
		room -= min(info.Size(), t.fileLimit)
		if room < 0 {
			return t.removeFiles(numbers[:n+1])
		}
	}
	return nil
}

func (t *Trail) removeFiles(numbers []uint64) error {
	for _, number := range numbers {
		if err := t.o.FS.Remove(t.path(number)); err != nil {
			return err
		}
	}
	return nil
}

func (t *Trail) closeFile() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}

// Close makes everything recorded durable; callers that wait are let in first. When it cannot, its error says
// how much is lost. Closing again gives the same answer.
func (t *Trail) Close() error {
	t.closing.Do(func() {
		close(t.stop)
		<-t.stopped
		t.closeErr = t.finish()
	})
	return t.closeErr
}

func (t *Trail) finish() error {
	for i := range t.shards {
		t.shards[i].close()
	}
	err := t.Flush()
	t.writing.Lock()
	defer t.writing.Unlock()
	if err != nil {
		lost := len(t.pending)
		for i := range t.shards {
			lost += len(t.shards[i].lines)
		}
		err = fmt.Errorf("%d bytes of the trail are lost: %w", lost, err)
	}
	return errors.Join(err, t.closeFile())
}

// close lets nobody in any more, and waits for those who were.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.change.Broadcast()
	for s.waiting > 0 {
		s.change.Wait()
	}
}

func (t *Trail) path(number uint64) string {
	return t.o.FS.PathJoin(t.o.Dir, fileName(number))
}

// Files lists the files of a trail, oldest first.
func Files(fs vfs.FS, dir string) ([]string, error) {
	numbers, err := fileNumbers(fs, dir)
	names := make([]string, len(numbers))
	for n, number := range numbers {
		names[n] = fileName(number)
	}
	return names, err
}

func fileName(number uint64) string { return fmt.Sprintf("%s%010d%s", filePrefix, number, fileSuffix) }

// fileNumbers lists the files of a trail, oldest first.
func fileNumbers(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the trail: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		digits, isTrail := strings.CutPrefix(name, filePrefix)
		digits, isFile := strings.CutSuffix(digits, fileSuffix)
		if n, err := strconv.ParseUint(digits, 10, 64); isTrail && isFile && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
