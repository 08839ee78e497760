package inspect_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sealtable/sealtable/internal/inspect"
)

// TestTornTrail puts half a frame behind the newest file of the trail, as a crash does: inspect names it, and the next start makes
// up for it.
func TestTornTrail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.createTable("owned", "")
	s.stop()
	files, err := filepath.Glob(filepath.Join(at.data, "trail", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], append(whole, 0, 0, 2, 0, 0, 0, 0, 9), 0o600); err != nil {
		t.Fatal(err)
	}
	if report := at.inspect(t); report.Verdict != inspect.Wrong {
		t.Fatal("a torn end is not named:", describe(report))
	}
	start(t, at).stop()
	if report := at.inspect(t); report.Verdict != inspect.Authentic {
		t.Error(describe(report))
	}
}
