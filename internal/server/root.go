package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// installationFile bears the id of the installation that a data directory belongs to, so that another one's
// keyring is recognised.
const installationFile = "INSTALLATION"

// openRoot opens the root key of the installation, or makes a new installation where there is neither a
// keyring nor data. Data without its keyring never gets a new one: it could not be read with it.
func openRoot(config *Config, arena *lockedmem.Arena) (*seal.Root, error) {
	id, err := readInstallation(config.DataDir)
	if err != nil {
		return nil, err
	}
	options := seal.Options{
		Seal: config.Seal, Passphrase: config.Passphrase, External: config.wrappers(), Installation: id,
		DataDir: config.DataDir, Memory: arena,
		Warn: func(err error) { config.Log.Warn("the keyring needs attention", "error", err) },
	}
	root, err := seal.Open(config.ConfigDir, options)
	if errors.Is(err, seal.ErrMissing) && id.IsZero() {
		root, err = seal.Create(config.ConfigDir, options)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(makeDirs(config), warnIfShared(config)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if id.IsZero() {
		if err := writeInstallation(config.DataDir, root.InstallationID()); err != nil {
			return nil, errors.Join(err, root.Close())
		}
	}
	if err := root.RecordVersion(config.DataDir); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// hasKeyring says whether there is a keyring to wait for. A new installation is never made by waiting.
func (s *Server) hasKeyring() bool {
	_, err := os.Lstat(filepath.Join(s.config.ConfigDir, "keyring"))
	return err == nil
}

// warnIfShared tells of a data directory that others may write to: they could put links in the way of its
// files.
func warnIfShared(config *Config) error {
	info, err := os.Stat(config.DataDir)
	if err != nil {
		return fmt.Errorf("looking at the data directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		config.Log.Warn("others may write to the data directory: run chmod go-w on it", "directory",
			config.DataDir, "mode", mode.String())
	}
	return nil
}

// readInstallation gives the zero id where there is no data yet.
func readInstallation(dataDir string) (seal.ID, error) {
	content, err := os.ReadFile(filepath.Join(dataDir, installationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return seal.ID{}, checkEmpty(dataDir)
	}
	if err != nil {
		return seal.ID{}, fmt.Errorf("reading the data directory: %w", err)
	}
	id, err := seal.ParseID(strings.TrimSpace(string(content)))
	if err != nil {
		return seal.ID{}, fmt.Errorf("%s: %w: restore it from a backup of the data directory",
			filepath.Join(dataDir, installationFile), err)
	}
	return id, nil
}

// checkEmpty refuses a directory that holds something else than an installation's data.
func checkEmpty(dataDir string) error {
	entries, err := os.ReadDir(dataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the data directory: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			return fmt.Errorf("%s holds %s but no %s file: it is not a data directory; choose an empty one "+
				"with --data", dataDir, entry.Name(), installationFile)
		}
	}
	return nil
}

func writeInstallation(dataDir string, id seal.ID) error {
	fs := vfs.Default
	path := filepath.Join(dataDir, installationFile)
	file, err := fs.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(id.String() + "\n"))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := fs.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := fs.OpenDir(dataDir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// trailFS seals the files of the trail under the installation's own keys.
func (s *Server) trailFS() *sealedfs.FS {
	owner := storage.System(trailOwner)
	return sealedfs.New(vfs.Default, owner, ownerKeys{s.ring, owner})
}

// tornEnd tells a file that a crash left with an unsynced end from a whole one and from a damaged one.
func tornEnd(fs *sealedfs.FS) func(path string) (bool, error) {
	return func(path string) (bool, error) {
		_, err := fs.Verify(path)
		if errors.Is(err, sealedfs.ErrTorn) {
			return true, nil
		}
		return false, err
	}
}

// ownerKeys are the data keys of one owner.
type ownerKeys struct {
	keys  storage.Keys
	owner storage.TableID
}

// Current implements sealedfs.Keys.
func (k ownerKeys) Current() (storage.Epoch, error) { return k.keys.Current(k.owner) }

// Key implements sealedfs.Keys.
func (k ownerKeys) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	return k.keys.Key(k.owner, epoch, key)
}
