package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/deploy/resource"
)

// rollBack takes a creation back: everything that was made is deleted.
func (r *run) rollBack(ctx context.Context) error {
	failed := r.deleteAll(ctx, slices.Collect(maps.Keys(r.h.all())), func(made *Resource) error {
		return r.remove(ctx, made, made.Live, false, nothing)
	})
	if err := r.broken(ctx); err != nil {
		return err
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		c.Operation = nil
		if len(failed) > 0 {
			c.note(RollbackFailed, r.failuresLocked(failed))
			return nil
		}
		c.Deleted = c.now
		c.note(RollbackComplete, "")
		return nil
	})
}

// deleteStack deletes a stack and what it is made of, save what its policies or the caller have it keep.
func (r *run) deleteStack(ctx context.Context) error {
	failed := r.deleteAll(ctx, slices.Collect(maps.Keys(r.h.all())), func(there *Resource) error {
		keep := there.Live.Deletion == "Retain" || there.Live.Deletion == "RetainExceptOnCreate" ||
			slices.Contains(r.op.Retain, there.ID)
		return r.remove(ctx, there, there.Live, keep, nothing)
	})
	if err := r.broken(ctx); err != nil {
		return err
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		c.Operation = nil
		if len(failed) > 0 {
			c.note(DeleteFailed, r.failuresLocked(failed))
			return nil
		}
		c.Deleted = c.now
		c.note(DeleteComplete, "")
		r.e.free(&c.Stack)
		return nil
	})
}

// failuresLocked is failures for whoever holds the stack.
func (r *run) failuresLocked(failed []string) string {
	slices.Sort(failed)
	return "The following resource(s) failed to delete: [" + strings.Join(failed, ", ") + "]. "
}

// nothing is to be done after a removal.
func nothing() {}

// remove deletes one thing, or leaves it to itself, and notes which. What after does to the record becomes
// durable with that.
func (r *run) remove(ctx context.Context, of *Resource, what Instance, keep bool, after func()) error {
	switch {
	case of.Status == DeleteComplete || of.Status == DeleteSkipped:
		return nil
	case what.Physical == "" && of.Step == nil:
		return r.forget(ctx, of)
	case keep:
		return r.e.commit(ctx, r.h, func(c *change) error {
			of.Step = nil
			c.tell(of, DeleteSkipped, what.Physical, "", what.Properties)
			after()
			return nil
		})
	}
	if err := r.startRemoving(ctx, of, what); err != nil {
		return err
	}
	var gone *resource.Failure
	err := r.call(ctx, of, what)
	if err != nil && (!errors.As(err, &gone) || gone.Code != resource.NotFound) {
		return r.notRemoved(ctx, of, what, err)
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		of.Step = nil
		c.tell(of, DeleteComplete, what.Physical, "", what.Properties)
		after()
		return nil
	})
}

// forget takes the record of a resource away that never came to be.
func (r *run) forget(ctx context.Context, of *Resource) error {
	return r.e.commit(ctx, r.h, func(c *change) error {
		c.resources[of.ID] = nil
		return nil
	})
}

func (r *run) startRemoving(ctx context.Context, of *Resource, what Instance) error {
	if of.Step != nil && of.Step.Action == Removing {
		return nil
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		// A creation that was cut short may have made what is not in the records: its name finds it.
		token, name := r.e.o.NewID(), ""
		if of.Step != nil {
			token, name = of.Step.Token, of.Step.Name
		}
		of.Step = &Step{Action: Removing, Token: token, Name: name, Properties: what.Properties}
		c.tell(of, DeleteInProgress, what.Physical, "", what.Properties)
		return nil
	})
}

// call has the resource's type delete.
func (r *run) call(ctx context.Context, of *Resource, what Instance) error {
	t, ok := r.e.o.Types.Lookup(of.Type)
	if !ok {
		return refuse("Unrecognized resource type: %s", of.Type)
	}
	properties, err := stored(what.Properties, t.Schema(), of.Type)
	if err != nil {
		return err
	}
	r.h.mu.Lock()
	s := r.h.stack
	r.h.mu.Unlock()
	physical := what.Physical
	if physical == "" {
		physical = of.Step.Name
	}
	return t.Delete(ctx, &resource.Request{
		Caller: r.caller, Stack: s.ID, StackName: s.Name, Logical: of.ID, Token: of.Step.Token,
		Repeated: true, Physical: physical,
		Properties: properties,
	})
}

func (r *run) notRemoved(ctx context.Context, of *Resource, what Instance, why error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	reason := why.Error()
	var failure *resource.Failure
	if errors.As(why, &failure) {
		reason = failure.Reason(of.Step.Token)
	}
	err := r.e.commit(ctx, r.h, func(c *change) error {
		of.Step = nil
		c.tell(of, DeleteFailed, what.Physical, reason, what.Properties)
		return nil
	})
	if err != nil {
		return err
	}
	return errFailed
}

