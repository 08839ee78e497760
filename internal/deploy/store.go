package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/deploy/resource"
)

// Records keeps what the engine knows. Names are short paths; what they hold is for this package to read.
type Records interface {
	// Load calls visit for every record, in any order. visit does not keep data.
	Load(ctx context.Context, visit func(name string, data []byte) error) error
	// Write makes all changes, or none; nil data deletes a record. When it returns nil they are durable.
	Write(ctx context.Context, changes map[string][]byte) error
}

// texts are the templates of one generation of a stack.
type texts struct {
	Original  string `json:"original"`
	Processed string `json:"processed"`
}

// held is what the engine knows of one stack.
type held struct {
	mu         sync.Mutex
	stack      Stack
	resources  map[string]*Resource
	events     []Event
	texts      map[int]texts
	changeSets map[string]*ChangeSet
	// moved is closed and made anew with every change.
	moved chan struct{}
	works bool // somebody works on the operation
}

func newHeld() *held {
	return &held{resources: map[string]*Resource{}, texts: map[int]texts{},
		changeSets: map[string]*ChangeSet{},
		moved:      make(chan struct{})}
}

// The names of records. Events are numbered so that they are in order.
func stackRecord(uuid string) string         { return "stack/" + uuid }
func resourceRecord(uuid, id string) string  { return "resource/" + uuid + "/" + id }
func eventRecord(uuid string, n int) string  { return fmt.Sprintf("event/%s/%016d", uuid, n) }
func textsRecord(uuid string, n int) string  { return fmt.Sprintf("texts/%s/%d", uuid, n) }
func changeSetRecord(uuid, id string) string { return "changeset/" + uuid + "/" + id }

// load reads all records.
func (e *Engine) load(ctx context.Context) error {
	return e.o.Records.Load(ctx, func(name string, data []byte) error {
		kind, rest, _ := strings.Cut(name, "/")
		uuid, _, _ := strings.Cut(rest, "/")
		if e.stacks[uuid] == nil {
			e.stacks[uuid] = newHeld()
		}
		if err := e.stacks[uuid].read(kind, name, data); err != nil {
			return fmt.Errorf("record %s of stacks: %w", name, err)
		}
		return nil
	})
}

func (h *held) read(kind, name string, data []byte) error {
	switch kind {
	case "stack":
		return json.Unmarshal(data, &h.stack)
	case "resource":
		r := new(Resource)
		err := json.Unmarshal(data, r)
		h.resources[r.ID] = r
		return err
	case "event":
		var event Event
		err := json.Unmarshal(data, &event)
		h.events = append(h.events, event)
		return err
	case "texts":
		var generation int
		var t texts
		if _, err := fmt.Sscanf(name[strings.LastIndex(name, "/")+1:], "%d", &generation); err != nil {
			return err
		}
		err := json.Unmarshal(data, &t)
		h.texts[generation] = t
		return err
	case "changeset":
		c := new(ChangeSet)
		err := json.Unmarshal(data, c)
		h.changeSets[c.UUID] = c
		return err
	}
	return fmt.Errorf("kind %q is not known", kind)
}

// A change is what one commit does to a stack.
type change struct {
	Stack      // a copy, to be changed
	now        time.Time
	newID      func() string
	events     []Event
	resources  map[string]*Resource // nil deletes
	texts      map[int]*texts
	changeSets map[string]*ChangeSet
}

// put sets the record of a resource.
func (c *change) put(r *Resource) {
	r.Changed = c.now
	c.resources[r.ID] = r
}

// note adds an event of the stack itself, and gives the stack its status.
func (c *change) note(status Status, reason string) {
	c.Stack.Status = status
	c.Stack.Reason = reason
	c.add(Event{ID: c.newID(), Logical: c.Name, Physical: c.ID, Type: StackType, Status: status,
		Reason: reason})
}

// tell gives a resource a status, and adds the event of it, with what it is made of.
func (c *change) tell(r *Resource, status Status, physical, reason string, properties json.RawMessage) {
	r.Status = status
	r.Reason = reason
	c.put(r)
	event := Event{Logical: r.ID, Physical: physical, Type: r.Type, Status: status, Reason: reason}
	if c.Operation != nil && c.Operation.Cleaning {
		event.ID = r.ID + "-" + c.newID()
	} else {
		text := string(properties)
		if text == "" {
			text = "{}"
		}
		event.Properties = &text
	}
	c.add(event)
}

