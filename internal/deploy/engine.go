package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/deploy/resource"
	"github.com/sealtable/sealtable/internal/template"
)

// Types are the types of resources that stacks may have.
type Types interface {
	Known(name string) bool
	Lookup(name string) (resource.Type, bool)
}

// Callers keep on whose behalf an operation runs, across restarts.
type Callers interface {
	// Keep returns what Restore makes the caller from. It holds no secret.
	Keep(caller *auth.Caller) (json.RawMessage, error)
	// Restore returns the caller, or if a role is given the role, as CloudFormation would call services with
	// it.
	Restore(kept json.RawMessage, roleARN string, scope Scope) (*auth.Caller, error)
}

// Options are what an Engine works with. Every member is needed, save Parameters, References and Transforms.
type Options struct {
	Records Records
	Types   Types
	Callers Callers
	Clock   *clock.Clock
	Log     *slog.Logger
	// NewID returns a fresh UUID, NewName twelve letters and digits.
	NewID, NewName func() string
	// Parameters reads the parameter store, References dynamic references; nil where there is no such
	// service.
	Parameters template.ParameterStore
	References template.DynamicReferences
	// Transforms returns the transforms that templates may declare, by name.
	Transforms func(template.Pseudo, []template.Input) map[string]template.Transform
}

// An Engine is all stacks of an installation. It is safe for concurrent use.
type Engine struct {
	o       Options
	mu      sync.Mutex
	stacks  map[string]*held // by UUID
	names   map[name]string  // of stacks that are not deleted → UUID
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
}

type name struct {
	Scope
	stack string
}

// Open reads all stacks. Nothing is worked on before Start.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Transforms == nil {
		o.Transforms = func(template.Pseudo, []template.Input) map[string]template.Transform { return nil }
	}
	e := &Engine{o: o, stacks: map[string]*held{}, names: map[name]string{}}
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	for uuid, h := range e.stacks {
		slices.SortFunc(h.events, func(a, b Event) int { return a.Sequence - b.Sequence })
		if h.stack.Status != DeleteComplete {
			e.names[name{h.stack.Scope, h.stack.Name}] = uuid
		}
	}
	return e, nil
}

// Start goes on with the operations that were under way when the server ended.
func (e *Engine) Start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.stacks {
		e.employ(h)
	}
}

// Close stops the work between two steps. What is not done is gone on with after the next start.
func (e *Engine) Close() {
	e.stop()
	e.workers.Wait()
}

// employ sees to it that somebody works on the operation of a stack, if it has one.
func (e *Engine) employ(h *held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.works || h.stack.Operation == nil || e.ctx.Err() != nil {
		return
	}
	h.works = true
	e.workers.Go(func() {
		for {
			err := e.work(e.ctx, h)
			h.mu.Lock()
			if err != nil || h.stack.Operation == nil {
				h.works = false
				h.mu.Unlock()
				if err != nil && e.ctx.Err() == nil {
					e.o.Log.Error("stack operation stopped, and goes on after the next start", "stack",
						h.stack.ID, "err", err)
				}
				return
			}
			h.mu.Unlock()
		}
	})
}

// An Error is a refusal in CloudFormation's words.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Message }

