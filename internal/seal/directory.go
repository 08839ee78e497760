package seal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	keyringName = "keyring"
	tempName    = "keyring.tmp"
	fileMode    = 0o600
	dirMode     = 0o700
)

// directory is the configuration directory, as far as the keyring needs it. Tests put in one that loses
// power.
type directory interface {
	Make() error                          // creates it durably, for the owner alone, if it is not there
	Check() error                         // refuses wider modes and other owners
	Lock(write bool) (io.Closer, error)   // readers wait for a writer, writers wait for nobody
	Read(name string) ([]byte, error)     // refuses wider modes and other owners
	Create(name string) (output, error)   // for the owner alone; the name must be free
	Existing(name string) (output, error) // to be overwritten from its beginning
	Rename(from, to string) error
	Remove(name string) error
	Sync() error
	Path(name string) string
}

// output is a file that is being written.
type output interface {
	io.WriteCloser
	Sync() error
}

// replace puts content in the place of name, so that a crash leaves the old file or the new one. The old
// content is overwritten once the new one is durable: it may be sealed in a weaker way, or hold keys that
// were given up. scrub tells of a failure to do so, which is no failure to replace.
func replace(dir directory, name string, content []byte, scrub func(error)) error {
	if err := discard(dir, tempName, len(content), scrub); err != nil {
		return err
	}
	if err := writeNew(dir, tempName, content); err != nil {
		return err
	}
	old, err := dir.Existing(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err = dir.Rename(tempName, name); err == nil {
		err = dir.Sync()
	}
	if old == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, old.Close())
	}
	if err := overwrite(old, len(content)); err != nil {
		scrub(notOverwritten(dir.Path(name), err))
	}
	return nil
}

// discard overwrites and removes what a write left that was cut short: as the old file, it may hold the same
// keys in a weaker seal.
func discard(dir directory, name string, size int, scrub func(error)) error {
	left, err := dir.Existing(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = overwrite(left, size)
	}
	if err != nil {
		scrub(notOverwritten(dir.Path(name), err))
	}
	return dir.Remove(name)
}

func notOverwritten(path string, cause error) error {
	return &Error{Kind: ErrDisk, Path: path, Cause: cause, Hint: "old content of the keyring may still be " +
		"found on the disk; " +
		"rotate the root key if somebody else may get the disk"}
}

func writeNew(dir directory, name string, content []byte) error {
	file, err := dir.Create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// overwrite writes zeros over a file whose content is not needed any more. The old file may be somewhat
// longer than the new one: by the parameters of another seal at most.
func overwrite(old output, size int) error {
	_, err := old.Write(make([]byte, size+maxParams))
	if err == nil {
		err = old.Sync()
	}
	return errors.Join(err, old.Close())
}

// osDirectory is a directory of the operating system.
type osDirectory string

func (d osDirectory) Path(name string) string { return filepath.Join(string(d), name) }

func (d osDirectory) Make() error {
	_, err := os.Stat(string(d))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(string(d), dirMode); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(string(d)))
}

func (d osDirectory) Check() error {
	info, err := os.Stat(string(d))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: string(d), Err: syscall.ENOTDIR}
	}
	return private(string(d), info)
}

func (d osDirectory) Lock(write bool) (io.Closer, error) {
	dir, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_SH
	if write {
		how = unix.LOCK_EX | unix.LOCK_NB
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(dir.Fd()), how)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = &Error{Kind: ErrBusy, Path: string(d), Hint: "try again when it is done"}
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func (d osDirectory) Read(name string) ([]byte, error) {
	file, err := os.OpenFile(d.Path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(d.Path(name), info); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, damaged(d.Path(name), "it is no file of a keyring's size")
	}
	content := make([]byte, info.Size())
	if _, err = io.ReadFull(file, content); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, damaged(d.Path(name), "it is shorter than it was")
	}
	return content, err
}

func (d osDirectory) Create(name string) (output, error) {
	file, err := os.OpenFile(d.Path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (d osDirectory) Existing(name string) (output, error) {
	file, err := os.OpenFile(d.Path(name), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (d osDirectory) Rename(from, to string) error { return os.Rename(d.Path(from), d.Path(to)) }
func (d osDirectory) Remove(name string) error     { return os.Remove(d.Path(name)) }
func (d osDirectory) Sync() error                  { return syncDirectory(string(d)) }

// syncDirectory makes names durable. File systems that cannot do that, or cannot change, have nothing to
// lose.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	return nil
}

// private refuses what others than this process's user may touch.
func private(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() {
		return &Error{Kind: ErrOwner, Path: path, Hint: "run as its owner, or chown it to the user that " +
			"runs sealtable"}
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	hint := "chmod 600 it"
	if info.IsDir() {
		hint = "chmod 700 it"
	}
	return &Error{Kind: ErrMode, Path: path, Hint: hint + "; if others may have read it, rotate the root " +
		"key after that"}
}

// CheckSeparate refuses a configuration directory that is, or lies in, the data directory: whoever takes the
// data directory or a backup of it must not get the keyring with it. Neither needs to exist yet.
func CheckSeparate(configDir, dataDir string) error {
	config, err := resolve(configDir)
	if err != nil {
		return diskError(configDir, err)
	}
	data, err := resolve(dataDir)
	if err != nil {
		return diskError(dataDir, err)
	}
	inside, err := filepath.Rel(data, config)
	if err != nil || inside == ".." || strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return nil
	}
	return &Error{Kind: ErrInsideData, Path: configDir, Hint: "choose a configuration directory outside " +
		dataDir}
}

// resolve follows the symbolic links of the part of a path that exists.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
		return real, err
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}
