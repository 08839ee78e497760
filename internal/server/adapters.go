package server

import (
	"context"

	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

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