func refuse(format string, args ...any) *Error {
	return &Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// find returns a stack by its name, if it is not deleted, or by its ARN.
func (e *Engine) find(scope Scope, nameOrID string) *held {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !strings.HasPrefix(nameOrID, "arn:") {
		return e.stacks[e.names[name{scope, nameOrID}]]
	}
	_, uuid, _ := strings.Cut(strings.TrimPrefix(nameOrID[strings.LastIndex(nameOrID, ":stack/")+1:],
		"stack/"), "/")
	h := e.stacks[uuid]
	if h == nil || h.stack.ID != nameOrID || h.stack.Scope != scope {
		return nil
	}
	return h
}

// nameOf is the name in the ARN of a stack.
func nameOf(id string) string {
	_, rest, _ := strings.Cut(id, ":stack/")
	stack, _, _ := strings.Cut(rest, "/")
	return stack
}

// A Request is what a caller wants of a stack.
type Request struct {
	Caller *auth.Caller
	Scope  Scope
	Name   string // or, for what exists, its ARN
	Source Source
	// Previous says that the template is the stack's own.
	Previous bool
	Settings Settings
	Token    string
	// Timeout is how long a creation may take, 0 for as long as it takes.
	Timeout   time.Duration
	Protected bool
	// Policy is the stack's, or the one that holds for this update alone.
	Policy, DuringUpdate string
}

// CreateStack begins to make a stack, and returns its ARN.
func (e *Engine) CreateStack(ctx context.Context, r *Request) (string, error) {
	h := e.find(r.Scope, r.Name)
	if h != nil {
		if id, ok := h.repeats(r.Token, Create); ok {
			return id, nil
		}
	}
	s, exists, err := e.newStack(r, h)
	if err != nil {
		return "", err
	}
	t, err := e.prepare(s, r.Source, nil)
	if err == nil {
		err = checkCapabilities(t, r.Settings.Capabilities)
	}
	if err != nil {
		return "", err
	}
	if !exists {
		if h, err = e.enter(s); err != nil {
			return "", err
		}
	}
	err = e.begin(ctx, h, r, Create, t, func(c *change) error {
		if exists && c.Stack.Status != ReviewInProgress {
			return &Error{Code: "AlreadyExistsException", Message: "Stack [" + r.Name + "] already exists"}
		}
		for id, set := range h.changeSets {
			obsolete := *set
			obsolete.Execution = "OBSOLETE"
			c.changeSets[id] = &obsolete
		}
		c.Protected = r.Protected
		c.Policy = r.Policy
		c.ChangeSetID = ""
		return nil
	})
	if err != nil {
		if !exists {
			e.leave(s)
		}
		return "", err
	}
	return s.ID, nil
}

// newStack returns the record of a stack that is to be made: the one that waits for its first change set, or
// a fresh one.
func (e *Engine) newStack(r *Request, h *held) (*Stack, bool, error) {
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		s := h.stack
		if s.Status != ReviewInProgress {
			return nil, false, &Error{Code: "AlreadyExistsException",
				Message: "Stack [" + s.Name + "] already exists"}
		}
		return &s, true, nil
	}
	uuid := e.o.NewID()
	return &Stack{
		ID: fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/%s", r.Scope.Region, r.Scope.Account, r.Name,
			uuid),
		UUID: uuid, Name: r.Name, Scope: r.Scope, Created: e.o.Clock.Now().Truncate(time.Millisecond),
		Settings: r.Settings,
	}, false, nil
}

// enter makes a stack known by its name, if no other has it.
func (e *Engine) enter(s *Stack) (*held, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.names[name{s.Scope, s.Name}]; taken {
		return nil, &Error{Code: "AlreadyExistsException", Message: "Stack [" + s.Name + "] already exists"}
	}
	h := newHeld()
	h.stack = *s
	e.stacks[s.UUID] = h
	e.names[name{s.Scope, s.Name}] = s.UUID
	return h, nil
}

// leave takes back what enter did.
func (e *Engine) leave(s *Stack) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.stacks, s.UUID)
	delete(e.names, name{s.Scope, s.Name})
}

// free lets another stack have the name of one that is deleted, which its ARN finds from then on.
func (e *Engine) free(s *Stack) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.names[name{s.Scope, s.Name}] == s.UUID {
		delete(e.names, name{s.Scope, s.Name})
	}
}

func checkCapabilities(t *target, given []string) error {
	needed, _ := t.template.Capabilities()
	for _, transform := range t.transforms {
		if transform != template.LanguageExtensions &&
			!slices.Contains(needed, template.CapabilityAutoExpand) {
			needed = append(needed, template.CapabilityAutoExpand)
		}
	}
	return template.RequireCapabilities(needed, given)
}

// begin starts an operation that has a target. allow sees the stack as it is, under its lock, and may refuse.
func (e *Engine) begin(
	ctx context.Context, h *held, r *Request, kind Kind, t *target, allow func(c *change) error,
) error {
	caller, err := e.o.Callers.Keep(r.Caller)
	if err != nil {
		return err
	}
	err = e.commit(ctx, h, func(c *change) error {
		if err := allow(c); err != nil {
			return err
		}
		next := c.Generation + 1
		for n := range h.texts {
			next = max(next, n+1)
		}
		op := &Operation{ID: e.o.NewID(), Kind: kind, Target: next, Caller: caller, Token: r.Token,
			Settings:   r.Settings,
			Parameters: t.parameters, Policy: r.DuringUpdate}
		if r.Timeout > 0 {
			op.DeadlineAt = c.now.Add(r.Timeout)
		}
		c.texts[next] = &t.texts
		c.Operation = op
		c.remember(r.Token, kind)
		if kind == Create {
			c.Settings = r.Settings
			c.Parameters = t.parameters
			c.note(CreateInProgress, "User Initiated")
			return nil
		}
		c.Updated = c.now
		if r.Settings.RoleARN != "" {
			c.RoleARN = r.Settings.RoleARN
		}
		op.Settings.RoleARN = c.RoleARN
		c.note(UpdateInProgress, "User Initiated")
		return nil
	})
	if err != nil {
		return err
	}
	e.employ(h)
	return nil
}

