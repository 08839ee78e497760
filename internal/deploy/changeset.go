package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/template"
)

// The statuses of change sets, and of their execution.
const (
	ChangesComplete = "CREATE_COMPLETE"
	ChangesFailed   = "FAILED"

	ExecutionUnavailable = "UNAVAILABLE"
	ExecutionAvailable   = "AVAILABLE"
	ExecutionInProgress  = "EXECUTE_IN_PROGRESS"
	ExecutionComplete    = "EXECUTE_COMPLETE"
	ExecutionFailed      = "EXECUTE_FAILED"
	ExecutionObsolete    = "OBSOLETE"
)

// A ChangeSet is a change that was worked out and may be executed.
type ChangeSet struct {
	ID          string    `json:"id"` // the ARN
	UUID        string    `json:"uuid"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Type        string    `json:"type"` // CREATE or UPDATE
	Status      string    `json:"status"`
	Reason      string    `json:"reason,omitempty"`
	Execution   string    `json:"execution"`
	Created     time.Time `json:"created"`

	Texts      texts       `json:"texts"`
	Parameters []Parameter `json:"parameters,omitempty"`
	Settings   Settings    `json:"settings"`
	Changes    []Change    `json:"changes,omitempty"`
}

// A Change is what a change set does to one resource.
type Change struct {
	Action       string   `json:"action"` // Add, Modify, Remove
	Logical      string   `json:"logical"`
	Physical     string   `json:"physical,omitempty"`
	Type         string   `json:"type"`
	Replacement  string   `json:"replacement,omitempty"` // of a Modify: True or False
	PolicyAction string   `json:"policyAction,omitempty"`
	Scope        []string `json:"scope,omitempty"`
	Details      []Detail `json:"details,omitempty"`
	// Before and After are the properties as JSON, where what is not known yet is Unknown.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// A Detail is why one property changes.
type Detail struct {
	Attribute  string `json:"attribute"` // Properties, Metadata, Tags, …
	Name       string `json:"name,omitempty"`
	Recreation string `json:"recreation,omitempty"` // Always, Never
	Evaluation string `json:"evaluation"`           // Static, Dynamic
	Source     string `json:"source"`
	Cause      string `json:"cause,omitempty"`
}

// A ChangeSetRequest is what a caller wants of a change set beside what it wants of the stack.
type ChangeSetRequest struct {
	Request
	ChangeSet, Description string
	// Type is CREATE, UPDATE or empty for UPDATE.
	Type string
}

// noChanges is the reason of a change set that would do nothing.
const noChanges = "The submitted information didn't contain changes. Submit different information to " +
	"create a change set."

// CreateChangeSet works out what a template would change, and returns the ARNs of the change set and the
// stack. What only a transform or the lack of changes refuses is a change set that failed.
func (e *Engine) CreateChangeSet(ctx context.Context, r *ChangeSetRequest) (set, stack string, err error) {
	h, s, err := e.stackFor(ctx, r)
	if err != nil {
		return "", "", err
	}
	previous := s.Parameters
	if s.Generation == 0 {
		previous = nil
	}
	if r.Previous {
		_, current := h.now()
		r.Source.Body = current.Original
	}
	uuid := e.o.NewID()
	c := &ChangeSet{
		ID: fmt.Sprintf("arn:aws:cloudformation:%s:%s:changeSet/%s/%s", s.Scope.Region, s.Scope.Account,
			r.ChangeSet, uuid),
		UUID: uuid, Name: r.ChangeSet, Description: r.Description, Type: "UPDATE", Status: ChangesComplete,
		Execution: ExecutionAvailable,
		Created:   e.o.Clock.Now().Truncate(time.Millisecond), Settings: r.Settings,
	}
	if s.Generation == 0 {
		c.Type = "CREATE"
	}
	if err := e.workOut(c, h, s, r, previous); err != nil {
		e.dropUnused(h, s)
		return "", "", err
	}
	return c.ID, s.ID, e.commit(ctx, h, func(ch *change) error {
		for _, other := range h.changeSets {
			if other.Name == c.Name {
				return &Error{Code: "AlreadyExistsException",
					Message: "ChangeSet " + c.Name + " cannot be created due to a mismatch with " +
						"existing attribute Template"}
			}
		}
		if s.Sequence == 0 && ch.Stack.Sequence == 0 {
			ch.note(ReviewInProgress, "User Initiated")
		}
		ch.changeSets[c.UUID] = c
		return nil
	})
}

// stackFor finds the stack of a change set, or makes the record of one that waits for it.
func (e *Engine) stackFor(_ context.Context, r *ChangeSetRequest) (*held, *Stack, error) {
	h := e.find(r.Scope, r.Name)
	create := r.Type == "CREATE"
	if h == nil {
		if !create {
			return nil, nil, refuse("Stack [%s] does not exist", r.Name)
		}
		s, _, err := e.newStack(&r.Request, nil)
		if err != nil {
			return nil, nil, err
		}
		h, err = e.enter(s)
		return h, s, err
	}
	s, _ := h.now()
	switch {
	case create && s.Status != ReviewInProgress:
		return nil, nil, refuse("Stack [%s] already exists and cannot be created again with the "+
			"changeSet [%s].", s.Name, r.ChangeSet)
	case !create && !s.Status.Updatable():
		return nil, nil, wrongState(&s)
	}
	return h, &s, nil
}

// dropUnused takes back a stack that was entered for a change set that was refused.
func (e *Engine) dropUnused(h *held, s *Stack) {
	if now, _ := h.now(); now.Sequence == 0 {
		e.leave(s)
	}
}

// workOut fills a change set with what the template would change.
func (e *Engine) workOut(c *ChangeSet, h *held, s *Stack, r *ChangeSetRequest, previous []Parameter) error {
	wanted := *s
	wanted.Settings = r.Settings
	t, err := e.prepare(&wanted, r.Source, previous)
	if err == nil {
		err = checkSetCapabilities(t, r.Settings.Capabilities)
	}
	if err != nil {
		if !strings.HasPrefix(err.Error(), "Transform ") {
			return err
		}
		c.Status = ChangesFailed
		c.Reason = err.Error()
		c.Execution = ExecutionUnavailable
		return nil
	}
	c.Texts = t.texts
	c.Parameters = t.parameters
	if c.Changes, err = e.compare(h, &wanted, s, t); err != nil {
		return err
	}
	_, current := h.now()
	if s.Generation > 0 && len(c.Changes) == 0 && !changes(s, current, t, &r.Settings) {
		c.Status = ChangesFailed
		c.Reason = noChanges
		c.Execution = ExecutionUnavailable
	}
	return nil
}

// checkSetCapabilities is checkCapabilities for change sets, which show what a transform made before anything
// is done, so that CAPABILITY_AUTO_EXPAND is not needed for AWS::Serverless.
func checkSetCapabilities(t *target, given []string) error {
	needed, _ := t.template.Capabilities()
	needed = slices.DeleteFunc(slices.Clone(needed), func(c string) bool {
		return c == template.CapabilityAutoExpand
	})
	return template.RequireCapabilities(needed, given)
}

// findSet returns a change set by its ARN, or by its name and stack.
func (e *Engine) findSet(scope Scope, stack, set string) (*held, *ChangeSet, error) {
	missing := &Error{Code: "ChangeSetNotFound", Message: "ChangeSet [" + set + "] does not exist"}
	if !strings.HasPrefix(set, "arn:") {
		h := e.find(scope, stack)
		if h == nil {
			return nil, nil, refuse("Stack [%s] does not exist", stack)
		}
		return h.set(func(c *ChangeSet) bool { return c.Name == set }, missing)
	}
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.stacks))
	e.mu.Unlock()
	for _, h := range all {
		if h.stack.Scope != scope {
			continue
		}
		if _, c, err := h.set(func(c *ChangeSet) bool { return c.ID == set }, missing); err == nil {
			return h, c, nil
		}
	}
	return nil, nil, missing
}

func (h *held) set(is func(*ChangeSet) bool, missing error) (*held, *ChangeSet, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.changeSets {
		if is(c) {
			clone := *c
			return h, &clone, nil
		}
	}
	return nil, nil, missing
}

// DescribeChangeSet returns a change set and its stack.
func (e *Engine) DescribeChangeSet(scope Scope, stack, set string) (*ChangeSet, Stack, error) {
	h, c, err := e.findSet(scope, stack, set)
	if err != nil {
		return nil, Stack{}, err
	}
	s, _ := h.now()
	return c, s, nil
}

// ChangeSets returns the change sets of a stack, sorted by name.
func (e *Engine) ChangeSets(scope Scope, stack string) ([]ChangeSet, bool) {
	h := e.find(scope, stack)
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []ChangeSet
	for _, c := range h.changeSets {
		if c.Execution != ExecutionComplete {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b ChangeSet) int { return strings.Compare(a.Name, b.Name) })
	return out, true
}

// DeleteChangeSet deletes a change set. The stack stays, even one that waits for its first.
func (e *Engine) DeleteChangeSet(ctx context.Context, scope Scope, stack, set string) error {
	h, c, err := e.findSet(scope, stack, set)
	var missing *Error
	if errors.As(err, &missing) && missing.Code == "ChangeSetNotFound" && !strings.HasPrefix(set, "arn:") {
		return nil
	}
	if err != nil {
		return err
	}
	return e.commit(ctx, h, func(ch *change) error {
		ch.changeSets[c.UUID] = nil
		return nil
	})
}

// ExecuteChangeSet begins the creation or update that a change set describes.
func (e *Engine) ExecuteChangeSet(ctx context.Context, r *Request, set string) error {
	h, c, err := e.findSet(r.Scope, r.Name, set)
	if err != nil {
		return err
	}
	if c.Status != ChangesComplete || c.Execution != ExecutionAvailable {
		state := c.Status
		if c.Status == ChangesComplete {
			state = c.Execution
		}
		return &Error{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf(
			"ChangeSet [%s] cannot be executed in its current status of [%s]", c.ID, state)}
	}
	kind := Update
	if c.Type == "CREATE" {
		kind = Create
	}
	execute := *r
	execute.Settings = c.Settings
	execute.Settings.DisableRollback = execute.Settings.DisableRollback || r.Settings.DisableRollback
	t := &target{texts: c.Texts, parameters: c.Parameters}
	return e.begin(ctx, h, &execute, kind, t, func(ch *change) error {
		if kind == Update && !ch.Stack.Status.Updatable() ||
			kind == Create && ch.Stack.Status != ReviewInProgress {
			return wrongState(&ch.Stack)
		}
		for id, other := range h.changeSets {
			next := *other
			next.Execution = ExecutionObsolete
			if id == c.UUID {
				next.Execution = ExecutionInProgress
			}
			ch.changeSets[id] = &next
		}
		ch.ChangeSetID = c.ID
		ch.Updated = ch.now
		return nil
	})
}