// add numbers and times an event. Times grow strictly: clients tell by them which events they have seen.
func (c *change) add(event Event) {
	c.Sequence++
	event.Sequence = c.Sequence
	event.At = c.now
	if event.ID == "" {
		event.ID = event.Logical + "-" + string(event.Status) + "-" +
			event.At.Format("2006-01-02T15:04:05.000Z")
	}
	if c.Operation != nil {
		event.Token = c.Operation.Token
	}
	c.events = append(c.events, event)
	c.now = c.now.Add(time.Millisecond)
}

// commit makes a change durable and visible, or leaves everything as it was.
func (e *Engine) commit(ctx context.Context, h *held, fill func(c *change) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return e.commitLocked(ctx, h, fill)
}

func (e *Engine) commitLocked(ctx context.Context, h *held, fill func(c *change) error) error {
	c := &change{Stack: h.stack, newID: e.o.NewID, resources: map[string]*Resource{}, texts: map[int]*texts{},
		changeSets: map[string]*ChangeSet{}, now: e.o.Clock.Now().Truncate(time.Millisecond)}
	if n := len(h.events); n > 0 && !c.now.After(h.events[n-1].At) {
		c.now = h.events[n-1].At.Add(time.Millisecond)
	}
	if err := fill(c); err != nil {
		return err
	}
	records, err := c.records()
	if err != nil {
		return err
	}
	if err := e.o.Records.Write(ctx, records); err != nil {
		return fmt.Errorf("writing the state of stack %s: %w", c.Name, err)
	}
	h.apply(c)
	return nil
}

// records are what a change writes.
func (c *change) records() (map[string][]byte, error) {
	out := map[string][]byte{}
	set := func(name string, value any) error {
		data, err := json.Marshal(value)
		out[name] = data
		return err
	}
	if err := set(stackRecord(c.UUID), c.Stack); err != nil {
		return nil, err
	}
	for _, event := range c.events {
		if err := set(eventRecord(c.UUID, event.Sequence), event); err != nil {
			return nil, err
		}
	}
	for id, r := range c.resources {
		if r == nil {
			out[resourceRecord(c.UUID, id)] = nil
		} else if err := set(resourceRecord(c.UUID, id), r); err != nil {
			return nil, err
		}
	}
	for n, t := range c.texts {
		if t == nil {
			out[textsRecord(c.UUID, n)] = nil
		} else if err := set(textsRecord(c.UUID, n), t); err != nil {
			return nil, err
		}
	}
	for id, s := range c.changeSets {
		if s == nil {
			out[changeSetRecord(c.UUID, id)] = nil
		} else if err := set(changeSetRecord(c.UUID, id), s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (h *held) apply(c *change) {
	h.stack = c.Stack
	h.events = append(h.events, c.events...)
	for id, r := range c.resources {
		if r == nil {
			delete(h.resources, id)
		} else {
			h.resources[id] = r
		}
	}
	for n, t := range c.texts {
		if t == nil {
			delete(h.texts, n)
		} else {
			h.texts[n] = *t
		}
	}
	for id, s := range c.changeSets {
		if s == nil {
			delete(h.changeSets, id)
		} else {
			h.changeSets[id] = s
		}
	}
	close(h.moved)
	h.moved = make(chan struct{})
}

// resource returns a copy of the record of a resource, nil if there is none.
func (h *held) resource(id string) *Resource {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.resources[id]
	if !ok {
		return nil
	}
	clone := *r
	return &clone
}

// all returns copies of the records of all resources.
func (h *held) all() map[string]*Resource {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[string]*Resource, len(h.resources))
	for id, r := range h.resources {
		clone := *r
		out[id] = &clone
	}
	return out
}

// instanceOf is what a step left, as it is kept.
func instanceOf(result resource.Result, properties json.RawMessage) (Instance, error) {
	attributes, err := json.Marshal(result.Attributes)
	i := Instance{Physical: result.Physical, Ref: result.Ref, Properties: properties, Attributes: attributes}
	if i.Ref == "" {
		i.Ref = i.Physical
	}
	return i, err
}
