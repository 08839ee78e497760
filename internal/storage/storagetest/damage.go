package storagetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// testDamage changes each file of one table in several ways. The table may refuse, with an error that names a
// file, or answer right; it never answers wrong, and the other table does not notice.
func testDamage(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	hurt, other := b.table(1), b.table(2)
	b.fill(hurt, 0, 200)
	b.restart()
	b.fill(hurt, 200, 300)
	b.fill(other, 0, 50)
	b.close()
	files, err := c.TableFiles(b.fs, hurt)
	if err != nil || len(files) == 0 {
		t.Fatalf("table files: %v %v", files, err)
	}
	whole := b.fs.CrashClone(crashOf(100, rng))
	refused := 0
	for _, file := range files {
		for _, way := range []string{"flip", "cut", "empty", "remove", "swap"} {
			b.fs = whole.CrashClone(crashOf(100, rng))
			if !damage(t, b.fs, file, way, files, rng) {
				continue
			}
			b.open()
			b.fillCheck(other, 50)
			if b.refusesOrRight(hurt, 300) {
				refused++
			}
			b.fill(other, 0, 50)
			if err := b.store.DropTable(t.Context(), hurt); err != nil {
				t.Fatalf("drop damaged table: %v", err)
			}
			b.close()
		}
	}
	if refused < len(files)/2 {
		t.Fatalf("only %d kinds of damage in %d files were found", refused, len(files))
	}
	b.fs = whole
	b.open()
	b.fillCheck(hurt, 300)
}

// damage changes a file; false says that this way does not change this file.
func damage(t *testing.T, fs vfs.FS, file, way string, files []string, rng *rand.Rand) bool {
	t.Helper()
	data := readFile(t, fs, file)
	switch {
	case way == "remove":
		if err := fs.Remove(file); err != nil {
			t.Fatal(err)
		}
		return true
	case len(data) == 0:
		return false
	case way == "flip":
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	case way == "cut":
		data = data[:rng.IntN(len(data))]
	case way == "empty":
		data = nil
	case way == "swap":
		with := readFile(t, fs, files[rng.IntN(len(files))])
		if bytes.Equal(with, data) {
			return false
		}
		data = with
	}
	writeFile(t, fs, file, data)
	return true
}

// refusesOrRight reads the whole table.
func (b *bench) refusesOrRight(id storage.TableID, rows int) (refused bool) {
	b.t.Helper()
	for i := range rows {
		value, found, err := b.store.Get(b.t.Context(), row(id, fmt.Sprint(i%5), fmt.Sprint(i)), nil)
		var corrupt *storage.CorruptError
		switch {
		case errors.As(err, &corrupt):
			if corrupt.Table != id || corrupt.File == "" {
				b.t.Fatalf("a corrupt error that does not say where: %v", err)
			}
			if err := put(b.t.Context(), b.store, row(id, "p", ""), "v"); !errors.As(err, &corrupt) {
				b.t.Fatalf("a damaged table still takes writes: %v", err)
			}
			return true
		case err != nil:
			b.t.Fatalf("get from a damaged table: %v", err)
		case !found || string(value) != fmt.Sprint("value ", i):
			b.t.Fatalf("row %d of a damaged table: %q %v", i, value, found)
		}
	}
	return false
}

// testDropAndCrash drops a table and cuts the power: the table is there whole, or gone for good once the
// deletion was acknowledged.
func testDropAndCrash(t *testing.T, c Config) {
	rng := random(t)
	for _, percent := range []int{0, 50, 100} {
		b := newBench(t, c)
		gone, kept := b.table(1), b.table(2)
		b.fill(gone, 0, 50)
		b.fill(kept, 0, 50)
		if err := b.store.DropTable(t.Context(), gone); err != nil {
			t.Fatalf("drop: %v", err)
		}
		b.keys.Switch(gone, false)
		b.crash(percent, rng)
		b.expectTables(kept)
		b.expectError(row(gone, "0", "0"), storage.ErrNoTable)
		b.fillCheck(kept, 50)
		if err := b.store.DropTable(t.Context(), gone); err != nil {
			t.Fatalf("drop again: %v", err)
		}
		if files, err := c.TableFiles(b.fs, gone); err != nil || len(files) > 0 {
			t.Fatalf("left behind: %v %v", files, err)
		}
		b.close()
	}
}

// testCanary stores marks that cannot occur by chance and looks for them in every byte on the disk.
func testCanary(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	id := b.table(1)
	var marks [][]byte
	mark := func() string {
		m := make([]byte, 32)
		for i := range m {
			m[i] = byte(rng.Uint32())
		}
		marks = append(marks, m)
		return string(m)
	}
	for range 20 {
		b.put(row(id, mark(), mark()), mark())
	}
	b.searchDisk(marks)
	b.keys.Switch(id, false)
	b.crash(100, rng) // what was set aside for the lost key counts too
	b.expectSealed(id)
	b.searchDisk(marks)
	b.keys.Switch(id, true)
	if rows := collect(t, b.store.Scan(t.Context(), storage.CollectionScan{Table: id})); len(rows) != 20 {
		t.Fatalf("%d rows", len(rows))
	}
	b.searchDisk(marks)
	b.close()
	b.searchDisk(marks)
	b.open()
}

func (b *bench) searchDisk(marks [][]byte) {
	b.t.Helper()
	files := 0
	walk(b.t, b.fs, "/", func(path string, data []byte) {
		files++
		lower := bytes.ToLower(data)
		for _, m := range marks {
			for _, form := range [][]byte{m, m[:16], m[16:]} {
				if bytes.Contains(data, form) || bytes.Contains(lower, []byte(hex.EncodeToString(form))) {
					b.t.Fatalf("%s holds a row in the clear", path)
				}
			}
			for shift := range 3 {
				if bytes.Contains(data, []byte(base64.RawStdEncoding.EncodeToString(m[shift:shift+24]))) {
					b.t.Fatalf("%s holds a row in base64", path)
				}
			}
		}
	})
	if files == 0 {
		b.t.Fatal("there are no files")
	}
}

func walk(t *testing.T, fs vfs.FS, dir string, fn func(path string, data []byte)) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		switch {
		case err != nil:
			continue // removed by the store in the meantime
		case info.IsDir():
			walk(t, fs, path, fn)
		default:
			fn(path, readFile(t, fs, path))
		}
	}
}

func readFile(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		return nil // removed by the store in the meantime
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
