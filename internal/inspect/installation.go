package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// The files and directories that the server keeps beside what the store does.
const (
	installationFile = "INSTALLATION"
	materialDir      = "keys"
	journalDir       = "journal"
	versionFile      = "keyring-version"
	trailDir         = "trail"
)

// formatText is what the FORMAT file holds: the whole of it is in the clear, so the whole of it is compared.
const formatText = "sealtable data directory, format 1\n"

// Installation gives the id that a data directory bears; the zero id where there is no data yet.
func Installation(dir string) (seal.ID, error) {
	content, err := readSmall(vfs.Default, filepath.Join(dir, installationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return seal.ID{}, nil
	}
	if err != nil {
		return seal.ID{}, err
	}
	id, err := seal.ParseID(strings.TrimSuffix(content, "\n"))
	if err != nil {
		return seal.ID{}, fmt.Errorf("%s: %w: restore it from a backup of the data directory",
			filepath.Join(dir, installationFile), err)
	}
	return id, nil
}

// checkInstallation sees whether the keyring is that of the directory. When the two disagree and nothing in
// the directory authenticates under the keyring, it is the wrong keyring, and that is the error; else the
// INSTALLATION file is wrong.
func (i *inspection) checkInstallation() error {
	id, err := Installation(i.o.Dir)
	if !id.IsZero() {
		i.report.Installation = id.String()
	}
	have := i.root.InstallationID()
	if err == nil && id == have {
		return nil
	}
	fits, fitErr := i.anythingFits()
	if fitErr != nil {
		return fitErr
	}
	switch {
	case !fits && !id.IsZero():
		return fmt.Errorf("%s is the keyring of installation %s, the data is of %s: give --config the "+
			"directory that belongs to the data",
			i.root.Status().Path, have, id)
	case !fits:
		return fmt.Errorf("%s does not open anything here: give --config the directory that belongs to "+
			"the data", i.root.Status().Path)
	case err != nil:
		i.problem(installationFile, "%v", err)
	case id.IsZero():
		i.problem(installationFile, "it is missing: write the line %s into it", have)
	default:
		i.problem(installationFile, "it names installation %s, but the data is of %s", id, have)
	}
	return nil
}

// checkVersion sees whether the keyring is as new as the data. One that is older is the error; a record that
// is not authentic is a problem of the directory.
func (i *inspection) checkVersion() error {
	err := i.root.CheckVersion(i.o.Dir)
	if err == nil || errors.Is(err, seal.ErrStale) {
		return err
	}
	i.problem(versionFile, "%v", err)
	return nil
}

// anythingFits says whether any part of the journal or any keys file authenticates under the keyring.
func (i *inspection) anythingFits() (bool, error) {
	if err := i.openRing(); err != nil {
		return false, err
	}
	defer clear(i.frameKey[:])
	defer func() { _ = i.ring.Close() }() // it only forgets keys
	for _, f := range i.files {
		switch f.Kind {
		case embedded.KindJournal, embedded.KindParked:
			report, err := journal.Verify(i.disk, i.path(f.Path), i.frameKey, i.ring)
			if report.Frame > 0 && (err == nil || report.Kind == journal.KindSegment) {
				return true, nil
			}
		case embedded.KindKeys:
			if _, err := i.ring.Describe(f.Table); err == nil || errors.Is(err, tablekeys.ErrVersion) {
				return err == nil, nil
			}
		}
	}
	return false, nil
}

// verifyPlain compares one of the two files that are in the clear with what it has to be.
func (i *inspection) verifyPlain(f *File, want string) error {
	content, err := readSmall(i.disk, i.path(f.Path))
	if err != nil {
		return err
	}
	if content != want {
		return errors.New("its text is not what was written there")
	}
	f.Detail = "in the clear: " + strings.TrimSpace(want)
	return nil
}

// readSmall reads a file that is a line long, or as much of it as shows that it is not.
func readSmall(disk vfs.FS, path string) (string, error) {
	file, err := disk.Open(path)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(file, 4<<10))
	return string(content), errors.Join(err, file.Close())
}
