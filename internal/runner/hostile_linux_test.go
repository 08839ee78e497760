package runner

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An attempt does what a function must not be able to do. It returns an error when it was kept from it.
type attempt struct {
	name string
	try  func() error
}

// attempts are what facts of the sandbox list, and their neighbours.
func attempts() []attempt {
	return []attempt{
		{"connect to another port", func() error { return dial("127.0.0.1:" + os.Getenv("OTHER_PORT")) }},
		{"connect to another loopback address", func() error { return dial("127.0.0.2:" + os.Getenv("OTHER_PORT")) }},
		{"connect to the outside", func() error { return dial("192.0.2.1:80") }},
		{"open a UDP socket", func() error { return socket(unix.AF_INET, unix.SOCK_DGRAM, 0) }},
		{"open a unix socket", func() error { return socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) }},
		{"open a netlink socket", func() error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, 0) }},
		{"open a raw socket", func() error { return socket(unix.AF_INET, unix.SOCK_RAW, 1) }},
		{"open a multipath socket", func() error { return socket(unix.AF_INET, unix.SOCK_STREAM, 262) }},
		{"listen", func() error { _, err := net.Listen("tcp4", "127.0.0.1:0"); return err }},
		{"read /etc/shadow", reads("/etc/shadow")},
		{"read the host's file", reads(os.Getenv("SECRET_FILE"))},
		{"read the server's environment", reads("/proc/" + os.Getenv("SERVER_PID") + "/environ")},
		{"read the launcher's environment", reads("/proc/" + parent() + "/environ")},
		{"read the launcher's memory", reads("/proc/" + parent() + "/mem")},
		{"open the launcher's files", func() error { _, err := os.Readlink("/proc/" + parent() + "/fd/0"); return err }},
		{"write its code", writes(filepath.Join(os.Getenv("CODE"), "x"))},
		{"write the runtime", writes(filepath.Join(os.Getenv("RUNTIME"), "x"))},
		{"write /usr", writes("/usr/x")},
		{"write /etc", writes("/etc/x")},
		{"write /dev/shm", writes("/dev/shm/" + os.Getenv("MARK"))},
		{"signal the server", func() error { return signal(os.Getenv("SERVER_PID")) }},
		{"trace the launcher", func() error { return trace(parent()) }},
		{"make a namespace", func() error { return unix.Unshare(unix.CLONE_NEWNET) }},
		{"make a user namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"clone into a user namespace", cloneUser},
		{"mount", func() error { return unix.Mount("tmpfs", "/var", "tmpfs", 0, "") }},
		{"make a device", func() error { return unix.Mknod(os.Getenv("STORAGE")+"/mem", unix.S_IFCHR|0o600, 1<<8|1) }},
		{"load a BPF program", func() error { return call(unix.SYS_BPF) }},
		{"use the kernel's keys", func() error { return call(unix.SYS_KEYCTL) }},
		{"set up io_uring", func() error { return call(unix.SYS_IO_URING_SETUP) }},
		{"read another process's memory", func() error { return call(unix.SYS_PROCESS_VM_READV) }},
		{"change the root", func() error { return unix.Chroot("/") }},
		{"become another user", func() error { return unix.Setuid(1) }},
		{"raise a limit", func() error { return raise(unix.RLIMIT_NOFILE) }},
		{"write a file larger than its storage", func() error { return write(1, 64<<20) }},
		{"take more memory than it may", takeMemory},
	}
}

func parent() string { return strconv.Itoa(os.Getppid()) }

func reads(name string) func() error {
	return func() error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = f.Read(make([]byte, 1))
		return err
	}
}

func writes(name string) func() error {
	return func() error { return os.WriteFile(name, []byte("x"), 0o600) }
}

// dial uses a plain TCP socket: Go's own are multipath ones where that is to be had.
func dial(address string) error {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	dialer.SetMultipathTCP(false)
	c, err := dialer.Dial("tcp4", address)
	if err == nil {
		c.Close()
	}
	return err
}

func socket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func signal(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	return unix.Kill(n, 0)
}

func trace(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	return unix.PtraceAttach(n)
}

// call makes a system call without arguments. One that the filter lets through fails with another error than EPERM,
// and so counts as reached.
func call(number uintptr) error {
	_, _, errno := unix.Syscall6(number, 0, 0, 0, 0, 0, 0)
	if errno == unix.EPERM {
		return errno
	}
	return nil
}

func cloneUser() error {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{"HOSTILE=nothing"}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	return c.Run()
}

func raise(resource int) error {
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20})
}

// write writes files into the program's storage.
func write(files, size int) error {
	for i := range files {
		if err := os.WriteFile(filepath.Join(os.Getenv("STORAGE"), strconv.Itoa(i)), make([]byte, size), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// takeMemory maps twice the memory that start allows, which no page stands behind yet.
func takeMemory() error {
	_, err := unix.Mmap(-1, 0, 2*dataLimit, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	return err
}

// attack prints a line for each attempt that was not refused, and "done".
func attack(which string) {
	syscallSignalsAreErrors()
	switch which {
	case "all":
		for _, a := range attempts() {
			if err := a.try(); err == nil {
				fmt.Printf("NOT REFUSED: %s\n", a.name)
			}
		}
	case "fill":
		fmt.Println("filled", write(64, 1<<20) == nil)
	case "leave":
		_ = os.WriteFile("/tmp/"+os.Getenv("MARK"), []byte("x"), 0o600)
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "use":
		use()
	case "fork":
		forkForever()
	case "escape":
		escape()
	}
	fmt.Println("done")
}

// syscallSignalsAreErrors has a write beyond RLIMIT_FSIZE fail with EFBIG instead of ending the program.
func syscallSignalsAreErrors() {
	ignore(syscall.SIGXFSZ)
}

// use does what a function may do.
func use() {
	for _, port := range []string{os.Getenv("RUNTIME_ADDRESS"), os.Getenv("SERVICE_ADDRESS")} {
		if err := dial(port); err != nil {
			fmt.Println("cannot reach", port, err)
		}
	}
	if err := writes(filepath.Join(os.Getenv("STORAGE"), "note"))(); err != nil {
		fmt.Println("cannot write its storage:", err)
	}
	if err := reads(filepath.Join(os.Getenv("CODE"), "bootstrap"))(); err != nil {
		fmt.Println("cannot read its code:", err)
	}
	if out, err := exec.Command("/bin/sh", "-c", "echo child").Output(); err != nil || string(out) != "child\n" {
		fmt.Println("cannot start a child:", err)
	}
}

func forkForever() {
	started := 0
	for range 1000 {
		c := exec.Command("/bin/sleep", "1000")
		if err := c.Start(); err != nil {
			break
		}
		started++
	}
	fmt.Println("started", started < 1000)
}

// escape leaves a process behind that has nothing to do with its parent any more.
func escape() {
	c := exec.Command("/bin/sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		fmt.Println("cannot start a child:", err)
	}
}
