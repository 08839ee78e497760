package embedded

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// FileKind is what a file in a data directory is for, and with that, what can authenticate it.
type FileKind string

// The kinds of files. docs/format/data-directory.md says more.
const (
	KindFormat  FileKind = "format"  // the format's version, in the clear
	KindLock    FileKind = "lock"    // empty
	KindJournal FileKind = "journal" // segment: journal.Verify
	KindTable   FileKind = "table"   // sealed file of one table: sealedfs.FS.Verify
	KindParked  FileKind = "parked"  // sections set aside for one table: journal.Verify
	KindKeys    FileKind = "keys"    // the key source's, about one table
	KindDropped FileKind = "dropped" // what is left of a table that was being deleted
	// KindHighWater is the journal's mark: journal.ReadHighWater
	KindHighWater FileKind = "high-water"
	KindUnknown   FileKind = "unknown" // not written by the store
)

// File is one file of a data directory.
type File struct {
	Path  string // relative to the data directory
	Kind  FileKind
	Table storage.TableID // of KindTable, KindParked and KindKeys
	Bytes int64
}

// Files lists every file of a data directory, in order of path. It needs no key, takes no lock and changes
// nothing.
func Files(fs vfs.FS, dir string) ([]File, error) {
	w := layoutWalk{fs: fs, root: dir}
	if err := w.dir(""); err != nil {
		return nil, fmt.Errorf("list the data directory: %w", err)
	}
	slices.SortFunc(w.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return w.files, nil
}

type layoutWalk struct {
	fs    vfs.FS
	root  string
	files []File
}

func (w *layoutWalk) dir(rel string) error {
	names, err := w.fs.List(w.fs.PathJoin(w.root, rel))
	if err != nil {
		return err
	}
	for _, name := range names {
		path := w.fs.PathJoin(rel, name)
		info, err := w.fs.Stat(w.fs.PathJoin(w.root, path))
		switch {
		case errors.Is(err, os.ErrNotExist): // removed by a store that is open
		case err != nil:
			return err
		case info.IsDir():
			err = w.dir(path)
		default:
			w.files = append(w.files, describeFile(path, info.Size()))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func describeFile(path string, size int64) File {
	f := File{Path: path, Kind: KindUnknown, Bytes: size}
	parts := strings.Split(path, string(os.PathSeparator))
	switch {
	case path == formatFile:
		f.Kind = KindFormat
	case path == lockFile:
		f.Kind = KindLock
	case path == highWaterFile:
		f.Kind = KindHighWater
	case parts[0] == journalDir && len(parts) == 2:
		f.Kind = KindJournal
	case parts[0] == tablesDir && len(parts) > 2:
		f.Kind, f.Table = describeTableFile(parts[1:])
	}
	return f
}

func describeTableFile(parts []string) (FileKind, storage.TableID) {
	if strings.HasSuffix(parts[0], droppedSuffix) {
		return KindDropped, storage.TableID{}
	}
	id, err := storage.ParseTableID(parts[0])
	if err != nil {
		return KindUnknown, id
	}
	switch {
	case len(parts) == 2 && parts[1] == freshFile, len(parts) == 3 && parts[1] == pebbleDir:
		return KindTable, id
	case len(parts) == 2 && parts[1] == parkedFile:
		return KindParked, id
	case len(parts) == 2 && parts[1] == keysFile:
		return KindKeys, id
	}
	return KindUnknown, id
}
