package trail

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"
)

const (
	shardCount = 8
	shardLimit = 4 << 20   // bytes waiting in one shard before callers wait
	blockSize  = 256 << 10 // bytes of records in one block
	fileSuffix = ".zst"
)

// series is a row of files with room of its own. Its methods but enter, add and close need Trail.writing.
type series struct {
	o         *Options
	name      string // what its files' names begin with
	limit     int    // bytes in one shard
	fileLimit int64
	files     int // how many full files stay
	dropped   func(s *series, gone []uint64, next uint64)
	shards    [shardCount]shard
	turn      atomic.Uint32

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

func openSeries(
	o *Options, c class, dropped func(s *series, gone []uint64, next uint64),
) (_ *series, err error) {
	s := &series{o: o, name: c.String(), limit: shardLimit, dropped: dropped}
	s.files, s.fileLimit = c.room(o.MaxFiles)
	for i := range s.shards {
		s.shards[i].change.L = &s.shards[i].mu
	}
	if s.encoder, err = newEncoder(); err != nil {
		return nil, err
	}
	numbers, err := fileNumbers(o.FS, o.Dir, s.name)
	if err != nil {
		return nil, err
	}
	if len(numbers) > 0 {
		s.number = numbers[len(numbers)-1]
		s.healTorn(s.number)
	}
	return s, nil
}

// enter gives a shard that has room, locked: the caller adds its lines and unlocks it. It waits for room, and
// returns nil after close.
func (s *series) enter() *shard {
	h := &s.shards[s.turn.Add(1)%shardCount]
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	if len(h.lines) > s.limit {
		h.waiting++
		for len(h.lines) > s.limit && !h.closed {
			h.change.Wait()
		}
		h.waiting--
		h.change.Broadcast()
	}
	return h
}

// add adds a line of the trail's own. It never waits, and comes after close too.
func (s *series) add(line []byte) {
	h := &s.shards[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line...)
}

// close lets nobody in any more, and waits for those who were.
func (s *series) close() {
	for i := range s.shards {
		s.shards[i].close()
	}
}

func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.change.Broadcast()
	for s.waiting > 0 {
		s.change.Wait()
	}
}

// left is how many bytes are not durable.
func (s *series) left() int {
	n := len(s.pending)
	for i := range s.shards {
		n += len(s.shards[i].lines)
	}
	return n
}

func (s *series) flush() error {
	if len(s.pending) > 0 {
		if err := s.writePending(); err != nil {
			return err
		}
	}
	for i := range s.shards {
		s.shards[i].drain(&s.pending)
	}
	return s.writePending()
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
func (s *series) writePending() error {
	if len(s.pending) == 0 {
		return nil
	}
	if err := s.tryPending(); err != nil {
		return errors.Join(err, s.giveUp())
	}
	s.pending, s.durable = s.pending[:0], true
	s.healGivenUp()
	return nil
}

// giveUp ends a file in which a write failed. One of which nothing was durable is removed, and its number
// used again: on a full disk each attempt would leave a file, and these would take the place of the files
// that are kept.
func (s *series) giveUp() error {
	err := s.closeFile()
	if !s.durable {
		removed := s.o.FS.Remove(s.path(s.number))
		if removed == nil || errors.Is(removed, fs.ErrNotExist) {
			s.number--
			return err
		}
		err = errors.Join(err, removed)
	}
	s.givenUp = append(s.givenUp, s.number)
	return err
}

func (s *series) tryPending() error {
	if s.file == nil || s.written >= s.fileLimit {
		if err := s.nextFile(); err != nil {
			return err
		}
	}
	for lines, rest := cutLines(s.pending, blockSize); len(lines) > 0; lines, rest = cutLines(rest,
		blockSize) {
		s.scratch = appendBlock(s.scratch[:0], s.encoder, lines)
		n, err := s.file.Write(s.scratch)
		s.written += int64(n)
		if err != nil {
			return fmt.Errorf("writing the trail: %w", err)
		}
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("making the trail durable: %w", err)
	}
	return nil
}

// nextFile begins a file whose name is durable. That old files cannot be removed keeps no call from being
// recorded.
func (s *series) nextFile() error {
	if err := s.closeFile(); err != nil {
		s.o.Log.Warn("a file of the trail was closed uncleanly; what is in it was durable before", "error",
			err)
	}
	s.number++
	s.durable = false
	file, err := s.o.FS.Create(s.path(s.number), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("beginning a file of the trail: %w", err)
	}
	s.file, s.written = file, 0
	if err := syncDir(s.o.FS, s.o.Dir); err != nil {
		return fmt.Errorf("beginning a file of the trail: %w", err)
	}
	if err := s.removeOldest(); err != nil {
		s.o.Log.Warn("the oldest files of the trail could not be removed", "error", err)
	}
	return nil
}

// removeOldest keeps the series within as much as its full files hold, the newest among them. Files that are
// not full, because a start or a failed write began the next one, make no other go.
func (s *series) removeOldest() error {
	numbers, err := fileNumbers(s.o.FS, s.o.Dir, s.name)
	if err != nil {
		return err
	}
	room := int64(s.files-1) * s.fileLimit
	for n := len(numbers) - 2; n >= 0; n-- {
		info, err := s.o.FS.Stat(s.path(numbers[n]))
		if err != nil {
			return fmt.Errorf("looking at the trail: %w", err)
		}
		room -= min(info.Size(), s.fileLimit)
		if room < 0 {
			s.dropped(s, numbers[:n+1], numbers[n+1])
			return s.removeFiles(numbers[:n+1])
		}
	}
	return nil
}

func (s *series) removeFiles(numbers []uint64) error {
	for _, number := range numbers {
		if err := s.o.FS.Remove(s.path(number)); err != nil {
			return err
		}
	}
	return nil
}

func (s *series) closeFile() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func (s *series) path(number uint64) string {
	return s.o.FS.PathJoin(s.o.Dir, fileName(s.name, number))
}

// Files lists the files of a series of a trail, oldest first.
func Files(fs vfs.FS, dir, series string) ([]string, error) {
	numbers, err := fileNumbers(fs, dir, series)
	names := make([]string, len(numbers))
	for n, number := range numbers {
		names[n] = fileName(series, number)
	}
	return names, err
}

func fileName(series string, number uint64) string {
	return fmt.Sprintf("%s-%010d%s", series, number, fileSuffix)
}

// fileNumbers lists the files of a series, oldest first.
func fileNumbers(fs vfs.FS, dir, series string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the trail: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		digits, isSeries := strings.CutPrefix(name, series+"-")
		digits, isFile := strings.CutSuffix(digits, fileSuffix)
		if n, err := strconv.ParseUint(digits, 10, 64); isSeries && isFile && err == nil {
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
