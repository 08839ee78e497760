package sam

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// A check is what a property may hold. Functions may stand for everything but what is strict.
type check uint8

const (
	anything check = iota
	text
	mapping
	list
	integer
	boolean
	textOrMap
	listOfTextOrMap
	policyList // text, a map, or a list of these
	mapOfMaps
	mapOfText
	throughput // a map of integers or maps
	boolOrMap
	textOrTexts
	maps // a map or a list of maps
	texts
	retention // Delete or Retain
	// these are refused as types
	textByType
	mappingByType
)

// A property is what a resource or an event may have.
type property struct {
	name     string
	check    check
	required bool
	strict   bool // no function may stand for it
}

func optional(c check, names ...string) []property {
	var all []property
	for _, name := range names {
		all = append(all, property{name: name, check: c})
	}
	return all
}

// isFunction reports whether a value has the form of a function, for which the translator takes every map
// with one member.
func isFunction(n *node) bool { return n.Is(document.Map) && len(n.Entries) == 1 }

// isIntrinsic reports whether a value is a function by name.
func isIntrinsic(n *node) bool {
	name, _, ok := n.Single()
	return ok && (name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::"))
}

// ifBranches returns the three parts of Fn::If.
func ifBranches(n *node) (condition, yes, no *node, ok bool) {
	name, arg, single := n.Single()
	if !single || name != "Fn::If" || !arg.Is(document.List) || len(arg.Items) != 3 {
		return nil, nil, nil, false
	}
	return arg.Items[0], arg.Items[1], arg.Items[2], true
}

func isIf(n *node) bool {
	name, _, ok := n.Single()
	return ok && name == "Fn::If"
}

func isNoValue(n *node) bool {
	name, arg, ok := n.Single()
	return ok && name == "Ref" && arg.Is(document.String) && arg.Text == "AWS::NoValue"
}

// truthy is what the translator's "if" asks of a value.
func truthy(n *node) bool {
	switch {
	case n == nil || n.Is(document.Null):
		return false
	case n.Is(document.Bool):
		return n.Text == "true"
	case n.Is(document.Number):
		return strings.Trim(n.Text, "0.") != ""
	case n.Is(document.String):
		return n.Text != ""
	}
	return len(n.Items)+len(n.Entries) > 0
}

// given returns a property, nil where it is absent or null.
func given(properties *node, name string) *node {
	if n := properties.Get(name); n != nil && !n.Is(document.Null) {
		return n
	}
	return nil
}

// checkProperties refuses properties that a type doesn't have, that it lacks, or that hold what they may not.
func checkProperties(id, typ string, n *node, allowed []property) error {
	if n != nil {
		for _, e := range n.Entries {
			if !knows(allowed, e.Key) {
				return invalid(id, "property %s not defined for resource of type %s", e.Key, typ)
			}
		}
	}
	for _, p := range allowed {
		value := given(n, p.name)
		switch {
		case !p.strict && isFunction(value):
		case value == nil:
			if p.required {
				return invalid(id, "Missing required property '%s'.", p.name)
			}
		case !p.check.accepts(value):
			return wrongType(id, p.name, p.check)
		}
	}
	return nil
}

func knows(allowed []property, name string) bool {
	for _, p := range allowed {
		if p.name == name {
			return true
		}
	}
	return false
}

func wrongType(id, name string, c check) error {
	switch c {
	case mapping:
		return invalid(id, "Property '%s' should be a map.", name)
	case text:
		return invalid(id, "Property '%s' should be a string.", name)
	case retention:
		return invalid(id, "Property '%s' should be a one of the strings: 'Delete' or 'Retain'.", name)
	}
	return invalid(id, "Type of property '%s' is invalid.", name)
}

func (c check) accepts(n *node) bool {
	switch c {
	case text, textByType:
		return n.Is(document.String)
	case mapping, mappingByType:
		return n.Is(document.Map)
	case list:
		return n.Is(document.List)
	case integer:
		return n.Is(document.Bool) || n.Is(document.Number) && !strings.ContainsAny(n.Text, ".eE")
	case boolean:
		return n.Is(document.Bool)
	case textOrMap:
		return text.accepts(n) || mapping.accepts(n)
	case listOfTextOrMap:
		return eachItem(n, textOrMap)
	case policyList:
		return textOrMap.accepts(n) || eachItem(n, textOrMap)
	case mapOfMaps:
		return eachMember(n, mapping)
	case mapOfText:
		return eachMember(n, text)
	case throughput:
		return eachMember(n, integer) || eachMember(n, mapping) || mixedThroughput(n)
	case boolOrMap:
		return boolean.accepts(n) || mapping.accepts(n)
	case textOrTexts:
		return text.accepts(n) || eachItem(n, text)
	case maps:
		return mapping.accepts(n) || eachItem(n, mapping)
	case texts:
		return eachItem(n, text)
	case retention:
		return n.Is(document.String) && (n.Text == "Delete" || n.Text == "Retain")
	}
	return true
}

func mixedThroughput(n *node) bool {
	if !n.Is(document.Map) {
		return false
	}
	for _, e := range n.Entries {
		if !integer.accepts(e.Value) && !mapping.accepts(e.Value) {
			return false
		}
	}
	return true
}

func eachItem(n *node, c check) bool {
	if !n.Is(document.List) {
		return false
	}
	for _, item := range n.Items {
		if !c.accepts(item) {
			return false
		}
	}
	return true
}

func eachMember(n *node, c check) bool {
	if !n.Is(document.Map) {
		return false
	}
	for _, e := range n.Entries {
		if !c.accepts(e.Value) {
			return false
		}
	}
	return true
}

// attributesOf returns those attributes of a resource that go to what is made of it: all of them to the
// resource itself, Condition and the two policies to the rest.
func attributesOf(n *node) (own, passed []entry) {
	for _, name := range []string{"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy",
		"Metadata"} {
		value := n.Get(name)
		if value == nil {
			continue
		}
		own = append(own, entry{Key: name, Value: value})
		if name != "UpdatePolicy" && name != "Metadata" {
			passed = append(passed, entry{Key: name, Value: value})
		}
	}
	return own, passed
}

// with returns the attributes with one set.
func with(attributes []entry, name string, value *node) []entry {
	out := make([]entry, 0, len(attributes)+1)
	for _, e := range attributes {
		if e.Key != name {
			out = append(out, e)
		}
	}
	return append(out, entry{Key: name, Value: value})
}

func attribute(attributes []entry, name string) *node {
	for _, e := range attributes {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

// tagList returns tags, a map in the template, as the list that CloudFormation has.
func tagList(tags *node) *node {
	out := &node{Kind: document.List}
	if tags == nil {
		return out
	}
	for _, e := range tags.Entries {
		value := e.Value
		if value.Is(document.Null) {
			value = document.NewString("")
		}
		out.Items = append(out.Items, document.NewMap("Key", e.Key, "Value", value))
	}
	return out
}

// python writes names as the translator's language writes a list.
func python(names []string) string {
	return "['" + strings.Join(names, "', '") + "']"
}
