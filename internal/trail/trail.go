// Package trail keeps a record of every call: who, what, under which key and encryption context, with which outcome (P9).
//
// Callers may rely on this: a record never holds item data or key bytes; after Close every record handed in is durable; and while
// the trail cannot be written, calls wait for it rather than go unrecorded. Records are lines of JSON in CloudTrail's shape, in files
// of a file system that seals what it stores.
package trail

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	flushEvery   = 200 * time.Millisecond
	shardCount   = 8
	shardLimit   = 4 << 20  // bytes waiting in one shard before callers wait
	fileLimit    = 64 << 20 // bytes in one file before the next is begun
	filePrefix   = "trail-"
	fileSuffix   = ".jsonl"
	defaultFiles = 16
)

// Options are what a Trail works with.
type Options struct {
	FS       vfs.FS // seals what is written; see sealedfs
	Dir      string
	Clock    *clock.Clock
	Log      *slog.Logger
	MaxFiles int // oldest files beyond it are removed; 0 means 16 of 64 MiB
}

// Trail records calls. It is safe for concurrent use.
type Trail struct {
	o      Options
	events eventIDs
	shards [shardCount]shard
	turn   atomic.Uint32

	stop, stopped chan struct{}

	writing sync.Mutex // guards what follows
	file    vfs.File
	written int64
	number  uint64
	spare   []byte
}

type shard struct {
	mu    sync.Mutex
	room  sync.Cond
	lines []byte
}

// Open goes on with the trail in a directory, in a new file.
func Open(o Options) (*Trail, error) {
	if o.MaxFiles == 0 {
		o.MaxFiles = defaultFiles
	}
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the trail's directory: %w", err)
	}
	numbers, err := fileNumbers(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	t := &Trail{o: o, stop: make(chan struct{}), stopped: make(chan struct{})}
	if len(numbers) > 0 {
		t.number = numbers[len(numbers)-1]
	}
	for i := range t.shards {
		t.shards[i].room.L = &t.shards[i].mu
	}
	if err := t.events.seed(); err != nil {
		return nil, err
	}
	go t.flushLoop()
	return t, nil
}

// Record takes a record in. It returns before the record is durable.
func (t *Trail) Record(r service.Record) {
	s := &t.shards[t.turn.Add(1)%shardCount]
	s.mu.Lock()
	for len(s.lines) > shardLimit {
		s.room.Wait()
	}
	s.lines = t.appendRecord(s.lines, r)
	s.mu.Unlock()
}

func (t *Trail) flushLoop() {
	defer close(t.stopped)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := t.Flush(false); err != nil {
				t.o.Log.Error("the trail cannot be written; calls will wait when its memory is full", "error", err)
			}
		case <-t.stop:
			return
		}
	}
}

// Flush writes what was recorded so far, and with sync makes it durable. What could not be written stays for the next time.
func (t *Trail) Flush(sync bool) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	for i := range t.shards {
		if err := t.flushShard(&t.shards[i]); err != nil {
			return err
		}
	}
	if sync && t.file != nil {
		return t.file.Sync()
	}
	return nil
}

func (t *Trail) flushShard(s *shard) error {
	s.mu.Lock()
	lines := s.lines
	s.lines = t.spare[:0]
	s.room.Broadcast()
	s.mu.Unlock()
	if err := t.write(lines); err != nil {
		s.mu.Lock()
		s.lines = append(lines, s.lines...)
		s.mu.Unlock()
		t.spare = nil
		return err
	}
	t.spare = lines[:0]
	return nil
}

func (t *Trail) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if t.file == nil || t.written >= fileLimit {
		if err := t.nextFile(); err != nil {
			return err
		}
	}
	n, err := t.file.Write(slices.Clone(lines)) // the file may change the buffer that it is given
	t.written += int64(n)
	if err != nil {
		return errors.Join(err, t.closeFile())
	}
	return nil
}

func (t *Trail) nextFile() error {
	if err := t.closeFile(); err != nil {
		return err
	}
	t.number++
	file, err := t.o.FS.Create(t.path(t.number), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("beginning a file of the trail: %w", err)
	}
	t.file, t.written = file, 0
	return t.removeOldest()
}

func (t *Trail) removeOldest() error {
	numbers, err := fileNumbers(t.o.FS, t.o.Dir)
	if err != nil {
		return err
	}
	for len(numbers) > t.o.MaxFiles {
		if err := t.o.FS.Remove(t.path(numbers[0])); err != nil {
			return err
		}
		numbers = numbers[1:]
	}
	return nil
}

func (t *Trail) closeFile() error {
	if t.file == nil {
		return nil
	}
	err := errors.Join(t.file.Sync(), t.file.Close())
	t.file = nil
	return err
}

// Close makes everything recorded durable.
func (t *Trail) Close() error {
	close(t.stop)
	<-t.stopped
	err := t.Flush(true)
	t.writing.Lock()
	defer t.writing.Unlock()
	return errors.Join(err, t.closeFile())
}

func (t *Trail) path(number uint64) string {
	return t.o.FS.PathJoin(t.o.Dir, fmt.Sprintf("%s%010d%s", filePrefix, number, fileSuffix))
}

// fileNumbers lists the files of a trail, oldest first.
func fileNumbers(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		digits, ok := strings.CutPrefix(strings.TrimSuffix(name, fileSuffix), filePrefix)
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
