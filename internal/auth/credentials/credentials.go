// Package credentials keeps the root access key of the installation's account in a file of AWS's own format,
// so that the AWS CLI and the SDKs can be pointed at it.
//
// Callers may rely on this: the file is readable by its owner alone, a wider one, and somebody else's, is
// refused, and an existing file is never changed.
package credentials

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FileName is the file's name in the configuration directory.
const FileName = "credentials"

// Key is an access key.
type Key struct{ ID, Secret string }

// Load reads the key of the profile "default", or makes a new file with a new key when there is none.
func Load(dir string) (Key, error) {
	key, err := Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return create(filepath.Join(dir, FileName))
	}
	return key, err
}

// Read reads the key of the profile "default".
func Read(dir string) (Key, error) {
	key, _, err := readFile(filepath.Join(dir, FileName))
	return key, err
}

// readFile gives the key in a file, and the file's content. It is opened once, so that what was checked is
// what is read.
func readFile(path string) (Key, []byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return Key{}, nil, fmt.Errorf("reading the root access key: %w: run as the file's owner, or chown "+
			"it to the user that runs sealtable", err)
	}
	if err != nil {
		return Key{}, nil, fmt.Errorf("reading the root access key: %w", err)
	}
	defer file.Close()
	if err := checkPrivate(file); err != nil {
		return Key{}, nil, err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return Key{}, nil, fmt.Errorf("reading the root access key: %w", err)
	}
	key, ok := parse(content)
	if !ok {
		return Key{}, nil, fmt.Errorf("%s holds no access key under [default]: restore it, or move it away "+
			"to have a new key made", path)
	}
	return key, content, nil
}

// checkPrivate refuses a file that somebody else owns or may read.
func checkPrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading the root access key: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user: run as its owner, or chown it to the user that runs "+
			"sealtable", file.Name())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others (mode %04o): run chmod 600 on it", file.Name(),
			info.Mode().Perm())
	}
	return nil
}

func parse(content []byte) (Key, bool) {
	var key Key
	inDefault := false
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inDefault = line == "[default]"
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !inDefault {
			continue
		}
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	return key, key.ID != "" && key.Secret != ""
}

// create writes the file whole or not at all.
func create(path string) (Key, error) { return createWith(path, "") }

// createWith writes more lines into the profile.
func createWith(path, more string) (Key, error) {
	key, err := Generate("AKIA")
	if err != nil {
		return Key{}, err
	}
	content := "[default]\naws_access_key_id = " + key.ID + "\naws_secret_access_key = " + key.Secret + "\n" +
		more
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Key{}, fmt.Errorf("making the configuration directory: %w", err)
	}
	if err := writeWhole(path, []byte(content)); err != nil {
		return Key{}, fmt.Errorf("writing the root access key: %w", err)
	}
	return key, nil
}

func writeWhole(path string, content []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+FileName+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if _, err = temporary.Write(content); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err = errors.Join(temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Generate makes an access key. The id has 20 characters and begins with prefix (AKIA for long-lived keys,
// ASIA for sessions); the secret has 40 and holds 240 bits of randomness.
func Generate(prefix string) (Key, error) {
	var random [40]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Key{}, fmt.Errorf("making an access key: %w", err)
	}
	return Key{
		ID:     prefix + base32.StdEncoding.EncodeToString(random[:10]),
		Secret: base64.StdEncoding.EncodeToString(random[10:]),
	}, nil
}
