package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockdown is the second process of a cage: it gives up what the program must not have, in an order in which
// each step still can, and becomes the program. It returns if that failed, or if there is no program: then it
// has shown that the cage can be built.
func lockdown() error {
	// Everything below belongs to a thread, and the program takes the place of the thread that calls exec.
	runtime.LockOSThread()
	pipe := os.NewFile(Control, "spec")
	spec, err := ReadSpec(pipe)
	if err != nil {
		return err
	}
	if err := pipe.Close(); err != nil {
		return err
	}
	if !spec.Namespaces {
		// The limit is on all that the user runs, and only in a namespace is that the program alone.
		spec.Processes += threadsOf(os.Geteuid())
	}
	steps := []struct {
		name string
		take func(*Spec) error
	}{
		{"capabilities", dropCapabilities},
		{"no new privileges", forbidPrivileges},
		{"landlock", restrictFiles},
		{"system calls", restrictCalls},
		// Last, since this process itself may need more than the program may have.
		{"limits", limit},
	}
	for _, step := range steps {
		if err := step.take(spec); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if len(spec.Command) == 0 {
		return nil
	}
	program, err := find(spec)
	if err != nil {
		return err
	}
	err = unix.Exec(program, spec.Command, spec.Environment)
	return fmt.Errorf("starting %s: %w", program, err)
}

// find looks the program up in the PATH of its own environment.
func find(spec *Spec) (string, error) {
	if strings.Contains(spec.Command[0], "/") {
		return spec.Command[0], nil
	}
	for _, variable := range spec.Environment {
		list, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if found, err := exec.LookPath(filepath.Join(dir, spec.Command[0])); err == nil {
				return found, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", spec.Command[0], exec.ErrNotFound)
}

// limit sets the limits of each process. Of files and processes Lambda's own numbers are 1024 and as many.
func limit(spec *Spec) error {
	for resource, value := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: 1024,
		unix.RLIMIT_DATA:   uint64(spec.DataBytes),
		unix.RLIMIT_FSIZE:  uint64(spec.StorageBytes),
		unix.RLIMIT_NPROC:  uint64(spec.Processes),
		// A message queue and locked memory are not counted by RLIMIT_DATA.
		unix.RLIMIT_MSGQUEUE: 0,
		unix.RLIMIT_MEMLOCK:  64 << 10,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("setrlimit %d: %w", resource, err)
		}
	}
	return nil
}

// threadsOf counts the threads of a user.
func threadsOf(user int) (count int) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		info, err := os.Stat(dir)
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != user {
			continue
		}
		threads, _ := os.ReadDir(dir + "/task")
		count += len(threads)
	}
	return count
}

// dropCapabilities gives up all capabilities, for whatever is executed later as well.
func dropCapabilities(*Spec) error {
	for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		// A user who has no capability to drop may not drop any, which is as good.
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("dropping capability %d: %w", capability, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return os.NewSyscallError("clearing ambient capabilities", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return os.NewSyscallError("capset", unix.Capset(&header, &none[0]))
}

func forbidPrivileges(*Spec) error {
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
