package dynamodb

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
)

// target is the table that a request names, whether or not it is there. It is found once: what was permitted
// on it is done to it, and not to one that is made anew under its name.
type target struct {
	name  engine.Name
	arn   string
	table *engine.Table // nil if there is none
}

// target finds the table of a TableName, which may be an ARN.
func (s *Service) target(caller *auth.Caller, given *string) (target, error) {
	name, err := tableName(caller, given)
	if err != nil {
		return target{}, err
	}
	return s.targetOf(name), nil
}

func (s *Service) targetOf(name engine.Name) target {
	if t, err := s.engine.Table(name); err == nil {
		return target{name, t.ARN, t}
	}
	return target{name: name, arn: tableARN(name)}
}

// itemPlan is the plan of an operation on the items of one table: the table, and the request as it was read,
// or why that was refused. A refusal is only said to those who have the permission.
type itemPlan[R any] struct {
	target
	request R
	refusal error
}

// itemOperation is an operation on the items of one table. R is its request, read and compiled; a pointer, so
// that a plan is small.
type itemOperation[In, R, Out any] interface {
	// names are the members that name the table, and the index if the request reads one.
	names(in *In) (table, index *string)
	// read checks what needs no table, in DynamoDB's order, and compiles the expressions.
	read(in *In) (R, error)
	// touches says what the request does with its item, or with what it searches: policies may put conditions
	// on that. t is nil if there is no such table.
	touches(in *In, t *engine.Table) *touch
	// capacity is ReturnConsumedCapacity.
	capacity(in *In) *string
	// run does what was asked to p.table, which the caller was let through to.
	run(ctx context.Context, in *In, p itemPlan[R]) (*Out, error)
}

// onItems binds an operation on the items of one table. Its permission has the operation's name, on the index
// if the request reads one. The caller is let through to the table's rows before it runs (P2).
func onItems[In, Out, R any, O itemOperation[In, R, Out]](
	s *Service, op api.Operation[In, Out], o O,
) *service.Endpoint[In, Out] {
	touching := &itemTouching[In, R, Out]{o}
	action := "dynamodb:" + op.Name
	plan := func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (p itemPlan[R], err error) {
		table, index := o.names(in)
		if p.target, err = s.target(caller, table); err != nil {
			return p, err
		}
		s.needOn(caller, action, &p.target, api.Text(index), needs).touchedBy(touching, in)
		needs.Note("tableName", *table)
		if index != nil {
			needs.Note("indexName", *index)
		}
		p.request, p.refusal = o.read(in)
		return p, nil
	}
	return service.Bind(reads(op), plan, func(
		ctx context.Context, caller *auth.Caller, in *In, p itemPlan[R],
	) (*Out, error) {
		if p.refusal != nil {
			return nil, p.refusal
		}
		if err := s.use(ctx, caller, &p.target); err != nil {
			return nil, err
		}
		return o.run(ctx, in, p)
	})
}

// touching is what condition keys ask of the request that a need belongs to.
type touching interface {
	// touches visits what the request does with the table of the need, and of a transaction only what the
	// need's action is about.
	touches(c *conditionKeys, visit func(*touch))
	// capacity is ReturnConsumedCapacity.
	capacity(c *conditionKeys) *string
}

// itemTouching is touching for an operation on the items of one table, whose input the condition keys hold.
type itemTouching[In, R, Out any] struct{ o itemOperation[In, R, Out] }

func (i *itemTouching[In, R, Out]) touches(c *conditionKeys, visit func(*touch)) {
	visit(i.o.touches(c.input.(*In), c.table))
}

func (i *itemTouching[In, R, Out]) capacity(c *conditionKeys) *string {
	return i.o.capacity(c.input.(*In))
}

// asking collects the permissions of a call on the items of several tables. None can be had without saying
// what the request touches.
type asking struct {
	service *Service
	caller  *auth.Caller
	needs   *auth.Needs
}

// onTables binds an operation on the items of several tables. It lets the caller through to each by use.
func onTables[In, P, Out any](
	s *Service, op api.Operation[In, Out], plan func(caller *auth.Caller, in *In, ask asking) (P, error),
	run service.Run[In, P, Out],
) *service.Endpoint[In, Out] {
	return service.Bind(reads(op), func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (P, error) {
		return plan(caller, in, asking{s, caller, needs})
	}, run)
}

// need adds a permission that is not there yet, on a table or, if it is not empty, an index.
func (a asking) need(action string, t *target, index string, by touching) {
	resource := resourceARN(t, index)
	known := func(n auth.Need) bool { return n.Action == action && n.Resource == resource }
	if !slices.ContainsFunc(a.needs.All(), known) {
		a.service.needOn(a.caller, action, t, index, a.needs).touchedBy(by, nil)
	}
}

// note notes the tables for the trail, by what the request calls them.
func (a asking) note(tables []string) { a.needs.Note("tableNames", distinct(tables)) }

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// needOn adds the permission for an action on a table or, if it is not empty, an index, with the condition
// keys that it has, and gives those back.
func (s *Service) needOn(
	caller *auth.Caller, action string, t *target, index string, needs *auth.Needs,
) *conditionKeys {
	c := keysIn(needs)
	c.action = action
	c.table = t.table
	c.arn = t.arn
	c.index = index
	n := auth.Need{Action: action, Resource: resourceARN(t, index), Context: c}
	if t.table != nil {
		n.Policy = s.PolicyOf(caller, action, t.table, nil)
	}
	needs.Add(n)
	return c
}

// resourceARN is the ARN of a table or, if index is not empty, of an index of it.
func resourceARN(t *target, index string) string {
	if index == "" {
		return t.arn
	}
	return indexARN(t.arn, index)
}

// need is the plan of an operation on a table: it finds the table, adds the permission for an action on it,
// and notes its name for the trail.
func (s *Service) need(
	caller *auth.Caller, action string, given *string, needs *auth.Needs,
) (target, error) {
	t, err := s.target(caller, given)
	if err != nil {
		return t, err
	}
	s.needOn(caller, action, &t, "", needs)
	needs.Note("tableName", *given)
	return t, nil
}

// there is the table, or the refusal of operations on tables: the name that is not there is said.
func (t *target) there() (*engine.Table, error) {
	if t.table == nil {
		return nil, notFound("Requested resource not found: Table: %s not found", t.name.Table)
	}
	return t.table, nil
}

// use sees that a table takes item operations, and lets the caller through to its rows.
func (s *Service) use(ctx context.Context, caller *auth.Caller, t *target) error {
	if t.table == nil || !s.takesItems(t.table) {
		return notFound("Requested resource not found")
	}
	return s.LetThrough(ctx, caller, t.table)
}
