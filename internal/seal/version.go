package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The data directory bears which version of the root key its installation has come to, so that an older copy
// of the keyring is told from the newest one; docs/format/keyring.md draws the file:
//
//	magic 8 │ version 2 │ installation 16 │ root key version 4 │ root key id 8 │ MAC 32
//
// The MAC is HMAC-SHA-256 under the installation key of purpose "keyring-version", which no rotation changes.
const (
	versionName   = "keyring-version"
	versionMagic  = "STKEYVER"
	versionFixed  = 8 + 2 + 16 + 4 + keyIDSize
	versionLength = versionFixed + sha256.Size
)

// CheckVersion says whether the keyring is as new as the data: it has the root key that was the newest when
// the data directory was last used. A directory of a time before there was such a record fits any keyring. It
// writes nothing.
func (r *Root) CheckVersion(dataDir string) error {
	_, err := r.checkVersion(dataDir)
	return err
}

// checkVersion gives the version that the data knows, 0 if it knows none.
func (r *Root) checkVersion(dataDir string) (uint32, error) {
	path := filepath.Join(dataDir, versionName)
	record, err := readVersion(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, diskError(path, err)
	}
	if err := r.authenticateVersion(path, record); err != nil {
		return 0, err
	}
	known := binary.BigEndian.Uint32(record[26:])
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.contents == nil {
		return 0, &Error{Kind: ErrClosed}
	}
	versions := r.contents.versions
	if known == 0 || int(known) > len(versions) {
		return 0, r.stale(fmt.Sprintf("its newest root key is version %d, the data in %s is at version %d",
			len(versions), dataDir, known))
	}
	if v := versions[known-1]; v.id != keyID(record[30:versionFixed]) {
		return 0, r.stale(fmt.Sprintf("its root key %d is not the one that the data in %s is under", known,
			dataDir))
	}
	return known, nil
}

func (r *Root) stale(what string) error {
	return &Error{Kind: ErrStale, Path: r.dir.Path(keyringName), Cause: errors.New(what),
		Hint: "restore the newest copy of the keyring, or an export made since the last rotation"}
}

func readVersion(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, versionLength+1))
}

func (r *Root) authenticateVersion(path string, record []byte) error {
	wrong := &Error{Kind: ErrDamaged, Path: path,
		Hint: "restore it from the backup of the data directory that the rest is from"}
	if len(record) != versionLength || string(record[:8]) != versionMagic ||
		binary.BigEndian.Uint16(record[8:]) != fileVersion {
		return wrong
	}
	mac, err := r.versionMAC(record[:versionFixed])
	if err == nil && !hmac.Equal(mac, record[versionFixed:]) {
		err = wrong
	}
	return err
}

func (r *Root) versionMAC(record []byte) ([]byte, error) {
	key, err := r.InstallationKey(KeyringVersion)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	var sum []byte
	err = key.With(func(b []byte) error {
		mac := hmac.New(sha256.New, b)
		mac.Write(record)
		sum = mac.Sum(nil)
		return nil
	})
	return sum, err
}

// RecordVersion makes the data directory bear the newest version of the root key, durably, if it bears an
// older one or none; Rotate does so from then on. A keyring that is older than the data is ErrStale, and
// nothing is written.
func (r *Root) RecordVersion(dataDir string) error {
	known, err := r.checkVersion(dataDir)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.dataDir = dataDir
	if r.contents == nil {
		r.mu.Unlock()
		return &Error{Kind: ErrClosed}
	}
	newest := r.contents.current()
	r.mu.Unlock()
	if known == newest.number {
		return nil
	}
	record := binary.BigEndian.AppendUint16([]byte(versionMagic), fileVersion)
	record = append(record, r.installation[:]...)
	record = binary.BigEndian.AppendUint32(record, newest.number)
	record = append(record, newest.id[:]...)
	mac, err := r.versionMAC(record)
	if err != nil {
		return err
	}
	err = replace(osDirectory(dataDir), versionName, append(record, mac...), r.options.Warn)
	return diskError(filepath.Join(dataDir, versionName), err)
}

// recordRotation follows a rotation. The new root key is in the keyring, so a failure takes nothing back: the
// next start records it.
func (r *Root) recordRotation() {
	r.mu.RLock()
	dir := r.dataDir
	r.mu.RUnlock()
	if dir == "" {
		return
	}
	if err := r.RecordVersion(dir); err != nil {
		r.options.Warn(err)
	}
}
