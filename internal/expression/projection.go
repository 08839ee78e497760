package expression

import (
	"cmp"
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Projection is a compiled ProjectionExpression, or the paths of another kind of request: the part of an item
// that it selects.
type Projection struct {
	paths [][]attribute.Step // in order; none is the beginning of another
}

// Projection compiles a ProjectionExpression.
func (s *Scope) Projection(text string) (*Projection, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	t, refs, err := parseProjection(memberProjection, text)
	if err != nil {
		return nil, err
	}
	c := newChecker(t, s, memberProjection)
	for _, r := range refs {
		c.checkPath(r)
	}
	p := c.checkOverlap(refs)
	if err := c.finish(); err != nil {
		return nil, err
	}
	return p, nil
}

// Attributes are the names of the top-level attributes that the projection selects from, each once, in order.
func (p *Projection) Attributes() []string {
	names := make([]string, 0, len(p.paths))
	for _, path := range p.paths {
		if name := path[0].Name; len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// Apply makes an item of what the projection selects: maps with the entries selected, lists with the elements
// selected, closed up. Maps and lists in which nothing is selected are left out. The projection of nil is
// nil; of an item it is never nil.
func (p *Projection) Apply(item attribute.Item) attribute.Item {
	if item == nil {
		return nil
	}
	if len(p.paths) > 0 {
		if selected := project(item.Value(), p.paths, 0); selected != nil {
			return selected.Item()
		}
	}
	var empty attribute.Builder
	return empty.Item()
}

// project is what paths, the steps before depth done, select of v. nil is nothing.
func project(v attribute.Value, paths [][]attribute.Step, depth int) attribute.Value {
	switch {
	case len(paths[0]) == depth:
		return v
	case paths[0][depth].IsIndex:
		return projectList(v, paths, depth)
	}
	return projectMap(v, paths, depth)
}

// group cuts off those paths that share the step of the first at depth.
func group(paths [][]attribute.Step, depth int) (same, rest [][]attribute.Step) {
	n := 1
	for n < len(paths) && paths[n][depth] == paths[0][depth] {
		n++
	}
	return paths[:n], paths[n:]
}

// projectMap walks entries and paths, both in the order of names.
func projectMap(v attribute.Value, paths [][]attribute.Step, depth int) attribute.Value {
	var out attribute.Builder
	found := false
	for name, value := range v.Item().All() {
		for len(paths) > 0 && paths[0][depth].Name < name {
			_, paths = group(paths, depth)
		}
		if len(paths) == 0 {
			break
		}
		if name != paths[0][depth].Name {
			continue
		}
		same, rest := group(paths, depth)
		if selected := project(value, same, depth+1); selected != nil {
			out.Set(same[0][depth].Name, selected)
			found = true
		}
		paths = rest
	}
	if !found {
		return nil
	}
	return out.Item().Value()
}

// projectList walks elements and paths, both in the order of indexes.
func projectList(v attribute.Value, paths [][]attribute.Step, depth int) attribute.Value {
	if v.Kind() != attribute.L {
		return nil
	}
	var out []attribute.Value
	for i, value := range v.Elements() {
		if len(paths) == 0 {
			break
		}
		if paths[0][depth].Index != i {
			continue
		}
		same, rest := group(paths, depth)
		if selected := project(value, same, depth+1); selected != nil {
			out = append(out, selected)
		}
		paths = rest
	}
	if out == nil {
		return nil
	}
	return attribute.NewList(out...)
}

// compareStep orders indexes, by number, before names, by bytes.
func compareStep(a, b attribute.Step) int {
	switch {
	case a.IsIndex && b.IsIndex:
		return cmp.Compare(a.Index, b.Index)
	case a.IsIndex:
		return -1
	case b.IsIndex:
		return +1
	}
	return cmp.Compare(a.Name, b.Name)
}

func comparePaths(a, b []attribute.Step) int { return slices.CompareFunc(a, b, compareStep) }

// collision is how two paths get in each other's way.
type collision uint8

const (
	apart collision = iota
	overlap
	conflict
)

// collide compares two paths: they overlap when one is the beginning of the other, and they are in conflict
// when one takes for a list what the other takes for a map.
func collide(a, b []attribute.Step) collision {
	for i := range min(len(a), len(b)) {
		if a[i].IsIndex != b[i].IsIndex {
			return conflict
		}
		if a[i] != b[i] {
			return apart
		}
	}
	return overlap
}

// checkOverlap makes a projection of checked paths and refuses paths that collide. In order such paths are
// neighbours, which keeps this fast; only when there are any, it looks for the pair that comes first in the
// text.
func (c *checker) checkOverlap(refs []ref) *Projection {
	p := &Projection{paths: make([][]attribute.Step, len(refs))}
	for i, r := range refs {
		p.paths[i] = c.path(r)
	}
	slices.SortFunc(p.paths, comparePaths)
	for i := 1; i < len(p.paths); i++ {
		if collide(p.paths[i-1], p.paths[i]) != apart {
			c.reportCollision(refs)
			break
		}
	}
	return p
}

func (c *checker) reportCollision(refs []ref) {
	const text = "Two document paths %s with each other; must remove or rewrite one of these paths; path " +
		"one: %s, path two: %s"
	for i, second := range refs {
		for _, first := range refs[:i] {
			a, b := c.path(first), c.path(second)
			switch collide(a, b) {
			case overlap:
				c.report(rankOverlap, text, "overlap", formatPath(a), formatPath(b))
				return
			case conflict:
				c.report(rankOverlap, text, "conflict", formatPath(a), formatPath(b))
				return
			}
		}
	}
}
