package terraform

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// module is one evaluation of one module.
type module struct {
	loader    *loader
	directory *directory
	root      *directory
	address   string // such as module.store. ; empty for the root
	inputs    map[string]cty.Value
	set       *fact.Set
	notes     []string
	budget    *int // how many blocks may still be evaluated
	region    string

	scope   map[string]cty.Value
	outputs map[string]cty.Value
}

// evaluate reads the module's resources into the set, and gives its outputs. Keys come before tables, which
// refer to them.
func (m *module) evaluate(depth int) {
	m.scope = map[string]cty.Value{
		"var": object(m.inputs), "path": cty.DynamicVal, "terraform": cty.DynamicVal, "each": cty.DynamicVal,
		"count": cty.DynamicVal, "self": cty.DynamicVal,
	}
	m.findRegion()
	m.locals()
	m.data()
	m.markers()
	m.locals()
	for _, b := range m.directory.blocks("resource") {
		if len(b.Labels) == 2 && isKey(b.Labels[0]) {
			m.instances(b, m.key)
		}
	}
	m.modules(depth)
	m.locals()
	for _, b := range m.directory.blocks("resource") {
		if len(b.Labels) == 2 && b.Labels[0] == "aws_kms_key_policy" {
			m.instances(b, m.keyPolicy)
		}
		if len(b.Labels) == 2 && b.Labels[0] == "aws_dynamodb_table" {
			m.instances(b, m.table)
		}
	}
	m.outputs = map[string]cty.Value{}
	for _, b := range m.directory.blocks("output") {
		if a := b.Body.Attributes["value"]; a != nil && len(b.Labels) == 1 {
			m.outputs[b.Labels[0]] = m.value(a.Expr, nil)
		}
	}
}

func isKey(kind string) bool {
	return kind == "aws_kms_key" || kind == "aws_kms_external_key" || kind == "aws_kms_replica_key"
}

func object(values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.EmptyObjectVal
	}
	return cty.ObjectVal(values)
}

// value evaluates an expression. What can't be evaluated is unknown.
func (m *module) value(e hcl.Expression, more map[string]cty.Value) (out cty.Value) {
	defer func() { // a library's fault must not end an audit
		if recover() != nil {
			out = cty.DynamicVal
		}
	}()
	scope := map[string]cty.Value{}
	for _, traversal := range e.Variables() {
		name := traversal.RootName()
		scope[name] = cty.DynamicVal
		if v, ok := m.scope[name]; ok {
			scope[name] = v
		}
	}
	for k, v := range more {
		scope[k] = v
	}
	v, diagnostics := e.Value(&hcl.EvalContext{Variables: scope, Functions: functions()})
	if diagnostics.HasErrors() {
		return cty.DynamicVal
	}
	unmarked, _ := v.UnmarkDeep()
	return unmarked
}

// maxLocalPasses is how deep locals may depend on each other.
const maxLocalPasses = 20

