package inspect

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

func writeText(t testing.TB, fs vfs.FS, path, text string) {
	t.Helper()
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// state is every file of a directory with its text, as one string.
func state(t testing.TB, fs vfs.FS, dir string) string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		text, err := readSmall(fs, fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(name + "=" + text + "\n")
	}
	return b.String()
}

// TestOverlayIsAFileSystem does the same to an overlay and to a plain copy of the disk: both must show the same, and the disk what
// it showed before.
func TestOverlayIsAFileSystem(t *testing.T) {
	names := rapid.SampledFrom([]string{"/d/a", "/d/b", "/d/c", "/d/e"})
	rapid.Check(t, func(rt *rapid.T) {
		disk, plain := vfs.NewMem(), vfs.NewMem()
		for _, fs := range []*vfs.MemFS{disk, plain} {
			if err := fs.MkdirAll("/d", 0o700); err != nil {
				t.Fatal(err)
			}
			writeText(t, fs, "/d/a", "first")
			writeText(t, fs, "/d/b", "second")
		}
		before, over := state(t, disk, "/d"), newOverlay(disk)
		for range rapid.IntRange(1, 12).Draw(rt, "operations") {
			what := rapid.IntRange(0, 4).Draw(rt, "what")
			a := names.Draw(rt, "a")
			b := names.Draw(rt, "b")
			if one, two := operate(over, what, a, b), operate(plain, what, a, b); (one == nil) != (two == nil) {
				rt.Fatalf("operation %d on %s and %s: %v, not %v", what, a, b, one, two)
			}
			if got, want := state(t, over, "/d"), state(t, plain, "/d"); got != want {
				rt.Fatalf("after operation %d on %s and %s:\n%snot\n%s", what, a, b, got, want)
			}
		}
		if after := state(t, disk, "/d"); after != before {
			rt.Fatalf("the disk was changed:\n%s", after)
		}
	})
}

func operate(fs vfs.FS, what int, a, b string) error {
	switch what {
	case 0:
		file, err := fs.Create(a, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		_, err = io.WriteString(file, "made "+b)
		return errors.Join(err, file.Close())
	case 1:
		if a == b {
			return nil
		}
		return fs.Rename(a, b)
	case 2:
		return fs.Remove(a)
	case 3:
		file, err := fs.OpenReadWrite(a, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		_, err = file.WriteAt([]byte("XY"), 1)
		return errors.Join(err, file.Close())
	}
	_, err := fs.Stat(a)
	return err
}

func TestOverlayHides(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/d/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	writeText(t, disk, "/d/sub/file", "text")
	over := newOverlay(disk)
	over.hide("/d/sub")
	if _, err := over.Open("/d/sub/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file in a hidden directory: %v", err)
	}
	if names, err := over.List("/d"); err != nil || len(names) != 0 {
		t.Errorf("%v %v", names, err)
	}
	if err := over.MkdirAll("/d/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	if names, err := over.List("/d/sub"); err != nil || len(names) != 0 {
		t.Errorf("a directory made anew shows what the hidden one held: %v %v", names, err)
	}
	if over.Unwrap() != nil {
		t.Error("the disk can be reached around the overlay")
	}
}
