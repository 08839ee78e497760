package dynamodb

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

func (s *Service) putItem(ctx context.Context, caller *auth.Caller, in *dynamodbapi.PutItemInput) (*dynamodbapi.PutItemOutput, error) {
	returnOld, err := readReturnValues(in.ReturnValues)
	if err != nil {
		return nil, err
	}
	condition, err := readCondition(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	change, err := s.put(ctx, t, in, condition, returnOld)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, refusal)
	}
	out := &dynamodbapi.PutItemOutput{
		ConsumedCapacity:      writeCapacity(in.ReturnConsumedCapacity, t, change),
		ItemCollectionMetrics: collectionMetrics(in.ReturnItemCollectionMetrics),
	}
	if returnOld {
		out.Attributes = change.Old
	}
	return out, nil
}

// put stores the item, and reads what was there before only if the answer depends on it.
func (s *Service) put(ctx context.Context, t *engine.Table, in *dynamodbapi.PutItemInput, condition engine.Condition, wantsOld bool) (engine.Change, error) {
	if condition == nil && !wantsOld && !wantsCapacity(in.ReturnConsumedCapacity) {
		return engine.Change{New: in.Item}, s.engine.Overwrite(ctx, t, in.Item)
	}
	return s.engine.Put(ctx, t, in.Item, condition)
}

func (s *Service) deleteItem(ctx context.Context, caller *auth.Caller, in *dynamodbapi.DeleteItemInput) (*dynamodbapi.DeleteItemOutput, error) {
	returnOld, err := readReturnValues(in.ReturnValues)
	if err != nil {
		return nil, err
	}
	condition, err := readCondition(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	change, err := s.engine.Delete(ctx, t, in.Key, condition)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, lookupRefusal)
	}
	out := &dynamodbapi.DeleteItemOutput{
		ConsumedCapacity:      writeCapacity(in.ReturnConsumedCapacity, t, change),
		ItemCollectionMetrics: collectionMetrics(in.ReturnItemCollectionMetrics),
	}
	if returnOld {
		out.Attributes = change.Old
	}
	return out, nil
}

func (s *Service) getItem(ctx context.Context, caller *auth.Caller, in *dynamodbapi.GetItemInput) (*dynamodbapi.GetItemOutput, error) {
	projection, err := readProjection(in.ProjectionExpression, in.ExpressionAttributeNames)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	item, err := s.engine.Get(ctx, t, in.Key, nil)
	if err != nil {
		return nil, lookupRefusal(err)
	}
	out := &dynamodbapi.GetItemOutput{Item: item}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, t, readUnits(item.Size(), isTrue(in.ConsistentRead)))
	}
	if projection != nil && item != nil {
		out.Item = projection.Apply(item)
	}
	return out, nil
}

// collectionMetrics are what ReturnItemCollectionMetrics asks for. DynamoDB gives them only for tables with local secondary
// indexes, whatever the mode; there are none here.
func collectionMetrics(_ *string) *dynamodbapi.ItemCollectionMetrics { return nil }

func isTrue(b *bool) bool { return b != nil && *b }

// readReturnValues reads the ReturnValues of an operation that can give back only what was there before.
func readReturnValues(given *string) (old bool, err error) {
	switch {
	case given == nil || *given == "NONE":
		return false, nil
	case *given == "ALL_OLD":
		return true, nil
	}
	return false, invalid("ReturnValues can only be ALL_OLD or NONE")
}

// readCondition compiles a ConditionExpression; nil is no condition.
func readCondition(text *string, names map[string]string, values attribute.Item) (engine.Condition, error) {
	if text == nil && names == nil && values == nil {
		return nil, nil
	}
	scope := expression.NewScope(names, values)
	var condition engine.Condition
	if text != nil {
		compiled, err := scope.Condition(*text)
		if err != nil {
			return nil, expressionRefusal(err)
		}
		condition = compiled.Holds
	}
	return condition, expressionRefusal(scope.Finish())
}

func readProjection(text *string, names map[string]string) (*expression.Projection, error) {
	if text == nil && names == nil {
		return nil, nil
	}
	scope := expression.NewScope(names, nil)
	var projection *expression.Projection
	var err error
	if text != nil {
		if projection, err = scope.Projection(*text); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	return projection, expressionRefusal(scope.Finish())
}

func expressionRefusal(err error) error {
	var wrong *expression.Error
	if errors.As(err, &wrong) {
		return invalid("%s", wrong.Message)
	}
	return err
}

// writeRefusal words why a write did not happen. A failed condition takes the item along when the request asks for it.
func writeRefusal(err error, returnItem *string, otherwise func(error) error) error {
	var failed *engine.ConditionError
	if !errors.As(err, &failed) {
		return otherwise(expressionRefusal(err))
	}
	item := attribute.Item(nil)
	if returnItem != nil && *returnItem == "ALL_OLD" {
		item = failed.Current
	}
	return dynamodbapi.ConditionalCheckFailedException("The conditional request failed", item)
}
