// Package history reads the trail of a data directory, whether or not a server is running on it.
//
// Callers may rely on this: nothing is changed or locked; every line that is given out is authentic, and was
// recorded by the installation whose root key was given; a file that is damaged is named, and the others are
// read all the same.
package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
	"github.com/sealtable/sealtable/internal/tablekeys"
	"github.com/sealtable/sealtable/internal/trail"
)

// Where the server keeps its trail.
const (
	trailOwner = 2 // the owner that the files are sealed for
	trailDir   = "trail"
)

// pollEvery is how often a trail that is followed is looked at. Servers write five times a second.
const pollEvery = 200 * time.Millisecond

// History is the trail of one data directory.
type History struct {
	ring    *tablekeys.Ring
	fs      *sealedfs.FS
	dir     string
	damaged func(path string, err error)
}

// Open gives the trail in a data directory, to be read with the root key. What is wrong with a file is told
// to damaged.
func Open(
	dataDir string, root *seal.Root, arena *lockedmem.Arena, damaged func(path string, err error),
) (*History, error) {
	ring, err := tablekeys.New(vfs.Default, dataDir, root, arena, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	owner := storage.System(trailOwner)
	return &History{
		ring: ring, fs: sealedfs.New(vfs.Default, owner, ownerKeys{ring, owner}),
		dir: filepath.Join(dataDir, trailDir), damaged: damaged,
	}, nil
}

// Close forgets the keys.
func (h *History) Close() error { return h.ring.Close() }

// Read visits the lines that there are, oldest first. Lines that were recorded within the same fraction of a
// second come in any order. A line is valid until visit returns.
func (h *History) Read(ctx context.Context, visit func(line []byte) error) error {
	return h.run(ctx, &follower{history: h, visit: visit})
}

// Follow visits the lines that there are, calls caughtUp, and goes on with those that are recorded from then
// on, until ctx ends.
func (h *History) Follow(ctx context.Context, visit func(line []byte) error, caughtUp func() error) error {
	f := &follower{history: h, visit: visit, stay: true}
	if err := h.run(ctx, f); err != nil {
		return err
	}
	defer f.close()
	if err := caughtUp(); err != nil {
		return err
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := f.catchUp(ctx); err != nil {
				return err
			}
		}
	}
}

func (h *History) run(ctx context.Context, f *follower) error {
	for _, series := range trail.Series() {
		f.readers = append(f.readers, &reader{history: h, series: series})
	}
	err := f.catchUp(ctx)
	if err != nil || !f.stay {
		f.close()
	}
	return err
}

// follower goes through the series of a trail at the same time.
type follower struct {
	history *History
	visit   func(line []byte) error
	stay    bool // with the newest files
	readers []*reader
}

// catchUp visits all lines that are there and were not visited yet, one block after the other: of the next
// ones of all series the one that begins first.
func (f *follower) catchUp(ctx context.Context) error {
	for _, r := range f.readers {
		if err := r.list(); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var first *reader
		for _, r := range f.readers {
			there, err := r.peek()
			if err != nil {
				return err
			}
			if there && (first == nil || r.begins.Before(first.begins)) {
				first = r
			}
		}
		if first == nil {
			return nil
		}
		for line := range lineSeq(first.take()) {
			if err := f.visit(line); err != nil {
				return err
			}
		}
	}
}

func (f *follower) close() {
	for _, r := range f.readers {
		r.close()
	}
}

// reader goes through the files of one series, and keeps the newest open.
type reader struct {
	history *History
	series  string
	names   []string // of the files, as they were listed last

	name    string // of the file that was opened last
	tail    *sealedfs.Tail
	scanner *trail.Scanner
	block   []byte // read and not yet taken
	begins  time.Time
}

// list lists the files. It comes before the reading: what is in an older file then was there before the newer
// one was begun.
func (r *reader) list() (err error) {
	r.names, err = trail.Files(r.history.fs, r.history.dir, r.series)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// peek reports whether there is a block to take.
func (r *reader) peek() (bool, error) {
	for r.block == nil {
		if r.tail == nil {
			if opened, err := r.next(); !opened || err != nil {
				return false, err
			}
			continue
		}
		lines, err := r.scanner.Next()
		switch {
		case errors.Is(err, io.EOF) && r.following() == "":
			return false, nil
		case errors.Is(err, io.EOF):
			r.close()
		case err != nil: // damage ends that file alone
			r.close()
			if err := r.damage(err); err != nil {
				return false, err
			}
		default:
			r.block, r.begins = lines, trail.TimeOf(lines)
		}
	}
	return true, nil
}

// take gives the block that peek found, valid until the next peek.
func (r *reader) take() []byte {
	block := r.block
	r.block = nil
	return block
}

// following is the name of the file after the one that was opened last, empty where there is none.
func (r *reader) following() string {
	at, found := slices.BinarySearchFunc(r.names, r.name, compareNames)
	if found {
		at++
	}
	if at == len(r.names) {
		return ""
	}
	return r.names[at]
}

// compareNames orders files by their numbers, which have leading zeros as long as there is room for them.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// next opens the next file. It reports false when there is none.
func (r *reader) next() (bool, error) {
	for name := r.following(); name != ""; name = r.following() {
		r.name = name
		tail, err := r.history.fs.OpenTail(r.path())
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed in time
		case err != nil:
			if err := r.damage(err); err != nil {
				return false, err
			}
		default:
			scanner, err := trail.NewScanner(tail)
			if err != nil {
				return false, errors.Join(err, tail.Close())
			}
			r.tail, r.scanner = tail, scanner
			return true, nil
		}
	}
	return false, nil
}

func (r *reader) path() string { return filepath.Join(r.history.dir, r.name) }

// damage tells of a file that is wrong; any other error ends the reading.
func (r *reader) damage(err error) error {
	if !errors.Is(err, sealedfs.ErrNotAuthentic) && !errors.Is(err, trail.ErrNoBlock) {
		return fmt.Errorf("reading %s: %w", r.path(), err)
	}
	r.history.damaged(r.path(), err)
	return nil
}

func (r *reader) close() {
	if r.tail != nil {
		r.scanner.Close()
		_ = r.tail.Close() // nothing was written
		r.tail = nil
	}
}

// ownerKeys are the data keys of one owner.
type ownerKeys struct {
	keys  storage.Keys
	owner storage.TableID
}

// Current implements sealedfs.Keys.
func (k ownerKeys) Current() (storage.Epoch, error) { return k.keys.Current(k.owner) }

// Key implements sealedfs.Keys.
func (k ownerKeys) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	if err := k.keys.Key(k.owner, epoch, key); err != nil {
		return fmt.Errorf("%w: %w", sealedfs.ErrUnknownEpoch, err)
	}
	return nil
}
