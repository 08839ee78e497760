package lockedmem

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// flags gives the kernel's flags of the mapping that holds b: "lo" locked, "dd" left out of core files, "dc" not forked.
func flags(t *testing.T, b []byte) string {
	t.Helper()
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer file.Close()
	at, inside := uint64(uintptr(unsafe.Pointer(&b[0]))), false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var low, high uint64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &low, &high); n == 2 {
			inside = low <= at && at < high
		}
		if rest, found := strings.CutPrefix(lines.Text(), "VmFlags:"); found && inside {
			return rest + " "
		}
	}
	t.Fatal("the mapping is not listed")
	return ""
}

func TestMemoryIsMarked(t *testing.T) {
	a := NewArena(func(err error) { t.Skip(err) })
	defer a.Close()
	k := mustKey(t, a, []byte("marked"))
	got := flags(t, k.data)
	for _, want := range []string{" lo ", " dd ", " dc "} {
		if !strings.Contains(got, want) {
			t.Errorf("flag%sis missing in%s", want, got)
		}
	}
}

func TestGuardPagesFault(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	k := mustKey(t, a, []byte("guarded"))
	page := os.Getpagesize()
	mapping := k.region.mapping
	for name, at := range map[string]int{"before": page - 1, "behind": len(mapping) - page} {
		if !faults(func() byte { return mapping[at] }) {
			t.Errorf("the byte %s the keys can be read", name)
		}
	}
	if faults(func() byte { return mapping[page] }) {
		t.Error("the keys cannot be read")
	}
}

func faults(read func() byte) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	_ = read()
	return false
}

// The process under test is another one: what HardenProcess does cannot be undone.
func TestHardenProcess(t *testing.T) {
	const child = "LOCKEDMEM_TEST_HARDEN"
	if os.Getenv(child) == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestHardenProcess$", "-test.v")
		command.Env = append(os.Environ(), child+"=1")
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := HardenProcess(); err != nil {
		t.Fatal(err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable = %d, %v", dumpable, err)
	}
	// Files of the data directory were readable by all who could enter it: the file system layer below makes them with mode 0666.
	if mask := unix.Umask(0o077); mask != 0o077 {
		t.Errorf("umask %#o", mask)
	}
	var core, lock unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core != (unix.Rlimit{}) {
		t.Errorf("core file limit %+v, %v", core, err)
	}
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lock); err != nil || lock.Cur != lock.Max {
		t.Errorf("locked memory limit %+v, %v", lock, err)
	}
}
