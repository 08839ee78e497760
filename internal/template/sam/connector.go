package sam

import (
	_ "embed" // the data of connectors
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/template/document"
)

const connectorType = "AWS::Serverless::Connector"

// connectorText says what a connector between two types allows, and how resources of a type are named.
//
//go:embed connectors.json
var connectorText []byte

var connectorData = sync.OnceValue(func() *node {
	doc, err := document.Parse(connectorText)
	if err != nil {
		panic("connectors.json: " + err.Error()) // a test parses it
	}
	return doc.Root
})

func connectorProperties() []property {
	return []property{
		{name: "Source", check: mappingByType, required: true},
		{name: "Destination", check: maps, required: true},
		{name: "Permissions", check: texts, required: true},
	}
}

// embeddedConnectors returns the connectors that stand in other resources as resources of their own.
func (t *translation) embeddedConnectors() []source {
	var all []source
	for _, s := range t.sources {
		connectors := s.node.Get("Connectors")
		if connectors == nil {
			continue
		}
		if !connectors.Is(document.Map) {
			t.fail(invalid(s.id, "Attribute '%s.Connectors' should be a map.", s.id), s.pos)
			continue
		}
		for _, e := range connectors.Entries {
			c, err := t.embedded(s, e)
			if err != nil {
				t.fail(err, e.Pos)
				continue
			}
			all = append(all, c)
		}
	}
	return all
}

func (t *translation) embedded(s source, e entry) (source, error) {
	id := s.id + e.Key
	if !e.Value.Is(document.Map) {
		return source{}, invalid(id, "%s.%s should be a map.", s.id, id)
	}
	properties := given(e.Value, "Properties")
	if !properties.Is(document.Map) {
		return source{}, invalid(s.id, "Attribute 'Connectors.%s.Properties' should be a map.", e.Key)
	}
	from := document.NewMap("Id", s.id)
	if more := properties.Get("SourceReference"); more != nil {
		if !more.Is(document.Map) {
			return source{}, invalid(s.id, "Property 'Connectors.%s.Properties.SourceReference' should be "+
				"a map.", e.Key)
		}
		if more.Has("Id") {
			return source{}, invalid(e.Key, "'Id' shouldn't be defined in 'SourceReference'.")
		}
		for _, m := range more.Entries {
			from = from.With(m.Key, m.Value)
		}
		properties = properties.Without("SourceReference")
	}
	if _, taken := t.source(id); taken {
		return source{}, failure{message: "Transforming resource with id [" + s.id +
			"] attempts to create a new resource with id [" +
			id + "] and type \"" + connectorType + "\". A resource with that id already exists within " +
			"this template. Please use a " +
			"different id for that resource."}
	}
	n := e.Value.With("Properties", properties.With("Source", from))
	if err := checkProperties(id, connectorType, n.Get("Properties"), connectorProperties()); err != nil {
		return source{}, err
	}
	return source{id: id, typ: connectorType, node: n, pos: e.Pos, isSAM: true}, nil
}

// An endpoint is one side of a connector.
type endpoint struct {
	id, typ string
	values  map[string]*node // Arn, Name, ResourceId, Qualifier, QueueUrl
	role    *node
}

// connector lets the role at one end use the other.
func (t *translation) connector(s source) ([]made, error) {
	properties := given(s.node, "Properties")
	if properties != nil && !properties.Is(document.Map) {
		return nil, invalid(s.id, "Properties of a resource must be an object.")
	}
	if err := checkProperties(s.id, s.typ, properties, connectorProperties()); err != nil {
		return nil, err
	}
	destinations := []*node{given(properties, "Destination")}
	suffixed := destinations[0].Is(document.List)
	if suffixed {
		destinations = destinations[0].Items
	}
	var all []made
	for i, destination := range destinations {
		suffix := ""
		if suffixed {
			suffix = "Destination" + strconv.Itoa(i)
		}
		made, err := t.connect(s, given(properties, "Source"), destination, given(properties, "Permissions"),
			suffix)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	if len(all) == 0 {
		return nil, invalid(s.id, "'Destination' is an empty list")
	}
	t.replaceDependsOn(s.id, all)
	return all, nil
}

func (t *translation) connect(s source, from, to, permissions *node, suffix string) ([]made, error) {
	destination, err := t.endpoint(s.id, to, from)
	if err != nil {
		return nil, err
	}
	origin, err := t.endpoint(s.id, from, to)
	if err != nil {
		return nil, err
	}
	profile := connectorData().Get("between").Get(origin.typ + " " + destination.typ)
	if profile == nil {
		return nil, invalid(s.id, "Unable to create connector from %s to %s; it's not supported or the "+
			"template is invalid.",
			origin.typ, destination.typ)
	}
	wanted, _ := permissions.Strings()
	if permissions.Is(document.Map) { // a function, which the translator takes for a list of its names
		for _, e := range permissions.Entries {
			wanted = append(wanted, e.Key)
		}
	}
	if err := checkPermissions(s.id, profile, origin.typ, destination.typ, wanted); err != nil {
		return nil, err
	}
	access, err := fillIn(s.id, profile.Get("access"), origin, destination)
	if err != nil {
		return nil, err
	}
	c := connection{translation: t, source: s, origin: origin, destination: destination, profile: profile,
		access: access,
		wanted: wanted, suffix: suffix}
	return c.make()
}

func checkPermissions(id string, profile *node, from, to string, wanted []string) error {
	var names []string
	for _, e := range profile.Get("access").Entries {
		names = append(names, e.Key)
	}
	valid := strings.Join(names, ", ")
	if len(wanted) == 0 {
		return invalid(id, "'Permissions' cannot be empty; valid values are: %s.", valid)
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return invalid(id, "Unsupported 'Permissions' provided for connector from %s to %s; valid "+
				"values are: %s.", from, to,
				valid)
		}
	}
	together := profile.Get("together")
	if together == nil {
		return nil
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(wanted)))
	var combinations []string
	for _, item := range together.Items {
		combination, _ := item.Strings()
		slices.Sort(combination)
		if slices.Equal(combination, sorted) {
			return nil
		}
		combinations = append(combinations, strings.Join(combination, " + "))
	}
	return invalid(id, "Unsupported 'Permissions' provided for connector from %s to %s; valid "+
		"combinations are: %s.", from, to,
		strings.Join(combinations, ", "))
}

