package runner

import (
	"os"
	"testing"

	"github.com/sealtable/sealtable/internal/runner/confine"
)

// TestMain makes the test binary what it is asked to be: the launcher of a cage, a hostile program in one, or
// the tests.
func TestMain(m *testing.M) {
	if code, ok := confine.Main(os.Args); ok {
		os.Exit(code)
	}
	if os.Getenv("HOSTILE") != "" {
		attack(os.Getenv("HOSTILE"))
		return
	}
	os.Exit(m.Run())
}
