package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
)

// Where the server keeps its own records.
const (
	catalogTable = 1
	trailOwner   = 2 // no table: the owner that the trail's files are sealed for

	tableRecords     storage.Collection = 1
	kmsRecords       storage.Collection = 2
	catalogPartition                    = "records"
)

// catalogView is what the catalog says about tables and keys; read tells whether it could be read.
type catalogView struct {
	read   bool
	tables map[storage.TableID]tableRecord
	keys   map[string][]keyring.Metadata // by id: related multi-Region keys share one
}

// tableRecord is as much of a table's description as matters here.
type tableRecord struct {
	ID         storage.TableID
	Name       struct{ Account, Region, Table string }
	ARN        string
	Encryption struct{ Key struct{ Kind, ARN string } }
}

// readCatalog opens the store as the server would, in memory above the directory, with no table in it but the
// installation's own. So the journal is replayed, and found complete, on the way.
func (i *inspection) readCatalog() {
	var view catalogView
	err := i.steadily(func() (err error) {
		view, err = i.tryCatalog()
		return err
	}, "journal", "high-water", "tables/"+storage.System(catalogTable).String())
	if err != nil {
		i.catalogProblem(err)
		return
	}
	i.catalog = view
}

func (i *inspection) catalogProblem(err error) {
	var corrupt *storage.CorruptError
	if errors.As(err, &corrupt) {
		i.problem(corrupt.File, "the catalog cannot be read: %v", corrupt.Cause)
		return
	}
	if file, cause, ok := journalFault(err); ok {
		i.problem(file, "%s", cause)
		return
	}
	i.problem("tables/"+storage.System(catalogTable).String(), "the catalog cannot be read: %v", err)
}

func (i *inspection) tryCatalog() (view catalogView, err error) {
	trial := newOverlay(i.disk.base)
	for _, f := range i.files {
		if f.Table != (storage.TableID{}) && !f.Table.IsSystem() {
			trial.hide(i.path("tables", f.Table.String()))
		}
	}
	store, err := embedded.Open(embedded.Options{
		FS: trial, Dir: i.o.Dir, Keys: i.ring, FrameKey: i.frameKey, Logger: i.log, CacheBytes: 8 << 20,
		JournalBytes: 2 << 20, // small segments: they are made in memory, and nothing is written to them
	})
	if err != nil {
		return view, err
	}
	view = catalogView{read: true, tables: map[storage.TableID]tableRecord{},
		keys: map[string][]keyring.Metadata{}}
	err = errors.Join(i.eachRecord(store, tableRecords, view.addTable),
		i.eachRecord(store, kmsRecords, view.addKey))
	return view, errors.Join(err, store.Close())
}

func (i *inspection) eachRecord(
	store storage.Store, kind storage.Collection, add func(name string, data []byte) error,
) (err error) {
	rows := store.Read(i.ctx, storage.PartitionRead{
		Table: storage.System(catalogTable), Collection: kind, Partition: []byte(catalogPartition),
	})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := add(string(rows.Sort()), rows.Value()); err != nil {
			return fmt.Errorf("record %s of the catalog: %w", rows.Sort(), err)
		}
	}
	return rows.Err()
}

func (v *catalogView) addTable(_ string, data []byte) error {
	var t tableRecord
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	v.tables[t.ID] = t
	return nil
}

func (v *catalogView) addKey(name string, data []byte) error {
	kind, _, _ := strings.Cut(name, "/")
	if kind != "key" && kind != "owned" { // aliases, grants, times of last use
		return nil
	}
	var m keyring.Metadata
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	v.keys[m.ID] = append(v.keys[m.ID], m)
	return nil
}

// keyState is the state of the key with this ARN, as the catalog has it, or nothing.
func (v *catalogView) keyState(id, arn string) string {
	for _, m := range v.keys[id] {
		if m.Scope.KeyARN(m.ID) == arn {
			return string(m.State)
		}
	}
	if v.read {
		return "Deleted"
	}
	return ""
}
