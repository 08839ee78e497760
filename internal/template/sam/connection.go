package sam

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

// A connection is one connector to one destination.
type connection struct {
	*translation
	source              source
	origin, destination endpoint
	profile, access     *node
	wanted              []string
	suffix              string
}

func (c connection) make() ([]made, error) {
	switch scalarText(c.profile.Get("kind")) {
	case "role":
		return c.rolePolicy()
	case "permission":
		return c.permissions()
	case "topic":
		return c.resourcePolicy("AWS::SNS::TopicPolicy", "TopicPolicy", "Topics", "Arn", "SNS topic ARN")
	}
	return c.resourcePolicy("AWS::SQS::QueuePolicy", "QueuePolicy", "Queues", "QueueUrl", "SQS queue URL")
}

// policyEnd returns the end whose policy is written, and its name.
func (c connection) policyEnd() (endpoint, string) {
	if truthy(c.profile.Get("ofSource")) {
		return c.origin, "Source"
	}
	return c.destination, "Destination"
}

func (c connection) made(id, typ string, properties *node) made {
	own, _ := attributesOf(c.source.node)
	types := document.NewMap(
		"Source", document.NewMap("Type", c.typeBefore(c.origin)),
		"Destination", document.NewMap("Type", c.typeBefore(c.destination)))
	metadata := attribute(own, "Metadata")
	if metadata == nil {
		metadata = &node{Kind: document.Map}
	}
	metadata = metadata.With("aws:sam:connectors", document.NewMap(c.source.id, types))
	return made{id: id, typ: typ, dependsOn: c.source.node.Get("DependsOn"), attributes: with(own,
		"Metadata", metadata),
		properties: properties, pos: c.source.pos}
}

// typeBefore returns the type that an end has in the template, before it was translated.
func (c connection) typeBefore(e endpoint) string {
	if s, ok := c.translation.source(e.id); ok {
		return s.typ
	}
	return e.typ
}

// statements returns the policy of the wanted kinds of access, in the profile's order.
func (c connection) statements() *node {
	all := &node{Kind: document.List}
	for _, e := range c.access.Entries {
		if slices.Contains(c.wanted, e.Key) {
			all.Items = append(all.Items, e.Value.Items...)
		}
	}
	return document.NewMap("Version", "2012-10-17", "Statement", all)
}

func (c connection) rolePolicy() ([]made, error) {
	end, name := c.policyEnd()
	if end.role == nil {
		return nil, invalid(c.source.id, "Unable to get IAM role name from '%s' resource.", name)
	}
	m := c.made(c.source.id+"Policy"+c.suffix, "AWS::IAM::ManagedPolicy",
		document.NewMap("PolicyDocument", c.statements(), "Roles", document.NewList(end.role)))
	switch scalarText(c.profile.Get("neededBy")) {
	case "DESTINATION_EVENT_SOURCE_MAPPING":
		if mappings := c.mappings(); len(mappings) == 1 {
			c.dependOn(mappings[0], m.id)
		}
	case "SOURCE":
		c.dependOn(c.origin.id, m.id)
	}
	return []made{m}, nil
}

// mappings returns the mappings by which the destination reads the source: they need the policy to be there.
func (c connection) mappings() []string {
	var ids []string
	for _, e := range c.output {
		if e.Value == nil || scalarText(e.Value.Get("Type")) != "AWS::Lambda::EventSourceMapping" {
			continue
		}
		p := e.Value.Get("Properties")
		if c.origin.id != "" && idOf(p.Get("FunctionName")) == c.destination.id &&
			idOf(p.Get("EventSourceArn")) == c.origin.id {
			ids = append(ids, e.Key)
		}
	}
	return ids
}

func (c connection) permissions() ([]made, error) {
	end, name := c.policyEnd()
	arn := end.values["Arn"]
	if arn == nil {
		return nil, invalid(c.source.id, "Unable to get Lambda function ARN from '%s' resource.", name)
	}
	var all []made
	for _, e := range c.access.Entries {
		if !slices.Contains(c.wanted, e.Key) {
			continue
		}
		all = append(all, c.made(c.source.id+e.Key+"LambdaPermission"+c.suffix, "AWS::Lambda::Permission",
			document.NewMap("Action", e.Value.Get("Action"), "FunctionName", arn, "Principal",
				e.Value.Get("Principal"),
				"SourceArn", e.Value.Get("SourceArn"), "SourceAccount", e.Value.Get("SourceAccount"))))
	}
	return all, nil
}

// resourcePolicy writes the policy of a topic or a queue.
func (c connection) resourcePolicy(typ, suffix, member, value, words string) ([]made, error) {
	end, name := c.policyEnd()
	address := end.values[value]
	if address == nil {
		return nil, invalid(c.source.id, "Unable to get %s from '%s' resource.", words, name)
	}
	return []made{c.made(c.source.id+suffix+c.suffix, typ,
		document.NewMap("PolicyDocument", c.statements(), member, document.NewList(address)))}, nil
}

// dependOn adds to the DependsOn of a resource.
func (t *translation) dependOn(id, on string) {
	n := t.get(id)
	if n == nil {
		return
	}
	names, _ := n.Get("DependsOn").Strings()
	if !slices.Contains(names, on) {
		t.put(id, n.With("DependsOn", document.From(append(names, on))))
	}
}

// replaceDependsOn lets what depends on a connector depend on what the connector became.
func (t *translation) replaceDependsOn(id string, all []made) {
	for _, e := range slices.Clone(t.output) {
		if e.Value == nil {
			continue
		}
		names, _ := e.Value.Get("DependsOn").Strings()
		if !slices.Contains(names, id) {
			continue
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == id })
		t.put(e.Key, e.Value.With("DependsOn", document.From(names)))
		for _, m := range all {
			t.dependOn(e.Key, m.id)
		}
	}
}
