package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
)

// maxViolations is how many violations one message lists.
const maxViolations = 10

// Walk visits the members of an input through its generated walk method. The zero value checks the model's
// constraints and collects the violations for Err; one from NewListing collects the paths of the members that
// are set for Paths. A check that finds nothing wrong allocates nothing, unless structures are nested in
// lists or maps.
type Walk struct {
	steps   []step
	found   []violation
	paths   []string // nil: checking
	display *display // nil until a value must be displayed
}

// step is one part of the path to a member.
type step struct {
	name  string
	index int // of a list element, from 1
	kind  stepKind
	// owed is 1 + the index of a violation whose value is displayed while the members below are visited, 0
	// for none.
	owed  int
	start int
}

type stepKind uint8

const (
	memberStep stepKind = iota
	elementStep
	entryStep
)

type violation struct {
	value, path, demand string
}

// NewListing returns a Walk that collects paths.
func NewListing() Walk { return Walk{paths: make([]string, 0, 8)} }

// Paths are the dotted paths of the members that are set, sorted, in the model's spelling. Elements of lists
// and maps share the path of their list or map. An empty list or map counts as not set.
func (w *Walk) Paths() []string {
	slices.Sort(w.paths)
	return slices.Compact(w.paths)
}

// Err is nil when no constraint was violated, and otherwise an *Error with the given code that lists the
// violations in the order in which the members stand in the model, at most ten of them.
func (w *Walk) Err(code string) error {
	if len(w.found) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(len(w.found)))
	b.WriteString(" validation errors detected: ")
	if len(w.found) == 1 {
		b.Reset()
		b.WriteString("1 validation error detected: ")
	}
	for i, v := range w.found {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString("Value " + v.value + "at '" + v.path + "' failed to satisfy constraint: " + v.demand)
	}
	return &Error{Code: code, Message: b.String()}
}

// violate notes a violation and returns 1 + its index, or 0 when there are enough already.
func (w *Walk) violate(name, value, demand string) int {
	if len(w.found) >= maxViolations {
		return 0
	}
	w.found = append(w.found, violation{value: value, path: w.path(name), demand: demand})
	return len(w.found)
}

func quoted(value string, hidden bool) string {
	if hidden {
		return ""
	}
	return "'" + clip(value, maxEcho) + "' "
}

// path is the path of the member called name of the structure being visited, as in AWS's messages; an empty
// name is the path of what is being visited itself.
func (w *Walk) path(name string) string {
	var b []byte
	for _, s := range w.steps {
		switch s.kind {
		case memberStep:
			if s.name != "" {
				b = appendPart(b, lowerFirst(s.name))
			}
		case elementStep:
			b = append(strconv.AppendInt(append(b, '.'), int64(s.index), 10), ".member"...)
		case entryStep:
			b = append(append(append(b, '.'), clip(s.name, 255)...), ".member"...)
		}
	}
	if name != "" {
		b = appendPart(b, lowerFirst(name))
	}
	return string(b)
}

func appendPart(b []byte, part string) []byte {
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, part...)
}

func lowerFirst(name string) string {
	return strings.ToLower(name[:1]) + name[1:]
}

// list notes that the member called name is set. Of the input itself, the name is the path.
func (w *Walk) list(name string) {
	if len(w.steps) == 0 {
		w.paths = append(w.paths, name)
		return
	}
	var b []byte
	for _, s := range w.steps {
		if s.kind == memberStep && s.name != "" {
			b = appendPart(b, s.name)
		}
	}
	w.paths = append(w.paths, string(appendPart(b, name)))
}

// absent handles what all kinds of members share. It says whether there is a value to look at.
func (w *Walk) absent(name string, present, required, hidden bool) bool {
	if present {
		if w.paths != nil {
			w.list(name)
		}
		return false
	}
	if required && w.paths == nil {
		value := "null "
		if hidden {
			value = ""
		}
		w.violate(name, value, "Member must not be null")
	}
	if w.display.active() {
		w.display.member(name, "null")
	}
	return true
}

