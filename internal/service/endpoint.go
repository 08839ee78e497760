// Package service is the one path of every call of every service.
//
// Callers may rely on this: an operation runs only after its input was checked against the model and its
// permissions were granted, and it leaves a record whether it ran or not (P6, P9). So does a part of a call
// that is permitted by itself. The path is the same for requests from the wire and for calls from one service
// to another on a caller's behalf (P10). An operation cannot be bound without the function that names the
// permissions it needs.
//
// What was permitted is what runs. A call is understood once, by its plan: the plan finds the objects that
// the input names and names the permissions on exactly those; once they are granted, run is given what the
// plan found, and looks up nothing by name again. A name, an alias or an ARN that comes to mean something
// else in between, such as a table that is dropped and made anew, changes nothing of that: the call goes on
// with the object that was permitted, or finds it gone.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Record is what one call leaves behind for the trail. Needs is reused after Record returns.
type Record struct {
	Service, Operation string
	Caller             *auth.Caller
	Needs              *auth.Needs
	// Answer is what the trail may show of the answer; nil for a call that failed, and for operations that
	// show nothing (see Showing).
	Answer []auth.Parameter
	Err    error
	Part   bool // a part that was refused, of a call that leaves a record too
}

// Recorder keeps records. It must not block for long: it is called before the answer is sent.
type Recorder interface {
	Record(Record)
}

// Path is what every call passes. One Path serves a whole installation.
type Path struct {
	Authorizer auth.Authorizer
	Recorder   Recorder
	needs      sync.Pool
}

// Plan finds what a call is about, names the permissions that this needs, and notes what the trail may show
// of it. It changes nothing. An error ends the call; it is recorded like any other. P is a small value, which
// is handed to Run as it is.
type Plan[In, P any] func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (P, error)

// Run does the work of an operation on what its plan found. Errors that a client may see are *api.Error.
type Run[In, P, Out any] func(ctx context.Context, caller *auth.Caller, in *In, plan P) (*Out, error)

// None is the plan of a call that is about nothing in particular, such as a list of everything.
type None struct{}

// Endpoint is one bound operation.
type Endpoint[In, Out any] struct {
	op api.Operation[In, Out]
	// answer plans, asks for permission, and runs.
	answer      func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*Out, error)
	show        func(out *Out) []auth.Parameter
	unsupported []string
	lacking     string
	refused     bool
	path        *Path
}

// Bind ties an operation to its plan and to its handler.
func Bind[In, P, Out any](
	op api.Operation[In, Out], plan Plan[In, P], run Run[In, P, Out],
) *Endpoint[In, Out] {
	e := &Endpoint[In, Out]{op: op}
	e.answer = func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*Out, error) {
		planned, err := plan(ctx, caller, in, needs)
		if err != nil {
			return nil, err
		}
		if err := e.path.Authorizer.Authorize(ctx, caller, needs); err != nil {
			return nil, err
		}
		needs.Grant()
		return run(ctx, caller, in, planned)
	}
	return e
}

// Without lists the members that the handler does not honour, as dotted paths in the model's spelling. A
// request that sets one is refused by its name (P8). It returns e.
func (e *Endpoint[In, Out]) Without(members ...string) *Endpoint[In, Out] {
	e.unsupported = members
	return e
}

// Lacking says in a few words what the handler refuses beyond members, for the page of what works. It returns
// e.
func (e *Endpoint[In, Out]) Lacking(what string) *Endpoint[In, Out] {
	e.lacking = what
	return e
}

// Showing says what the trail may show of an answer: for operations that change something what they made,
// never item data, never key bytes (P9). It returns e.
func (e *Endpoint[In, Out]) Showing(show func(out *Out) []auth.Parameter) *Endpoint[In, Out] {
	e.show = show
	return e
}

// ShowingAll shows the whole answer, with the casing of CloudTrail's responseElements: sSEDescription. It is
// for answers that hold neither item data nor secrets. It returns e.
func (e *Endpoint[In, Out]) ShowingAll() *Endpoint[In, Out] {
	return e.Showing(func(out *Out) []auth.Parameter { return shown(e.op.Append(nil, out)) })
}

// Refuse binds an operation that is answered with one error, whoever asks.
func Refuse[In, Out any](op api.Operation[In, Out], refusal *api.Error) *Endpoint[In, Out] {
	answer := func(context.Context, *auth.Caller, *In, *auth.Needs) (*Out, error) { return nil, refusal }
	return &Endpoint[In, Out]{op: op, answer: answer, refused: true}
}

// Unsupported are the members that the handler does not honour.
func (e *Endpoint[In, Out]) Unsupported() []string { return e.unsupported }

// Missing says in a few words what does not work, empty when everything does.
func (e *Endpoint[In, Out]) Missing() string {
	missing := e.lacking
	if len(e.unsupported) > 0 {
		if missing != "" {
			missing += "; "
		}
		missing += "the members " + strings.Join(e.unsupported, ", ")
	}
	return missing
}