// rollBackUpdate goes back to what was before an update: what was changed is changed back, what was replaced
// comes back, and what was made anew is deleted by the cleanup.
func (r *run) rollBackUpdate(ctx context.Context) error {
	all := r.h.all()
	needs := map[string][]string{}
	var ids []string
	for id, one := range all {
		needs[id] = one.Needs
		if one.Before != nil && one.Before.Physical != "" && !one.Restored &&
			!slices.Contains(r.op.Skip, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	failed := walk(ids, needs, func(id string) bool { return r.took(r.restore(ctx, r.h.resource(id))) })
	if err := r.broken(ctx); err != nil {
		return err
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		if len(failed) > 0 {
			c.Operation = nil
			c.note(UpdateRollbackFailed, "The following resource(s) failed to update: ["+
				strings.Join(failed, ", ")+"]. ")
			return nil
		}
		for n := range r.h.texts {
			if n != c.Generation {
				c.texts[n] = nil
			}
		}
		c.note(UpdateRollbackCleanup, "")
		op := r.op
		op.Cleaning = true
		c.Operation = &op
		return nil
	})
}

// restore brings one resource back to what it was. What replaced it becomes what the cleanup deletes.
func (r *run) restore(ctx context.Context, one *Resource) error {
	before := *one.Before
	if one.Replaced() {
		return r.e.commit(ctx, r.h, func(c *change) error {
			replaced := one.Live
			one.Live = before
			one.Before = &replaced
			one.Restored = true
			if replaced.Physical == "" {
				one.Before = nil
			}
			c.tell(one, UpdateComplete, before.Physical, "", before.Properties)
			return nil
		})
	}
	t, ok := r.e.o.Types.Lookup(one.Type)
	if !ok {
		return r.failed(ctx, one, refuse("Unrecognized resource type: %s", one.Type), nil)
	}
	wanted, err := stored(before.Properties, t.Schema(), one.Type)
	if err != nil {
		return r.failed(ctx, one, err, nil)
	}
	previous, err := stored(one.Live.Properties, t.Schema(), one.Type)
	if err != nil {
		return r.failed(ctx, one, err, nil)
	}
	return r.restoreInPlace(ctx, one, t, wanted, previous)
}

func (r *run) restoreInPlace(
	ctx context.Context, one *Resource, t resource.Type, wanted, previous map[string]any,
) error {
	before := *one.Before
	r.h.mu.Lock()
	s := r.h.stack
	r.h.mu.Unlock()
	back := &step{run: r, resource: one, of: t, properties: wanted, stack: &s, settings: s.Settings}
	_, err := back.begin(ctx, Changing, func(c *change, properties json.RawMessage) {
		c.tell(one, UpdateInProgress, before.Physical, "", properties)
	})
	if err != nil {
		return err
	}
	request := back.request(true)
	request.Physical = before.Physical
	request.Previous = previous
	result, err := t.Update(ctx, request)
	if err != nil {
		return r.failed(ctx, one, err, one.Step.Properties)
	}
	live, err := instanceOf(result, before.Properties)
	if err != nil {
		return err
	}
	live.Deletion = before.Deletion
	live.Replacement = before.Replacement
	return r.e.commit(ctx, r.h, func(c *change) error {
		one.Live = live
		one.Before = nil
		one.Step = nil
		one.Restored = true
		c.tell(one, UpdateComplete, live.Physical, "", live.Properties)
		return nil
	})
}

// cleanups is how often a cleanup tries to delete something.
const cleanups = 3

// cleanUp deletes what an update, or its rollback, has left: what was replaced, and what is no longer wanted.
// What can't be deleted leaves the stack and lives on.
func (r *run) cleanUp(ctx context.Context, s *Stack) error {
	back := r.op.Kind == UpdateRollback
	wanted, err := r.wanted(s)
	if err != nil {
		return err
	}
	all := r.h.all()
	failed := r.deleteAll(ctx, slices.Collect(maps.Keys(all)), func(one *Resource) error {
		return r.clean(ctx, one, wanted[one.ID], back)
	})
	if err := r.broken(ctx); err != nil {
		return err
	}
	return r.e.commit(ctx, r.h, func(c *change) error {
		for id, one := range r.h.resources {
			kept := *one
			kept.Before = nil
			kept.Made = false
			kept.Restored = false
			c.resources[id] = &kept
			if !wanted[id] {
				c.resources[id] = nil
			}
		}
		status, reason := UpdateComplete, ""
		if back {
			status = UpdateRollbackComplete
		}
		if len(failed) > 0 {
			reason = "Update successful. One or more resources could not be deleted."
		}
		c.Operation = nil
		c.note(status, reason)
		return nil
	})
}

// wanted are the resources that the stack's template has now.
func (r *run) wanted(s *Stack) (map[string]bool, error) {
	r.h.mu.Lock()
	kept := r.h.texts[s.Generation]
	r.h.mu.Unlock()
	t, err := r.e.again(kept, s.Parameters)
	if err != nil {
		return nil, err
	}
	plan, err := r.e.evaluation(r.h, s, t).evaluator.Plan()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, one := range plan.Order {
		out[one.ID] = true
	}
	return out, nil
}

// clean deletes what is left of one resource.
func (r *run) clean(ctx context.Context, one *Resource, wanted, back bool) error {
	what := one.Live
	var keep bool
	switch {
	case !wanted && back:
		keep = one.Live.Deletion == "Retain" && !one.Made
	case !wanted:
		keep = one.Live.Deletion == "Retain" || one.Live.Deletion == "RetainExceptOnCreate"
	case one.Replaced():
		what, keep = *one.Before, one.Before.Replacement == "Retain" && !back
	default:
		return nil
	}
	after := nothing
	if wanted {
		// The record is that of what stays.
		after = func() {
			one.Status = UpdateComplete
			one.Reason = ""
			one.Before = nil
		}
	}
	var err error
	for range cleanups {
		if err = r.remove(ctx, one, what, keep, after); !errors.Is(err, errFailed) {
			return err
		}
	}
	return errors.Join(err, r.e.commit(ctx, r.h, func(c *change) error {
		after()
		c.put(one)
		return nil
	}))
}
