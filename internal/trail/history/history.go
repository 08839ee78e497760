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
	err := f.catchUp(ctx)
	if err != nil || !f.stay {
		f.close()
	}
	return err
}

// follower goes through the files of a trail, and keeps the newest open.
type follower struct {
	history *History
	visit   func(line []byte) error
	stay    bool // with the newest file

	name    string // of the file that was opened last
	tail    *sealedfs.Tail
	scanner *trail.Scanner
}

// catchUp visits all lines that are there and were not visited yet. The list of files is made first: what is
// in an older file then was there before the newer one was begun.
func (f *follower) catchUp(ctx context.Context) error {
	names, err := trail.Files(f.history.fs, f.history.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.drain(ctx); err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(names, f.name, func(a, b string) int { return compareNames(a, b) })
	for _, name := range names[at:] {
		if name == f.name {
			continue
		}
		if err := f.next(name); err != nil {
			return err
		}
		if err := f.drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// compareNames orders files by their numbers, which have leading zeros as long as there is room for them.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func (f *follower) next(name string) error {
	f.close()
	f.name = name
	tail, err := f.history.fs.OpenTail(f.path())
	if errors.Is(err, fs.ErrNotExist) { // removed in time
		return nil
	}
	if err != nil {
		return f.damage(err)
	}
	scanner, err := trail.NewScanner(tail)
	if err != nil {
		return errors.Join(err, tail.Close())
	}
	f.tail, f.scanner = tail, scanner
	return nil
}

func (f *follower) path() string { return filepath.Join(f.history.dir, f.name) }

// drain visits what is left of the open file. Damage ends that file alone.
func (f *follower) drain(ctx context.Context) error {
	for f.tail != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		lines, err := f.scanner.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			f.close()
			return f.damage(err)
		}
		for line := range lineSeq(lines) {
			if err := f.visit(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// damage tells of a file that is wrong; any other error ends the reading.
func (f *follower) damage(err error) error {
	if !errors.Is(err, sealedfs.ErrNotAuthentic) && !errors.Is(err, trail.ErrNoBlock) {
		return fmt.Errorf("reading %s: %w", f.path(), err)
	}
	f.history.damaged(f.path(), err)
	return nil
}

func (f *follower) close() {
	if f.tail != nil {
		f.scanner.Close()
		_ = f.tail.Close() // nothing was written
		f.tail = nil
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
