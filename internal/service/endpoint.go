// Package service is the one path of every call of every service.
//
// Callers may rely on this: an operation runs only after its input was checked against the model and its
// permissions were granted, and it leaves a record whether it ran or not (P6, P9). So does a part of a call
// that is permitted by itself. The path is the same for requests from the wire and for calls from one service
// to another on a caller's behalf (P10). An operation cannot be bound without the function that names the
// permissions it needs.
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
	ReadOnly           bool
	Caller             *auth.Caller
	Needs              *auth.Needs
	Err                error
	Part               bool // a part that was refused, of a call that leaves a record too
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

// Access names the permissions that a call needs, and notes what the trail may show of it. An error ends the
// call; it is recorded like any other.
type Access[In any] func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) error

// Run does the work of an operation. Errors that a client may see are *api.Error.
type Run[In, Out any] func(ctx context.Context, caller *auth.Caller, in *In) (*Out, error)

// Endpoint is one bound operation.
type Endpoint[In, Out any] struct {
	op     api.Operation[In, Out]
	access Access[In]
	run    Run[In, Out]
	// in place of run; see BindParts
	parts       func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*Out, error)
	unsupported []string
	lacking     string
	refused     bool
	path        *Path
}

// Bind ties an operation to the permissions it needs and to its handler.
func Bind[In, Out any](op api.Operation[In, Out], access Access[In], run Run[In, Out]) *Endpoint[In, Out] {
	return &Endpoint[In, Out]{op: op, access: access, run: run}
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

// Refuse binds an operation that is answered with one error, whoever asks.
func Refuse[In, Out any](op api.Operation[In, Out], refusal *api.Error) *Endpoint[In, Out] {
	e := Bind(op,
		func(context.Context, *auth.Caller, *In, *auth.Needs) error { return refusal },
		func(context.Context, *auth.Caller, *In) (*Out, error) { return nil, refusal })
	e.refused = true
	return e
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

// Refused says whether the operation is bound only to be refused.
func (e *Endpoint[In, Out]) Refused() bool { return e.refused }

// Invoke runs the operation for caller: validate, authorise, run, record. A panic below it becomes an
// internal error.
func (e *Endpoint[In, Out]) Invoke(ctx context.Context, caller *auth.Caller, in *In) (*Out, error) {
	needs := e.path.takeNeeds()
	out, err := e.guarded(ctx, caller, in, needs)
	e.path.Recorder.Record(Record{
		Service: e.op.Service, Operation: e.op.Name, ReadOnly: e.op.ReadOnly, Caller: caller, Needs: needs,
		Err: err,
	})
	e.path.returnNeeds(needs)
	return out, err
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
	if err = e.access(ctx, caller, in, needs); err != nil {
		return nil, err
	}
	if err = e.path.Authorizer.Authorize(ctx, caller, needs); err != nil {
		return nil, err
	}
	if e.parts != nil {
		return e.parts(ctx, caller, in, needs)
	}
	return e.run(ctx, caller, in)
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
	out, err := e.Invoke(ctx, caller, in)
	if err != nil {
		return dst, err
	}
	return e.op.Append(dst, out), nil
}

// unreadable records a call whose input could not even be read (P9), and gives back why.
func (e *Endpoint[In, Out]) unreadable(caller *auth.Caller, err error) error {
	err = &InputError{Cause: err}
	e.path.Recorder.Record(Record{
		Service: e.op.Service, Operation: e.op.Name, ReadOnly: e.op.ReadOnly, Caller: caller,
		Needs: new(auth.Needs), Err: err,
	})
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
	out, err := e.Invoke(ctx, caller, in)
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
