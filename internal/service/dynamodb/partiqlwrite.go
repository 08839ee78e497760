package dynamodb

import (
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// errDuplicateItem says that an INSERT met an item with its key.
var errDuplicateItem = errors.New("dynamodb: there is an item with this key already")

const (
	duplicateItem   = "Duplicate primary key exists in table"
	incompleteKey   = "Where clause does not contain a mandatory equality on all key attributes"
	wrongKeyType    = "Key attribute's data type should match its data type in table's schema"
	incompleteCheck = "EXISTS() must contain a single item read with additional condition"
	noIndex         = "The table does not have the specified index"
)

// statementWrite is a statement that writes, or asks a condition, with the key of its one item. It is good
// for one call.
type statementWrite struct {
	statement *partiql.Checked
	key       attribute.Item
	update    *itemUpdate
}

// planStatement finds the one item that a statement writes to.
func planStatement(t *engine.Table, statement *partiql.Checked) (w *statementWrite, err error) {
	w = &statementWrite{statement: statement}
	if statement.Kind == partiql.Insert {
		return w, nil
	}
	if w.key, err = statementKey(t, statement, incompleteKey); err != nil {
		return nil, err
	}
	if statement.Kind == partiql.Update {
		w.update = &itemUpdate{update: statement.Changes, condition: w.mustExist}
		return w, w.update.keepKey(w.key)
	}
	return w, nil
}

// statementKey is the key that a condition demands. incomplete is the refusal of one that does not demand a
// whole key.
func statementKey(t *engine.Table, statement *partiql.Checked, incomplete string) (attribute.Item, error) {
	var b attribute.Builder
	for _, key := range t.Key.Attributes() {
		v := statement.Equality(key.Name)
		switch {
		case v == nil:
			return nil, invalid("%s", incomplete)
		case v.Kind() != key.Kind:
			return nil, invalid(wrongKeyType)
		}
		b.Set(key.Name, v)
	}
	return b.Item(), nil
}

// mustExist is the condition of UPDATE, which makes no item where there is none.
func (w *statementWrite) mustExist(current attribute.Item) (bool, error) {
	if current == nil {
		return false, nil
	}
	return w.statement.Where.Holds(current)
}

// mayBeGone is the condition of DELETE, which has nothing to do where there is no item.
func (w *statementWrite) mayBeGone(current attribute.Item) (bool, error) {
	if current == nil {
		return true, nil
	}
	return w.statement.Where.Holds(current)
}

// mustBeNew is the condition of INSERT.
func (w *statementWrite) mustBeNew(current attribute.Item) (bool, error) {
	if current != nil {
		return false, errDuplicateItem
	}
	return true, nil
}

// build ties the write to its table.
func (w *statementWrite) build(t *engine.Table) (engine.Write, error) {
	switch w.statement.Kind {
	case partiql.Insert:
		return engine.PutOf(t, w.statement.Item, w.mustBeNew)
	case partiql.Update:
		return engine.UpdateOf(t, w.key, w.update.condition, w.update.decide)
	case partiql.Delete:
		return engine.DeleteOf(t, w.key, w.mayBeGone)
	}
	return engine.CheckOf(t, w.key, w.mustExist)
}

// word words an error of build, or of the write.
func (w *statementWrite) word(err error) error {
	switch w.statement.Kind {
	case partiql.Insert:
		return refusal(err)
	case partiql.Update:
		return updateRefusal(err)
	}
	return lookupRefusal(err)
}

// returned is what RETURNING asks for; nil for nothing.
func (w *statementWrite) returned(change engine.Change) attribute.Item {
	switch r := w.statement.Returning; {
	case r == partiql.Nothing:
		return nil
	case w.statement.Kind == partiql.Delete:
		return change.Old
	case r == partiql.AllOld:
		return change.Old
	case r == partiql.AllNew:
		return change.New
	case r == partiql.ModifiedOld:
		return present(w.update.selectTouched(change.Old))
	}
	return present(w.update.selectTouched(change.New))
}

// present is the item, nil for one without attributes.
func present(item attribute.Item) attribute.Item {
	if item.Len() == 0 {
		return nil
	}
	return item
}
