package api

import (
	"maps"
	"slices"
	"strconv"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Keys are the keys of a map in order, so that violations always come in the same order.
func Keys[T any](entries map[string]T) []string { return slices.Sorted(maps.Keys(entries)) }

// BrokenKeys returns rule when a key of the map breaks it, and nil otherwise.
func BrokenKeys[T any](entries map[string]T, rule *TextRule) *TextRule {
	for key := range entries {
		if !rule.allows(key) {
			return rule
		}
	}
	return nil
}

// BrokenSizes returns rule when a list in the map breaks it, and nil otherwise.
func BrokenSizes[T any](entries map[string][]T, rule *SizeRule) *SizeRule {
	for _, list := range entries {
		if !rule.Allows(len(list)) {
			return rule
		}
	}
	return nil
}

// List visits a list of n elements and says whether to go into it: then each element is visited between
// Element and Leave, and the list ends with LeaveList. A list that is itself the value of a map entry has no
// name.
func (w *Walk) List(name string, present bool, n int, rule *SizeRule, required bool) bool {
	return w.collection(name, present, n, required, "[", rule.demand(n))
}

// Map visits a map of n entries and says whether to go into it: then each entry is visited between Entry and
// Leave, and the map ends with LeaveMap. keys and values are the rules that some key, or some list among the
// values, breaks.
func (w *Walk) Map(
	name string, present bool, n int, rule *SizeRule, required bool, keys *TextRule, values *SizeRule,
) bool {
	demand := rule.demand(n)
	switch {
	case demand != "":
	case keys != nil:
		demand = "Map keys must satisfy constraint: " + keys.demands()
	case values != nil:
		demand = "Map value must satisfy constraint: " + values.demands()
	}
	return w.collection(name, present, n, required, "{", demand)
}

func (w *Walk) collection(name string, present bool, n int, required bool, opening, demand string) bool {
	listing := w.paths != nil
	if listing && n == 0 || name != "" && w.absent(name, present, required, false) {
		return false
	}
	if n == 0 && demand == "" && !w.display.active() {
		return false
	}
	next := step{name: name}
	if w.display.active() && name != "" {
		w.display.label(name)
	}
	if demand != "" && !listing {
		next.owed = w.violate(name, "", demand)
		if next.owed > 0 {
			next.start = w.beginDisplay()
		}
	}
	if w.display.active() {
		w.display.open(opening)
	}
	w.steps = append(w.steps, next)
	return true
}

// Element goes into the element number i of a list, from 0.
func (w *Walk) Element(i int) {
	w.steps = append(w.steps, step{kind: elementStep, index: i + 1})
}

// Entry goes into the entry of a map.
func (w *Walk) Entry(key string) {
	if w.display.active() {
		w.display.key(key)
	}
	w.steps = append(w.steps, step{kind: entryStep, name: key})
}

// LeaveList ends what List went into.
func (w *Walk) LeaveList() { w.leaveCollection("]") }

// LeaveMap ends what Map went into.
func (w *Walk) LeaveMap() { w.leaveCollection("}") }

func (w *Walk) leaveCollection(closing string) {
	if w.display.active() {
		w.display.close(closing)
	}
	w.Leave()
}

// flat visits a list or map of scalars, which show displays.
func (w *Walk) flat(
	name string, present bool, n int, required, hidden bool, demand string, show func(*display),
) {
	if w.paths != nil && n == 0 || w.absent(name, present, required, hidden) {
		return
	}
	if w.display.active() {
		w.display.label(name)
		show(w.display)
	}
	if demand == "" || w.paths != nil {
		return
	}
	start := w.beginDisplay()
	show(w.display)
	w.violate(name, quoted(w.display.finish(start), hidden), demand)
	w.display.cut(start)
}

// Texts visits a list of strings.
func (w *Walk) Texts(name string, list []string, rule *SizeRule, each *TextRule, required bool) {
	demand := ""
	if list != nil {
		demand = rule.demand(len(list))
	}
	for i := 0; i < len(list) && demand == ""; i++ {
		if !each.allows(list[i]) {
			demand = "Member must satisfy constraint: " + each.demands()
		}
	}
	if list == nil || demand != "" || w.display.active() || w.paths != nil {
		w.texts(name, list, required, each.hidden(), demand)
	}
}

func (w *Walk) texts(name string, list []string, required, hidden bool, demand string) {
	w.flat(name, list != nil, len(list), required, hidden, demand, func(d *display) {
		d.open("[")
		for _, text := range list {
			d.element(text, hidden)
		}
		d.close("]")
	})
}

// TextMap visits a map of strings.
func (w *Walk) TextMap(
	name string, entries map[string]string, rule *SizeRule, key, value *TextRule, required bool,
) {
	demand := ""
	if entries != nil {
		demand = rule.demand(len(entries))
	}
	if demand == "" && BrokenKeys(entries, key) != nil {
		demand = "Map keys must satisfy constraint: " + key.demands()
	}
	for _, text := range entries {
		if demand == "" && !value.allows(text) {
			demand = "Map value must satisfy constraint: " + value.demands()
		}
	}
	if entries == nil || demand != "" || w.display.active() || w.paths != nil {
		w.textMap(name, entries, required, (rule != nil && rule.Sensitive) || key.hidden() || value.hidden(),
			demand)
	}
}

func (w *Walk) textMap(name string, entries map[string]string, required, hidden bool, demand string) {
	w.flat(name, entries != nil, len(entries), required, hidden, demand, func(d *display) {
		d.open("{")
		for _, key := range Keys(entries) {
			if hidden {
				d.element(key, true)
				continue
			}
			d.key(key)
			d.element(entries[key], false)
		}
		d.close("}")
	})
}

// FloatMap visits a map of numbers.
func (w *Walk) FloatMap(
	name string, entries map[string]float64, key *TextRule, value *NumberRule, required bool,
) {
	demand := ""
	if BrokenKeys(entries, key) != nil {
		demand = "Map keys must satisfy constraint: " + key.demands()
	}
	for _, v := range entries {
		if broken := value.demand(v); demand == "" && broken != "" {
			demand = "Map value must satisfy constraint: [" + broken + "]"
		}
	}
	w.flat(name, entries != nil, len(entries), required, false, demand, func(d *display) {
		d.open("{")
		for _, key := range Keys(entries) {
			d.key(key)
			d.element(strconv.FormatFloat(entries[key], 'f', -1, 64), false)
		}
		d.close("}")
	})
}

// Items visits a list of maps of attribute values.
func (w *Walk) Items(name string, list []attribute.Item, rule *SizeRule, required bool) {
	demand := ""
	if list != nil {
		demand = rule.demand(len(list))
	}
	w.flat(name, list != nil, len(list), required, false, demand, func(d *display) {
		d.open("[")
		for _, item := range list {
			d.itemText(item)
		}
		d.close("]")
	})
}

// Values visits a list of attribute values.
func (w *Walk) Values(name string, list []attribute.Value, rule *SizeRule, required bool) {
	demand := ""
	if list != nil {
		demand = rule.demand(len(list))
	}
	w.flat(name, list != nil, len(list), required, false, demand, func(d *display) {
		d.open("[")
		for range list {
			d.element(attributeText, false)
		}
		d.close("]")
	})
}
