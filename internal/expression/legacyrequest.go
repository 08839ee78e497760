package expression

import (
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// LegacyUpdate is what AttributeUpdates does with one attribute: an AttributeValueUpdate of the API. Action
// "" is PUT, Value nil is none.
type LegacyUpdate struct {
	Action string
	Value  attribute.Value
}

// LegacyKeyConditions compiles the parameter KeyConditions.
func LegacyKeyConditions(conditions map[string]LegacyCondition) (*KeyCondition, error) {
	if len(conditions) < 1 || len(conditions) > 2 {
		return nil, TooManyKeyConditions()
	}
	k := &KeyCondition{clauses: make([]KeyClause, 0, 2)}
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		c := conditions[name]
		spec, ok := legacyOperatorNamed(c.Operator)
		if ok {
			if err := spec.check(c.Operator, c.Values); err != nil {
				return nil, err
			}
		}
		clause := KeyClause{Attribute: name, Comparison: keyComparison(spec.op)}
		if !ok || clause.Comparison == 0 {
			return nil, &Error{"Attempted conditional constraint is not an indexable operation"}
		}
		clause.Low = c.Values[0]
		if len(c.Values) > 1 {
			clause.High = c.Values[1]
		}
		k.clauses = append(k.clauses, clause)
	}
	return k, nil
}

// AttributesToGet compiles the parameter AttributesToGet, which names top-level attributes.
func AttributesToGet(names []string) (*Projection, error) {
	p := &Projection{paths: make([][]attribute.Step, 0, len(names))}
	for _, name := range names {
		p.paths = append(p.paths, []attribute.Step{{Name: name}})
	}
	slices.SortFunc(p.paths, comparePaths)
	for i := 1; i < len(p.paths); i++ {
		if p.paths[i][0] == p.paths[i-1][0] {
			return nil, wrongParameter("Duplicate value in attribute name: " + p.paths[i][0].Name)
		}
	}
	return p, nil
}

// AttributeUpdates compiles the parameter AttributeUpdates.
func AttributeUpdates(updates map[string]LegacyUpdate) (*Update, error) {
	l := newLegacyTree()
	u := &Update{tree: l.tree, legacy: true, targets: &Projection{}}
	for _, name := range slices.Sorted(maps.Keys(updates)) {
		update := updates[name]
		section, err := update.section()
		if err != nil {
			return nil, err
		}
		a := action{section: section, path: l.path(name)}
		if update.Value != nil {
			a.value = l.value(update.Value)
		}
		u.actions = append(u.actions, a)
	}
	for _, a := range u.actions {
		u.targets.paths = append(u.targets.paths, l.tree.path(a.path))
	}
	return u, nil
}

// section is the section of an update expression that does the same. DELETE without a value is REMOVE.
func (u LegacyUpdate) section() (section, error) {
	k := u.Value.Kind()
	sets := kindsOf(attribute.SS, attribute.NS, attribute.BS)
	switch {
	case u.Action == "DELETE" && u.Value == nil:
		return removeSection, nil
	case u.Value == nil:
		return noSection, wrongParameter("Only DELETE action is allowed when no attribute value is specified")
	case u.Action == "" || u.Action == "PUT":
		return setSection, nil
	case u.Action == "DELETE" && !sets.has(k):
		return noSection, wrongParameter("DELETE action with value is not supported for the type " +
			k.String())
	case u.Action == "DELETE":
		return deleteSection, nil
	case u.Action == "ADD" && k != attribute.N && k != attribute.L && !sets.has(k):
		return noSection, wrongParameter("ADD action is not supported for the type " + k.String())
	case u.Action == "ADD":
		return addSection, nil
	}
	return noSection, wrongParameter("Unsupported action: " + u.Action)
}
