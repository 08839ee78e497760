// Package cputime measures work by the CPU time that it takes.
//
// Callers may rely on this: what else the machine does does not count, so that tests may hold a bound on work
// on machines that are shared and busy.
package cputime

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Start begins to measure what the calling goroutine does, which stays on its thread until the test ends.
// What other goroutines do for it does not count.
func Start(test interface{ Cleanup(func()) }) (took func() time.Duration) {
	runtime.LockOSThread()
	test.Cleanup(runtime.UnlockOSThread)
	before := ofThread()
	return func() time.Duration { return ofThread() - before }
}

// ofThread is the CPU time that this thread has used; 0 where the system does not tell.
func ofThread() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
