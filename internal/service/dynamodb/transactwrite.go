package dynamodb

import (
	"context"
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// transactionFactor is how much more a read or write costs in a transaction.
const transactionFactor = 2

// plannedWrite is one write of a transaction that was read from the request, but not yet tied to its table.
type plannedWrite struct {
	table      *string
	returnItem *string // ReturnValuesOnConditionCheckFailure
	build      func(t *engine.Table) (engine.Write, error)
}

func (s *Service) transactWriteItems(ctx context.Context, caller *auth.Caller, in *dynamodbapi.TransactWriteItemsInput) (*dynamodbapi.TransactWriteItemsOutput, error) {
	plan, err := planWrites(in.TransactItems)
	if err != nil {
		return nil, err
	}
	writes := make([]engine.Write, len(plan))
	for i, p := range plan {
		t, err := s.use(ctx, caller, p.table)
		if err != nil {
			return nil, err
		}
		if writes[i], err = p.build(t); err != nil {
			return nil, err
		}
	}
	changes, repeated, err := s.engine.Transact(ctx, readToken(caller, in), writes)
	if err != nil {
		return nil, cancellation(err, plan)
	}
	return &dynamodbapi.TransactWriteItemsOutput{
		ConsumedCapacity:      transactionCost(in.ReturnConsumedCapacity, plan, changes, repeated),
		ItemCollectionMetrics: batchMetrics(in.ReturnItemCollectionMetrics),
	}, nil
}

// transactionCost is what a transaction costs: one that was done before only reads.
func transactionCost(mode *string, plan []plannedWrite, changes []engine.Change, repeated bool) []dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	cost := &tally{}
	for i, change := range changes {
		units := writeUnits(change)
		if repeated {
			units = readUnits(change.New.Size(), true)
		}
		cost.add(*plan[i].table, transactionFactor*units)
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

func planPut(in *dynamodbapi.Put) (plannedWrite, error) {
	if err := checkItemSize(in.Item); err != nil {
		return plannedWrite{}, err
	}
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	condition, err := c.compile()
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, func(t *engine.Table) (engine.Write, error) {
		w, err := engine.PutOf(t, in.Item, condition)
		return w, refusal(err)
	}}, err
}

func planUpdate(in *dynamodbapi.Update) (plannedWrite, error) {
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	u, err := compileUpdate(in.UpdateExpression, &c)
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, func(t *engine.Table) (engine.Write, error) {
		if err := u.fit(t, in.Key); err != nil {
			return engine.Write{}, err
		}
		w, err := engine.UpdateOf(t, in.Key, u.condition, u.decide)
		return w, lookupRefusal(err)
	}}, err
}

func planDelete(in *dynamodbapi.Delete) (plannedWrite, error) {
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	condition, err := c.compile()
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, func(t *engine.Table) (engine.Write, error) {
		w, err := engine.DeleteOf(t, in.Key, condition)
		return w, lookupRefusal(err)
	}}, err
}

func planCheck(in *dynamodbapi.ConditionCheck) (plannedWrite, error) {
	c := conditioned{expression: in.ConditionExpression, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	condition, err := c.compile()
	return plannedWrite{in.TableName, in.ReturnValuesOnConditionCheckFailure, func(t *engine.Table) (engine.Write, error) {
		w, err := engine.CheckOf(t, in.Key, condition)
		return w, lookupRefusal(err)
	}}, err
}

// transactionRefusal words what is wrong with a transaction as a whole.
func transactionRefusal(err error) error {
	switch {
	case errors.Is(err, engine.ErrSameItem):
		return invalid("Transaction request cannot include multiple operations on one item")
	case errors.Is(err, engine.ErrTransactionTooLarge):
		return invalid("The aggregate size of the items in the transaction cannot exceed 4 MB")
	case errors.Is(err, engine.ErrTokenReused):
		return dynamodbapi.IdempotentParameterMismatchException("The request uses the same client token as a previous, but non-identical request.")
	}
	return refusal(err)
}

// cancellation gives the reasons for which a transaction was cancelled, one for each of its writes.
func cancellation(err error, plan []plannedWrite) error {
	var cancelled *engine.TransactionError
	if !errors.As(err, &cancelled) {
		return transactionRefusal(err)
	}
	reasons := make([]dynamodbapi.CancellationReason, len(plan))
	codes := make([]string, len(plan))
	for i, reason := range cancelled.Reasons {
		code, message, item, ok := explainReason(reason, plan[i].returnItem)
		if !ok {
			return reason
		}
		codes[i], reasons[i] = code, dynamodbapi.CancellationReason{Code: &code, Message: message, Item: item}
	}
	return dynamodbapi.TransactionCanceledException("Transaction cancelled, please refer cancellation reasons for specific reasons ["+
		strings.Join(codes, ", ")+"]", reasons)
}

// explainReason words why one write could not be done. ok is false for an error that is not for clients.
func explainReason(reason error, returnItem *string) (code string, message *string, item attribute.Item, ok bool) {
	var failed *engine.ConditionError
	var wrong *expression.Error
	switch {
	case reason == nil:
		return "None", nil, nil, true
	case errors.As(reason, &failed):
		return "ConditionalCheckFailed", pointer(conditionFailed), failedItem(failed, returnItem), true
	case errors.As(reason, &wrong):
		return "ValidationError", &wrong.Message, nil, true
	case errors.Is(reason, engine.ErrItemTooLarge):
		return "ValidationError", pointer("Item size to update has exceeded the maximum allowed size"), nil, true
	}
	return "", nil, nil, false
}
