package dynamodb

import (
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// each visits what the request does with the table of the need, and of a transaction only what the need's
// action is about.
func (c *conditionKeys) each(visit func(*touch)) {
	switch in := c.request.(type) {
	case *dynamodbapi.GetItemInput:
		visit(&touch{
			key: in.Key, projection: in.ProjectionExpression, names: in.ExpressionAttributeNames,
			attributes: in.AttributesToGet,
			selects:    selects(nil, in.ProjectionExpression, in.AttributesToGet, nil),
		})
	case *dynamodbapi.PutItemInput:
		visit(&touch{
			item: in.Item, expressions: [2]*string{in.ConditionExpression},
			names: in.ExpressionAttributeNames, attributes: named(in.Expected),
			returns: returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
		})
	case *dynamodbapi.UpdateItemInput:
		visit(&touch{
			key: in.Key, update: in.UpdateExpression, expressions: [2]*string{in.ConditionExpression},
			names:      in.ExpressionAttributeNames,
			attributes: slices.Concat(named(in.AttributeUpdates), named(in.Expected)),
			returns:    returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
		})
	case *dynamodbapi.DeleteItemInput:
		visit(&touch{
			key: in.Key, expressions: [2]*string{in.ConditionExpression}, names: in.ExpressionAttributeNames,
			attributes: named(in.Expected),
			returns:    returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
		})
	case *dynamodbapi.QueryInput:
		visit(c.ofQuery(in))
	case *dynamodbapi.ScanInput:
		visit(&touch{
			projection: in.ProjectionExpression, expressions: [2]*string{in.FilterExpression},
			names:      in.ExpressionAttributeNames,
			attributes: slices.Concat(in.AttributesToGet, named(in.ScanFilter)),
			selects:    selects(in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName),
		})
	case toucher:
		in.touches(c, visit)
	default:
		c.eachOfMany(visit)
	}
}

// eachOfMany is each for batches and transactions.
func (c *conditionKeys) eachOfMany(visit func(*touch)) {
	switch in := c.request.(type) {
	case *dynamodbapi.BatchGetItemInput:
		for name, r := range in.RequestItems {
			for _, key := range r.Keys {
				c.visitOf(&name, visit, &touch{
					key: key, projection: r.ProjectionExpression, names: r.ExpressionAttributeNames,
					attributes: r.AttributesToGet,
					selects:    selects(nil, r.ProjectionExpression, r.AttributesToGet, nil),
				})
			}
		}
	case *dynamodbapi.BatchWriteItemInput:
		for name, requests := range in.RequestItems {
			for _, r := range requests {
				var t touch
				if r.PutRequest != nil {
					t.item = r.PutRequest.Item
				}
				if r.DeleteRequest != nil {
					t.key = r.DeleteRequest.Key
				}
				c.visitOf(&name, visit, &t)
			}
		}
	case *dynamodbapi.TransactGetItemsInput:
		for i := range in.TransactItems {
			if g := in.TransactItems[i].Get; g != nil {
				c.visitOf(g.TableName, visit, &touch{
					key: g.Key, projection: g.ProjectionExpression, names: g.ExpressionAttributeNames,
					enclosing: "TransactGetItems",
					selects:   selects(nil, g.ProjectionExpression, nil, nil),
				})
			}
		}
	case *dynamodbapi.TransactWriteItemsInput:
		for i := range in.TransactItems {
			if action, table, err := writeAction(&in.TransactItems[i]); err == nil && action == c.action {
				c.visitOf(table, visit, ofWrite(&in.TransactItems[i]))
			}
		}
	}
}

// visitOf visits t if it concerns the table of the need.
func (c *conditionKeys) visitOf(table *string, visit func(*touch), t *touch) {
	if resource, err := c.service.resource(c.caller, table); err == nil && resource == c.table {
		visit(t)
	}
}

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

func (c *conditionKeys) ofQuery(in *dynamodbapi.QueryInput) *touch {
	return &touch{
		leading: c.queriedPartition(in), projection: in.ProjectionExpression,
		names:       in.ExpressionAttributeNames,
		expressions: [2]*string{in.KeyConditionExpression, in.FilterExpression},
		attributes:  slices.Concat(in.AttributesToGet, named(in.QueryFilter), named(in.KeyConditions)),
		selects:     selects(in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName),
	}
}

// queriedPartition is the partition key that a query asks for. Where nobody knows which attribute that is, as
// for a table that is not there, all values that the key condition wants equal count: the query is refused
// then, or its partition is among them.
func (c *conditionKeys) queriedPartition(in *dynamodbapi.QueryInput) (values []attribute.Value) {
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		"FilterExpression", "KeyConditionExpression")
	condition, err := readKeyCondition(scope, in)
	if err != nil || condition == nil {
		return nil
	}
	hash := partitionOf(c.schema(), in.IndexName)
	for _, clause := range condition.Clauses() {
		if clause.Comparison == expression.Equal && (hash == "" || clause.Attribute == hash) {
			values = append(values, clause.Low)
		}
	}
	return values
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

// consumedCapacityOf is the effective ReturnConsumedCapacity of a request; nil for one that has no such
// member.
func consumedCapacityOf(request any) []string {
	var given *string
	switch in := request.(type) {
	case *dynamodbapi.GetItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.PutItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.UpdateItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.DeleteItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.QueryInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.ScanInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.BatchGetItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.BatchWriteItemInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.TransactGetItemsInput:
		given = in.ReturnConsumedCapacity
	case *dynamodbapi.TransactWriteItemsInput:
		given = in.ReturnConsumedCapacity
	case interface{ consumedCapacity() *string }:
		given = in.consumedCapacity()
	default:
		return nil
	}
	if given == nil {
		return []string{"NONE"}
	}
	return []string{*given}
}