// locals evaluates until nothing changes, since locals may come in any order. Those that depend on themselves
// stay unknown.
func (m *module) locals() {
	expressions := map[string]hcl.Expression{}
	values := map[string]cty.Value{}
	for _, b := range m.directory.blocks("locals") {
		for name, a := range b.Body.Attributes {
			expressions[name] = a.Expr
			values[name] = cty.DynamicVal
		}
	}
	for range maxLocalPasses {
		changed := false
		m.scope["local"] = object(values)
		for name, e := range expressions {
			if v := m.value(e, nil); !v.RawEquals(values[name]) {
				values[name] = v
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	m.scope["local"] = object(values)
}

// findRegion takes the region of the provider that has no alias; modules inherit their caller's.
func (m *module) findRegion() {
	for _, b := range m.directory.blocks("provider") {
		if len(b.Labels) != 1 || b.Labels[0] != "aws" || b.Body.Attributes["alias"] != nil {
			continue
		}
		if a := b.Body.Attributes["region"]; a != nil {
			m.region, _ = text(m.value(a.Expr, nil))
		}
	}
	m.set.Region = m.region
}

// marker is the value that stands for an attribute of a resource that is not made yet. It is a known string,
// so that choices between keys can be followed.
func marker(address, attribute string) cty.Value {
	return cty.StringVal("${" + address + "." + attribute + "}")
}

// marked is the address of the resource for whose attribute a string stands.
func marked(s string) (address string, ok bool) {
	if !strings.HasPrefix(s, "${") || !strings.HasSuffix(s, "}") {
		return "", false
	}
	s = s[2 : len(s)-1]
	at := strings.LastIndex(s, ".")
	return s[:max(at, 0)], at > 0
}

// markers puts the module's keys and aliases in scope. A resource with count or for_each gives the same
// marker for all its instances.
func (m *module) markers() {
	kinds := map[string]map[string]cty.Value{}
	for _, b := range m.directory.blocks("resource") {
		if len(b.Labels) != 2 || !isKey(b.Labels[0]) && b.Labels[0] != "aws_kms_alias" {
			continue
		}
		if kinds[b.Labels[0]] == nil {
			kinds[b.Labels[0]] = map[string]cty.Value{}
		}
		address := m.address + b.Labels[0] + "." + b.Labels[1]
		if b.Labels[0] == "aws_kms_alias" {
			address = m.aliasTarget(b, address)
		}
		kinds[b.Labels[0]][b.Labels[1]] = m.repeated(b, keyAttributes(address))
	}
	for kind, names := range kinds {
		m.scope[kind] = object(names)
	}
}

func keyAttributes(address string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"arn": marker(address, "arn"), "id": marker(address, "id"), "key_id": marker(address, "key_id"),
		"target_key_arn": marker(address, "arn"), "target_key_id": marker(address, "key_id"),
	})
}

// aliasTarget is the address of the key that an alias names, if that can be told.
func (m *module) aliasTarget(b *hclsyntax.Block, address string) string {
	a := b.Body.Attributes["target_key_id"]
	if a == nil {
		return address
	}
	for _, t := range a.Expr.Variables() {
		if kind := t.RootName(); isKey(kind) && len(t) > 1 {
			if name, ok := t[1].(hcl.TraverseAttr); ok {
				return m.address + kind + "." + name.Name
			}
		}
	}
	return address
}

// repeated shapes a value as count and for_each make references to it look: a list, or a map.
func (m *module) repeated(b *hclsyntax.Block, v cty.Value) cty.Value {
	if a := b.Body.Attributes["count"]; a != nil {
		n, known := number(m.value(a.Expr, nil))
		if !known {
			return cty.DynamicVal
		}
		list := []cty.Value{}
		for range min(n, maxInstances) {
			list = append(list, v)
		}
		return cty.TupleVal(list)
	}
	if a := b.Body.Attributes["for_each"]; a != nil {
		each, known := elements(m.value(a.Expr, nil))
		if !known {
			return cty.DynamicVal
		}
		all := map[string]cty.Value{}
		for k := range each {
			all[k] = v
		}
		return object(all)
	}
	return v
}

// instances calls read for each instance that count or for_each makes; once, with unknown values, where that
// is not known.
func (m *module) instances(b *hclsyntax.Block, read func(b *hclsyntax.Block, address string,
	each map[string]cty.Value)) {
	*m.budget--
	if *m.budget < 0 {
		m.note("more resources than are evaluated; %d is the limit", maxBlocks)
		return
	}
	address := m.address + b.Labels[0] + "." + b.Labels[1]
	if a := b.Body.Attributes["count"]; a != nil {
		n, known := number(m.value(a.Expr, nil))
		if !known {
			read(b, address, map[string]cty.Value{"count": cty.DynamicVal})
			return
		}
		for i := range min(n, maxInstances) {
			index := cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(i))})
			read(b, fmt.Sprintf("%s[%d]", address, i), map[string]cty.Value{"count": index})
		}
		return
	}
	if a := b.Body.Attributes["for_each"]; a != nil {
		each, known := elements(m.value(a.Expr, nil))
		if !known {
			read(b, address, map[string]cty.Value{"each": cty.DynamicVal})
			return
		}
		for _, k := range sortedKeys(each) {
			item := cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(k), "value": each[k]})
			read(b, fmt.Sprintf("%s[%q]", address, k), map[string]cty.Value{"each": item})
		}
		return
	}
	read(b, address, nil)
}

// modules evaluates the local modules that are called. Others stay unknown, and are named.
func (m *module) modules(depth int) {
	called := map[string]cty.Value{}
	for _, b := range m.directory.blocks("module") {
		if len(b.Labels) != 1 {
			continue
		}
		called[b.Labels[0]] = cty.DynamicVal
		source, local := localSource(m.directory, b)
		switch {
		case !local:
			m.note("module.%s is not in these files, so that its tables are not known", b.Labels[0])
		case depth >= maxDepth:
			m.note("module.%s is nested more than %d deep, or calls itself", b.Labels[0], maxDepth)
		default:
			called[b.Labels[0]] = m.call(b, source, depth)
		}
	}
	m.scope["module"] = object(called)
}

func (m *module) call(b *hclsyntax.Block, source string, depth int) cty.Value {
	d, err := m.loader.load(source)
	if err != nil || len(d.bodies) == 0 {
		m.note("module.%s: %s can't be read", b.Labels[0], source)
		return cty.DynamicVal
	}
	var outputs cty.Value
	run := func(_ *hclsyntax.Block, address string, each map[string]cty.Value) {
		inner := &module{
			loader: m.loader, directory: d, root: m.root, address: address + ".", set: m.set,
			budget: m.budget,
			region: m.region, inputs: defaults(&directory{bodies: d.bodies, path: "/nowhere"}),
		}
		for name, a := range b.Body.Attributes {
			if _, declared := inner.inputs[name]; declared {
				inner.inputs[name] = m.value(a.Expr, each)
			}
		}
		inner.evaluate(depth + 1)
		m.set.Region = m.region
		m.notes = append(m.notes, inner.notes...)
		outputs = object(inner.outputs)
	}
	labelled := &hclsyntax.Block{Type: b.Type, Labels: []string{"module", b.Labels[0]}, Body: b.Body}
	m.instances(labelled, run)
	if outputs == cty.NilVal {
		return m.repeated(b, cty.DynamicVal)
	}
	return m.repeated(b, outputs)
}

func (m *module) note(format string, values ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, values...))
}
