package dynamodb

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// conditionKeys gives DynamoDB's condition keys for one need ("Using IAM policy conditions for fine-grained
// access control", "Actions, resources, and condition keys for Amazon DynamoDB"). Nothing is worked out
// before a policy asks for it.
type conditionKeys struct {
	action string
	table  *engine.Table // nil if there is none
	arn    string        // of the table; an index of it has another
	index  string        // the name of the index that is read; empty for none
	by     touching      // nil for an operation on no items
	input  any           // of an operation on the items of one table
	// tags are those in a request that makes or tags a table, tagKeys those in one that takes tags away.
	tags    map[string]string
	tagKeys []string
}

// keptKeys is where the conditionKeys of a call lie: in the Needs of calls that are over, so that they cost
// no memory.
type keptKeys struct {
	list []*conditionKeys
	used int
}

// Reset implements auth.Kept.
func (k *keptKeys) Reset() {
	for _, c := range k.list[:k.used] {
		*c = conditionKeys{}
	}
	k.used = 0
}

func keysIn(needs *auth.Needs) *conditionKeys {
	kept, ok := needs.Kept().(*keptKeys)
	if !ok {
		kept = &keptKeys{}
		needs.Keep(kept)
	}
	if kept.used == len(kept.list) {
		kept.list = append(kept.list, &conditionKeys{})
	}
	kept.used++
	return kept.list[kept.used-1]
}

// touchedBy says which request the need belongs to.
func (c *conditionKeys) touchedBy(by touching, input any) { c.by, c.input = by, input }

// each visits what the request does with the table of the need.
func (c *conditionKeys) each(visit func(*touch)) {
	if c.by != nil {
		c.by.touches(c, visit)
	}
}

// touch is what a request does with one item, or with what it searches.
type touch struct {
	key         attribute.Item // what Key is; of a search nil
	item        attribute.Item // what Item is
	leading     []attribute.Value
	projection  *string
	update      *string
	expressions [2]*string // the others
	names       map[string]string
	attributes  []string // named by parameters that are no expressions
	selects     string   // the effective Select, empty for what is no read
	returns     string   // the effective ReturnValues, empty for what is no write
	// enclosing is the operation that this is a part of, for transactions and statements.
	enclosing string
	// statement says that this is a statement of PartiQL, and scans that it reads the whole table.
	statement, scans bool
}

// Values implements policy.Context.
func (c *conditionKeys) Values(key string) ([]string, bool) {
	name, ours := strings.CutPrefix(key, "dynamodb:")
	if !ours {
		return c.tagValues(key)
	}
	switch name {
	case "leadingkeys":
		return some(c.leadingKeys())
	case "attributes":
		return some(c.attributes())
	case "select":
		return some(c.widest(func(t *touch) string { return t.selects }, "COUNT", specific,
			"ALL_PROJECTED_ATTRIBUTES", everything))
	case "returnvalues":
		return some(c.widest(func(t *touch) string { return t.returns }, "NONE", "UPDATED_NEW", "UPDATED_OLD",
			"ALL_NEW", "ALL_OLD"))
	case "enclosingoperation":
		return some(c.widest(func(t *touch) string { return t.enclosing }))
	case "returnconsumedcapacity":
		return some(c.consumedCapacity())
	case "fulltablescan":
		return some(c.fullTableScan())
	}
	return nil, false
}

const (
	specific   = "SPECIFIC_ATTRIBUTES"
	everything = "ALL_ATTRIBUTES"
)

func some(values []string) ([]string, bool) { return values, len(values) > 0 }

// leadingKeys are the partition keys of all items, each once. Where the table is not there, so that nobody
// knows which attribute it is, all scalar values count.
func (c *conditionKeys) leadingKeys() []string {
	t := c.table
	var keys collected
	add := func(v attribute.Value) {
		if text, ok := keyText(v); ok {
			keys.add(text)
		}
	}
	c.each(func(touched *touch) {
		for _, v := range touched.leading {
			add(v)
		}
		for _, item := range []attribute.Item{touched.key, touched.item} {
			if t != nil {
				add(item.Get(t.Key.Hash.Name))
				continue
			}
			for _, v := range item.All() {
				add(v)
			}
		}
	})
	return keys.texts
}

