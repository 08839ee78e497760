package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/sealtable/sealtable/internal/deploy/resource"
	"github.com/sealtable/sealtable/internal/template"
)

// settle brings one resource to what the template asks for. An error means that the resource failed, which
// its event says, or that the work has to stop.
func (r *run) settle(
	ctx context.Context, wanted *template.Resource, needs []string, v *evaluation, s *Stack,
) error {
	current := r.h.resource(wanted.ID)
	if current != nil && current.Operation == r.op.ID && current.Step == nil {
		// An earlier pass dealt with it.
		if current.Status.Failed() {
			return errFailed
		}
		return nil
	}
	if r.cancelled() && (current == nil || current.Step == nil) {
		return errFailed
	}
	if current == nil {
		current = &Resource{ID: wanted.ID, Type: wanted.Type, Made: true}
	}
	current.Needs = needs
	if wanted.Metadata != nil {
		current.Metadata = string(wanted.Metadata.AppendJSON(nil))
	}
	t, _ := r.e.o.Types.Lookup(wanted.Type)
	properties, err := v.properties(wanted, t.Schema())
	if err != nil {
		return r.failed(ctx, current, err, nil)
	}
	return r.decide(ctx, &step{run: r, resource: current, wanted: wanted, of: t, properties: properties,
		stack: s, settings: r.op.Settings})
}

// A step is one change of one resource, with all that belongs to it.
type step struct {
	*run
	resource   *Resource
	wanted     *template.Resource
	of         resource.Type
	properties map[string]any
	stack      *Stack
	// settings are the operation's, or in a rollback those that the stack had before it.
	settings Settings
}

// decide takes the step that leads from what exists to what is wanted.
func (r *run) decide(ctx context.Context, s *step) error {
	if s.resource.Live.Physical == "" {
		return s.make(ctx, nil)
	}
	previous, err := stored(s.resource.Live.Properties, s.of.Schema(), s.resource.Type)
	if err != nil {
		return r.failed(ctx, s.resource, err, nil)
	}
	if s.resource.Type != s.wanted.Type {
		return r.failed(ctx, s.resource,
			refuse("Update of resource type is not permitted. The new template modifies resource type "+
				"of the following resources: [%s]", s.resource.ID), nil)
	}
	difference, changed := s.of.Schema().Compare(previous, s.properties)
	if difference != resource.Same {
		if err := s.permit(difference); err != nil {
			return r.failed(ctx, s.resource, err, nil)
		}
	}
	switch difference {
	case resource.Same:
		return s.keep(ctx)
	case resource.InPlace:
		return s.change(ctx, previous)
	}
	return s.replace(ctx, previous, changed)
}

// keep notes that a resource stays as it is; only its policies may be other ones.
func (s *step) keep(ctx context.Context) error {
	return s.e.commit(ctx, s.h, func(c *change) error {
		s.resource.Operation = s.op.ID
		s.resource.Step = nil
		s.policies(&s.resource.Live)
		c.resources[s.resource.ID] = s.resource
		return nil
	})
}

func (s *step) policies(i *Instance) {
	i.Deletion = s.wanted.DeletionPolicy
	i.Replacement = s.wanted.UpdateReplacePolicy
}

// begin makes a step durable before it is taken, unless an earlier attempt did. It reports whether one did.
func (s *step) begin(
	ctx context.Context, action Action, tell func(c *change, properties json.RawMessage),
) (repeated bool, err error) {
	if s.resource.Step != nil {
		return true, nil
	}
	properties, err := json.Marshal(s.properties)
	if err != nil {
		return false, err
	}
	next := &Step{Action: action, Token: s.e.o.NewID(), Properties: properties}
	if names := s.of.Schema().Names; names != nil && action == Making {
		if given, ok := s.properties[names.Property].(string); ok {
			next.Name = given
		} else {
			next.Name = names.Generate(s.stack.Name, s.resource.ID, s.e.o.NewName())
		}
	}
	return false, s.e.commit(ctx, s.h, func(c *change) error {
		s.resource.Step = next
		tell(c, properties)
		return nil
	})
}

