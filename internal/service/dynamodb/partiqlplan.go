package dynamodb

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// Limits of IN and its like on the partition key ("PartiQL arithmetic, comparison, and logical operators for
// DynamoDB").
const (
	maxPartitions  = 50
	partitionsPage = 10 // items of a page that reads several partitions
)

// selection is how a SELECT reads a table or an index: one item by its key, one or several partitions, or
// everything. Whatever it is, the whole condition is asked of every item that is read.
type selection struct {
	statement  *partiql.Checked
	table      *engine.Table
	index      *engine.Index       // nil reads the table
	whole      bool                // a local index does not hold all that is wanted
	key        attribute.Item      // of the one item
	partitions [][]attribute.Value // values of all hash attributes; nil reads everything
	// Within a partition: what the first range attributes of an index equal, and the bounds of the one behind
	// them.
	equal      []attribute.Value
	comparison engine.Comparison
	low, high  attribute.Value
	reverse    bool
}

// selectedIndex finds the index that a SELECT reads; nil where it reads the table.
func (s *Service) selectedIndex(
	t *engine.Table, statement *partiql.Checked, consistent bool,
) (*engine.Index, error) {
	if statement.Index == "" {
		return nil, nil
	}
	x := t.Index(statement.Index)
	if x == nil {
		return nil, invalid(noIndex)
	}
	if x.Local {
		return x, nil
	}
	switch indexStatus(t, x, s.clock.Now()) {
	case "DELETING":
		return nil, invalid(noIndex)
	case "CREATING":
		return nil, invalid("Cannot read from backfilling global secondary index: %s", x.Name)
	}
	if consistent {
		return nil, invalid("Strongly consistent read is not supported on Global Secondary Indexes")
	}
	if missing := unprojected(x, statement.Columns); len(missing) > 0 {
		return nil, invalidParameter("Global secondary index %s does not project [%s]", x.Name,
			strings.Join(missing, ", "))
	}
	return x, nil
}

// unprojected are the attributes of columns that an index does not hold, each once, in the order of the
// statement.
func unprojected(x *engine.Index, columns *partiql.Columns) (missing []string) {
	if columns == nil {
		return nil
	}
	for _, name := range columns.Attributes() {
		if !x.Projects(name) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// planSelect decides how to read.
func planSelect(t *engine.Table, x *engine.Index, statement *partiql.Checked) (*selection, error) {
	p := &selection{statement: statement, table: t, index: x}
	p.whole = x != nil && len(unprojected(x, statement.Columns)) > 0
	hash, ranges := keysRead(t, x)
	bounded, err := p.findPartitions(hash)
	if err != nil {
		return nil, err
	}
	if err := checkOrder(hash, ranges, statement, len(p.partitions), bounded); err != nil || !bounded {
		return p, err
	}
	p.order(hash)
	if err := p.bound(ranges); err != nil {
		return nil, err
	}
	return p, p.findKey()
}

// keysRead are the key attributes of a table or, if x is not nil, of an index.
func keysRead(t *engine.Table, x *engine.Index) (hash, ranges []engine.KeyAttribute) {
	if x != nil {
		return x.Hash, x.Range
	}
	return t.Key.Attributes()[:1], t.Key.Attributes()[1:]
}

// findPartitions finds the values that the condition leaves to the hash attributes; bounded is false where it
// does not bound all.
func (p *selection) findPartitions(hash []engine.KeyAttribute) (bounded bool, err error) {
	partitions := [][]attribute.Value{nil}
	for _, key := range hash {
		values, bounded := p.statement.Partitions(key.Name)
		if !bounded {
			return false, nil
		}
		if len(values)*len(partitions) > maxPartitions {
			return false, invalid("Too many hash attribute values in the WHERE clause: %d; the maximum is %d",
				len(values)*len(partitions), maxPartitions)
		}
		extended := make([][]attribute.Value, 0, len(values)*len(partitions))
		for _, before := range partitions {
			for _, v := range values {
				if v.Kind() != key.Kind {
					return false, invalid(wrongKeyType)
				}
				extended = append(extended, append(slices.Clip(before), v))
			}
		}
		partitions = extended
	}
	p.partitions = partitions
	return true, nil
}

// checkOrder checks ORDER BY, which sorts by key attributes within what the condition says of the partition
// key.
func checkOrder(
	hash, ranges []engine.KeyAttribute, statement *partiql.Checked, partitions int, bounded bool,
) error {
	if len(statement.Order) == 0 {
		return nil
	}
	if statement.Where == nil {
		return invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
	}
	byHash := false
	for _, o := range statement.Order {
		named := func(a engine.KeyAttribute) bool { return a.Name == o.Attribute }
		byHash = byHash || slices.ContainsFunc(hash, named)
		if !slices.ContainsFunc(slices.Concat(hash, ranges), named) {
			return invalid("Attribute %s in ORDER BY clause must be part of the primary key", o.Attribute)
		}
	}
	switch {
	case !bounded:
		return invalid("Must have at least one non-optional hash key condition in WHERE clause when using " +
			"ORDER BY clause.")
	case partitions > 1 && !byHash:
		return invalid("Must have hash key in ORDER BY clause when more than one hash key condition " +
			"specified in WHERE clause.")
	}
	return nil
}

// checkTableOrder is checkOrder for a SELECT of one item by its key.
func checkTableOrder(t *engine.Table, statement *partiql.Checked) error {
	hash, ranges := keysRead(t, nil)
	return checkOrder(hash, ranges, statement, 1, true)
}

// order applies ORDER BY: partitions are sorted, and the first range attribute that is named gives the
// direction within them.
func (p *selection) order(hash []engine.KeyAttribute) {
	for _, o := range slices.Backward(p.statement.Order) {
		at := slices.IndexFunc(hash, func(a engine.KeyAttribute) bool { return a.Name == o.Attribute })
		if at < 0 {
			p.reverse = o.Descending
			continue
		}
		slices.SortStableFunc(p.partitions, func(a, b []attribute.Value) int {
			if o.Descending {
				a, b = b, a
			}
			return attribute.Compare(a[at], b[at])
		})
	}
}

// bound narrows partitions to what the condition demands of the range attributes, from the left.
func (p *selection) bound(ranges []engine.KeyAttribute) error {
	for i, key := range ranges {
		clause, ok := p.statement.Bound(key.Name)
		if !ok {
			return nil
		}
		if clause.Low.Kind() != key.Kind || clause.High != nil && clause.High.Kind() != key.Kind {
			return invalid(wrongKeyType)
		}
		p.comparison = comparison(clause.Comparison)
		if p.comparison != engine.Equal || i+1 == len(ranges) {
			p.low, p.high = clause.Low, clause.High
			return nil
		}
		p.comparison, p.equal = engine.Any, append(p.equal, clause.Low)
	}
	return nil
}

// findKey sees whether the condition demands one item of the table.
func (p *selection) findKey() error {
	if p.index != nil || len(p.partitions) != 1 || p.table.Key.Range != nil && p.comparison != engine.Equal {
		return nil
	}
	var b attribute.Builder
	b.Set(p.table.Key.Hash.Name, p.partitions[0][0])
	if p.table.Key.Range != nil {
		b.Set(p.table.Key.Range.Name, p.low)
	}
	p.key = b.Item()
	return lookupRefusal(p.table.CheckKey(p.key))
}
