package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/template"
)

// run is the work on one operation of one stack, from wherever it stands to its end.
type run struct {
	e      *Engine
	h      *held
	op     Operation
	caller *auth.Caller

	mu  sync.Mutex
	err error // why the work can't go on, other than a step that failed
}

// took reports whether a step was taken. What keeps the work itself from going on is kept for broken.
func (r *run) took(err error) bool {
	if err != nil && !errors.Is(err, errFailed) {
		r.mu.Lock()
		r.err = errors.Join(r.err, err)
		r.mu.Unlock()
	}
	return err == nil
}

// broken returns why the work can't go on now: what was to be written can't be, or the server ends.
func (r *run) broken(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(ctx.Err(), r.err)
}

// work goes on with the operation of a stack until there is none. Each pass does what the records say is
// next, so that it does not matter whether the pass before it ended well or the server did.
func (e *Engine) work(ctx context.Context, h *held) error {
	for {
		h.mu.Lock()
		s := h.stack
		h.mu.Unlock()
		if s.Operation == nil {
			return nil
		}
		r := &run{e: e, h: h, op: *s.Operation}
		var err error
		if r.caller, err = e.o.Callers.Restore(r.op.Caller, s.RoleARN, s.Scope); err == nil {
			err = r.pass(ctx, &s)
		}
		if err != nil {
			return err
		}
	}
}

// pass takes an operation to its next status.
func (r *run) pass(ctx context.Context, s *Stack) error {
	switch {
	case r.op.Kind == Delete:
		return r.deleteStack(ctx)
	case r.op.Kind == Rollback:
		return r.rollBack(ctx)
	case r.op.Cleaning:
		return r.cleanUp(ctx, s)
	case r.op.Kind == UpdateRollback:
		return r.rollBackUpdate(ctx)
	}
	return r.deploy(ctx, s)
}

// deploy makes or changes what the target of a creation or an update asks for.
func (r *run) deploy(ctx context.Context, s *Stack) error {
	wanted := *s
	wanted.Settings = r.op.Settings
	r.h.mu.Lock()
	kept := r.h.texts[r.op.Target]
	r.h.mu.Unlock()
	t, err := r.e.again(kept, r.op.Parameters)
	if err != nil {
		return r.fail(ctx, err.Error()+" ", nil)
	}
	values := r.e.evaluation(r.h, &wanted, t)
	plan, err := values.evaluator.Plan()
	if err != nil {
		return r.fail(ctx, err.Error()+" ", nil)
	}
	if err := r.permitRemovals(plan, s); err != nil {
		return r.fail(ctx, err.Error()+" ", nil)
	}
	failed := r.takeSteps(plan, func(id string) error {
		return r.settle(ctx, t.template.Resource(id), plan.Needs[id], values, s)
	})
	if err := r.broken(ctx); err != nil {
		return err
	}
	if len(failed) > 0 || r.cancelled() {
		return r.fail(ctx, "", failed)
	}
	outputs, err := r.outputs(values, s)
	if err != nil {
		return r.fail(ctx, err.Error()+". ", nil)
	}
	return r.succeed(ctx, t, plan, outputs)
}

// permitRemovals asks the stack's policy about what an update no longer wants.
func (r *run) permitRemovals(plan *template.Plan, s *Stack) error {
	all := r.h.all()
	for _, wanted := range plan.Order {
		delete(all, wanted.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id].Made {
			continue
		}
		if err := r.permitAction("Update:Delete", all[id], s); err != nil {
			return err
		}
	}
	return nil
}

// takeSteps settles all resources of a plan, each after what it needs, and returns those that failed. Steps
// that were cut short are ended first, whatever else failed meanwhile: what they made has to be in the
// records before anything is taken back.
func (r *run) takeSteps(plan *template.Plan, settle func(id string) error) []string {
	ids := make([]string, len(plan.Order))
	all := r.h.all()
	for i, resource := range plan.Order {
		ids[i] = resource.ID
		if one := all[resource.ID]; one != nil && one.Step != nil {
			r.took(settle(resource.ID))
		}
	}
	return walk(ids, plan.Needs, func(id string) bool { return r.took(settle(id)) })
}

func (r *run) cancelled() bool {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	op := r.h.stack.Operation
	return op != nil && (op.Cancelled || !op.DeadlineAt.IsZero() && !r.e.o.Clock.Now().Before(op.DeadlineAt))
}

