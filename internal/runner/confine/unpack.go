package confine

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Bounds of an archive beside its bytes: AWS's Lambda takes no more files than this either way.
const maxArchiveEntries = 100_000

// ErrArchive is what errors about a ZIP file itself are.
var ErrArchive = errors.New("not a usable ZIP file")

// ErrTooLarge is the error for an archive that unpacks to more than it may.
var ErrTooLarge = errors.New("the unzipped size is larger than allowed")

// Unpack writes what a ZIP file holds into an existing directory, and returns how many bytes that were. It
// writes nothing outside of the directory, whatever the archive says: names that are absolute or climb, and
// links that point out, are refused. At most room bytes are written, whatever sizes the archive claims.
func Unpack(archive io.ReaderAt, size int64, dir string, room int64) (written int64, err error) {
	reader, err := zip.NewReader(archive, size)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if len(reader.File) > maxArchiveEntries {
		return 0, fmt.Errorf("%w: more than %d entries", ErrArchive, maxArchiveEntries)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	for _, entry := range reader.File {
		n, err := unpackEntry(root, entry, room-written)
		if err != nil {
			return written, fmt.Errorf("%q: %w", entry.Name, err)
		}
		written += n
	}
	return written, nil
}

func unpackEntry(root *os.Root, entry *zip.File, room int64) (int64, error) {
	name := path.Clean(strings.TrimSuffix(entry.Name, "/"))
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		return 0, fmt.Errorf("%w: a name that leaves the directory", ErrArchive)
	}
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	mode := entry.Mode()
	switch {
	case name == ".":
		return 0, nil
	case mode.IsDir() || strings.HasSuffix(entry.Name, "/"):
		return 0, root.MkdirAll(name, 0o755)
	case mode&fs.ModeSymlink != 0:
		return unpackLink(root, entry, name)
	case mode.IsRegular():
		return unpackFile(root, entry, name, room)
	}
	return 0, fmt.Errorf("%w: neither a file, a directory nor a link", ErrArchive)
}

// maxLinkBytes is PATH_MAX.
const maxLinkBytes = 4096

// unpackLink makes a link that stays inside, as packers of node_modules make them. What leads out is refused.
func unpackLink(root *os.Root, entry *zip.File, name string) (int64, error) {
	content, err := readEntry(entry, maxLinkBytes)
	if err != nil {
		return 0, err
	}
	target := string(content)
	if path.IsAbs(target) || !fs.ValidPath(path.Join(path.Dir(name), target)) {
		return 0, fmt.Errorf("%w: a link that leaves the directory", ErrArchive)
	}
	return int64(len(content)), root.Symlink(target, name)
}

func readEntry(entry *zip.File, limit int64) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if int64(len(content)) > limit {
		return nil, ErrTooLarge
	}
	return content, nil
}

// unpackFile writes a file that everybody may read, and run where the archive says so. A later entry of the
// same name takes the place of an earlier one.
func unpackFile(root *os.Root, entry *zip.File, name string, room int64) (written int64, err error) {
	r, err := entry.Open()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	defer r.Close()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	mode := fs.FileMode(0o444) | entry.Mode().Perm()&0o111
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o200)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	written, err = io.Copy(file, io.LimitReader(r, room+1))
	switch {
	case written > room:
		return 0, ErrTooLarge
	case errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat):
		return 0, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return written, err
}
