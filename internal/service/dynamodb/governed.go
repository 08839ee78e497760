package dynamodb

import (
	"strings"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// governed is what can have a policy of its own: a table, or one of its streams.
type governed struct {
	table  *engine.Table
	stream *engine.Stream // nil for the table itself
}

// policyOwner is which table or stream has a policy, whatever they are called. Streams are numbered from 1.
type policyOwner struct {
	table  storage.TableID
	stream uint32
}

func (g *governed) owner() policyOwner {
	if g.stream == nil {
		return policyOwner{table: g.table.ID}
	}
	return policyOwner{g.table.ID, g.stream.Number}
}

// policy is where the policy is kept.
func (g *governed) policy() *engine.ResourcePolicy {
	if g.stream == nil {
		return &g.table.Policy
	}
	return &g.stream.Policy
}

func (g *governed) actions() map[string]policyAction {
	if g.stream == nil {
		return policyActions
	}
	return streamPolicyActions
}

func (g *governed) arn() string {
	if g.stream == nil {
		return g.table.ARN
	}
	return streamARN(g.table.Name, g.stream.Label)
}

// called is what messages call it.
func (g *governed) called() string {
	if g.stream == nil {
		return "table " + g.table.Name.Table
	}
	return "stream " + g.stream.Label
}

// in is the same table or stream in another description of the table.
func (g *governed) in(t *engine.Table) (governed, error) {
	if g.stream == nil {
		return governed{table: t}, nil
	}
	for i := range t.Streams {
		if t.Streams[i].Number == g.stream.Number {
			return governed{t, &t.Streams[i]}, nil
		}
	}
	return *g, streamNotFound(g.arn())
}

func streamARN(table engine.Name, label string) string { return tableARN(table) + "/stream/" + label }

func streamNotFound(stream string) error {
	return notFound("Requested resource not found: Stream: %s not found", stream)
}

// policyTarget reads the ResourceArn of a request about a policy: that of a table, or of a stream, whose
// label is then not empty.
func policyTarget(caller *auth.Caller, given *string) (name engine.Name, label string, err error) {
	table, label, isStream := strings.Cut(*given, "/stream/")
	if !isStream || label == "" || strings.Contains(label, "/") {
		name, err = resourceName(caller, given)
		return name, "", err
	}
	if name, err = resourceName(caller, &table); err != nil {
		_, err = resourceName(caller, given) // which says the same, with the whole ARN
	}
	return name, label, err
}

// actionsOn are the actions that a policy may name of what has an ARN.
func actionsOn(given *string) map[string]policyAction {
	if strings.Contains(*given, "/stream/") {
		return streamPolicyActions
	}
	return policyActions
}

// governedStream finds a stream that can be read.
func (s *Service) governedStream(name engine.Name, label string) (governed, error) {
	t, err := s.engine.Table(name)
	if err != nil || t.Deleting {
		return governed{}, engine.ErrNoStream
	}
	stream, err := t.Stream(label, s.clock.Now())
	return governed{t, stream}, err
}

// governable refuses a table that has no policy to show or to change: one that is not there, or not yet.
func (s *Service) governable(t *target) error {
	if t.table == nil || status(t.table, s.clock.Now()) == "CREATING" {
		return notFound("Requested resource not found: Table: %s not found", t.name.Table)
	}
	return nil
}
