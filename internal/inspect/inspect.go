// Package inspect proves offline what is on disk: which keys every file of a data directory is under, up to
// the root key, and that every byte that is ever read is authentic.
//
// Callers may rely on this:
//   - Nothing is changed, made or locked: the directory is only ever read, be it a copy, that of a stopped
//     server or that of one that runs.
//   - The verdict is Authentic only if every file is one that belongs there, every file that belongs there is
//     there as far as any other file can tell, and each was authenticated under the keys of its owner.
//     Otherwise the report names each file and what is wrong with it.
//   - Nothing that a table holds is shown or kept, whatever the state of its key: what is opened to be
//     authenticated is dropped (P2). The report has names of tables and keys, sizes, and states.
//   - Without the root key the report lists what can be told without keys, and nothing more can.
//
// What no file can tell is in docs/inspect.md: that the whole directory was put back to an earlier state, for
// instance.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// Options say what to inspect and where the root key is.
type Options struct {
	Dir        string // the data directory
	ConfigDir  string // of the keyring
	Seal       seal.Kind
	Passphrase func() ([]byte, error)
	External   func(seal.Kind) (seal.Wrapper, error)
	// Progress, if set, hears how many bytes of how many were looked at.
	Progress func(done, total int64)
	// Warn, if set, hears of what is wrong but does not matter to the outcome, such as memory that cannot be
	// locked.
	Warn func(error)
}

// inspection is one look at a directory.
type inspection struct {
	o      Options
	ctx    context.Context
	disk   *overlay
	log    *slog.Logger
	files  []embedded.File
	report *Report

	arena    *lockedmem.Arena
	root     *seal.Root
	ring     *tablekeys.Ring
	frameKey [storage.KeySize]byte

	catalog  catalogView
	material map[string]*material
	tables   map[storage.TableID]*Table
	segments map[uint64]journal.Report
	parked   map[storage.TableID]journal.LSN // the last record in the parked file
	mark     *journal.HighWater
}

// attempts is how often a directory that changes while it is looked at is looked at anew.
const attempts = 3

// Run inspects a directory. The error is about not being able to look at all; everything that was found is in
// the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	arena := lockedmem.NewArena(o.Warn)
	root, rootErr := seal.Open(o.ConfigDir,
		seal.Options{Seal: o.Seal, Passphrase: o.Passphrase, External: o.External, Memory: arena,
			Warn: o.Warn})
	report, err := runSteadily(ctx, o, arena, root, rootErr)
	if root != nil {
		err = errors.Join(err, root.Close())
	}
	return report, errors.Join(err, arena.Close())
}

// runSteadily looks again when something seemed wrong while a server was changing the directory.
func runSteadily(
	ctx context.Context, o Options, arena *lockedmem.Arena, root *seal.Root, rootErr error,
) (*Report, error) {
	for attempt := 1; ; attempt++ {
		i := &inspection{
			o: o, ctx: ctx, disk: newOverlay(vfs.Default), log: slog.New(slog.DiscardHandler), arena: arena,
			root: root,
			report: &Report{Directory: o.Dir, KMSKeys: []KMSKey{}, Tables: []Table{}, Files: []File{},
				Problems: []Problem{}},
			material: map[string]*material{}, tables: map[storage.TableID]*Table{},
			segments: map[uint64]journal.Report{},
			parked:   map[storage.TableID]journal.LSN{},
		}
		before := i.fingerprint("")
		if err := i.run(rootErr); err != nil {
			return nil, err
		}
		if i.report.Verdict != Wrong || attempt == attempts || i.fingerprint("") == before {
			return i.report, nil
		}
	}
}

func (i *inspection) run(rootErr error) error {
	if err := i.list(); err != nil {
		return err
	}
	if rootErr == nil {
		rootErr = i.checkInstallation()
	}
	if rootErr == nil {
		rootErr = i.checkVersion()
	}
	if rootErr != nil {
		i.listSealed(rootErr)
		i.finish()
		return i.ctx.Err()
	}
	defer clear(i.frameKey[:])
	if err := i.openRing(); err != nil {
		return err
	}
	i.describeRoot()
	i.readCatalog()
	i.readMaterial()
	i.unlockTables()
	i.verifyFiles()
	i.checkComplete()
	i.finish()
	return errors.Join(i.ctx.Err(), i.ring.Close())
}

// list finds the files, and refuses a directory that nobody would take for a data directory.
func (i *inspection) list() (err error) {
	if i.files, err = embedded.Files(i.disk, i.o.Dir); err != nil {
		return err
	}
	isData := func(f embedded.File) bool {
		return f.Path == installationFile || f.Kind == embedded.KindFormat ||
			f.Kind == embedded.KindJournal || f.Kind == embedded.KindTable
	}
	if !slices.ContainsFunc(i.files, isData) {
		return fmt.Errorf("%s is not a data directory: it has neither an %s file nor a journal nor tables",
			i.o.Dir, installationFile)
	}
	return nil
}

// openRing opens what keeps the keys of tables, and takes the journal's key.
func (i *inspection) openRing() (err error) {
	if i.ring, err = tablekeys.New(i.disk, i.o.Dir, i.root, i.arena, i.log); err != nil {
		return err
	}
	key, err := i.root.InstallationKey(seal.Journal)
	if err != nil {
		return errors.Join(err, i.ring.Close())
	}
	defer key.Destroy()
	return key.CopyTo(i.frameKey[:])
}

func (i *inspection) describeRoot() {
	status := i.root.Status()
	root := &RootKey{Keyring: status.Path, Seal: status.Seal.String()}
	for _, v := range status.Versions {
		root.Versions = append(root.Versions, RootVersion{Version: v.Version, ID: v.ID, Created: v.Created})
	}
	i.report.RootKey = root
}

// problem notes something wrong once for each path and text.
func (i *inspection) problem(path, format string, args ...any) {
	p := Problem{Path: filepath.ToSlash(path), What: fmt.Sprintf(format, args...)}
	if !slices.Contains(i.report.Problems, p) {
		i.report.Problems = append(i.report.Problems, p)
	}
}

// isWrong says whether a problem with exactly this path was noted.
func (i *inspection) isWrong(path string) bool {
	return slices.ContainsFunc(i.report.Problems, func(p Problem) bool {
		return p.Path == filepath.ToSlash(path)
	})
}

// path is where a path of the directory lies on the disk.
func (i *inspection) path(elem ...string) string {
	return filepath.Join(append([]string{i.o.Dir}, elem...)...)
}

// exists says whether there is such a file or directory.
func (i *inspection) exists(elem ...string) bool {
	_, err := i.disk.Stat(i.path(elem...))
	return err == nil
}

// finish sorts, counts and judges.
func (i *inspection) finish() {
	r := i.report
	for _, t := range i.tables {
		r.Tables = append(r.Tables, *t)
	}
	slices.SortFunc(r.Tables, func(a, b Table) int {
		return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID)
	})
	slices.SortFunc(r.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	r.Summary = Summary{Files: len(r.Files), Problems: len(r.Problems)}
	for _, f := range r.Files {
		r.Summary.Bytes += f.Bytes
		if f.Status == IsSealed {
			r.Summary.Sealed++
		}
	}
	for _, t := range r.Tables {
		if !t.System {
			r.Summary.Tables++
		}
	}
	switch {
	case r.Reason != "":
		r.Verdict = Sealed
	case len(r.Problems) > 0:
		r.Verdict = Wrong
	default:
		r.Verdict = Authentic
	}
}

// gone says of an error that the file was removed since it was listed, as a server at work does.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) }
