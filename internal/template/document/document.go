// Package document is the tree of a template's text: JSON or YAML, with the place of every node.
//
// Callers may rely on this:
//   - Parse accepts what CloudFormation accepts and refuses the rest in CloudFormation's own words: every
//     refusal is an *Error.
//   - Time and memory are bounded by the size of the text: aliases are refused and so never expanded, and
//     nesting is bounded.
//   - A tree has no intrinsic function in its short form: `!Ref A` arrives as {"Ref": "A"}.
//   - Nothing is lost that could matter later: maps keep the order of the text, numbers keep the way in which
//     they were written.
//   - Nodes are never changed after Parse. Trees may share nodes; whoever wants another tree builds new
//     nodes.
//
// The rules of YAML come from the user guide, "CloudFormation template formats": YAML 1.1 without aliases,
// merge keys and the tags binary, omap, pairs, set and timestamp.
package document

import "fmt"

// A Position is a place in the text of a template: 1-based line and column, the column in characters. The
// zero Position means that the place is not known, as of nodes that a transform made.
type Position struct {
	Line, Column int
}

// String returns "line 3, column 7", or "" when the place is not known.
func (p Position) String() string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d", p.Line, p.Column)
}

// Kind is what a Node is.
type Kind uint8

// The kinds. Unknown is never parsed: it stands for a value that cannot be known yet, and only evaluation
// makes it.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
	Unknown
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	return [...]string{"null", "bool", "number", "string", "list", "map", "unknown"}[k]
}

// A Node is a value in a template.
type Node struct {
	Kind Kind
	// Text is the value of a scalar: of a Bool "true" or "false", of a Number the literal as it was written.
	// Of an Unknown it says what the value depends on.
	Text string
	// Items are the members of a List. Of an Unknown they are the values that are possible, where these can
	// be told.
	Items []*Node
	// Entries are the members of a Map, in the order of the text, keys unique.
	Entries []Entry
	Pos     Position
}

// An Entry is a member of a Map.
type Entry struct {
	Key   string
	Value *Node
	Pos   Position // of the key
}

// Get returns the member of a map, or nil where n is no map or has no such member.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return n.Entries[i].Value
		}
	}
	return nil
}

// Has reports whether n is a map with such a member.
func (n *Node) Has(key string) bool { return n.Get(key) != nil }

// IsScalar reports whether n is a string, a number or a bool.
func (n *Node) IsScalar() bool {
	return n != nil && (n.Kind == String || n.Kind == Number || n.Kind == Bool)
}

// Is reports whether n is of a kind; a nil Node is of none.
func (n *Node) Is(kind Kind) bool { return n != nil && n.Kind == kind }

// Single returns the key and the value of a map with exactly one member, the form of every intrinsic
// function.
func (n *Node) Single() (key string, value *Node, ok bool) {
	if n == nil || n.Kind != Map || len(n.Entries) != 1 {
		return "", nil, false
	}
	return n.Entries[0].Key, n.Entries[0].Value, true
}

// Strings returns the texts of a list of scalars; a scalar counts as a list of one. ok is false for anything
// else.
func (n *Node) Strings() (texts []string, ok bool) {
	if n.IsScalar() {
		return []string{n.Text}, true
	}
	if n == nil || n.Kind != List {
		return nil, false
	}
	for _, item := range n.Items {
		if !item.IsScalar() {
			return nil, false
		}
		texts = append(texts, item.Text)
	}
	return texts, true
}

// NewString returns a string that has no place.
func NewString(text string) *Node { return &Node{Kind: String, Text: text} }

// NewBool returns a bool that has no place.
func NewBool(value bool) *Node {
	if value {
		return &Node{Kind: Bool, Text: "true"}
	}
	return &Node{Kind: Bool, Text: "false"}
}

// NewList returns a list that has no place.
func NewList(items ...*Node) *Node { return &Node{Kind: List, Items: items} }

