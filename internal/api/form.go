package api

import (
	"bytes"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxParameters = 10_000 // in one form
	maxFormDepth  = 32     // names between dots
)

// Form is the parameters of the query protocol as a tree: Tags.member.1.Key is the parameter Key in the form
// 1 in the form member in the form Tags. A leaf holds a value.
type Form struct {
	text     string
	set      bool // it holds a value, perhaps the empty one
	children map[string]*Form
}

// ParseForm reads a body of type application/x-www-form-urlencoded. A parameter may appear once; names and
// values are UTF-8.
func ParseForm(body []byte) (*Form, error) {
	root := &Form{}
	count := 0
	for pair := range bytes.SplitSeq(body, []byte{'&'}) {
		if len(pair) == 0 {
			continue
		}
		count++
		if count > maxParameters {
			return nil, &ParameterError{Reason: "more than " + strconv.Itoa(maxParameters) + " parameters"}
		}
		rawName, rawValue, _ := strings.Cut(string(pair), "=")
		name, nameErr := url.QueryUnescape(rawName)
		value, valueErr := url.QueryUnescape(rawValue)
		if nameErr != nil || valueErr != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, &ParameterError{Name: clip(rawName, 255), Reason: "not percent-encoded UTF-8"}
		}
		if err := root.add(name, value); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func (f *Form) add(name, value string) error {
	leaf, depth := f, 0
	for part := range strings.SplitSeq(name, ".") {
		depth++
		if part == "" || depth > maxFormDepth {
			return &ParameterError{Name: clip(name, 255), Reason: "not a name of this protocol"}
		}
		leaf = leaf.child(part)
	}
	if leaf.set {
		return &DuplicateMemberError{Shape: "form", Member: clip(name, 255)}
	}
	leaf.text, leaf.set = value, true
	return nil
}

func (f *Form) child(name string) *Form {
	if f.children == nil {
		f.children = map[string]*Form{}
	}
	next := f.children[name]
	if next == nil {
		next = &Form{}
		f.children[name] = next
	}
	return next
}

// Take removes the parameter called name from the top of the form and returns its value. ok is false when
// there is none. The wire takes Action, Version and what belongs to a signature, so that the rest is the
// operation's.
func (f *Form) Take(name string) (value string, ok bool) {
	leaf := f.children[name]
	if leaf == nil || !leaf.set || leaf.children != nil {
		return "", false
	}
	delete(f.children, name)
	return leaf.text, true
}

// FormObject walks the members of one structure in a form, in the order of their names. The generated
// ReadForm methods use it as the generated ReadJSON methods use Object.
type FormObject struct {
	Name  string // of the member just met
	Value *Form  // of that member
	Err   error  // ends the walk
	form  *Form
	shape string
	names []string
}

// OpenForm enters the structure called shape. An empty value (Tags=) is an empty structure.
func OpenForm(f *Form, shape string) FormObject {
	o := FormObject{form: f, shape: shape, names: slices.Sorted(maps.Keys(f.children))}
	if f.set && (f.text != "" || f.children != nil) {
		o.Err = &ParameterError{Name: shape, Reason: "a structure has no value of its own"}
	}
	return o
}

// Next says whether there is another member, and puts it into Name and Value.
func (o *FormObject) Next() bool {
	if o.Err != nil || len(o.names) == 0 {
		return false
	}
	o.Name, o.names = o.names[0], o.names[1:]
	o.Value = o.form.children[o.Name]
	return true
}

// Unknown ends the walk because the model has no member of this name.
func (o *FormObject) Unknown() {
	o.Err = &UnknownMemberError{Shape: o.shape, Member: clip(o.Name, 255)}
}

// formScalar reads a member that is a leaf.
func formScalar[T any](o *FormObject, parse func(string) (T, error)) *T {
	v, err := formLeaf(o.Value, o.Name, parse)
	if err != nil {
		o.Err = err
		return nil
	}
	return &v
}

func formLeaf[T any](f *Form, name string, parse func(string) (T, error)) (T, error) {
	var none T
	if f.children != nil || !f.set {
		return none, &ParameterError{Name: clip(name, 255), Reason: "a single value was expected"}
	}
	v, err := parse(f.text)
	if err != nil {
		return none, &ParameterError{Name: clip(name, 255), Reason: err.Error()}
	}
	return v, nil
}

// Text reads the member just met as a string.
func (o *FormObject) Text() *string { return formScalar(o, parseText) }

// Integer reads the member just met as a whole number of 32 bits.
func (o *FormObject) Integer() *int64 { return formScalar(o, parseInteger) }

// Long reads the member just met as a whole number of 64 bits.
func (o *FormObject) Long() *int64 { return formScalar(o, parseLong) }

// Float reads the member just met as a number.
func (o *FormObject) Float() *float64 { return formScalar(o, parseFloat) }

// Bool reads the member just met as true or false.
func (o *FormObject) Bool() *bool { return formScalar(o, parseBool) }

// Time reads the member just met as a timestamp of ISO 8601.
func (o *FormObject) Time() *time.Time { return formScalar(o, parseTime) }

// Blob reads the member just met as base64.
func (o *FormObject) Blob() []byte {
	if v := formScalar(o, func(s string) ([]byte, error) { return decodeBlob([]byte(s)) }); v != nil {
		return *v
	}
	return nil
}

// FormText reads f as a string into v. It is an element for FormList.
func FormText(v *string, f *Form) (err error) {
	*v, err = formLeaf(f, "member", parseText)
	return err
}

// FormList reads the member just met as a list: Name.member.1, Name.member.2 and so on. Gaps in the numbers
// close up. An empty value (Name=) is the empty list. The result is never nil without an error.
func FormList[T any](o *FormObject, one func(*T, *Form) error) []T {
	numbered, err := o.Value.numbered("member")
	if err != nil {
		o.Err = &ParameterError{Name: clip(o.Name, 255), Reason: err.Reason}
		return nil
	}
	list := make([]T, len(numbered))
	for i, f := range numbered {
		o.Err = one(&list[i], f)
		if o.Err != nil {
			return nil
		}
	}
	return list
}

// FormMap reads the member just met as a map of strings: Name.entry.1.key, Name.entry.1.value and so on.
func FormMap(o *FormObject) map[string]string {
	numbered, err := o.Value.numbered("entry")
	if err != nil {
		o.Err = &ParameterError{Name: clip(o.Name, 255), Reason: err.Reason}
		return nil
	}
	entries := make(map[string]string, len(numbered))
	for _, f := range numbered {
		key, okKey := f.Take("key")
		value, okValue := f.Take("value")
		if !okKey || !okValue || len(f.children) > 0 || f.set {
			o.Err = &ParameterError{Name: clip(o.Name, 255), Reason: "an entry needs one key and one value"}
			return nil
		}
		if _, twice := entries[key]; twice {
			o.Err = &DuplicateMemberError{Shape: "map", Member: clip(key, 255)}
			return nil
		}
		entries[key] = value
	}
	return entries
}

// numbered returns the children of the only child, in the order of their numbers.
func (f *Form) numbered(wrapper string) ([]*Form, *ParameterError) {
	if f.set && f.text == "" && f.children == nil {
		return nil, nil
	}
	wrapped := f.children[wrapper]
	if f.set || wrapped == nil || len(f.children) > 1 || wrapped.set {
		return nil, &ParameterError{Reason: "expected ." + wrapper + ".1 and so on"}
	}
	type place struct {
		number uint64
		form   *Form
	}
	places := make([]place, 0, len(wrapped.children))
	for name, child := range wrapped.children {
		number, err := strconv.ParseUint(name, 10, 31)
		if err != nil || name[0] == '0' {
			return nil, &ParameterError{Reason: "elements are numbered from 1"}
		}
		places = append(places, place{number, child})
	}
	slices.SortFunc(places, func(a, b place) int { return int(a.number) - int(b.number) })
	forms := make([]*Form, len(places))
	for i, p := range places {
		forms[i] = p.form
	}
	return forms, nil
}
