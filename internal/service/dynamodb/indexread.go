package dynamodb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// readIndex finds the index that a query or scan names, and says whether it can be read as the request wants;
// nil where the request reads the table.
func (s *Service) readIndex(
	t *engine.Table, name *string, consistent *bool, shape *resultShape,
) (*engine.Index, error) {
	if name == nil {
		return nil, nil
	}
	x := t.Index(*name)
	if x == nil {
		return nil, noSuchIndex(*name)
	}
	if x.Local {
		return x, nil
	}
	switch indexStatus(t, x, s.clock.Now()) {
	case "DELETING":
		return nil, noSuchIndex(*name)
	case "CREATING":
		return nil, invalid("Cannot read from backfilling global secondary index: %s", x.Name)
	}
	if api.True(consistent) {
		return nil, invalid("Consistent reads are not supported on global secondary indexes")
	}
	return x, shape.checkProjected(x)
}

func noSuchIndex(name string) error {
	return invalid("The table does not have the specified index: %s", name)
}

// checkProjected refuses to read from a global index what it does not hold.
func (r *resultShape) checkProjected(x *engine.Index) error {
	if r.all && x.Projection != engine.ProjectAll {
		return invalidParameter("Select type ALL_ATTRIBUTES is not supported for global secondary index %s "+
			"because its projection type is not ALL", x.Name)
	}
	if missing := r.unprojected(x); len(missing) > 0 {
		return invalidParameter("Global secondary index %s does not project [%s]", x.Name,
			strings.Join(missing, ", "))
	}
	return nil
}

// unprojected are the attributes that the projection names and the index does not hold.
func (r *resultShape) unprojected(x *engine.Index) []string {
	if r.projection == nil {
		return nil
	}
	return slices.DeleteFunc(r.projection.Attributes(), x.Projects)
}

// needsTable says whether the items must be read from the table, because the local index does not hold all
// that is wanted of them.
func (r *resultShape) needsTable(x *engine.Index) bool {
	return r.all && x.Projection != engine.ProjectAll || len(r.unprojected(x)) > 0
}

// indexQuery fits a key condition to the index's key: all of its hash attributes, and range attributes from
// the left, of which only the last may be compared for anything but equality.
func indexQuery(x *engine.Index, condition *expression.KeyCondition) (engine.IndexQuery, error) {
	var q engine.IndexQuery
	clauses := slices.Clone(condition.Clauses())
	if len(clauses) > max(2, len(x.Hash)+len(x.Range)) {
		return q, expressionRefusal(expression.TooManyKeyConditions())
	}
	for _, key := range x.Hash {
		clause := takeClause(&clauses, key.Name)
		switch {
		case clause == nil:
			return q, missedKey(key)
		case clause.Comparison != expression.Equal:
			return q, unsupportedKeyCondition()
		}
		if err := checkKinds(clause, key); err != nil {
			return q, err
		}
		q.Hash = append(q.Hash, clause.Low)
	}
	err := rangeConditions(&q, x.Range, clauses)
	return q, err
}

// rangeConditions fits what is left of a key condition to the range attributes.
func rangeConditions(q *engine.IndexQuery, keys []engine.KeyAttribute, clauses []expression.KeyClause) error {
	for i, key := range keys {
		if len(clauses) == 0 {
			return nil
		}
		clause := takeClause(&clauses, key.Name)
		if clause == nil {
			return missedKey(key)
		}
		if err := checkKinds(clause, key); err != nil {
			return err
		}
		if clause.Comparison == expression.Equal && i+1 < len(keys) {
			q.Equal = append(q.Equal, clause.Low)
			continue
		}
		q.Comparison = comparison(clause.Comparison)
		q.Low = clause.Low
		q.High = clause.High
		break
	}
	if len(clauses) > 0 {
		return unsupportedKeyCondition()
	}
	return nil
}

// takeClause takes the clause about an attribute out of clauses; nil when there is none.
func takeClause(clauses *[]expression.KeyClause, name string) *expression.KeyClause {
	at := slices.IndexFunc(*clauses, func(c expression.KeyClause) bool { return c.Attribute == name })
	if at < 0 {
		return nil
	}
	clause := (*clauses)[at]
	*clauses = slices.Delete(*clauses, at, at+1)
	return &clause
}

func checkKinds(clause *expression.KeyClause, key engine.KeyAttribute) error {
	for _, operand := range []attribute.Value{clause.Low, clause.High} {
		if operand != nil && operand.Kind() != key.Kind {
			return invalidParameter("Condition parameter type does not match schema type")
		}
	}
	return nil
}

func missedKey(key engine.KeyAttribute) error {
	return invalid("Query condition missed key schema element: %s", key.Name)
}

func unsupportedKeyCondition() error { return invalid("Query key condition not supported") }

// indexKeyRefusal words what is wrong with a key of an index, in an item that is written.
func indexKeyRefusal(e *engine.KeyError) error {
	switch e.Problem {
	case engine.KeyWrongKind:
		return invalidParameter("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
			e.Key.Name, e.Key.Kind, e.Actual, e.Index)
	case engine.KeyEmpty:
		return invalid("One or more parameter values are not valid. A value specified for a secondary "+
			"index key is not supported. "+
			"The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, "+
			"IndexKey: %s", emptyKind(e), e.Index, e.Key.Name)
	}
	if limit := engine.MaxHashKeySize; e.Problem == engine.KeyTooLong && e.Size > 0 {
		if e.IsRange {
			limit = engine.MaxRangeKeySize
		}
		return invalidParameter("Size limit exceeded for Index Key %s Actual Size: %d bytes Max Size: %d "+
			"bytes IndexName: %s", e.Key.Name, e.Size, limit, e.Index)
	}
	return keyRefusal(&engine.KeyError{Problem: e.Problem, Key: e.Key, Actual: e.Actual, IsRange: e.IsRange})
}

// updatedIndexKeyRefusal is indexKeyRefusal for what an update made of an item. Two of its texts are in the
// API Reference, among the messages of TransactionCanceledException.
func updatedIndexKeyRefusal(e *engine.KeyError) error {
	switch e.Problem {
	case engine.KeyWrongKind:
		return invalid("The update expression attempted to update the secondary index key to " +
			"unsupported type")
	case engine.KeyTooLong:
		return invalid("The update expression attempted to update the secondary index key beyond allowed " +
			"size limits")
	case engine.KeyEmpty:
		return invalid("One or more parameter values are not valid. The update expression attempted to "+
			"update a secondary index key to a value that is not supported. "+
			"The AttributeValue for a key attribute cannot contain an empty %s value.", emptyKind(e))
	}
	return indexKeyRefusal(e)
}

func emptyKind(e *engine.KeyError) string {
	if e.Key.Kind == attribute.B {
		return "binary"
	}
	return "string"
}

// keyMessage is the text of keyRefusal, for answers that carry it in another place than an error.
func keyMessage(e *engine.KeyError) string {
	if worded, ok := updateRefusal(e).(*api.Error); ok {
		return worded.Message
	}
	return fmt.Sprintf("The key attribute %s is not valid", e.Key.Name)
}
