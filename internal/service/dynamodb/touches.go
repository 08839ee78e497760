package dynamodb

import (
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// ofWrite is a write of a transaction. What it may return is the item that fails its condition.
func ofWrite(item *dynamodbapi.TransactWriteItem) *touch {
	t := &touch{enclosing: "TransactWriteItems"}
	switch {
	case item.Put != nil:
		w := item.Put
		t.item = w.Item
		t.names = w.ExpressionAttributeNames
		t.expressions[0] = w.ConditionExpression
		t.returns = returns(nil, w.ReturnValuesOnConditionCheckFailure)
	case item.Update != nil:
		w := item.Update
		t.key = w.Key
		t.names = w.ExpressionAttributeNames
		t.expressions[0] = w.ConditionExpression
		t.update = w.UpdateExpression
		t.returns = returns(nil, w.ReturnValuesOnConditionCheckFailure)
	case item.Delete != nil:
		w := item.Delete
		t.key = w.Key
		t.names = w.ExpressionAttributeNames
		t.expressions[0] = w.ConditionExpression
		t.returns = returns(nil, w.ReturnValuesOnConditionCheckFailure)
	case item.ConditionCheck != nil:
		w := item.ConditionCheck
		t.key = w.Key
		t.names = w.ExpressionAttributeNames
		t.expressions[0] = w.ConditionExpression
		t.returns = returns(nil, w.ReturnValuesOnConditionCheckFailure)
	}
	return t
}

// partitionOf is the name of the partition key of a table or of an index; empty if it is not known.
func partitionOf(t *engine.Table, index *string) string {
	switch {
	case t == nil:
		return ""
	case index == nil:
		return t.Key.Hash.Name
	}
	if x := t.Index(*index); x != nil && len(x.Hash) == 1 {
		return x.Hash[0].Name
	}
	return ""
}

// selects is the effective Select of a read.
func selects(given, projection *string, attributes []string, index *string) string {
	switch {
	case given != nil:
		return *given
	case projection != nil || attributes != nil:
		return specific
	case index != nil:
		return "ALL_PROJECTED_ATTRIBUTES"
	}
	return everything
}

// returns is the effective ReturnValues of a write. An item that is returned because it failed the condition
// is returned all the same.
func returns(given, onFailure *string) string {
	switch {
	case onFailure != nil && *onFailure == "ALL_OLD":
		return *onFailure
	case given != nil:
		return *given
	}
	return "NONE"
}

func named[T any](byName map[string]T) []string { return slices.Sorted(maps.Keys(byName)) }