// NewMap returns a map that has no place. Pairs are key, value, key, value; a value is a *Node, a string, a
// bool or an int, and nil leaves the member out.
func NewMap(pairs ...any) *Node {
	n := &Node{Kind: Map}
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := From(pairs[i+1]); value != nil {
			n.Entries = append(n.Entries, Entry{Key: pairs[i].(string), Value: value})
		}
	}
	return n
}

// From returns the node of a Go value: *Node as it is, string, bool, int, []string, []*Node; nil gives nil.
func From(value any) *Node {
	switch v := value.(type) {
	case *Node:
		return v
	case string:
		return NewString(v)
	case bool:
		return NewBool(v)
	case int:
		return &Node{Kind: Number, Text: fmt.Sprint(v)}
	case []string:
		list := &Node{Kind: List}
		for _, text := range v {
			list.Items = append(list.Items, NewString(text))
		}
		return list
	case []*Node:
		return &Node{Kind: List, Items: v}
	}
	return nil
}

// With returns a map like n with the member set, in its place when it was there, else at the end. n is not
// changed.
func (n *Node) With(key string, value *Node) *Node {
	out := &Node{Kind: Map}
	set := false
	if n != nil {
		out.Pos = n.Pos
		out.Entries = make([]Entry, 0, len(n.Entries)+1)
		for _, e := range n.Entries {
			if e.Key == key {
				e.Value, set = value, true
			}
			out.Entries = append(out.Entries, e)
		}
	}
	if !set {
		out.Entries = append(out.Entries, Entry{Key: key, Value: value})
	}
	return out
}

// Without returns a map like n without the members. n is not changed.
func (n *Node) Without(keys ...string) *Node {
	out := &Node{Kind: Map, Pos: n.Pos}
	for _, e := range n.Entries {
		if !contains(keys, e.Key) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

func contains(keys []string, key string) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// Rewrite returns the tree in which every node is replaced by what f returns for it, parents first. Where f
// returns another node than it was given, that node is taken as it is and its inside is not visited. Parts
// without a change are shared with n.
func (n *Node) Rewrite(f func(*Node) *Node) *Node {
	if n == nil {
		return nil
	}
	if out := f(n); out != n {
		return out
	}
	switch n.Kind {
	case List:
		return n.rewriteItems(f)
	case Map:
		return n.rewriteEntries(f)
	}
	return n
}

func (n *Node) rewriteItems(f func(*Node) *Node) *Node {
	var items []*Node
	for i, item := range n.Items {
		out := item.Rewrite(f)
		if out != item && items == nil {
			items = append(make([]*Node, 0, len(n.Items)), n.Items[:i]...)
		}
		if items != nil {
			items = append(items, out)
		}
	}
	if items == nil {
		return n
	}
	return &Node{Kind: List, Items: items, Pos: n.Pos}
}

func (n *Node) rewriteEntries(f func(*Node) *Node) *Node {
	var entries []Entry
	for i, e := range n.Entries {
		out := e.Value.Rewrite(f)
		if out != e.Value && entries == nil {
			entries = append(make([]Entry, 0, len(n.Entries)), n.Entries[:i]...)
		}
		if entries != nil {
			entries = append(entries, Entry{Key: e.Key, Value: out, Pos: e.Pos})
		}
	}
	if entries == nil {
		return n
	}
	return &Node{Kind: Map, Entries: entries, Pos: n.Pos}
}

// Equal reports whether two trees mean the same: places and the order of maps don't count, and scalars are
// compared as CloudFormation compares them, by their text.
func Equal(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.IsScalar() && b.IsScalar() {
		return a.Text == b.Text
	}
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i := range a.Items {
		if !Equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Entries {
		other := b.Get(a.Entries[i].Key)
		if other == nil || !Equal(a.Entries[i].Value, other) {
			return false
		}
	}
	return a.Kind != Unknown
}
