package terraform

import (
	"encoding/json"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/waiver"
)

func (m *module) origin(b *hclsyntax.Block, address string) *fact.Origin {
	from, to := b.DefRange().Start, b.Body.EndRange
	return &fact.Origin{
		File: b.DefRange().Filename, Line: from.Line, Column: from.Column, EndLine: to.End.Line,
		Address: address,
		Kind:    b.Labels[0], Suppressed: m.suppressed(b),
	}
}

// suppressed reads the comments in a block, and right above it, by which scanners are told to leave it alone.
func (m *module) suppressed(b *hclsyntax.Block) []fact.Suppression {
	lines := m.directory.lines[b.DefRange().Filename]
	first := b.DefRange().Start.Line
	for first > 1 && first-2 < len(lines) && isComment(lines[first-2]) {
		first--
	}
	var out []fact.Suppression
	for n := first; n <= min(b.Body.EndRange.End.Line, len(lines)); n++ {
		if line := lines[n-1]; strings.ContainsAny(line, "#/") {
			out = append(out, waiver.InComment(line, n)...)
		}
	}
	return out
}

func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//")
}

// attribute is the value of an attribute, null if it is not there.
func (m *module) attribute(body *hclsyntax.Body, name string, each map[string]cty.Value) cty.Value {
	if a := body.Attributes[name]; a != nil {
		return m.value(a.Expr, each)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// nested is one block in a resource, written out or made by a dynamic block.
type nested struct {
	body *hclsyntax.Body
	each map[string]cty.Value
	// perhaps says that it is not known whether the block is there
	perhaps bool
}

func (m *module) nested(body *hclsyntax.Body, kind string, each map[string]cty.Value) []nested {
	var out []nested
	for _, b := range body.Blocks {
		switch {
		case b.Type == kind:
			out = append(out, nested{b.Body, each, false})
		case b.Type == "dynamic" && len(b.Labels) == 1 && b.Labels[0] == kind:
			out = append(out, m.dynamic(b, each)...)
		}
	}
	return out
}

func (m *module) dynamic(b *hclsyntax.Block, each map[string]cty.Value) []nested {
	var content *hclsyntax.Body
	for _, inner := range b.Body.Blocks {
		if inner.Type == "content" {
			content = inner.Body
		}
	}
	if content == nil {
		return nil
	}
	iterator := b.Labels[0]
	if a := b.Body.Attributes["iterator"]; a != nil {
		if vars := a.Expr.Variables(); len(vars) == 1 {
			iterator = vars[0].RootName()
		}
	}
	with := func(item cty.Value) map[string]cty.Value {
		out := map[string]cty.Value{iterator: item}
		for k, v := range each {
			out[k] = v
		}
		return out
	}
	all := m.attribute(b.Body, "for_each", each)
	if !all.IsKnown() {
		return []nested{{content, with(cty.DynamicVal), true}}
	}
	if all.IsNull() || !all.CanIterateElements() {
		return nil
	}
	var out []nested
	for it := all.ElementIterator(); it.Next() && len(out) < maxInstances; {
		k, v := it.Element()
		out = append(out, nested{content, with(cty.ObjectVal(map[string]cty.Value{"key": k, "value": v})),
			false})
	}
	return out
}

func (m *module) table(b *hclsyntax.Block, address string, each map[string]cty.Value) {
	body := b.Body
	t := &fact.Table{Account: OwnAccount, Region: m.region, Origin: m.origin(b, address)}
	name, ok := text(m.attribute(body, "name", each))
	if !ok {
		name = address
	}
	t.Name = name
	billing, _ := text(m.attribute(body, "billing_mode", each))
	t.Provisioned = billing != "PAY_PER_REQUEST"
	t.DeletionProtection = m.flag(body, "deletion_protection_enabled", each, false)
	t.PointInTime = m.blockFlag(body, "point_in_time_recovery", "enabled", each)
	t.Tags = m.tags(body, each)
	if ttl := m.nested(body, "ttl", each); len(ttl) > 0 {
		attribute, known := text(m.attribute(ttl[0].body, "attribute_name", ttl[0].each))
		t.ExpiryAttribute = fact.Known[string]{Value: attribute, Read: known}
	} else {
		t.ExpiryAttribute = fact.Of("")
	}
	m.encryption(t, body, each)
	for _, r := range m.nested(body, "replica", each) {
		region, _ := text(m.attribute(r.body, "region_name", r.each))
		key := m.reference(m.attribute(r.body, "kms_key_arn", r.each))
		replica := fact.Replica{Region: region, Class: fact.AWSOwned}
		switch {
		case key != nil:
			replica.KeyARN, replica.Class = key.ARN, keyClass(key)
		case t.KeyClass == fact.AWSManaged:
			replica.Class = fact.AWSManaged
		}
		t.Replicas = append(t.Replicas, replica)
	}
	m.set.Tables = append(m.set.Tables, t)
}

// encryption follows the provider: without the block, or with enabled = false, the AWS owned key; without a
// key's ARN the AWS managed one.
func (m *module) encryption(t *fact.Table, body *hclsyntax.Body, each map[string]cty.Value) {
	t.KeyClass = fact.AWSOwned
	blocks := m.nested(body, "server_side_encryption", each)
	if len(blocks) == 0 {
		return
	}
	block := blocks[0]
	enabled, known := truth(m.attribute(block.body, "enabled", block.each))
	switch {
	case block.perhaps || !known && block.body.Attributes["enabled"] != nil:
		t.KeyClass, t.SSEStatus = fact.UnknownKey, "UNKNOWN"
		return
	case !known:
		t.Invalid = "server_side_encryption needs enabled"
		return
	case !enabled:
		return
	}
	t.SSEType, t.SSEStatus = "KMS", "ENABLED"
	value := m.attribute(block.body, "kms_key_arn", block.each)
	t.Key = m.reference(value)
	if t.Key == nil {
		t.KeyClass = fact.AWSManaged
		t.Key = &fact.Key{ARN: "alias/aws/dynamodb", Manager: fact.ManagedByAWS}
		return
	}
	t.KeyClass = keyClass(t.Key)
}

func keyClass(k *fact.Key) fact.KeyClass {
	switch k.Manager {
	case fact.ManagedByAWS:
		return fact.AWSManaged
	case fact.ManagedByCustomer:
		return fact.Customer
	}
	return fact.UnknownKey
}

// reference finds the key that a value names; nil for null. A key that the configuration makes or looks up is
// the customer's; whose a literal ARN or an unknown value is, no configuration tells.
func (m *module) reference(v cty.Value) *fact.Key {
	if v.IsKnown() && v.IsNull() {
		return nil
	}
	name, known := text(v)
	if !known {
		return &fact.Key{ARN: "unknown until it is applied"}
	}
	address, ok := marked(name)
	if !ok {
		return literalKey(name)
	}
	for _, k := range m.set.Keys {
		if k.Origin.Address == address || strings.HasPrefix(k.Origin.Address, address+"[") {
			return k
		}
	}
	if strings.HasPrefix(address, "data.aws-managed.") {
		return &fact.Key{ARN: address, Manager: fact.ManagedByAWS}
	}
	return &fact.Key{ARN: address, Manager: fact.ManagedByCustomer}
}

func literalKey(name string) *fact.Key {
	if name == "" || strings.Contains(name, "alias/aws/") {
		return &fact.Key{ARN: "alias/aws/dynamodb", Manager: fact.ManagedByAWS}
	}
	return &fact.Key{ARN: name, Manager: fact.ManagedByCustomer}
}

// flag is a boolean attribute with its default.
func (m *module) flag(body *hclsyntax.Body, name string, each map[string]cty.Value,
	missing bool) fact.Known[bool] {
	v := m.attribute(body, name, each)
	if v.IsKnown() && v.IsNull() {
		return fact.Of(missing)
	}
	if value, known := truth(v); known {
		return fact.Of(value)
	}
	return fact.Unread[bool](unresolved(name))
}

func unresolved(name string) *fact.Problem {
	return &fact.Problem{Kind: fact.Failed, Action: "evaluating " + name,
		Message: "it is known only after an apply"}
}

func (m *module) blockFlag(body *hclsyntax.Body, kind, name string,
	each map[string]cty.Value) fact.Known[bool] {
	blocks := m.nested(body, kind, each)
	if len(blocks) == 0 {
		return fact.Of(false)
	}
	if blocks[0].perhaps {
		return fact.Unread[bool](unresolved(kind))
	}
	return m.flag(blocks[0].body, name, blocks[0].each, false)
}

func (m *module) tags(body *hclsyntax.Body, each map[string]cty.Value) fact.Known[map[string]string] {
	values, known := elements(m.attribute(body, "tags", each))
	if !known {
		return fact.Unread[map[string]string](unresolved("tags"))
	}
	out := map[string]string{}
	for k, v := range values {
		out[k], _ = text(v)
	}
	return fact.Of(out)
}

func (m *module) key(b *hclsyntax.Block, address string, each map[string]cty.Value) {
	body := b.Body
	k := &fact.Key{
		ARN: address, Region: m.region, Account: OwnAccount, Manager: fact.ManagedByCustomer,
		State:  "Enabled",
		Origin: m.origin(b, address), Spec: "SYMMETRIC_DEFAULT", Material: "AWS_KMS",
	}
	if spec, ok := text(m.attribute(body, "customer_master_key_spec", each)); ok {
		k.Spec = spec
	}
	if b.Labels[0] == "aws_kms_external_key" {
		k.Material = "EXTERNAL"
	}
	attribute := "is_enabled"
	if b.Labels[0] != "aws_kms_key" {
		attribute = "enabled"
	}
	if enabled := m.flag(body, attribute, each, true); enabled.Read && !enabled.Value {
		k.State = "Disabled"
	}
	if multi := m.flag(body, "multi_region", each, b.Labels[0] == "aws_kms_replica_key"); multi.Value {
		k.MultiRegion = true
	}
	k.PendingDays, _ = number(m.attribute(body, "deletion_window_in_days", each))
	days, _ := number(m.attribute(body, "rotation_period_in_days", each))
	rotates := m.flag(body, "enable_key_rotation", each, false)
	k.Rotation = fact.Known[fact.Rotation]{
		Value: fact.Rotation{Enabled: rotates.Value, Days: days}, Read: rotates.Read,
		Problem: rotates.Problem,
	}
	k.Tags = m.tags(body, each)
	k.Policy = m.policy(body, each)
	m.set.Keys = append(m.set.Keys, k)
}

// policy is the key's policy; a key without one has KMS's default, which is read as none.
func (m *module) policy(body *hclsyntax.Body, each map[string]cty.Value) fact.Known[string] {
	v := m.attribute(body, "policy", each)
	if v.IsKnown() && v.IsNull() {
		return fact.Of("")
	}
	document, known := text(v)
	if !known || !json.Valid([]byte(document)) {
		return fact.Known[string]{}
	}
	return fact.Of(document)
}

// keyPolicy gives a key the policy that a resource of its own declares.
func (m *module) keyPolicy(b *hclsyntax.Block, _ string, each map[string]cty.Value) {
	if k := m.reference(m.attribute(b.Body, "key_id", each)); k != nil && k.Origin != nil {
		k.Policy = m.policy(b.Body, each)
	}
}
