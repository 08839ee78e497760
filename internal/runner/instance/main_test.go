package instance

import (
	"os"
	"testing"

	"github.com/sealtable/sealtable/internal/runner/confine"
)

// TestMain makes the test binary the launcher of a cage when it is asked to be.
func TestMain(m *testing.M) {
	if code, ok := confine.Main(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}