// Begin starts a structure and End ends it; only the display of values needs to know.
func (w *Walk) Begin(shape string) {
	if w.display.active() {
		w.display.open(shape + "(")
	}
}

// End ends what Begin started.
func (w *Walk) End() {
	if w.display.active() {
		w.display.close(")")
	}
}

// Text visits a string.
func (w *Walk) Text(name string, v *string, rule *TextRule, required bool) {
	if w.absent(name, v != nil, required, rule.hidden()) {
		return
	}
	if w.display.active() {
		w.display.textMember(name, *v, rule.hidden())
	}
	if w.paths != nil || rule.allows(*v) {
		return
	}
	enum, pattern, long, short := rule.broken(*v)
	value := quoted(*v, rule.Sensitive)
	if enum {
		w.violate(name, value, rule.enumDemand())
	}
	if pattern {
		w.violate(name, value, rule.patternDemand())
	}
	if long {
		w.violate(name, value, atMost(rule.Max))
	}
	if short {
		w.violate(name, value, atLeast(rule.Min))
	}
}

// Int visits a whole number.
func (w *Walk) Int(name string, v *int64, rule *NumberRule, required bool) {
	if w.absent(name, v != nil, required, false) {
		return
	}
	demand := rule.demand(float64(*v))
	if demand == "" && !w.display.active() {
		return
	}
	w.number(name, strconv.FormatInt(*v, 10), demand)
}

// Float visits a number.
func (w *Walk) Float(name string, v *float64, rule *NumberRule, required bool) {
	if w.absent(name, v != nil, required, false) {
		return
	}
	demand := rule.demand(*v)
	if demand == "" && !w.display.active() {
		return
	}
	w.number(name, strconv.FormatFloat(*v, 'f', -1, 64), demand)
}

func (w *Walk) number(name, text, demand string) {
	if w.display.active() {
		w.display.member(name, text)
	}
	if demand != "" && w.paths == nil {
		w.violate(name, quoted(text, false), demand)
	}
}

// Bool visits true or false.
func (w *Walk) Bool(name string, v *bool, required bool) {
	if !w.absent(name, v != nil, required, false) && w.display.active() {
		w.display.member(name, strconv.FormatBool(*v))
	}
}

// Time visits a timestamp.
func (w *Walk) Time(name string, v *time.Time, required bool) {
	if !w.absent(name, v != nil, required, false) && w.display.active() {
		w.display.member(name, v.UTC().Format(time.RFC3339))
	}
}

// Blob visits a blob.
func (w *Walk) Blob(name string, v []byte, rule *SizeRule, required bool) {
	hidden := rule != nil && rule.Sensitive
	if w.absent(name, v != nil, required, hidden) {
		return
	}
	if w.display.active() {
		w.display.member(name, bufferText(len(v)))
	}
	if demand := rule.demand(len(v)); demand != "" && w.paths == nil {
		w.violate(name, quoted(bufferText(len(v)), hidden), demand)
	}
}

// Value visits an attribute value. Its own package has checked it.
func (w *Walk) Value(name string, v attribute.Value, required bool) {
	if !w.absent(name, v != nil, required, false) && w.display.active() {
		w.display.member(name, attributeText)
	}
}

// Item visits a map of attribute values. Their own package has checked them.
func (w *Walk) Item(name string, v attribute.Item, required bool) {
	if !w.absent(name, v != nil, required, false) && w.display.active() {
		w.display.item(name, v)
	}
}

// Enter visits a structure and says whether to go into it; then Leave must follow.
func (w *Walk) Enter(name string, present, required bool) bool {
	if w.absent(name, present, required, false) {
		return false
	}
	if w.display.active() {
		w.display.label(name)
	}
	w.steps = append(w.steps, step{name: name})
	return true
}

// Leave goes back from what Enter, Element or Entry went into.
func (w *Walk) Leave() {
	last := w.steps[len(w.steps)-1]
	w.steps = w.steps[:len(w.steps)-1]
	if last.owed > 0 {
		w.found[last.owed-1].value = quoted(w.display.finish(last.start), false)
	}
}
