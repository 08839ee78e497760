package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// scaffold is the directory of the host over which the new root is mounted while it is built. It exists
// everywhere, holds nothing that is shown inside, and the mount is seen in this namespace alone.
const scaffold = "/sys"

// systemDirectories hold programs and libraries. Where one is a link, as /lib is on merged systems, so it is
// inside.
func systemDirectories() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
		"/etc/ssl", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/pki", "/etc/ca-certificates"}
}

// devices are those that programs expect and that hold nothing.
func devices() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// accounts are the files by which programs look up names of users and hosts: made up, nothing of the host's.
func accounts() map[string]string {
	return map[string]string{
		"/etc/passwd":        "sbx_user:x:0:0::/tmp:/sbin/nologin\n",
		"/etc/group":         "sbx_user:x:0:\n",
		"/etc/hosts":         "127.0.0.1 localhost\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"/etc/resolv.conf":   "",
	}
}

// enterPrivateRoot makes a root of memory, shows the system's directories in it read-only, and moves into
// it. Nothing else of the host's files can be named afterwards.
func enterPrivateRoot(spec *Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount / private", err)
	}
	limits := fmt.Sprintf("mode=755,size=%d", 1<<20)
	if err := mountMemory(scaffold, limits); err != nil {
		return err
	}
	for _, dir := range append(systemDirectories(), spec.ReadOnly...) {
		if err := show(dir); err != nil {
			return err
		}
	}
	if err := fillRoot(spec); err != nil {
		return err
	}
	return pivot()
}

func mountMemory(dir, options string) error {
	err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
	if err != nil {
		return fmt.Errorf("mounting memory at %s: %w", dir, err)
	}
	return nil
}

// show makes a directory, file or link of the host visible under the scaffold, read-only.
func show(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	target := scaffold + name
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(name)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	}
	if err := makeMountPoint(target, info.IsDir()); err != nil {
		return err
	}
	if err := unix.Mount(name, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("showing %s: %w", name, err)
	}
	return restrictMount(target, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

func makeMountPoint(name string, dir bool) error {
	if dir {
		return os.MkdirAll(name, 0o755)
	}
	return os.WriteFile(name, nil, 0o444)
}

// restrictMount restricts a mount and those below it.
func restrictMount(target string, attributes uint64) error {
	err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes})
	if err != nil {
		return fmt.Errorf("restricting %s: %w", target, err)
	}
	return nil
}

// fillRoot makes what is not the host's: code, runtime and temporary directories, devices, accounts, /proc.
func fillRoot(spec *Spec) error {
	code := fmt.Sprintf("mode=755,size=%d", spec.CodeBytes+1<<20)
	storage := fmt.Sprintf("mode=1777,size=%d", spec.StorageBytes)
	for dir, options := range map[string]string{
		"/var": code, "/opt": code, "/tmp": storage,
	} {
		if err := os.MkdirAll(scaffold+dir, 0o755); err != nil {
			return err
		}
		if err := mountMemory(scaffold+dir, options); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/var/task", "/var/runtime", "/proc", "/dev", "/etc"} {
		if err := os.MkdirAll(scaffold+dir, 0o755); err != nil {
			return err
		}
	}
	for name, content := range accounts() {
		if err := os.WriteFile(scaffold+name, []byte(content), 0o444); err != nil {
			return err
		}
	}
	return fillDevices()
}

func fillDevices() error {
	for _, device := range devices() {
		if err := makeMountPoint(scaffold+device, false); err != nil {
			return err
		}
		if err := unix.Mount(device, scaffold+device, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("showing %s: %w", device, err)
		}
	}
	for name, link := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(link, scaffold+"/dev/"+name); err != nil {
			return err
		}
	}
	const hardened = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	return os.NewSyscallError("mount /proc", unix.Mount("proc", scaffold+"/proc", "proc", hardened, ""))
}

// pivot makes the scaffold the root and lets go of the old one.
func pivot() error {
	if err := os.Chdir(scaffold); err != nil {
		return err
	}
	// The old root is stacked on the new one, and "." is the old one until it is unmounted.
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return nil
}

// makeCodeReadOnly ends the writing of code; /tmp stays writable.
func makeCodeReadOnly() error {
	for _, dir := range []string{"/var", "/opt"} {
		if err := restrictMount(dir, unix.MOUNT_ATTR_RDONLY); err != nil {
			return err
		}
	}
	err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV,
		"")
	return os.NewSyscallError("remount /", err)
}
