package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// transactionFactor is how much more a read or write costs in a transaction.
const transactionFactor = 2

// plannedWrite is one write of a transaction that was read from the request, but not yet tied to its table.
type plannedWrite struct {
	target
	action     string
	called     string                // what the request calls the table
	returnItem *string               // ReturnValuesOnConditionCheckFailure
	word       func(err error) error // words an error of build
	build      func(t *engine.Table) (engine.Write, error)
}

// transactedWrites is the plan of a TransactWriteItems.
type transactedWrites struct {
	in      *dynamodbapi.TransactWriteItemsInput
	writes  []plannedWrite
	refusal error
}

func (w *transactedWrites) capacity(*conditionKeys) *string { return w.in.ReturnConsumedCapacity }

func (w *transactedWrites) touches(c *conditionKeys, visit func(*touch)) {
	for i := range w.writes {
		if w.writes[i].action == c.action && w.writes[i].arn == c.arn {
			visit(ofWrite(&w.in.TransactItems[i]))
		}
	}
}

// planTransactWrite needs the permissions of the writes that the transaction is made of.
func (s *Service) planTransactWrite(
	caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput, ask asking,
) (*transactedWrites, error) {
	items := in.TransactItems
	plan := &transactedWrites{in: in, writes: make([]plannedWrite, len(items))}
	names := make([]string, len(items))
	for i := range items {
		action, table, err := writeAction(&items[i])
		if err != nil {
			return nil, err
		}
		w := &plan.writes[i]
		if w.target, err = s.target(caller, table); err != nil {
			return nil, err
		}
		names[i] = *table
		w.called = *table
		w.action = action
		ask.need(action, &w.target, "", plan)
	}
	ask.note(names)
	plan.refusal = plan.read()
	return plan, nil
}

// writeAction is the permission that one write of a transaction needs, and its table. A write is exactly one
// of four things.
func writeAction(item *dynamodbapi.TransactWriteItem) (action string, table *string, err error) {
	actions := 0
	if item.Put != nil {
		action, table, actions = "dynamodb:PutItem", item.Put.TableName, actions+1
	}
	if item.Update != nil {
		action, table, actions = "dynamodb:UpdateItem", item.Update.TableName, actions+1
	}
	if item.Delete != nil {
		action, table, actions = "dynamodb:DeleteItem", item.Delete.TableName, actions+1
	}
	if item.ConditionCheck != nil {
		action, table, actions = "dynamodb:ConditionCheckItem", item.ConditionCheck.TableName, actions+1
	}
	if actions != 1 {
		return "", nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return action, table, nil
}

func (s *Service) transactWriteItems(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput, p *transactedWrites,
) (*dynamodbapi.TransactWriteItemsOutput, error) {
	if p.refusal != nil {
		return nil, p.refusal
	}
	plan := p.writes
	tables, writes, err := s.buildWrites(ctx, caller, p)
	if err != nil {
		return nil, err
	}
	if err := s.limits.admitTogether(tables, writing); err != nil {
		return nil, err
	}
	changes, repeated, err := s.engine.Transact(ctx, readToken(caller, in), writes)
	if err != nil {
		return nil, cancellation(err, plan)
	}
	s.limits.chargeTogether(tables, changes, repeated)
	metrics, err := s.transactionMetrics(ctx, in.ReturnItemCollectionMetrics, plan, tables, writes)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.TransactWriteItemsOutput{
		ConsumedCapacity:      transactionCost(in.ReturnConsumedCapacity, plan, tables, changes, repeated),
		ItemCollectionMetrics: metrics,
	}, nil
}

func (s *Service) transactionMetrics(
	ctx context.Context, mode *string, plan []plannedWrite, tables []*engine.Table, writes []engine.Write,
) (map[string][]dynamodbapi.ItemCollectionMetrics, error) {
	if !wantsCapacity(mode) {
		return nil, nil
	}
	called := make([]string, len(plan))
	for i := range plan {
		called[i] = plan[i].called
	}
	return s.batchMetrics(ctx, mode, tables, called, writes)
}

// buildWrites ties the writes to their tables. A write that does not fit its table cancels the transaction.
func (s *Service) buildWrites(
	ctx context.Context, caller *auth.Caller, p *transactedWrites,
) ([]*engine.Table, []engine.Write, error) {
	plan, tables := p.writes, make([]*engine.Table, len(p.writes))
	for i := range plan {
		tables[i] = plan[i].table
		if err := s.use(ctx, caller, &plan[i].target); err != nil {
			return nil, nil, err
		}
	}
	writes := make([]engine.Write, len(plan))
	var misfits []error
	for i, p := range plan {
		var err error
		if writes[i], err = p.build(tables[i]); err != nil {
			if misfits == nil {
				misfits = make([]error, len(plan))
			}
			misfits[i] = p.word(err)
			if isFault(err) {
				return nil, nil, misfits[i]
			}
		}
	}
	return tables, writes, cancelMisfits(misfits)
}

// transactionCost is what a transaction costs: one that was done before only reads.
func transactionCost(
	mode *string, plan []plannedWrite, tables []*engine.Table, changes []engine.Change, repeated bool,
) []dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	cost := &tally{}
	for i, change := range changes {
		if repeated {
			cost.add(plan[i].called, transactionFactor*readUnits(change.New.Size(), true))
		} else {
			cost.addCost(plan[i].called, costOfWrite(tables[i], change, transactionFactor))
		}
	}
	if repeated {
		return cost.consumedReads(mode)
	}
	return cost.consumedWrites(mode)
}

