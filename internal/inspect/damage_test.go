package inspect_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/inspect"
)

// world is an installation that is damaged and repaired again and again.
type world struct {
	installation
	t     *testing.T
	files []inspect.File
}

func newWorld(t *testing.T) *world {
	t.Helper()
	at := build(t)
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
	return &world{installation: at, t: t, files: report.Files}
}

func (w *world) path(rel string) string { return filepath.Join(w.data, filepath.FromSlash(rel)) }

func (w *world) read(rel string) []byte {
	w.t.Helper()
	content, err := os.ReadFile(w.path(rel))
	if err != nil {
		w.t.Fatal(err)
	}
	return content
}

func (w *world) write(rel string, content []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.path(rel), content, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// expectWrong inspects and wants the verdict to be wrong because of each of the paths.
func (w *world) expectWrong(what string, paths ...string) {
	w.t.Helper()
	report := w.inspect(w.t)
	for _, path := range paths {
		named := slices.ContainsFunc(report.Problems, func(p inspect.Problem) bool { return p.Path == path })
		if report.Verdict != inspect.Wrong || !named {
			w.t.Errorf("%s of %s was not found: %s", what, path, describe(report))
		}
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[at] ^= 0x10
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// places are where a bit of a file is flipped. Of a segment only what was written counts: the header and the first group.
func places(f inspect.File) []int {
	n := int(f.Bytes)
	if f.Kind == "journal" {
		return []int{9, 4000, 4096 + 70, 4096 + 200}
	}
	return []int{min(15, n-1), n / 2, n - 1}
}

func TestFlippedBits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, f := range w.files {
		if f.Bytes == 0 {
			continue
		}
		content := w.read(f.Path)
		for _, at := range places(f) {
			changed := slices.Clone(content)
			changed[at] ^= 1 << (at % 8)
			w.write(f.Path, changed)
			w.expectWrong("a flipped bit", f.Path)
		}
		w.write(f.Path, content)
	}
}

func TestCutAndExtended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, f := range w.files {
		content := w.read(f.Path)
		w.write(f.Path, append(slices.Clone(content), 'x'))
		w.expectWrong("a byte too many", f.Path)
		for _, cut := range []int{1, len(content)} {
			if cut > 0 && len(content) > 0 {
				w.write(f.Path, content[:len(content)-cut])
				w.expectWrong("a cut", f.Path)
			}
		}
		w.write(f.Path, content)
	}
}

func TestSwappedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	swapped := 0
	for n, a := range w.files {
		for _, b := range w.files[n+1:] {
			if a.Bytes == 0 || b.Bytes == 0 || a.Kind != b.Kind || a.Kind == "table" && filepath.Base(a.Path) != filepath.Base(b.Path) {
				continue
			}
			left, right := w.read(a.Path), w.read(b.Path)
			w.write(a.Path, right)
			w.write(b.Path, left)
			w.expectWrong("a swap", a.Path, b.Path)
			w.write(a.Path, left)
			w.write(b.Path, right)
			swapped++
		}
	}
	if swapped < 10 {
		t.Errorf("only %d pairs were swapped", swapped)
	}
}

// canBeMissed says of a file that nothing else tells of it: docs/inspect.md lists these.
func (w *world) canBeMissed(f inspect.File) bool {
	switch f.Kind {
	case "lock":
		return true
	case "trail": // the oldest are removed in time, and the newest may not have been begun
		return w.endOfTrail(f)
	}
	if !strings.HasPrefix(filepath.Base(f.Path), "MANIFEST-") {
		return false
	}
	return !slices.ContainsFunc(w.files, func(marker inspect.File) bool { // a manifest that was replaced
		return filepath.Dir(marker.Path) == filepath.Dir(f.Path) && strings.HasSuffix(marker.Path, "."+filepath.Base(f.Path))
	})
}

// endOfTrail says whether a file is the oldest or the newest of its series of the trail. How many there are depends on which starts of
// the server had something to record.
func (w *world) endOfTrail(f inspect.File) bool {
	series, _, _ := strings.Cut(f.Path, "-")
	var paths []string
	for _, other := range w.files {
		if strings.HasPrefix(other.Path, series+"-") {
			paths = append(paths, other.Path)
		}
	}
	return f.Path == slices.Min(paths) || f.Path == slices.Max(paths)
}

func TestDeletedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, f := range w.files {
		content := w.read(f.Path)
		if err := os.Remove(w.path(f.Path)); err != nil {
			t.Fatal(err)
		}
		report := w.inspect(t)
		switch {
		case f.Kind == "parked": // found only while the journal still tells of its rows; see docs/inspect.md
		case w.canBeMissed(f):
			if report.Verdict != inspect.Authentic {
				t.Errorf("%s can be missed, but: %s", f.Path, describe(report))
			}
		case report.Verdict != inspect.Wrong || !slices.ContainsFunc(report.Problems, func(p inspect.Problem) bool {
			return strings.HasPrefix(f.Path, p.Path) && p.Path != "tables"
		}):
			t.Errorf("that %s was deleted was not found: %s", f.Path, describe(report))
		}
		w.write(f.Path, content)
	}
}

func TestStrayFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	table := ""
	for _, f := range w.files {
		if f.TableName == "owned" {
			table = "tables/" + f.Table
		}
	}
	sst := w.read(w.first(table+"/pebble/", ".sst"))
	for path, content := range map[string][]byte{
		"stray": []byte("x"), "empty": nil, "keyring": []byte("x"), "journal/stray": []byte("x"),
		"journal/00000000000000ff.segment": make([]byte, 32768),
		"keys/stray":                       []byte("x"), "keys/0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b": []byte("STKEYMAT"),
		"keys/stray.new": []byte("x"),
		"tables/stray":   []byte("x"), table + "/stray": []byte("x"), table + "/pebble/stray": []byte("x"),
		table + "/pebble/000999.sst": sst,
		table + "/pebble/LOCK":       nil, table + "/pebble/marker.other.000001.x": nil, "trail/stray": []byte("x"),
		"trail/trail-0000000005.zst": w.read("trail/trail-0000000001.zst"), "journal/deeper/file": []byte("x"),
		"elsewhere/file": []byte("x"),
	} {
		if err := os.MkdirAll(filepath.Dir(w.path(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		w.write(path, content)
		w.expectWrong("the stray file", path)
		if err := os.Remove(w.path(path)); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) first(prefix, suffix string) string {
	w.t.Helper()
	for _, f := range w.files {
		if strings.HasPrefix(f.Path, prefix) && strings.HasSuffix(f.Path, suffix) {
			return f.Path
		}
	}
	w.t.Fatalf("there is no %s…%s", prefix, suffix)
	return ""
}

// TestRemainders has what a crash leaves, which the next start removes: it is named, and nothing is wrong with it.
func TestRemainders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	table := filepath.Dir(w.first("tables/", "/keys"))
	paths := []string{
		"FORMAT.new", "INSTALLATION.new", "high-water.new", "journal/0000000000000009.spare.new", "keys/any.tmp",
		table + "/keys.tmp", table + "/parked.new", "tables/0123456789abcdef0123456789abcdef.dropped/pebble/000001.sst",
		"tables/0123456789abcdef0123456789abcdef/pebble/000001.sst",
	}
	for _, path := range paths {
		if err := os.MkdirAll(filepath.Dir(w.path(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		w.write(path, []byte("half"))
	}
	spare := "journal/0000000000000009.spare"
	w.write(spare, make([]byte, 8192))
	paths = append(paths, spare)
	report := w.inspect(t)
	if report.Verdict != inspect.Authentic {
		t.Error(describe(report))
	}
	for _, f := range report.Files {
		if slices.Contains(paths, f.Path) != (f.Status == inspect.IsUnused) {
			t.Errorf("%s: %s, %s", f.Path, f.Status, f.Detail)
		}
	}
}

func TestSeveralSegments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "first"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.fill()
	crashed := installation{data: filepath.Join(dir, "data"), config: at.config}
	copyDir(t, at.data, crashed.data)
	s.stop()
	s = start(t, crashed) // begins a second segment; the first is not released yet
	s.put("owned", 20, 30)
	again := installation{data: filepath.Join(dir, "again"), config: at.config}
	copyDir(t, crashed.data, again.data)
	s.stop()
	segments, err := filepath.Glob(filepath.Join(again.data, "journal", "*.segment"))
	if err != nil || len(segments) < 2 {
		t.Fatalf("segments %v: %v", segments, err)
	}
	if report := again.inspect(t); report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
	w := &world{installation: again, t: t}
	for _, segment := range segments[:len(segments)-1] { // the newest, lost with all that followed, is what no crash is told from
		rel := "journal/" + filepath.Base(segment)
		content := w.read(rel)
		if err := os.Remove(segment); err != nil {
			t.Fatal(err)
		}
		w.expectWrong("the loss", rel)
		w.write(rel, content)
	}
}
