package deploy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
)

// Describe returns a stack by its name or ARN.
func (e *Engine) Describe(scope Scope, nameOrID string) (Stack, bool) {
	h := e.find(scope, nameOrID)
	if h == nil {
		return Stack{}, false
	}
	s, _ := h.now()
	return s, true
}

// Settled returns a stack once it does not move any more, or when ctx ends.
func (e *Engine) Settled(ctx context.Context, scope Scope, nameOrID string) (Stack, bool) {
	h := e.find(scope, nameOrID)
	if h == nil {
		return Stack{}, false
	}
	for {
		h.mu.Lock()
		s, moved := h.stack, h.moved
		h.mu.Unlock()
		if !s.Status.Moves() {
			return s, true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return s, true
		}
	}
}

// List returns all stacks of a scope, deleted ones too, the newest first.
func (e *Engine) List(scope Scope) []Stack {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.stacks))
	e.mu.Unlock()
	var out []Stack
	for _, h := range all {
		if s, _ := h.now(); s.Scope == scope {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Stack) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Events returns the events of a stack, the newest first.
func (e *Engine) Events(scope Scope, nameOrID string) ([]Event, bool) {
	h := e.find(scope, nameOrID)
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.events)
	slices.Reverse(out)
	return out, true
}

// Resources returns the records of a stack's resources, sorted by their ids.
func (e *Engine) Resources(scope Scope, nameOrID string) ([]Resource, bool) {
	h := e.find(scope, nameOrID)
	if h == nil {
		return nil, false
	}
	all := h.all()
	var out []Resource
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out = append(out, *all[id])
	}
	return out, true
}

// Templates returns the template of a stack as it was given and as it was processed.
func (e *Engine) Templates(scope Scope, nameOrID string) (original, processed string, ok bool) {
	h := e.find(scope, nameOrID)
	if h == nil {
		return "", "", false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.texts[h.stack.Generation]
	if !ok && h.stack.Operation != nil {
		t = h.texts[h.stack.Operation.Target]
	}
	return t.Original, t.Processed, true
}

// exports are the values that stacks of one scope export.
type exports struct {
	e     *Engine
	scope Scope
}

func (e *Engine) exportsIn(scope Scope) template.Exports { return exports{e, scope} }

// Import implements template.Exports.
func (x exports) Import(wanted string) (string, error) {
	for _, s := range x.e.List(x.scope) {
		for _, o := range s.Outputs {
			if o.Export == wanted && s.Status != DeleteComplete {
				return o.Value, nil
			}
		}
	}
	return "", document.Refuse(template.Position{}, "No export named "+wanted+" found")
}

// exporter returns the ARN of the stack that has an export, empty if none has.
func (e *Engine) exporter(scope Scope, wanted string) string {
	for _, s := range e.List(scope) {
		for _, o := range s.Outputs {
			if o.Export == wanted && s.Status != DeleteComplete {
				return s.ID
			}
		}
	}
	return ""
}

// Importers returns the names of the stacks whose templates import an export, sorted.
func (e *Engine) Importers(scope Scope, wanted string) (names []string) {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.stacks))
	e.mu.Unlock()
	for _, h := range all {
		s, t := h.now()
		if s.Scope != scope || s.Status == DeleteComplete || t.Processed == "" {
			continue
		}
		if e.imports(h, &s, t, wanted) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (e *Engine) importer(scope Scope, wanted string) string {
	if names := e.Importers(scope, wanted); len(names) > 0 {
		return names[0]
	}
	return ""
}

// imports evaluates a stack's template, and reports whether it asks for an export.
func (e *Engine) imports(h *held, s *Stack, t texts, wanted string) bool {
	if !strings.Contains(t.Processed, "Fn::ImportValue") {
		return false
	}
	again, err := e.again(t, s.Parameters)
	if err != nil {
		return false
	}
	asked := &askedExports{from: exports{e, s.Scope}, names: map[string]bool{}}
	evaluator := again.template.Evaluator(template.Environment{Pseudo: s.pseudo(), Parameters: again.values,
		Resources: knownResources{h, e.o.Types}, Exports: asked, DynamicReferences: e.o.References})
	for _, one := range again.template.Resources {
		_, _ = evaluator.Resource(one)
	}
	_, _ = evaluator.Outputs()
	return asked.names[wanted]
}

// askedExports notes which exports are asked for.
type askedExports struct {
	from  exports
	names map[string]bool
}

// Import implements template.Exports.
func (a *askedExports) Import(wanted string) (string, error) {
	a.names[wanted] = true
	return a.from.Import(wanted)
}

// changes reports whether an update would change anything.
func changes(s *Stack, current texts, t *target, settings *Settings) bool {
	if !maps.Equal(s.Tags, settings.Tags) || !slices.Equal(s.Parameters, t.parameters) ||
		!slices.Equal(s.NotificationARNs, settings.NotificationARNs) {
		return true
	}
	before, err := document.Parse([]byte(current.Processed))
	if err != nil {
		return true
	}
	return !document.Equal(before.Root, t.template.Document.Root)
}
