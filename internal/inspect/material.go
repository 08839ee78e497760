package inspect

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

// material is the file of one KMS key, once it was authenticated.
type material struct {
	file *keyring.MaterialFile
	key  KMSKey
}

// rootKey unwraps backing keys under the root key, and remembers which version of it did. It wraps nothing.
type rootKey struct {
	root    *seal.Root
	version uint32
}

// Unwrap implements keyring.RootKey.
func (r *rootKey) Unwrap(purpose string, owner, wrapped []byte) (*lockedmem.Key, error) {
	var err error
	if r.version, err = seal.RecordVersion(wrapped); err != nil {
		return nil, err
	}
	return r.root.Unwrap(seal.Purpose(purpose), owner, wrapped)
}

// Wrap implements keyring.RootKey.
func (r *rootKey) Wrap(string, []byte, []byte) ([]byte, error) {
	return nil, errors.New("inspecting changes nothing")
}

// The names in the directory of key material, beside those of keys.
const (
	temporarySuffix = ".tmp" // being written
	unbornSuffix    = ".new" // empty: the key's record may not be in the catalog yet
)

// readMaterial authenticates the backing keys of every KMS key.
func (i *inspection) readMaterial() {
	for _, f := range i.files {
		dir, name := filepath.Split(f.Path)
		if filepath.Clean(dir) != materialDir || strings.HasSuffix(name, temporarySuffix) ||
			strings.HasSuffix(name, unbornSuffix) {
			continue
		}
		var m *material
		err := i.steadily(func() (err error) {
			m, err = i.openMaterial(f.Path, name)
			return err
		}, f.Path)
		if gone(err) {
			continue
		}
		if err != nil {
			i.problem(f.Path, "%v", withoutPath(err))
			continue
		}
		i.material[name] = m
		i.report.KMSKeys = append(i.report.KMSKeys, m.key)
	}
	i.checkMaterial()
}

// withoutPath drops the path in front of errors whose path is told already.
func withoutPath(err error) string {
	text := err.Error()
	if rest, ok := strings.CutPrefix(text, string(filepath.Separator)); ok {
		if _, cause, ok := strings.Cut(rest, ": "); ok {
			return cause
		}
		if _, cause, ok := strings.Cut(rest, " is not authentic: "); ok {
			return "not authentic: " + cause
		}
	}
	return text
}

func (i *inspection) openMaterial(path, name string) (*material, error) {
	file, err := keyring.ReadMaterialFile(i.disk, i.path(path))
	if err != nil {
		return nil, err
	}
	if file.KeyID != name {
		return nil, fmt.Errorf("it holds the material of key %s", file.KeyID)
	}
	root := &rootKey{root: i.root}
	if err := file.Verify(root); err != nil {
		return nil, err
	}
	m := &material{file: file, key: KMSKey{ID: name}}
	for n, v := range file.Versions {
		key, err := file.Backing(root, backingID(v.MaterialID))
		if err != nil {
			return nil, err
		}
		key.Destroy()
		m.key.Versions = append(m.key.Versions, KMSVersion{
			Version: n + 1, MaterialID: v.MaterialID, Created: v.Created, RootKeyVersion: root.version,
		})
	}
	i.describeKey(&m.key)
	return m, nil
}

// backingID is how ciphertexts name the material with this id.
func backingID(materialID string) (id keyring.BackingID) {
	b, err := hex.DecodeString(materialID)
	if err == nil {
		copy(id[:], b)
	}
	return id
}

// version is the number of the backing key that made a ciphertext, with the version of the root key that
// wraps it; 0 if the key has none such.
func (m *material) version(ciphertext []byte) KMSVersion {
	info, ok := keyring.ReadBlob(ciphertext)
	for _, v := range m.key.Versions {
		if ok && backingID(v.MaterialID) == info.Backing {
			return v
		}
	}
	return KMSVersion{}
}

func (i *inspection) describeKey(key *KMSKey) {
	for _, m := range i.catalog.keys[key.ID] {
		key.ARNs = append(key.ARNs, m.Scope.KeyARN(m.ID))
		key.Manager, key.State = string(m.Manager), string(m.State)
	}
}

// checkMaterial compares the material that is there with the keys that the catalog lists.
func (i *inspection) checkMaterial() {
	if !i.catalog.read {
		return
	}
	for id, keys := range i.catalog.keys {
		for _, m := range keys {
			i.checkKey(id, m)
		}
	}
	for id := range i.material {
		if len(i.catalog.keys[id]) == 0 && !i.exists(materialDir, id+unbornSuffix) {
			i.problem(filepath.Join(materialDir, id), "it is the material of a key that the catalog does "+
				"not list: it was put back, "+
				"or the catalog was put back to an earlier state")
		}
	}
}

// checkKey sees that a key that has material has all of it. A key whose material was not imported, or was
// taken away, has none, and one that is pending deletion may have lost it: an erasure that was cut short is
// finished at the next start.
func (i *inspection) checkKey(id string, m keyring.Metadata) {
	path := filepath.Join(materialDir, id)
	found := i.material[id]
	if found == nil {
		if len(m.Held()) > 0 && m.State != keyring.PendingDeletion && !i.isWrong(path) {
			i.problem(path, "it is missing: it is the material of %s", m.Scope.KeyARN(id))
		}
		return
	}
	for n, v := range m.Held() {
		if !slices.ContainsFunc(found.key.Versions, func(f KMSVersion) bool {
			return f.MaterialID == v.MaterialID
		}) {
			i.problem(path, "it lacks key material %d of %s: it was put back to an earlier state", n+1,
				m.Scope.KeyARN(id))
		}
	}
}
