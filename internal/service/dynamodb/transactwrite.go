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
	table      *string
	returnItem *string               // ReturnValuesOnConditionCheckFailure
	word       func(err error) error // words an error of build
	build      func(t *engine.Table) (engine.Write, error)
}

func (s *Service) transactWriteItems(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput,
) (*dynamodbapi.TransactWriteItemsOutput, error) {
	plan, err := planWrites(in.TransactItems)
	if err != nil {
		return nil, err
	}
	tables, writes, err := s.buildWrites(ctx, caller, plan)
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
	called := make([]string, len(plan))
	for i := range plan {
		called[i] = *plan[i].table
	}
	metrics, err := s.batchMetrics(ctx, in.ReturnItemCollectionMetrics, tables, called, writes)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.TransactWriteItemsOutput{
		ConsumedCapacity:      transactionCost(in.ReturnConsumedCapacity, plan, tables, changes, repeated),
		ItemCollectionMetrics: metrics,
	}, nil
}

// buildWrites ties the writes to their tables. A write that does not fit its table cancels the transaction.
func (s *Service) buildWrites(
	ctx context.Context, caller *auth.Caller, plan []plannedWrite,
) ([]*engine.Table, []engine.Write, error) {
	tables := make([]*engine.Table, len(plan))
	for i, p := range plan {
		var err error
		if tables[i], err = s.use(ctx, caller, p.table); err != nil {
			return nil, nil, err
		}
	}
	writes, misfits := make([]engine.Write, len(plan)), make([]error, len(plan))
	for i, p := range plan {
		var err error
		if writes[i], err = p.build(tables[i]); err != nil {
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
			cost.add(*plan[i].table, transactionFactor*readUnits(change.New.Size(), true))
		} else {
			cost.addCost(*plan[i].table, costOfWrite(tables[i], change, transactionFactor))
		}
	}
	if repeated {
		return cost.consumedReads(mode)
	}
	return cost.consumedWrites(mode)
}

// planWrites checks what needs no table, and compiles the expressions.
func planWrites(items []dynamodbapi.TransactWriteItem) ([]plannedWrite, error) {
	plan := make([]plannedWrite, len(items))
	for i := range items {
		var err error
		if plan[i], err = planWrite(&items[i]); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

func planWrite(item *dynamodbapi.TransactWriteItem) (plannedWrite, error) {
	switch {
	case item.Put != nil:
		return planPut(item.Put)
	case item.Update != nil:
		return planUpdate(item.Update)
	case item.Delete != nil:
		return planDelete(item.Delete)
	}
	return planCheck(item.ConditionCheck)
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

func planPut(in *dynamodbapi.Put) (plannedWrite, error) {
	if err := checkItemSize(in.Item); err != nil {
		return plannedWrite{}, err
	}
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, refusal,
		func(t *engine.Table) (engine.Write, error) {
			return engine.PutOf(t, in.Item, condition)
		}}, err
}

func planUpdate(in *dynamodbapi.Update) (plannedWrite, error) {
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames,
		values: in.ExpressionAttributeValues}
	u, err := compileUpdate(in.UpdateExpression, &c)
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, lookupRefusal,
		func(t *engine.Table) (engine.Write, error) {
			w, err := engine.UpdateOf(t, in.Key, u.condition, u.decide)
			if err == nil {
				err = u.keepKey(in.Key)
			}
			return w, err
		}}, err
}

func planDelete(in *dynamodbapi.Delete) (plannedWrite, error) {
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, lookupRefusal,
		func(t *engine.Table) (engine.Write, error) {
			return engine.DeleteOf(t, in.Key, condition)
		}}, err
}

func planCheck(in *dynamodbapi.ConditionCheck) (plannedWrite, error) {
	condition, err := transactedCondition(in.ConditionExpression, in.ExpressionAttributeNames,
		in.ExpressionAttributeValues)
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, lookupRefusal,
		func(t *engine.Table) (engine.Write, error) {
			return engine.CheckOf(t, in.Key, condition)
		}}, err
}