// collected are texts, each once, in time that grows with their number alone: an item may have very many
// attributes.
type collected struct {
	texts []string
	known map[string]bool
}

func (c *collected) add(texts ...string) {
	if c.known == nil {
		c.known = map[string]bool{}
	}
	for _, text := range texts {
		if !c.known[text] {
			c.known[text] = true
			c.texts = append(c.texts, text)
		}
	}
}

// keyText is a value as policies compare it; ok is false for what can be no key.
func keyText(v attribute.Value) (text string, ok bool) {
	if v == nil {
		return "", false
	}
	switch v.Kind() {
	case attribute.S:
		return string(v.Text()), true
	case attribute.N:
		return v.Number().String(), true
	case attribute.B:
		return base64.StdEncoding.EncodeToString(v.Text()), true
	}
	return "", false
}

// keys are the key attributes that an answer may hold: those of the table, and of the index that is read, for
// whose sake LastEvaluatedKey shows them.
func (c *conditionKeys) keys() []engine.KeyAttribute {
	if c.table == nil {
		return nil
	}
	keys := c.table.Key.Attributes()
	if x := c.table.Index(c.index); x != nil {
		keys = append(slices.Clip(keys), x.Keys()...)
	}
	return keys
}

// consumedCapacity is the effective ReturnConsumedCapacity; nil for an operation on no items.
func (c *conditionKeys) consumedCapacity() []string {
	if c.by == nil {
		return nil
	}
	if given := c.by.capacity(c); given != nil {
		return []string{*given}
	}
	return []string{"NONE"}
}

// attributes are the names of all top-level attributes that the request names, and of the keys.
func (c *conditionKeys) attributes() []string {
	if c.by == nil {
		return nil
	}
	var names collected
	for _, a := range c.keys() {
		names.add(a.Name)
	}
	c.each(func(t *touch) {
		for _, item := range []attribute.Item{t.key, t.item} {
			for name := range item.All() {
				names.add(name)
			}
		}
		for _, e := range []*string{t.projection, t.expressions[0], t.expressions[1]} {
			names.add(expression.AppendNames(nil, api.Text(e), t.names)...)
		}
		names.add(expression.AppendUpdatedNames(nil, api.Text(t.update), t.names)...)
		names.add(t.attributes...)
	})
	return names.texts
}

// widest is the one value that a single-valued key has where the parts of a request differ: the one that
// gives away the most.
func (c *conditionKeys) widest(of func(*touch) string, order ...string) (values []string) {
	c.each(func(t *touch) {
		value := of(t)
		switch {
		case value == "":
		case values == nil:
			values = []string{value}
		case slices.Index(order, value) > slices.Index(order, values[0]):
			values[0] = value
		}
	})
	return values
}

func (c *conditionKeys) fullTableScan() (values []string) {
	statement, scans := false, false
	c.each(func(t *touch) { statement, scans = statement || t.statement, scans || t.scans })
	if !statement {
		return nil
	}
	return []string{strconv.FormatBool(scans)}
}

// tagValues gives aws:ResourceTag, aws:RequestTag and aws:TagKeys.
func (c *conditionKeys) tagValues(key string) ([]string, bool) {
	if name, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok {
		if c.table != nil {
			return some(taggedAs(c.table.Tags, name))
		}
		return nil, false
	}
	if name, ok := strings.CutPrefix(key, "aws:requesttag/"); ok {
		return some(taggedAs(c.tags, name))
	}
	if key != "aws:tagkeys" {
		return nil, false
	}
	keys := slices.Clone(c.tagKeys)
	for name := range c.tags {
		keys = append(keys, name)
	}
	return some(keys)
}

// taggedAs are the values of the tags with this name, which differ in more than case.
func taggedAs(tags map[string]string, name string) (values []string) {
	for key, value := range tags {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}