// make makes something new. replaced is what it takes the place of, nil if there was nothing.
func (s *step) make(ctx context.Context, replaced *Instance) error {
	repeated, err := s.begin(ctx, Making, func(c *change, properties json.RawMessage) {
		if replaced == nil {
			c.tell(s.resource, CreateInProgress, "", "", properties)
			return
		}
		c.tell(s.resource, UpdateInProgress, replaced.Physical,
			"Requested update requires the creation of a new physical resource; "+
				"hence creating one.", properties)
	})
	if err != nil {
		return err
	}
	request := s.request(repeated)
	request.Physical = s.resource.Step.Name
	result, err := s.of.Create(ctx, request)
	if err != nil {
		return s.failed(ctx, s.resource, err, s.resource.Step.Properties)
	}
	live, err := instanceOf(result, s.resource.Step.Properties)
	if err != nil {
		return err
	}
	s.policies(&live)
	return s.e.commit(ctx, s.h, func(c *change) error {
		s.done(live, replaced)
		begun, ended := CreateInProgress, CreateComplete
		if replaced != nil {
			begun, ended = UpdateInProgress, UpdateComplete
		}
		c.tell(s.resource, begun, live.Physical, "Resource creation Initiated", live.Properties)
		if s.cancelledMeanwhile(c) {
			c.tell(s.resource, CreateFailed, live.Physical, "Resource creation cancelled", live.Properties)
			return nil
		}
		c.tell(s.resource, ended, live.Physical, "", live.Properties)
		return nil
	})
}

// cancelledMeanwhile reports whether a step that succeeded counts as cancelled, because the operation was.
func (s *step) cancelledMeanwhile(c *change) bool { return c.Operation != nil && c.Operation.Cancelled }

// done sets what exists now, and what did before.
func (s *step) done(live Instance, before *Instance) {
	s.resource.Live = live
	s.resource.Step = nil
	s.resource.Operation = s.op.ID
	if before != nil {
		s.resource.Before = before
	}
}

// change changes something in place.
func (s *step) change(ctx context.Context, previous map[string]any) error {
	before := s.resource.Live
	repeated, err := s.begin(ctx, Changing, func(c *change, properties json.RawMessage) {
		c.tell(s.resource, UpdateInProgress, before.Physical, "", properties)
	})
	if err != nil {
		return err
	}
	request := s.request(repeated)
	request.Physical = before.Physical
	request.Previous = previous
	result, err := s.of.Update(ctx, request)
	if err != nil {
		// What a failed change did to the resource nobody knows: a rollback applies the old properties again.
		s.resource.Before = &before
		return s.failed(ctx, s.resource, err, s.resource.Step.Properties)
	}
	live, err := instanceOf(result, s.resource.Step.Properties)
	if err != nil {
		return err
	}
	s.policies(&live)
	return s.e.commit(ctx, s.h, func(c *change) error {
		s.done(live, &before)
		c.tell(s.resource, UpdateComplete, live.Physical, "", live.Properties)
		return nil
	})
}

// replace makes a new resource beside the one that is deleted later.
func (s *step) replace(ctx context.Context, previous map[string]any, changed []string) error {
	schema := s.of.Schema()
	for _, name := range schema.Immutable {
		for _, other := range changed {
			if name == other {
				return s.failed(ctx, s.resource,
					refuse("Update to property %s of %s is not supported", name, s.resource.ID), nil)
			}
		}
	}
	if s.settings.DisableRollback {
		return s.failed(ctx, s.resource,
			refuse("Replacement type updates not supported on stack with disable-rollback."), nil)
	}
	if schema.Names != nil {
		name, given := s.properties[schema.Names.Property].(string)
		if before, _ := previous[schema.Names.Property].(string); given && name == before {
			return s.failed(ctx, s.resource,
				refuse("CloudFormation cannot update a stack when a custom-named resource requires "+
					"replacing. Rename %s and update the stack again.", name), nil)
		}
	}
	before := s.resource.Live
	return s.make(ctx, &before)
}

func (s *step) request(repeated bool) *resource.Request {
	tags := maps.Clone(s.settings.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	if s.of.Schema().Tagged {
		tags["aws:cloudformation:stack-name"] = s.stack.Name
		tags["aws:cloudformation:stack-id"] = s.stack.ID
		tags["aws:cloudformation:logical-id"] = s.resource.ID
	}
	return &resource.Request{
		Caller: s.caller, Stack: s.stack.ID, StackName: s.stack.Name, Logical: s.resource.ID,
		Token:    s.resource.Step.Token,
		Repeated: repeated, Properties: s.properties, Tags: tags,
	}
}

// failed notes that a resource failed, and returns errFailed. An end of ctx is no failure: the step is
// repeated later.
func (r *run) failed(ctx context.Context, failed *Resource, why error, properties json.RawMessage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	reason := why.Error()
	var failure *resource.Failure
	if errors.As(why, &failure) && failed.Step != nil {
		reason = failure.Reason(failed.Step.Token)
	}
	status := UpdateFailed
	if failed.Made {
		status = CreateFailed
	}
	err := r.e.commit(ctx, r.h, func(c *change) error {
		failed.Step = nil
		failed.Operation = r.op.ID
		if c.Operation == nil || properties == nil {
			properties = json.RawMessage("{}")
		}
		c.tell(failed, status, failed.Live.Physical, reason, properties)
		return nil
	})
	if err != nil {
		return err
	}
	return errFailed
}
