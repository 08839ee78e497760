package service

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Bound is an operation of any shapes, as the wire sees it.
type Bound interface {
	OperationName() string
	// Invoke runs the operation for calls from other services; see Endpoint.Invoke.
	Invoke(ctx context.Context, caller *auth.Caller, in any) (any, error)
	ServeJSON(ctx context.Context, caller *auth.Caller, r *strictjson.Reader, dst []byte) ([]byte, error)
	ServeREST(ctx context.Context, caller *auth.Caller, req api.RESTRequest, dst []byte) (api.RESTAnswer,
		error)
	ServeForm(ctx context.Context, caller *auth.Caller, form *api.Form, dst []byte) ([]byte, error)
	Unsupported() []string
	Missing() string
	Refused() bool
	attach(*Path)
}

// Table is the operations that a service answers. It is read-only once made.
type Table struct {
	name       string
	operations map[string]Bound
}

// NewTable puts the operations of the service called name, as in credential scopes, on path.
func NewTable(name string, path *Path, bound ...Bound) *Table {
	t := &Table{name: name, operations: make(map[string]Bound, len(bound))}
	for _, b := range bound {
		b.attach(path)
		t.operations[b.OperationName()] = b
	}
	return t
}

// Name is the service's name in credential scopes.
func (t *Table) Name() string { return t.name }

// Lookup finds an operation by its name.
func (t *Table) Lookup(operation string) (Bound, bool) {
	b, ok := t.operations[operation]
	return b, ok
}

// Operations are the names of all operations, in no order.
func (t *Table) Operations() []string {
	names := make([]string, 0, len(t.operations))
	for name := range t.operations {
		names = append(names, name)
	}
	return names
}
