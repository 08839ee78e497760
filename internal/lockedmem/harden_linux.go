package lockedmem

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// keepFromDumps leaves the memory out of core files and out of children that are forked without being
// executed.
func keepFromDumps(b []byte) error {
	return errors.Join(unix.Madvise(b, unix.MADV_DONTDUMP), unix.Madvise(b, unix.MADV_DONTFORK))
}

// HardenProcess keeps the whole process, and so also what Go itself keeps of keys, out of core files and out
// of reach of debuggers of the same user; children cannot dump core either. What the process creates from
// then on is for its owner alone. It also asks for as much lockable memory as the process may have. Call it
// once, first thing, in programs that hold keys.
func HardenProcess() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot make the process undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot turn core files off: %w", err)
	}
	unix.Umask(0o077)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err == nil && limit.Cur < limit.Max {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit) // the arena reports it when the limit is then too low
	}
	return nil
}