// outputs evaluates the outputs, and refuses names of exports that another stack has.
func (r *run) outputs(v *evaluation, s *Stack) ([]Output, error) {
	v.mu.Lock()
	values, err := v.evaluator.Outputs()
	v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var out []Output
	for _, value := range values {
		o := Output{Key: value.Key, Description: value.Description, Value: value.Value.Text}
		if value.Export != nil {
			o.Export = value.Export.Text
			if owner := r.e.exporter(s.Scope, o.Export); owner != "" && owner != s.ID {
				return nil, refuse("Export with name %s is already exported by stack %s", o.Export,
					nameOf(owner))
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// succeed ends the steps of a creation or an update. An update goes on with its cleanup.
func (r *run) succeed(ctx context.Context, t *target, plan *template.Plan, outputs []Output) error {
	return r.e.commit(ctx, r.h, func(c *change) error {
		c.Settings = r.op.Settings
		c.Parameters = r.op.Parameters
		c.Outputs = outputs
		c.Description = t.template.Description
		for n := range r.h.texts {
			if n != r.op.Target {
				c.texts[n] = nil
			}
		}
		c.Generation = r.op.Target
		r.endExecution(c, ExecutionComplete)
		if r.op.Kind == Create {
			for id, made := range r.h.resources {
				kept := *made
				kept.Made = false
				c.resources[id] = &kept
			}
			c.note(CreateComplete, "")
			c.Operation = nil
			return nil
		}
		c.note(UpdateCleanup, "")
		op := r.op
		op.Cleaning = true
		c.Operation = &op
		return nil
	})
}

// endExecution gives the change set that is being executed its last status. After success the others are
// gone.
func (r *run) endExecution(c *change, status string) {
	executing := slices.ContainsFunc(slices.Collect(maps.Values(r.h.changeSets)), func(s *ChangeSet) bool {
		return s.Execution == ExecutionInProgress
	})
	for id, set := range r.h.changeSets {
		switch {
		case set.Execution == ExecutionInProgress:
			ended := *set
			ended.Execution = status
			c.changeSets[id] = &ended
		case executing && status == ExecutionComplete:
			c.changeSets[id] = nil
		}
	}
}

// fail ends a creation or an update whose steps can't all be taken, and begins its rollback where there is to
// be one. why is a reason of the stack's own, with what separates it from the rest; failed are resources.
func (r *run) fail(ctx context.Context, why string, failed []string) error {
	reason := why + r.failures(failed)
	if r.cancelled() && reason == "" {
		reason = "User Initiated"
	} else if r.op.Kind == Create {
		reason += "Rollback requested by user."
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		op := r.op
		c.Operation = &op
		r.endExecution(c, ExecutionFailed)
		switch {
		case r.op.Settings.DisableRollback || r.op.Settings.OnFailure == "DO_NOTHING":
			c.Operation = nil
			c.note(map[Kind]Status{Create: CreateFailed, Update: UpdateFailed}[r.op.Kind],
				strings.TrimSuffix(reason,
					"Rollback requested by user."))
		case r.op.Kind == Create && r.op.Settings.OnFailure == "DELETE":
			op.Kind = Delete
			c.note(DeleteInProgress, strings.Replace(reason, "Rollback requested", "Delete requested", 1))
		case r.op.Kind == Create:
			op.Kind = Rollback
			c.note(RollbackInProgress, reason)
		default:
			op.Kind = UpdateRollback
			c.note(UpdateRollbackInProgress, reason)
		}
		return nil
	})
}

// failures says which resources failed in what.
func (r *run) failures(failed []string) string {
	var reason strings.Builder
	for _, kind := range []struct {
		status Status
		verb   string
	}{{CreateFailed, "create"}, {UpdateFailed, "update"}, {DeleteFailed, "delete"}} {
		var of []string
		for _, id := range failed {
			if resource := r.h.resource(id); resource != nil && resource.Status == kind.status {
				of = append(of, id)
			}
		}
		if len(of) > 0 {
			fmt.Fprintf(&reason, "The following resource(s) failed to %s: [%s]. ", kind.verb,
				strings.Join(of, ", "))
		}
	}
	return reason.String()
}

// errFailed is the error of a step whose failure is in the records already.
var errFailed = errors.New("the step failed, as its event says")

// deleteAll deletes what stands in ids, each after all that needs it, and returns those that failed.
func (r *run) deleteAll(ctx context.Context, ids []string, remove func(*Resource) error) []string {
	slices.Sort(ids)
	return walk(ids, inverted(r.h.all()), func(id string) bool {
		resource := r.h.resource(id)
		return resource == nil || r.took(remove(resource))
	})
}
