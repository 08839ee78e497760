package sam

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

func simpleTableProperties() []property {
	return slices.Concat(optional(anything, "PointInTimeRecoverySpecification"), optional(mapOfText,
		"PrimaryKey"),
		optional(throughput, "ProvisionedThroughput"), optional(textOrMap, "TableName"),
		optional(mapping, "Tags", "SSESpecification"))
}

// simpleTable makes a table with one key. Encryption and recovery are passed on as they are given.
func (t *translation) simpleTable(s source) ([]made, error) {
	properties := given(s.node, "Properties")
	if err := checkProperties(s.id, s.typ, properties, simpleTableProperties()); err != nil {
		return nil, err
	}
	name, kind, err := primaryKey(s.id, given(properties, "PrimaryKey"))
	if err != nil {
		return nil, err
	}
	p := document.NewMap(
		"AttributeDefinitions", document.NewList(document.NewMap("AttributeName", name, "AttributeType",
			kind)),
		"KeySchema", document.NewList(document.NewMap("AttributeName", name, "KeyType", "HASH")))
	if capacity := given(properties, "ProvisionedThroughput"); truthy(capacity) {
		p = p.With("ProvisionedThroughput", capacity)
	} else {
		p = p.With("BillingMode", document.NewString("PAY_PER_REQUEST"))
	}
	for _, name := range []string{"PointInTimeRecoverySpecification", "SSESpecification", "TableName"} {
		if value := given(properties, name); truthy(value) {
			p = p.With(name, value)
		}
	}
	if tags := given(properties, "Tags"); truthy(tags) {
		p = p.With("Tags", tagList(tags))
	}
	own, _ := attributesOf(s.node)
	return []made{{
		id: s.id, typ: "AWS::DynamoDB::Table", dependsOn: s.node.Get("DependsOn"), attributes: own,
		properties: p, pos: s.pos,
	}}, nil
}

func primaryKey(id string, key *node) (name *node, kind string, err error) {
	if !truthy(key) {
		return document.NewString("id"), "S", nil
	}
	name = given(key, "Name")
	if name == nil {
		return nil, "", invalid(id, "Property 'PrimaryKey.Name' is required.")
	}
	typ := given(key, "Type")
	if typ == nil {
		return nil, "", invalid(id, "Property 'PrimaryKey.Type' is required.")
	}
	kind = map[string]string{"String": "S", "Number": "N", "Binary": "B"}[scalarText(typ)]
	if kind == "" {
		return nil, "", invalid(id, "Invalid 'Type' \"%s\".", scalarText(typ))
	}
	return name, kind, nil
}

func layerProperties() []property {
	return slices.Concat(optional(textOrMap, "LayerName"), optional(text, "Description"),
		optional(boolean, "PublishLambdaVersion"), []property{{name: "ContentUri", check: textOrMap,
			required: true}},
		optional(listOfTextOrMap, "CompatibleArchitectures", "CompatibleRuntimes"), optional(text,
			"LicenseInfo",
			"RetentionPolicy"))
}

// layer makes a version of a layer. Its id changes when anything about it does, so that the old version can
// be retained.
func (t *translation) layer(s source) ([]made, error) {
	properties := given(s.node, "Properties")
	if err := checkProperties(s.id, s.typ, properties, layerProperties()); err != nil {
		return nil, err
	}
	for _, name := range []string{"LayerName", "LicenseInfo", "Description", "RetentionPolicy"} {
		if value := given(properties, name); truthy(value) {
			value = t.resolve(value)
			if !textOrMap.accepts(value) {
				return nil, invalid(s.id, "Could not resolve parameter for '%s' or parameter is not a "+
					"String.", name)
			}
			properties = properties.With(name, value)
		}
	}
	retention, err := retentionPolicy(s.id, given(properties, "RetentionPolicy"))
	if err != nil {
		return nil, err
	}
	own, passed := attributesOf(s.node)
	if retention != "" {
		passed = with(passed, "DeletionPolicy", document.NewString(retention))
	} else if attribute(passed, "DeletionPolicy") == nil {
		passed = with(passed, "DeletionPolicy", document.NewString("Retain"))
	}
	id := s.id + digest(layerBasis(s, own, properties))
	content, err := location(id, "ContentUri", given(properties, "ContentUri"))
	if err != nil {
		return nil, err
	}
	if err := checkArchitectures(id, given(properties, "CompatibleArchitectures")); err != nil {
		return nil, err
	}
	p := document.NewMap("Content", content, "LayerName", s.id)
	for _, name := range []string{"LayerName", "Description", "CompatibleArchitectures",
		"CompatibleRuntimes", "LicenseInfo"} {
		if value := given(properties, name); value != nil && (name != "LayerName" || truthy(value)) {
			p = p.With(name, value)
		}
	}
	t.renamed[s.id] = id
	return []made{{
		id: id, typ: "AWS::Lambda::LayerVersion", dependsOn: s.node.Get("DependsOn"), attributes: passed,
		properties: p, pos: s.pos,
	}}, nil
}

// layerBasis is what the id of a layer is made of: the whole resource without what decides about its end.
func layerBasis(s source, own []entry, properties *node) *node {
	basis := document.NewMap("Type", s.typ, "DependsOn", s.node.Get("DependsOn"))
	for _, e := range own {
		if e.Key == "Condition" || e.Key == "UpdatePolicy" {
			basis = basis.With(e.Key, e.Value)
		}
	}
	kept := &node{Kind: document.Map}
	for _, e := range properties.Entries {
		if !e.Value.Is(document.Null) {
			kept.Entries = append(kept.Entries, e)
		}
	}
	return document.NewMap(s.id, basis.With("Properties", kept))
}

func retentionPolicy(id string, policy *node) (string, error) {
	const options = "['Retain', 'Delete']"
	switch {
	case policy == nil:
		return "", nil
	case isIntrinsic(policy):
		return "", invalid(id, "'RetentionPolicy' does not accept intrinsic functions, please use one of "+
			"the following options: %s",
			options)
	case !policy.Is(document.String):
		return "", invalid(id, "Invalid 'RetentionPolicy' type, please use one of the following options: %s",
			options)
	}
	for _, option := range []string{"Retain", "Delete"} {
		if strings.EqualFold(policy.Text, option) {
			return option, nil
		}
	}
	return "", invalid(id, "'RetentionPolicy' must be one of the following options: %s.", options)
}

func checkArchitectures(id string, architectures *node) error {
	if !architectures.Is(document.List) {
		return nil
	}
	for _, a := range architectures.Items {
		if !isIntrinsic(a) && a.Text != "arm64" && a.Text != "x86_64" {
			return invalid(id, "CompatibleArchitectures needs to be a list of 'x86_64' or 'arm64'")
		}
	}
	return nil
}