// UpdateStack begins to change a stack, and returns its ARN.
func (e *Engine) UpdateStack(ctx context.Context, r *Request) (string, error) {
	h := e.find(r.Scope, r.Name)
	if h == nil {
		return "", refuse("Stack [%s] does not exist", r.Name)
	}
	if id, ok := h.repeats(r.Token, Update); ok {
		return id, nil
	}
	s, current := h.now()
	if !s.Status.Updatable() {
		return "", wrongState(&s)
	}
	if r.Previous {
		r.Source.Body = current.Original
	}
	t, err := e.prepare(&s, r.Source, s.Parameters)
	if err == nil {
		err = checkCapabilities(t, r.Settings.Capabilities)
	}
	if err == nil && len(t.transforms) == 0 && !changes(&s, current, t, &r.Settings) {
		err = refuse("No updates are to be performed.")
	}
	if err != nil {
		return "", err
	}
	return s.ID, e.begin(ctx, h, r, Update, t, func(c *change) error {
		if !c.Stack.Status.Updatable() {
			return wrongState(&c.Stack)
		}
		if r.Policy != "" {
			c.Policy = r.Policy
		}
		c.ChangeSetID = ""
		return nil
	})
}

func wrongState(s *Stack) *Error {
	return refuse("Stack:%s is in %s state and can not be updated.", s.ID, s.Status)
}

// now returns a stack and its templates as they are.
func (h *held) now() (Stack, texts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stack, h.texts[h.stack.Generation]
}

// remember keeps which token began which kind of operation.
func (s *Stack) remember(token string, kind Kind) {
	if token == "" {
		return
	}
	s.Tokens = append(slices.Clone(s.Tokens), TokenUse{token, kind})
}

// repeats reports whether a token began an operation of the kind already, and returns the stack's ARN then.
func (h *held) repeats(token string, kind Kind) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stack.ID, token != "" && slices.Contains(h.stack.Tokens, TokenUse{token, kind})
}

// A TokenUse is a client's token with what it began.
type TokenUse struct {
	Token string `json:"token"`
	Kind  Kind   `json:"kind"`
}

// DeleteStack begins to delete a stack. One that is not there is no error.
func (e *Engine) DeleteStack(ctx context.Context, r *Request, retain []string) error {
	h := e.find(r.Scope, r.Name)
	if h == nil {
		return nil
	}
	if _, ok := h.repeats(r.Token, Delete); ok {
		return nil
	}
	caller, err := e.o.Callers.Keep(r.Caller)
	if err != nil {
		return err
	}
	err = e.commit(ctx, h, func(c *change) error { return e.startDeleting(c, r, caller, retain) })
	if errors.Is(err, errNothingToDo) {
		return nil
	}
	if err != nil {
		return err
	}
	e.employ(h)
	return nil
}

// errNothingToDo ends a commit that has nothing to change.
var errNothingToDo = errors.New("nothing to do")

func (e *Engine) startDeleting(c *change, r *Request, caller json.RawMessage, retain []string) error {
	switch {
	case c.Stack.Status == DeleteComplete || c.Stack.Status == DeleteInProgress:
		return errNothingToDo
	case c.Protected:
		return refuse("Stack [%s] cannot be deleted while TerminationProtection is enabled", c.Name)
	case !c.Stack.Status.Deletable():
		return refuse("Stack [%s] cannot be deleted while in status %s", c.ID, c.Stack.Status)
	case len(retain) > 0 && c.Stack.Status != DeleteFailed:
		return refuse("Invalid operation on stack [%s]. Specify ResourcesToRetain only when stack is in "+
			"the DELETE_FAILED state.", c.ID)
	}
	for _, output := range c.Outputs {
		if output.Export == "" {
			continue
		}
		if user := e.importer(c.Scope, output.Export); user != "" {
			return refuse("Delete canceled. Cannot delete export %s as it is in use by %s", output.Export,
				user)
		}
	}
	if r.Settings.RoleARN != "" {
		c.RoleARN = r.Settings.RoleARN
	}
	c.remember(r.Token, Delete)
	c.Operation = &Operation{ID: e.o.NewID(), Kind: Delete, Caller: caller, Token: r.Token, Retain: retain,
		Settings: c.Settings}
	c.note(DeleteInProgress, "User Initiated")
	return nil
}
