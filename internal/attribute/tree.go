package attribute

import (
	"cmp"
	"slices"
)

// Step is one step of a document path: a name in a map, or an index in a list.
type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

// Tree is the mutable form of an item, for one update. It keeps DynamoDB's rule that all paths of an update
// speak of the item as it was before: removing an element leaves the indexes of the others as they are, and
// Item closes the gaps.
type Tree struct{ root node }

// node is a value that is still encoded (children unread), or an M or L whose children are at hand.
type node struct {
	value    Value
	kind     Kind
	opened   bool
	children []child
}

// child is an attribute of a map or an element of a list, in the order of names or indexes.
type child struct {
	step Step
	node *node
}

// Tree makes a Tree of the item. The Tree keeps the item and never writes to it.
func (it Item) Tree() *Tree {
	if it == nil {
		it = Item{M.tag(), 0}
	}
	return &Tree{root: node{value: Value(it), kind: M}}
}

// open reads the children of a map or list.
func (n *node) open() {
	if n.opened {
		return
	}
	n.opened = true
	n.children = make([]child, 0, min(n.value.Len(), len(n.value))+1)
	add := func(step Step, v Value) {
		n.children = append(n.children, child{step, &node{value: v, kind: v.Kind()}})
	}
	if n.kind == M {
		for name, v := range n.value.Item().All() {
			add(Step{Name: name}, v)
		}
		return
	}
	for i, v := range n.value.Elements() {
		add(Step{Index: i, IsIndex: true}, v)
	}
}

// takes says whether n is of the kind that the step goes through.
func (n *node) takes(step Step) bool {
	if step.IsIndex {
		return n.kind == L && step.Index >= 0
	}
	return n.kind == M
}

// find looks for the child that the step leads to, or its place. n takes the step.
func (n *node) find(step Step) (int, bool) {
	n.open()
	return slices.BinarySearchFunc(n.children, step, func(c child, step Step) int {
		if step.IsIndex {
			return cmp.Compare(c.step.Index, step.Index)
		}
		return cmp.Compare(c.step.Name, step.Name)
	})
}

// walk follows the path to a node. nil when it leads nowhere.
func (t *Tree) walk(path []Step) *node {
	n := &t.root
	for _, step := range path {
		if !n.takes(step) {
			return nil
		}
		i, found := n.find(step)
		if !found {
			return nil
		}
		n = n.children[i].node
	}
	return n
}

// Get is the value at the path as it is now. nil when there is none.
func (t *Tree) Get(path []Step) Value {
	n := t.walk(path)
	if n == nil {
		return nil
	}
	if !n.opened {
		return n.value
	}
	return n.append(nil)
}

// Set puts v at the path. An index behind the end of a list appends; several such are appended in the order
// of their indexes. ErrPath when there is no map or list to put it in. The Tree keeps v. Setting nil removes.
func (t *Tree) Set(path []Step, v Value) error {
	if v == nil {
		return t.Remove(path)
	}
	parent, step, err := t.parent(path)
	if err != nil {
		return err
	}
	fresh := &node{value: v, kind: v.Kind()}
	i, found := parent.find(step)
	if found {
		parent.children[i].node = fresh
		return nil
	}
	parent.children = slices.Insert(parent.children, i, child{step, fresh})
	return nil
}

// Remove takes away what is at the path; nothing there is no error. ErrPath when there is no map or list that
// it could be in.
func (t *Tree) Remove(path []Step) error {
	parent, step, err := t.parent(path)
	if err != nil {
		return err
	}
	if i, found := parent.find(step); found {
		parent.children = slices.Delete(parent.children, i, i+1)
	}
	return nil
}

func (t *Tree) parent(path []Step) (*node, Step, error) {
	if len(path) == 0 {
		return nil, Step{}, ErrPath
	}
	step := path[len(path)-1]
	parent := t.walk(path[:len(path)-1])
	if parent == nil || !parent.takes(step) {
		return nil, Step{}, ErrPath
	}
	return parent, step, nil
}

// Item is the item as it is now, in memory of its own.
func (t *Tree) Item() Item {
	return t.root.append(make([]byte, 0, len(t.root.value)+len(t.root.value)/4))
}

func (n *node) append(dst []byte) []byte {
	if !n.opened {
		return append(dst, n.value...)
	}
	dst = appendLength(append(dst, n.kind.tag()), len(n.children))
	for _, c := range n.children {
		if n.kind == M {
			dst = append(appendLength(dst, len(c.step.Name)), c.step.Name...)
		}
		mark := len(dst)
		dst = c.node.append(append(dst, 0))
		dst = closeLength(dst, mark, len(dst)-mark-1)
	}
	return dst
}
