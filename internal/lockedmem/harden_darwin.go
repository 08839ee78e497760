package lockedmem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepFromDumps does nothing here: the system has no such advice, and HardenProcess turns core files off
// altogether.
func keepFromDumps([]byte) error { return nil }

// HardenProcess turns core files off for the process and its children. What the process creates from then on
// is for its owner alone. Call it once, first thing, in programs that hold keys.
func HardenProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot turn core files off: %w", err)
	}
	unix.Umask(0o077)
	return nil
}