// read checks what needs no table, and compiles the expressions.
func (w *transactedWrites) read() error {
	for i := range w.writes {
		if err := w.writes[i].read(&w.in.TransactItems[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *plannedWrite) read(item *dynamodbapi.TransactWriteItem) error {
	switch {
	case item.Put != nil:
		return w.readPut(item.Put)
	case item.Update != nil:
		return w.readUpdate(item.Update)
	case item.Delete != nil:
		return w.readDelete(item.Delete)
	}
	return w.readCheck(item.ConditionCheck)
}

// transactedCondition compiles the condition of a write. Unlike elsewhere, placeholders without an expression
// are let pass.
func transactedCondition(
	text *string, names map[string]string, values attribute.Item,
) (engine.Condition, error) {
	if text == nil {
		return nil, nil
	}
	c := conditioned{expression: text, names: names, values: values}
	return c.compile()
}

func (w *plannedWrite) readPut(in *dynamodbapi.Put) error {
	if err := checkItemSize(in.Item); err != nil {
		return err
	}
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	w.returnItem, w.word = in.ReturnValuesOnConditionCheckFailure, refusal
	w.build = func(t *engine.Table) (engine.Write, error) { return engine.PutOf(t, in.Item, condition) }
	return err
}

func (w *plannedWrite) readUpdate(in *dynamodbapi.Update) error {
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames,
		values: in.ExpressionAttributeValues}
	u, err := compileUpdate(in.UpdateExpression, &c)
	w.returnItem, w.word = in.ReturnValuesOnConditionCheckFailure, lookupRefusal
	w.build = func(t *engine.Table) (engine.Write, error) {
		write, err := engine.UpdateOf(t, in.Key, u.condition, u.decide)
		if err == nil {
			err = u.keepKey(in.Key)
		}
		return write, err
	}
	return err
}

func (w *plannedWrite) readDelete(in *dynamodbapi.Delete) error {
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	w.returnItem, w.word = in.ReturnValuesOnConditionCheckFailure, lookupRefusal
	w.build = func(t *engine.Table) (engine.Write, error) { return engine.DeleteOf(t, in.Key, condition) }
	return err
}

func (w *plannedWrite) readCheck(in *dynamodbapi.ConditionCheck) error {
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	w.returnItem, w.word = in.ReturnValuesOnConditionCheckFailure, lookupRefusal
	w.build = func(t *engine.Table) (engine.Write, error) { return engine.CheckOf(t, in.Key, condition) }
	return err
}
