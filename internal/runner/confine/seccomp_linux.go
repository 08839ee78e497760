package confine

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refused are the system calls that a function has no use for and attacks have. They fail with EPERM, so that
// programs that try one and have another way go on. What is not named is allowed: runtimes of languages grow
// new calls with every release, and what a call may reach is decided by the other walls.
func refused() []uint32 {
	return append(refusedHere(),
		// other processes
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
		unix.SYS_KCMP, unix.SYS_PROCESS_MADVISE,
		// namespaces and mounts
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT,
		unix.SYS_CHROOT,
		unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
		unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
		// the kernel's own machinery
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP,
		unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_KEYCTL, unix.SYS_ADD_KEY,
		unix.SYS_REQUEST_KEY, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
		unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SYSLOG,
		unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_PERSONALITY, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT, unix.SYS_LOOKUP_DCOOKIE,
		// the clock and the names of the host
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
		unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
		// memory that outlives processes, and waiting for connections
		unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_MQ_OPEN, unix.SYS_LISTEN,
	)
}

// Offsets in struct seccomp_data: the number of the call, the architecture, and the low halves of arguments
// (both architectures are little endian).
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16
	offsetArg1   = 24
	offsetArg2   = 32
)

const (
	load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	atMost = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K // jumps to jf if A <= K
	anyBit = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	and    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	give   = unix.BPF_RET | unix.BPF_K
)

const (
	deny    = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// namespaceFlags are the flags of clone that make namespaces.
const namespaceFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// socketTypeBits are the bits of a socket's type that are the type.
const socketTypeBits = 0xf

// filter is the program that the kernel runs before each system call of the function.
func filter() []unix.SockFilter {
	f := []unix.SockFilter{
		{Code: load, K: offsetArch},
		{Code: equal, K: architecture, Jt: 1},
		{Code: give, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: offsetNumber},
		// Numbers above are those of the x32 interface, which nothing uses.
		{Code: atMost, K: highestNumber, Jf: 1},
		{Code: give, K: deny},
		// clone3 passes its flags by a pointer, which a filter can't follow: libraries fall back on clone.
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1},
		{Code: give, K: unknown},
	}
	for _, call := range refused() {
		f = append(f, unix.SockFilter{Code: equal, K: call, Jf: 1}, unix.SockFilter{Code: give, K: deny})
	}
	f = append(f,
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 4},
		unix.SockFilter{Code: load, K: offsetArg0},
		unix.SockFilter{Code: anyBit, K: namespaceFlags, Jf: 1},
		unix.SockFilter{Code: give, K: deny},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
		// A socket is TCP, over IPv4 or IPv6; multipath TCP is not known to landlock.
		unix.SockFilter{Code: equal, K: unix.SYS_SOCKET, Jf: 11},
		unix.SockFilter{Code: load, K: offsetArg0},
		unix.SockFilter{Code: equal, K: unix.AF_INET, Jt: 2},
		unix.SockFilter{Code: equal, K: unix.AF_INET6, Jt: 1},
		unix.SockFilter{Code: give, K: deny},
		unix.SockFilter{Code: load, K: offsetArg1},
		unix.SockFilter{Code: and, K: socketTypeBits},
		unix.SockFilter{Code: equal, K: unix.SOCK_STREAM, Jf: 3},
		unix.SockFilter{Code: load, K: offsetArg2},
		unix.SockFilter{Code: equal, K: 0, Jt: 2},
		unix.SockFilter{Code: equal, K: unix.IPPROTO_TCP, Jt: 1},
		unix.SockFilter{Code: give, K: deny},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
	)
	return f
}

// restrictCalls puts the filter on. It stays on across exec and fork, and nothing can take it off. Without
// landlock the server was told to run functions unconfined.
func restrictCalls(spec *Spec) error {
	if !spec.Landlock && !spec.Namespaces {
		return nil
	}
	program := filter()
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
