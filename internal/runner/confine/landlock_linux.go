package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The rights of landlock's file system rules (Documentation/userspace-api/landlock.rst).
const (
	readRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REFER
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	allFileRights = readRights | writeRights | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR |
		unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	allNetRights = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
)

// LandlockVersion is the version of landlock's interface that the kernel speaks, 0 without landlock.
func LandlockVersion() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0,
		unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// neededVersion is the first one that restricts TCP, without which landlock alone is no cage.
const neededVersion = 4

// restrictFiles lets the program read the system's directories and its code, write its temporary directory,
// and connect to two ports. Everything else that landlock knows is refused. Landlock is the second wall
// behind namespaces, and the only one without them.
func restrictFiles(spec *Spec) error {
	if !spec.Landlock {
		return nil
	}
	version := LandlockVersion()
	if version < neededVersion {
		return fmt.Errorf("the kernel has landlock version %d, and %d is needed", version, neededVersion)
	}
	rules, err := createRuleset(version)
	if err != nil {
		return err
	}
	defer unix.Close(rules)
	if err := addFileRules(rules, spec, handled(version)); err != nil {
		return err
	}
	for _, port := range spec.Ports {
		if err := addPort(rules, uint64(port)); err != nil {
			return err
		}
	}
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

// handled are the file rights that a version knows.
func handled(version int) uint64 {
	rights := uint64(allFileRights)
	if version < 5 {
		rights &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return rights
}

func createRuleset(version int) (int, error) {
	attributes := unix.LandlockRulesetAttr{Handled_access_fs: handled(version),
		Handled_access_net: allNetRights}
	size := unsafe.Sizeof(attributes.Handled_access_fs) + unsafe.Sizeof(attributes.Handled_access_net)
	if version >= 6 {
		attributes.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size += unsafe.Sizeof(attributes.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attributes)), size, 0)
	if errno != 0 {
		return 0, os.NewSyscallError("landlock_create_ruleset", errno)
	}
	return int(fd), nil
}

func addFileRules(rules int, spec *Spec, handled uint64) error {
	readable := append(systemDirectories(), spec.ReadOnly...)
	readable = append(readable, spec.Root+"/var/task", spec.Root+"/var/runtime", spec.Root+"/opt")
	if spec.Namespaces {
		readable = append(readable, "/proc")
		for name := range accounts() {
			readable = append(readable, name)
		}
	}
	for _, name := range readable {
		if err := addPath(rules, name, readRights&handled); err != nil {
			return err
		}
	}
	for _, name := range devices() {
		if err := addPath(rules, name, (readRights|writeRights)&fileRights&handled); err != nil {
			return err
		}
	}
	return addPath(rules, spec.Root+"/tmp", (readRights|writeRights)&handled)
}

// addPath allows rights on a directory and all below it, or on a file. What is not there needs no rule.
func addPath(rules int, name string, rights uint64) error {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	return addRule(rules, unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule), name)
}

// portRule is struct landlock_net_port_attr.
type portRule struct{ access, port uint64 }

func addPort(rules int, port uint64) error {
	rule := portRule{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, port}
	return addRule(rules, ruleNetPort, unsafe.Pointer(&rule), fmt.Sprint("port ", port))
}

// ruleNetPort is LANDLOCK_RULE_NET_PORT.
const ruleNetPort = 2

func addRule(rules, kind int, rule unsafe.Pointer, what string) error {
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), uintptr(kind), uintptr(rule),
		0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("landlock_add_rule for %s: %w", what, errno)
	}
	return nil
}
