package dynamodb

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

func (s *Service) putItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.PutItemInput,
) (*dynamodbapi.PutItemOutput, error) {
	condition, err := checkPut(in)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.limits.admit(t, nil, writing); err != nil {
		return nil, err
	}
	wantsOld := wantsOld(in.ReturnValues)
	change, err := s.put(ctx, t, in, condition, wantsOld)
	s.limits.chargeWrite(t, change, err, 1)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, refusal)
	}
	out := &dynamodbapi.PutItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, in.TableName,
		t, change)}
	if out.ItemCollectionMetrics, err = s.collectionMetrics(ctx, in.ReturnItemCollectionMetrics, t,
		in.Item); err != nil {
		return nil, err
	}
	if wantsOld {
		out.Attributes = change.Old
	}
	return out, nil
}

// checkPut checks what needs no table, in DynamoDB's order, and compiles the condition.
func checkPut(in *dynamodbapi.PutItemInput) (engine.Condition, error) {
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

func (s *Service) deleteItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.DeleteItemInput,
) (*dynamodbapi.DeleteItemOutput, error) {
	condition, err := checkDelete(in)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.limits.admit(t, nil, writing); err != nil {
		return nil, err
	}
	change, err := s.engine.Delete(ctx, t, in.Key, condition)
	s.limits.chargeWrite(t, change, err, 1)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, lookupRefusal)
	}
	out := &dynamodbapi.DeleteItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity,
		in.TableName, t, change)}
	if out.ItemCollectionMetrics, err = s.collectionMetrics(ctx, in.ReturnItemCollectionMetrics, t,
		in.Key); err != nil {
		return nil, err
	}
	if wantsOld(in.ReturnValues) {
		out.Attributes = change.Old
	}
	return out, nil
}

func checkDelete(in *dynamodbapi.DeleteItemInput) (engine.Condition, error) {
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

func (s *Service) getItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.GetItemInput,
) (*dynamodbapi.GetItemOutput, error) {
	selected := projected{in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet}
	projection, err := selected.compile()
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.limits.admit(t, nil, reading); err != nil {
		return nil, err
	}
	item, err := s.engine.Get(ctx, t, in.Key, nil)
	if err != nil {
		return nil, lookupRefusal(err)
	}
	s.limits.chargeRead(t, item, isTrue(in.ConsistentRead), 1)
	out := &dynamodbapi.GetItemOutput{Item: item}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, in.TableName,
			readUnits(item.Size(), isTrue(in.ConsistentRead)))
	}
	if projection != nil && item != nil {
		out.Item = projection.Apply(item)
	}
	return out, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

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
