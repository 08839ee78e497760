package dynamodb

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

type putItem struct{ *Service }

func (putItem) names(in *dynamodbapi.PutItemInput) (table, index *string) { return in.TableName, nil }

func (putItem) capacity(in *dynamodbapi.PutItemInput) *string { return in.ReturnConsumedCapacity }

func (putItem) touches(in *dynamodbapi.PutItemInput, _ *engine.Table) *touch {
	return &touch{
		item: in.Item, expressions: [2]*string{in.ConditionExpression}, names: in.ExpressionAttributeNames,
		attributes: named(in.Expected),
		returns:    returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
	}
}

func (o putItem) run(
	ctx context.Context, in *dynamodbapi.PutItemInput, p itemPlan[engine.Condition],
) (*dynamodbapi.PutItemOutput, error) {
	t := p.table
	if err := o.limits.admit(t, nil, writing); err != nil {
		return nil, err
	}
	wantsOld := wantsOld(in.ReturnValues)
	change, err := o.put(ctx, t, in, p.request, wantsOld)
	o.limits.chargeWrite(t, change, err, 1)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, refusal)
	}
	out := &dynamodbapi.PutItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, in.TableName,
		t, change)}
	if out.ItemCollectionMetrics, err = o.collectionMetrics(ctx, in.ReturnItemCollectionMetrics, t,
		in.Item); err != nil {
		return nil, err
	}
	if wantsOld {
		out.Attributes = change.Old
	}
	return out, nil
}

// read checks the request and compiles the condition.
func (putItem) read(in *dynamodbapi.PutItemInput) (engine.Condition, error) {
	c := conditioned{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		in.Expected, in.ConditionalOperator}
	if err := c.checkForms(); err != nil {
		return nil, err
	}
	if err := checkReturnValues(in.ReturnValues); err != nil {
		return nil, err
	}
	if err := checkItemSize(in.Item); err != nil {
		return nil, err
	}
	return c.compile()
}

// checkItemSize refuses an item before anybody looks for its table.
func checkItemSize(item attribute.Item) error {
	if engine.TooLarge(item) {
		return refusal(engine.ErrItemTooLarge)
	}
	return nil
}

// put stores the item, and reads what was there before only if the answer depends on it.
func (s *Service) put(
	ctx context.Context, t *engine.Table, in *dynamodbapi.PutItemInput, condition engine.Condition,
	wantsOld bool,
) (engine.Change, error) {
	if condition == nil && !wantsOld && !wantsCapacity(in.ReturnConsumedCapacity) && s.limits == nil {
		return engine.Change{New: in.Item}, s.engine.Overwrite(ctx, t, in.Item)
	}
	return s.engine.Put(ctx, t, in.Item, condition)
}

type deleteItem struct{ *Service }

func (deleteItem) names(in *dynamodbapi.DeleteItemInput) (table, index *string) {
	return in.TableName, nil
}

func (deleteItem) capacity(in *dynamodbapi.DeleteItemInput) *string { return in.ReturnConsumedCapacity }

func (deleteItem) touches(in *dynamodbapi.DeleteItemInput, _ *engine.Table) *touch {
	return &touch{
		key: in.Key, expressions: [2]*string{in.ConditionExpression}, names: in.ExpressionAttributeNames,
		attributes: named(in.Expected),
		returns:    returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
	}
}

func (o deleteItem) run(
	ctx context.Context, in *dynamodbapi.DeleteItemInput, p itemPlan[engine.Condition],
) (*dynamodbapi.DeleteItemOutput, error) {
	t := p.table
	if err := o.limits.admit(t, nil, writing); err != nil {
		return nil, err
	}
	change, err := o.engine.Delete(ctx, t, in.Key, p.request)
	o.limits.chargeWrite(t, change, err, 1)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, lookupRefusal)
	}
	out := &dynamodbapi.DeleteItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity,
		in.TableName, t, change)}
	if out.ItemCollectionMetrics, err = o.collectionMetrics(ctx, in.ReturnItemCollectionMetrics, t,
		in.Key); err != nil {
		return nil, err
	}
	if wantsOld(in.ReturnValues) {
		out.Attributes = change.Old
	}
	return out, nil
}

func (deleteItem) read(in *dynamodbapi.DeleteItemInput) (engine.Condition, error) {
	c := conditioned{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		in.Expected, in.ConditionalOperator}
	if err := c.checkForms(); err != nil {
		return nil, err
	}
	if err := checkReturnValues(in.ReturnValues); err != nil {
		return nil, err
	}
	return c.compile()
}

type getItem struct{ *Service }

func (getItem) names(in *dynamodbapi.GetItemInput) (table, index *string) { return in.TableName, nil }

func (getItem) capacity(in *dynamodbapi.GetItemInput) *string { return in.ReturnConsumedCapacity }

func (getItem) touches(in *dynamodbapi.GetItemInput, _ *engine.Table) *touch {
	return &touch{
		key: in.Key, projection: in.ProjectionExpression, names: in.ExpressionAttributeNames,
		attributes: in.AttributesToGet,
		selects:    selects(nil, in.ProjectionExpression, in.AttributesToGet, nil),
	}
}

func (getItem) read(in *dynamodbapi.GetItemInput) (*expression.Projection, error) {
	selected := projected{in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet}
	return selected.compile()
}

func (o getItem) run(
	ctx context.Context, in *dynamodbapi.GetItemInput, p itemPlan[*expression.Projection],
) (*dynamodbapi.GetItemOutput, error) {
	if err := o.limits.admit(p.table, nil, reading); err != nil {
		return nil, err
	}
	item, err := o.engine.Get(ctx, p.table, in.Key, nil)
	if err != nil {
		return nil, lookupRefusal(err)
	}
	o.limits.chargeRead(p.table, item, api.True(in.ConsistentRead), 1)
	out := &dynamodbapi.GetItemOutput{Item: item}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, in.TableName,
			readUnits(item.Size(), api.True(in.ConsistentRead)))
	}
	if p.request != nil && item != nil {
		out.Item = p.request.Apply(item)
	}
	return out, nil
}

// checkReturnValues is for operations that can give back only what was there before.
func checkReturnValues(given *string) error {
	if given == nil || *given == "NONE" || *given == "ALL_OLD" {
		return nil
	}
	return invalid("ReturnValues can only be ALL_OLD or NONE")
}

func wantsOld(given *string) bool { return given != nil && *given == "ALL_OLD" }

// writeRefusal words why a write did not happen. A failed condition takes the item along when the request
// asks for it.
func writeRefusal(err error, returnItem *string, otherwise func(error) error) error {
	var failed *engine.ConditionError
	if !errors.As(err, &failed) {
		return otherwise(expressionRefusal(err))
	}
	return dynamodbapi.ConditionalCheckFailedException(conditionFailed, failedItem(failed, returnItem))
}

const conditionFailed = "The conditional request failed"

// failedItem is the item that failed a condition, if the request asks for it.
func failedItem(failed *engine.ConditionError, returnItem *string) attribute.Item {
	if wantsOld(returnItem) {
		return failed.Current
	}
	return nil
}
