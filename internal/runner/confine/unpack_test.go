package confine

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is a member of an archive that a test makes.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func archive(t testing.TB, entries ...entry) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		header.SetMode(e.mode)
		f, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// unpack unpacks into a directory below a fresh one, and returns both.
func unpack(t testing.TB, room int64, entries ...entry) (dir, around string, err error) {
	t.Helper()
	around = t.TempDir()
	dir = filepath.Join(around, "task")
	r := archive(t, entries...)
	_, err = Unpack(r, r.Size(), dir, room)
	return dir, around, err
}

func TestUnpack(t *testing.T) {
	dir, _, err := unpack(t, 1<<20,
		entry{"pkg/", "", fs.ModeDir | 0o755},
		entry{"pkg/a.py", "print(1)", 0o600},
		entry{"bootstrap", "#!/bin/sh", 0o755},
		entry{"lib/deep/er/x", "x", 0o644},
		entry{"latest", "pkg/a.py", fs.ModeSymlink | 0o777},
		entry{"pkg/a.py", "print(2)", 0o644},
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pkg/a.py": "print(2)", "latest": "print(2)", "bootstrap": "#!/bin/sh", "lib/deep/er/x": "x",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]fs.FileMode{"bootstrap": 0o755, "pkg/a.py": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestHostileArchives(t *testing.T) {
	for what, tt := range map[string]struct {
		entries []entry
		want    error
	}{
		"climbs":             {[]entry{{"../escaped", "x", 0o644}}, ErrArchive},
		"climbs from within": {[]entry{{"a/../../escaped", "x", 0o644}}, ErrArchive},
		"absolute":           {[]entry{{"/escaped", "x", 0o644}}, ErrArchive},
		"backslashes":        {[]entry{{`..\escaped`, "x", 0o644}}, ErrArchive},
		"NUL":                {[]entry{{"a\x00b", "x", 0o644}}, ErrArchive},
		"link out":           {[]entry{{"l", "../escaped", fs.ModeSymlink | 0o777}}, ErrArchive},
		"absolute link":      {[]entry{{"l", "/etc/passwd", fs.ModeSymlink | 0o777}}, ErrArchive},
		"through a link":     {[]entry{{"l", ".", fs.ModeSymlink | 0o777}, {"l/../../escaped", "x", 0o644}}, ErrArchive},
		"endless link":       {[]entry{{"l", strings.Repeat("a", 10_000), fs.ModeSymlink | 0o777}}, ErrTooLarge},
		"device":             {[]entry{{"d", "", fs.ModeDevice | 0o666}}, ErrArchive},
		"bomb":               {[]entry{{"b", strings.Repeat("\x00", 2<<20), 0o644}}, ErrTooLarge},
		"bomb in many pieces": {[]entry{{"b", strings.Repeat("\x00", 600<<10), 0o644}, {"c", strings.Repeat("\x00", 600<<10), 0o644}},
			ErrTooLarge},
	} {
		dir, around, err := unpack(t, 1<<20, tt.entries...)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", what, err)
		}
		if found, _ := filepath.Glob(around + "/*"); len(found) != 1 || found[0] != dir {
			t.Errorf("%s: there is %v now", what, found)
		}
	}
}

// TestSetuidIsDropped: a program in an archive must not run as another user.
func TestSetuidIsDropped(t *testing.T) {
	dir, _, err := unpack(t, 1<<20, entry{"su", "x", fs.ModeSetuid | 0o755})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "su")); err != nil || info.Mode()&fs.ModeSetuid != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, r := range []*bytes.Reader{
		archive(f, entry{"a/b", "c", 0o644}), archive(f, entry{"l", "a", fs.ModeSymlink | 0o777}), bytes.NewReader(nil),
	} {
		content := make([]byte, r.Size())
		_, _ = r.Read(content)
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		around := t.TempDir()
		dir := filepath.Join(around, "task")
		written, err := Unpack(bytes.NewReader(content), int64(len(content)), dir, 1<<16)
		if written > 1<<16 {
			t.Errorf("wrote %d bytes, %v", written, err)
		}
		if found, _ := filepath.Glob(around + "/*"); len(found) > 1 {
			t.Errorf("left the directory: %v", found)
		}
	})
}
