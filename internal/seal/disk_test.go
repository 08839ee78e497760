package seal

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crashDisk is a directory that loses power: before every step it calls hook, which may look at the disk, or refuse.
type crashDisk struct {
	mem  *vfs.MemFS
	hook func(step string) error
}

func newCrashDisk() *crashDisk { return &crashDisk{mem: vfs.NewCrashableMem()} }

// afterCrash is a disk as it may be found when the power fails now: everything synced, and some of the rest.
func (d *crashDisk) afterCrash(percent int, random *rand.Rand) *crashDisk {
	return &crashDisk{mem: d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})}
}

func (d *crashDisk) step(name string) error {
	if d.hook == nil {
		return nil
	}
	return d.hook(name)
}

const crashDir = "config"

func (d *crashDisk) Path(name string) string { return crashDir + "/" + name }

func (d *crashDisk) Make() error {
	if err := d.step("make"); err != nil {
		return err
	}
	if err := d.mem.MkdirAll(crashDir, dirMode); err != nil {
		return err
	}
	return d.sync("")
}

func (d *crashDisk) Check() error {
	_, err := d.mem.Stat(crashDir)
	return err
}

func (d *crashDisk) Lock(bool) (io.Closer, error) { return io.NopCloser(nil), d.step("lock") }

func (d *crashDisk) Read(name string) ([]byte, error) {
	file, err := d.mem.Open(d.Path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

func (d *crashDisk) Create(name string) (output, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	if _, err := d.mem.Stat(d.Path(name)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrExist
	}
	file, err := d.mem.Create(d.Path(name), "keyring")
	return crashFile{file, d}, err
}

func (d *crashDisk) Existing(name string) (output, error) {
	if _, err := d.mem.Stat(d.Path(name)); err != nil {
		return nil, err
	}
	if err := d.step("open the old file"); err != nil {
		return nil, err
	}
	file, err := d.mem.OpenReadWrite(d.Path(name), "keyring")
	return crashFile{file, d}, err
}

func (d *crashDisk) Rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	return d.mem.Rename(d.Path(from), d.Path(to))
}

func (d *crashDisk) Remove(name string) error {
	if err := d.step("remove"); err != nil {
		return err
	}
	return d.mem.Remove(d.Path(name))
}

func (d *crashDisk) Sync() error {
	if err := d.step("sync directory"); err != nil {
		return err
	}
	return d.sync(crashDir)
}

func (d *crashDisk) sync(path string) error {
	dir, err := d.mem.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

type crashFile struct {
	vfs.File
	disk *crashDisk
}

func (f crashFile) Write(b []byte) (int, error) {
	if err := f.disk.step("write"); err != nil {
		return 0, err
	}
	return f.File.Write(append([]byte(nil), b...)) // the file system may keep or change what it is given
}

func (f crashFile) Sync() error {
	if err := f.disk.step("sync file"); err != nil {
		return err
	}
	return f.File.Sync()
}