// Refused reports whether the operation is bound only to be refused.
func (e *Endpoint[In, Out]) Refused() bool { return e.refused }

// Invoke is Call for callers that do not know the operation's shapes, such as a template that names it: in is
// a pointer to the input, and what it returns, if there is no error, a pointer to the output.
func (e *Endpoint[In, Out]) Invoke(ctx context.Context, caller *auth.Caller, in any) (any, error) {
	input, ok := in.(*In)
	if !ok {
		return nil, fmt.Errorf("%s:%s takes a %T, not a %T", e.op.Service, e.op.Name, input, in)
	}
	out, err := e.Call(ctx, caller, input)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Call runs the operation for caller: validate, plan, authorise, run, record. A panic below it becomes an
// internal error.
func (e *Endpoint[In, Out]) Call(ctx context.Context, caller *auth.Caller, in *In) (*Out, error) {
	needs := e.path.takeNeeds()
	out, err := e.guarded(ctx, caller, in, needs)
	r := e.record(caller, needs, err)
	if e.show != nil && err == nil {
		r.Answer = e.show(out)
	}
	e.path.Recorder.Record(r)
	e.path.returnNeeds(needs)
	return out, err
}

func (e *Endpoint[In, Out]) record(caller *auth.Caller, needs *auth.Needs, err error) Record {
	return Record{Service: e.op.Service, Operation: e.op.Name, Caller: caller, Needs: needs, Err: err}
}

func (e *Endpoint[In, Out]) guarded(
	ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
) (out *Out, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, &PanicError{Operation: e.op.Service + ":" + e.op.Name, Value: v,
				Stack: debug.Stack()}
		}
	}()
	if err = e.op.Validate(in); err != nil {
		return nil, err
	}
	if len(e.unsupported) > 0 {
		if err = api.RefuseUnsupported("ValidationException", e.op.Present(in), e.unsupported); err != nil {
			return nil, err
		}
	}
	return e.answer(ctx, caller, in, needs)
}

// ServeJSON reads the input from r, invokes the operation and appends the output to dst.
func (e *Endpoint[In, Out]) ServeJSON(
	ctx context.Context, caller *auth.Caller, r *strictjson.Reader, dst []byte,
) ([]byte, error) {
	in := new(In)
	err := e.op.Read(r, in)
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return dst, e.unreadable(caller, err)
	}
	out, err := e.Call(ctx, caller, in)
	if err != nil {
		return dst, err
	}
	return e.op.Append(dst, out), nil
}

// unreadable records a call whose input could not even be read (P9), and gives back why.
func (e *Endpoint[In, Out]) unreadable(caller *auth.Caller, err error) error {
	err = &InputError{Cause: err}
	e.path.Recorder.Record(e.record(caller, new(auth.Needs), err))
	return err
}

// InputError is why the input of a call could not be read.
type InputError struct{ Cause error }

func (e *InputError) Error() string { return e.Cause.Error() }
func (e *InputError) Unwrap() error { return e.Cause }

// code tells a body that breaks a rule from one that is not of the model's form.
func (e *InputError) code() string {
	var unknown *api.UnknownMemberError
	var rule *attribute.ValidationError
	if errors.As(e.Cause, &unknown) || errors.As(e.Cause, &rule) {
		return "ValidationException"
	}
	return "SerializationException"
}

// ServeForm reads the input from a form, invokes the operation and appends the XML of the output to dst.
func (e *Endpoint[In, Out]) ServeForm(
	ctx context.Context, caller *auth.Caller, form *api.Form, dst []byte,
) ([]byte, error) {
	in := new(In)
	if err := e.op.ReadForm(form, in); err != nil {
		return dst, e.unreadable(caller, err)
	}
	out, err := e.Call(ctx, caller, in)
	if err != nil {
		return dst, err
	}
	return e.op.AppendXML(dst, out, caller.RequestID), nil
}

// OperationName is the bare name of the operation.
func (e *Endpoint[In, Out]) OperationName() string { return e.op.Name }

func (e *Endpoint[In, Out]) attach(p *Path) { e.path = p }

func (p *Path) takeNeeds() *auth.Needs {
	if needs, ok := p.needs.Get().(*auth.Needs); ok {
		return needs
	}
	return new(auth.Needs)
}

func (p *Path) returnNeeds(needs *auth.Needs) {
	needs.Reset()
	p.needs.Put(needs)
}

// PanicError is a bug that a request met. The client sees an internal error; the log sees the stack.
type PanicError struct {
	Operation string
	Value     any
	Stack     []byte
}

// LogValue shows the stack in logs, which Error leaves out.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", e.Error()), slog.String("stack", string(e.Stack)))
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in %s: %v", e.Operation, e.Value) }

// CodeOf is the code that a client sees for err, empty for nil.
func CodeOf(err error) string {
	var known *api.Error
	var denied *auth.DeniedError
	var input *InputError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known):
		return known.Code
	case errors.As(err, &denied):
		return "AccessDenied"
	case errors.As(err, &input):
		return input.code()
	}
	return "InternalFailure"
}
