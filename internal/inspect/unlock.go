package inspect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// The encryption context of table keys ("DynamoDB encryption at rest: usage notes").
const (
	contextTable   = "aws:dynamodb:tableName"
	contextAccount = "aws:dynamodb:subscriberId"
)

// unlockTables goes down the chain of every table, from the material of its KMS key to its data keys.
func (i *inspection) unlockTables() {
	ids := map[storage.TableID]bool{}
	for _, f := range i.files {
		if f.Table != (storage.TableID{}) {
			ids[f.Table] = true
		}
	}
	for id := range i.catalog.tables {
		ids[id] = true
	}
	for id := range ids {
		t := &Table{ID: id.String(), key: id, System: id.IsSystem()}
		i.tables[id] = t
		if t.System {
			t.Name = systemName(id)
			t.Listed = true
			t.Opened = true
			t.DataKeys, t.chain = []storage.Epoch{1}, []string{"keyring", "catalog key"}
			continue
		}
		i.fromCatalog(t)
		i.unlock(t)
	}
}

func systemName(id storage.TableID) string {
	if id == storage.System(catalogTable) {
		return "(catalog)"
	}
	return fmt.Sprintf("(installation %d)", id[15])
}

func (i *inspection) fromCatalog(t *Table) {
	r, ok := i.catalog.tables[t.key]
	if !ok {
		return
	}
	t.Listed = true
	t.Name = r.Name.Table
	t.ARN = r.ARN
	t.Encryption = r.Encryption.Key.Kind
}

func (i *inspection) unlock(t *Table) {
	path := filepath.Join("tables", t.ID, "keys")
	var info tablekeys.Info
	err := i.steadily(func() (err error) {
		info, err = i.ring.Describe(t.key)
		return err
	}, path)
	var corrupt *storage.CorruptError
	switch {
	case errors.Is(err, tablekeys.ErrNotFound) && !t.Listed && i.catalog.read:
		// a deletion that was cut short: its keys are gone for good, and the next start removes the rest
		return
	case errors.Is(err, tablekeys.ErrNotFound):
		i.problem(path, "it is missing: without it the table cannot be read")
		return
	case errors.As(err, &corrupt):
		i.problem(path, "%v", corrupt.Cause)
		return
	case err != nil:
		i.problem(path, "%v", err)
		return
	}
	i.describeChain(t, info)
	if err := i.openChain(t, info); err != nil && !i.isWrong(filepath.Join(materialDir, t.keyID)) {
		i.problem(path, "%v", err)
	}
}

// describeChain fills in what the keys file says. The name of a table and its account are in the encryption
// context, the region in the ARN of the key: a table and its key are always in the same one.
func (i *inspection) describeChain(t *Table, info tablekeys.Info) {
	t.KMSKey = info.Current.KeyARN
	t.TableKey = info.Current.Number
	t.DataKeys = info.Epochs
	if info.Prepared != nil {
		t.ChangingTo = info.Prepared.KeyARN
	}
	key, ok := arn.Parse(t.KMSKey)
	if !ok {
		return
	}
	t.keyID = strings.TrimPrefix(key.Resource, "key/")
	t.KMSKeyState = i.catalog.keyState(t.keyID, t.KMSKey)
	if t.Name == "" {
		t.Name = info.Current.Context[contextTable]
		t.ARN = arn.New("dynamodb", key.Region, info.Current.Context[contextAccount],
			"table/"+t.Name).String()
	}
}

// openChain unwraps the table key and, with it, every data key. While a change of key is not finished both
// table keys are tried: whichever way the next start decides, the table must open.
func (i *inspection) openChain(t *Table, info tablekeys.Info) error {
	if info.Prepared != nil {
		bare, err := i.unwrap(info.Prepared.Chain)
		lockedmem.Wipe(bare)
		if err != nil {
			return fmt.Errorf("the table key of the change to %s: %w", info.Prepared.KeyARN, err)
		}
	}
	err := i.ring.Unlock(i.ctx, t.key, func(_ context.Context, keyARN string, encryption map[string]string,
		ciphertext []byte) ([]byte, string, error) {
		bare, err := i.unwrap(tablekeys.Chain{KeyARN: keyARN, Context: encryption,
			TableKeyCiphertext: ciphertext})
		return bare, keyARN, err
	})
	if err != nil {
		return err
	}
	v := i.material[t.keyID].version(info.Current.TableKeyCiphertext)
	t.Opened = true
	t.KMSKeyVersion = v.Version
	t.RootVersion = v.RootKeyVersion
	t.chain = []string{
		fmt.Sprintf("root key %d", v.RootKeyVersion), fmt.Sprintf("%s version %d", t.KMSKey, v.Version),
		fmt.Sprintf("table key %d", t.TableKey),
	}
	return nil
}

// unwrap opens a table key with the material of its KMS key, whatever the state of that key: it is never used
// to show anything.
func (i *inspection) unwrap(c tablekeys.Chain) ([]byte, error) {
	key, ok := arn.Parse(c.KeyARN)
	if !ok {
		return nil, fmt.Errorf("%q is not the ARN of a key", c.KeyARN)
	}
	id := strings.TrimPrefix(key.Resource, "key/")
	m := i.material[id]
	if m == nil {
		return nil, fmt.Errorf("the material of %s is not there, or not authentic: the table cannot "+
			"be opened", c.KeyARN)
	}
	return m.file.Decrypt(&rootKey{root: i.root}, keyring.Context(c.Context), c.TableKeyCiphertext)
}
