// Package rewrap wraps what lies in a data directory under the root key anew, after the root key was rotated.
//
// Callers may rely on this: it works only while no server has the directory, and holds the directory's lock
// until Close; each file of key material is the one from before or the one from after, whatever happens, and
// both open with the keyring. A call that failed can be repeated. It opens no table.
package rewrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// Where the server keeps the key service's records and material.
const (
	catalogTable                    = 1
	kmsRecords   storage.Collection = 2
	materialDir                     = "keys"
)

// Directory is a data directory of which nothing but the keys is used.
type Directory struct {
	keys    *keyring.Keyring
	closers []func() error // in the order of opening
}

// Open locks a data directory and loads its keys, as a server does when it starts: what fell due meanwhile,
// such as the deletion of a key, is done.
func Open(
	ctx context.Context, dir string, root *seal.Root, arena *lockedmem.Arena, log *slog.Logger,
) (d *Directory, err error) {
	d = &Directory{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if err := root.RecordVersion(dir); err != nil {
		return d, err
	}
	ring, err := tablekeys.New(vfs.Default, dir, root, arena, log)
	if err != nil {
		return d, err
	}
	d.closers = append(d.closers, ring.Close)
	store, err := openStore(dir, root, ring, log)
	if err != nil {
		return d, err
	}
	d.closers = append(d.closers, store.Close)
	records, err := catalog.Open(ctx, store, catalogTable, kmsRecords)
	if err != nil {
		return d, err
	}
	now := clock.New()
	d.closers = append(d.closers, func() error { now.Close(); return nil })
	d.keys, err = keyring.Open(ctx, keyring.Config{
		FS: vfs.Default, Dir: filepath.Join(dir, materialDir), Root: rootKey{root},
		Records: keyRecords{records}, Clock: now, Arena: arena, Log: log,
	})
	if err != nil {
		return d, err
	}
	d.closers = append(d.closers, d.keys.Close)
	return d, nil
}

func openStore(dir string, root *seal.Root, ring *tablekeys.Ring, log *slog.Logger) (*embedded.Store, error) {
	frameKey, err := root.InstallationKey(seal.Journal)
	if err != nil {
		return nil, err
	}
	defer frameKey.Destroy()
	options := embedded.Options{FS: vfs.Default, Dir: dir, Keys: ring, Logger: log}
	if err := frameKey.CopyTo(options.FrameKey[:]); err != nil {
		return nil, err
	}
	defer clear(options.FrameKey[:])
	return embedded.Open(options)
}

// Rewrap wraps the material of every key anew under the newest root key, and says of how many keys.
func (d *Directory) Rewrap(ctx context.Context) (int, error) {
	n, err := d.keys.Rewrap(ctx)
	if err != nil {
		return n, fmt.Errorf("wrapping key material anew: %w", err)
	}
	return n, nil
}

// Close unlocks the directory.
func (d *Directory) Close() error {
	var errs []error
	for _, closer := range slices.Backward(d.closers) {
		errs = append(errs, closer())
	}
	d.closers = nil
	return errors.Join(errs...)
}

// keyRecords keeps the key service's metadata in the catalog.
type keyRecords struct{ catalog *catalog.Catalog }

// Load implements keyring.Records.
func (r keyRecords) Load(ctx context.Context, visit func(name string, data []byte) error) error {
	return r.catalog.Load(ctx, visit)
}

// Write implements keyring.Records.
func (r keyRecords) Write(ctx context.Context, changes ...keyring.Change) error {
	byName := make(map[string][]byte, len(changes))
	for _, c := range changes {
		byName[c.Name] = c.Data
	}
	return r.catalog.Write(ctx, byName)
}

// rootKey wraps backing keys under the root key.
type rootKey struct{ root *seal.Root }

// Wrap implements keyring.RootKey.
func (r rootKey) Wrap(purpose string, owner, plaintext []byte) ([]byte, error) {
	return r.root.Wrap(seal.Purpose(purpose), owner, plaintext)
}

// Unwrap implements keyring.RootKey.
func (r rootKey) Unwrap(purpose string, owner, wrapped []byte) (*lockedmem.Key, error) {
	return r.root.Unwrap(seal.Purpose(purpose), owner, wrapped)
}
