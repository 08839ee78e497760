package partiql

import "github.com/sealtable/sealtable/internal/attribute"

// Columns are what a SELECT gives of an item. Unlike a projection of DynamoDB's other language they make a
// flat item: each column is an attribute, named by the last name of its path with what follows it, such as
// b[0] for a.b[0].
type Columns struct{ columns []column }

type column struct {
	name string
	path []attribute.Step
}

// columnsOf checks the columns of a statement; nil is *.
func columnsOf(all []*expr) (*Columns, error) {
	if all == nil {
		return nil, nil
	}
	c, seen := &Columns{}, map[string]bool{}
	for _, e := range all {
		if e.op != opPath {
			return nil, refuse("Unsupported expression in select clause: an attribute is expected")
		}
		if err := checkPath(e.path); err != nil {
			return nil, err
		}
		name := columnName(e.path)
		if seen[name] {
			return nil, refuse("Duplicate identifiers in select clause: %s", name)
		}
		seen[name] = true
		c.columns = append(c.columns, column{name, e.path})
	}
	return c, nil
}

// columnName is the path from its last name on.
func columnName(path []attribute.Step) string {
	last := len(path) - 1
	for path[last].IsIndex {
		last--
	}
	return path[last].Name + printPath(path[last+1:])
}

func checkPath(path []attribute.Step) error {
	if len(path) > attribute.MaxNesting {
		return refuse("The document path has too many nesting levels; nesting levels: %d", len(path))
	}
	for _, step := range path {
		if step.IsIndex && step.Name != "" {
			return refuse("List index is not within the allowable range; index: [%s]", step.Name)
		}
	}
	return nil
}

// Attributes are the names of the top-level attributes that the columns are taken from, in the order of the
// statement.
func (c *Columns) Attributes() []string {
	names := make([]string, len(c.columns))
	for i := range c.columns {
		names[i] = c.columns[i].path[0].Name
	}
	return names
}

// Apply makes an item of the columns that the item has. On nil columns it is the item itself.
func (c *Columns) Apply(item attribute.Item) attribute.Item {
	if c == nil || item == nil {
		return item
	}
	var b attribute.Builder
	for i := range c.columns {
		if v := item.Value().At(c.columns[i].path); v != nil {
			b.Set(c.columns[i].name, v)
		}
	}
	return b.Item()
}
