package terraform

import (
	"encoding/json"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// data puts what data sources give into scope, as far as a configuration tells it.
func (m *module) data() {
	kinds := map[string]map[string]cty.Value{}
	for _, b := range m.directory.blocks("data") {
		if len(b.Labels) != 2 {
			continue
		}
		if kinds[b.Labels[0]] == nil {
			kinds[b.Labels[0]] = map[string]cty.Value{}
		}
		kinds[b.Labels[0]][b.Labels[1]] = m.repeated(b, m.dataSource(b))
	}
	all := map[string]cty.Value{}
	for kind, names := range kinds {
		all[kind] = object(names)
	}
	m.scope["data"] = object(all)
}

func (m *module) dataSource(b *hclsyntax.Block) cty.Value {
	address := m.address + "data." + b.Labels[0] + "." + b.Labels[1]
	switch b.Labels[0] {
	case "aws_caller_identity":
		return cty.ObjectVal(map[string]cty.Value{
			"account_id": cty.StringVal(OwnAccount), "arn": cty.DynamicVal, "user_id": cty.DynamicVal,
			"id": cty.StringVal(OwnAccount),
		})
	case "aws_partition":
		return cty.ObjectVal(map[string]cty.Value{
			"partition": cty.StringVal("aws"), "dns_suffix": cty.StringVal("amazonaws.com"),
			"id": cty.StringVal("aws"),
		})
	case "aws_region":
		if m.region != "" {
			name := cty.StringVal(m.region)
			return cty.ObjectVal(map[string]cty.Value{"name": name, "region": name, "id": name,
				"description": cty.DynamicVal})
		}
	case "aws_kms_key", "aws_kms_alias":
		for _, attribute := range []string{"key_id", "name"} {
			if s, ok := text(m.attribute(b.Body, attribute, nil)); ok && strings.HasPrefix(s, "alias/aws/") {
				address = "data.aws-managed." + b.Labels[1]
			}
		}
		return keyAttributes(address)
	case "aws_iam_policy_document":
		if document, ok := m.policyDocument(b.Body); ok {
			return cty.ObjectVal(map[string]cty.Value{"json": cty.StringVal(document), "id": cty.DynamicVal})
		}
	}
	return cty.DynamicVal
}

// policyDocument renders aws_iam_policy_document as the provider does. It is not known if a part of it isn't.
func (m *module) policyDocument(body *hclsyntax.Body) (string, bool) {
	if body.Attributes["source_policy_documents"] != nil ||
		body.Attributes["override_policy_documents"] != nil {
		return "", false
	}
	statements := []map[string]any{}
	for _, s := range m.nested(body, "statement", nil) {
		statement, ok := m.statement(s)
		if !ok || s.perhaps {
			return "", false
		}
		statements = append(statements, statement)
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(document), err == nil
}

func (m *module) statement(s nested) (map[string]any, bool) {
	out := map[string]any{"Effect": "Allow"}
	for attribute, element := range map[string]string{
		"effect": "Effect", "sid": "Sid", "actions": "Action", "not_actions": "NotAction",
		"resources":     "Resource",
		"not_resources": "NotResource",
	} {
		v := m.attribute(s.body, attribute, s.each)
		if v.IsKnown() && v.IsNull() {
			continue
		}
		if one, ok := text(v); ok {
			out[element] = one
			continue
		}
		list, ok := texts(v)
		if !ok {
			return nil, false
		}
		out[element] = list
	}
	for block, element := range map[string]string{"principals": "Principal",
		"not_principals": "NotPrincipal"} {
		principals, ok := m.principals(s, block)
		if !ok {
			return nil, false
		}
		if len(principals) > 0 {
			out[element] = principals
		}
	}
	conditions := map[string]map[string][]string{}
	for _, c := range m.nested(s.body, "condition", s.each) {
		test, ok := text(m.attribute(c.body, "test", c.each))
		variable, ok2 := text(m.attribute(c.body, "variable", c.each))
		values, ok3 := texts(m.attribute(c.body, "values", c.each))
		if !ok || !ok2 || !ok3 {
			return nil, false
		}
		if conditions[test] == nil {
			conditions[test] = map[string][]string{}
		}
		conditions[test][variable] = values
	}
	if len(conditions) > 0 {
		out["Condition"] = conditions
	}
	return out, true
}

func (m *module) principals(s nested, block string) (map[string][]string, bool) {
	out := map[string][]string{}
	for _, p := range m.nested(s.body, block, s.each) {
		kind, ok := text(m.attribute(p.body, "type", p.each))
		names, ok2 := texts(m.attribute(p.body, "identifiers", p.each))
		if !ok || !ok2 {
			return nil, false
		}
		if kind == "*" {
			kind = "AWS"
		}
		out[kind] = append(out[kind], names...)
	}
	return out, true
}

// texts is a known list of known strings.
func texts(v cty.Value) ([]string, bool) {
	if v == cty.NilVal || !v.IsWhollyKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil, false
	}
	out := []string{}
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		s, ok := text(element)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
