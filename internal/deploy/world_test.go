package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/deploy/resource"
	"github.com/sealtable/sealtable/internal/template"
)

// memory keeps records, and can lose its server: after so many writes nothing more is written.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
	left    int // writes until the crash, negative for none
}

var errCrashed = errors.New("the server is gone")

func (m *memory) Load(_ context.Context, visit func(string, []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.records)) {
		if err := visit(name, m.records[name]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Write(_ context.Context, changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		return errCrashed
	}
	m.left--
	for name, data := range changes {
		if data == nil {
			delete(m.records, name)
		} else {
			m.records[name] = data
		}
	}
	return nil
}

// cloud is what the things of tests exist in: a service whose creations know their tokens.
type cloud struct {
	mu      sync.Mutex
	things  map[string]map[string]any // by physical id
	tokens  map[string]string         // token of a creation → physical id
	made    int
	crashed atomic.Bool // calls fail as those of a server that is gone
}

// thing is a type of resource whose properties say how it behaves.
type thing struct{ c *cloud }

func (thing) Name() string { return "Test::Cloud::Thing" }

func (thing) Schema() *resource.Schema {
	return &resource.Schema{
		Properties: map[string]*resource.Property{
			"Name": {Kind: resource.String, Replaces: true}, "Kind": {Kind: resource.String, Replaces: true},
			"Size": {Kind: resource.Integer},
			"Uses": {Kind: resource.List, Item: &resource.Property{Kind: resource.String}},
			"Fail": {Kind: resource.String},
		},
		Names: &resource.Names{Property: "Name", Most: 40},
	}
}

func (t thing) Create(_ context.Context, r *resource.Request) (resource.Result, error) {
	if t.c.crashed.Load() {
		return resource.Result{}, errCrashed
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if physical, ok := t.c.tokens[r.Token]; ok {
		if !r.Repeated {
			panic("a token was used twice")
		}
		return t.result(physical), nil
	}
	if r.Properties["Fail"] == "create" {
		return resource.Result{}, &resource.Failure{Code: resource.InvalidRequest, Message: "no " + r.Logical,
			Service:   "Cloud",
			Status:    400,
			RequestID: "R"}
	}
	if t.c.things[r.Physical] != nil {
		return resource.Result{}, &resource.Failure{Code: resource.AlreadyExists,
			Message: r.Physical + " already exists"}
	}
	t.c.things[r.Physical] = maps.Clone(r.Properties)
	t.c.tokens[r.Token] = r.Physical
	t.c.made++
	return t.result(r.Physical), nil
}

func (t thing) result(physical string) resource.Result {
	return resource.Result{Physical: physical, Attributes: map[string]any{"Arn": "arn:" + physical}}
}

func (t thing) Update(_ context.Context, r *resource.Request) (resource.Result, error) {
	if t.c.crashed.Load() {
		return resource.Result{}, errCrashed
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.things[r.Physical] == nil {
		return resource.Result{}, &resource.Failure{Code: resource.NotFound, Message: r.Physical + " is gone"}
	}
	if r.Properties["Fail"] == "update" {
		return resource.Result{}, &resource.Failure{Code: resource.InvalidRequest,
			Message: "no change of " + r.Logical}
	}
	t.c.things[r.Physical] = maps.Clone(r.Properties)
	return t.result(r.Physical), nil
}

func (t thing) Delete(_ context.Context, r *resource.Request) error {
	if t.c.crashed.Load() {
		return errCrashed
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if there := t.c.things[r.Physical]; there != nil && there["Fail"] == "delete" {
		return &resource.Failure{Code: resource.InvalidRequest, Message: r.Physical + " is in use"}
	}
	delete(t.c.things, r.Physical)
	return nil
}

func (t thing) Read(_ context.Context, r *resource.Request) (map[string]any, error) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.things[r.Physical] == nil {
		return nil, &resource.Failure{Code: resource.NotFound, Message: "gone"}
	}
	return maps.Clone(t.c.things[r.Physical]), nil
}

// oneType has things alone.
type oneType struct{ thing }

func (o oneType) Known(name string) bool { return name == o.Name() }
func (o oneType) Lookup(name string) (resource.Type, bool) {
	return o.thing, o.Known(name)
}

// anybody is every caller.
type anybody struct{}

func (anybody) Keep(*auth.Caller) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
func (anybody) Restore(json.RawMessage, string, Scope) (*auth.Caller, error) {
	return &auth.Caller{Account: "123456789012"}, nil
}

// world is an engine over a cloud, which can crash and be opened again.
type world struct {
	t      testing.TB
	memory *memory
	cloud  *cloud
	e      *Engine
	ids    atomic.Int64
}

var here = Scope{Account: "123456789012", Region: "eu-west-1"}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, memory: &memory{records: map[string][]byte{}, left: -1},
		cloud: &cloud{things: map[string]map[string]any{}, tokens: map[string]string{}}}
	w.open()
	t.Cleanup(func() { w.e.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	e, err := Open(context.Background(), Options{
		Records: w.memory, Types: oneType{thing{w.cloud}}, Callers: anybody{}, Clock: clock.New(),
		Log:     slog.New(slog.DiscardHandler),
		NewID:   func() string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", w.ids.Add(1)) },
		NewName: func() string { return fmt.Sprintf("%012d", w.ids.Add(1)) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.e = e
	e.Start()
}

// crash ends the server after so many more writes, and opens it again.
func (w *world) crashAfter(writes int) {
	w.memory.mu.Lock()
	w.memory.left = writes
	w.memory.mu.Unlock()
}

// reopen is the start after a crash.
func (w *world) reopen() {
	w.e.Close()
	w.memory.mu.Lock()
	w.memory.left = -1
	w.memory.mu.Unlock()
	w.open()
}

func (w *world) create(body string, settings Settings) (Stack, error) {
	_, err := w.e.CreateStack(context.Background(),
		&Request{Scope: here, Name: "s", Source: Source{Body: body}, Settings: settings})
	if err != nil {
		return Stack{}, err
	}
	return w.settled(), nil
}

func (w *world) update(body string, settings Settings) (Stack, error) {
	_, err := w.e.UpdateStack(context.Background(),
		&Request{Scope: here, Name: "s", Source: Source{Body: body}, Settings: settings})
	if err != nil {
		return Stack{}, err
	}
	return w.settled(), nil
}

func (w *world) settled() Stack {
	w.t.Helper()
	s, ok := w.e.Settled(context.Background(), here, "s")
	if !ok {
		w.t.Fatal("there is no stack")
	}
	return s
}

// history is the events of a stack, the oldest first, with generated ids cut.
func (w *world) history(nameOrID string) string {
	events, ok := w.e.Events(here, nameOrID)
	if !ok {
		return "no stack\n"
	}
	slices.Reverse(events)
	var b strings.Builder
	for _, e := range events {
		physical := e.Physical
		if e.Type == StackType {
			physical = "stack"
		}
		fmt.Fprintf(&b, "%s %s %s", e.Logical, e.Status, short(physical))
		if e.Reason != "" {
			b.WriteString(" | " + short(e.Reason))
		}
		b.WriteString("\n")
	}
	return b.String()
}

var _ template.Exports = exports{}