// cfnTypes are the types that resources of SAM become.
var cfnTypes = map[string]string{
	functionType:                    "AWS::Lambda::Function",
	"AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
	"AWS::Serverless::Api":          "AWS::ApiGateway::RestApi",
	"AWS::Serverless::HttpApi":      "AWS::ApiGatewayV2::Api",
	"AWS::Serverless::SimpleTable":  "AWS::DynamoDB::Table",
}

// endpoint returns one side of a connector: a resource of the template by its id, or what the template says
// about another.
func (t *translation) endpoint(connector string, n, other *node) (endpoint, error) {
	others := len(n.Without("Id", "Qualifier").Entries) > 0
	if n.Has("Id") == others {
		return endpoint{}, invalid(connector, "Must provide 'Id' (with optional 'Qualifier') or a "+
			"supported combination of other "+
			"properties.")
	}
	id := given(n, "Id")
	if !truthy(id) {
		return foreignEndpoint(connector, n)
	}
	if !id.Is(document.String) {
		return endpoint{}, invalid(connector, "'Id' is missing or not a string.")
	}
	resource := t.get(id.Text)
	if !truthy(resource) {
		return endpoint{}, invalid(connector, "Unable to find resource with logical ID '%s'.", id.Text)
	}
	if typ := resource.Get("Type"); !typ.Is(document.String) || strings.TrimSpace(typ.Text) == "" {
		return endpoint{}, invalid(connector, "'Type' is missing or not a string.")
	}
	typ := resource.Get("Type").Text
	names := connectorData().Get("types").Get(typ)
	e := endpoint{id: id.Text, typ: typ, values: map[string]*node{}}
	for from, to := range map[string]string{"Arn": "Arn", "Name": "Name", "Id": "ResourceId",
		"Qualifier": "Qualifier", "Url": "QueueUrl"} {
		if value := names.Get(from); value != nil {
			e.values[to] = value.Rewrite(func(n *node) *node {
				if n.Is(document.String) && n.Text == "%{logicalId}" {
					return document.NewString(id.Text)
				}
				return n
			})
		}
	}
	if qualifier := n.Get("Qualifier"); qualifier != nil {
		e.values["Qualifier"] = qualifier
	}
	e.role = roleOf(given(resource, "Properties"), scalarText(names.Get("role")), other)
	return e, nil
}

func foreignEndpoint(connector string, n *node) (endpoint, error) {
	typ := given(n, "Type")
	if !truthy(typ) || !typ.Is(document.String) {
		return endpoint{}, invalid(connector, "'Type' is missing or not a string.")
	}
	e := endpoint{typ: typ.Text, values: map[string]*node{}, role: given(n, "RoleName")}
	if cfn := cfnTypes[e.typ]; cfn != "" {
		e.typ = cfn
	}
	for _, name := range []string{"Arn", "QueueUrl", "ResourceId", "Name", "Qualifier"} {
		if value := given(n, name); value != nil {
			e.values[name] = value
		}
	}
	return e, nil
}

// roleOf returns a reference to the role of a resource, where that is in the template. A rule has one for
// each target.
func roleOf(properties *node, property string, other *node) *node {
	role := given(properties, property)
	if property == "Targets" {
		role = nil
		if targets := given(properties, property); targets.Is(document.List) {
			for _, target := range targets.Items {
				arn := target.Get("Arn")
				if idOf(arn) != "" && idOf(arn) == scalarText(other.Get("Id")) || arn != nil &&
					document.Equal(arn, other.Get("Arn")) {
					role = target.Get("RoleArn")
				}
			}
		}
	}
	if id := idOf(role); id != "" {
		return ref(id)
	}
	return nil
}

// fillIn puts what the ends are named into the statements of a profile.
func fillIn(connector string, n *node, origin, destination endpoint) (*node, error) {
	var failure error
	out := n.Rewrite(func(n *node) *node {
		if !n.Is(document.String) || failure != nil {
			return n
		}
		filled, err := fillText(connector, n.Text, origin, destination)
		if err != nil {
			failure = err
			return n
		}
		return filled
	})
	return out, failure
}

func fillText(connector, text string, origin, destination endpoint) (*node, error) {
	variables := &node{Kind: document.Map}
	for _, end := range []struct {
		name string
		endpoint
	}{{"Source", origin}, {"Destination", destination}} {
		for _, value := range []string{"Arn", "ResourceId", "Name", "Qualifier"} {
			placeholder := "%{" + end.name + "." + value + "}"
			if !strings.Contains(text, placeholder) {
				continue
			}
			filled := end.values[value]
			if filled == nil {
				return nil, invalid(connector, "%s.%s is missing.", end.name, value)
			}
			if text == placeholder {
				return filled, nil
			}
			variable := end.name + value
			text = strings.ReplaceAll(text, placeholder, "${"+variable+"}")
			variables = variables.With(variable, filled)
		}
	}
	switch {
	case len(variables.Entries) > 0:
		return document.NewMap("Fn::Sub", document.NewList(document.NewString(text), variables)), nil
	case strings.Contains(text, "${"):
		return document.NewMap("Fn::Sub", text), nil
	}
	return document.NewString(text), nil
}
