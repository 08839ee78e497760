package dynamodb

import (
	"context"
	"errors"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

type updateItem struct{ *Service }

func (updateItem) names(in *dynamodbapi.UpdateItemInput) (table, index *string) {
	return in.TableName, nil
}

func (updateItem) capacity(in *dynamodbapi.UpdateItemInput) *string { return in.ReturnConsumedCapacity }

func (updateItem) touches(in *dynamodbapi.UpdateItemInput, _ *engine.Table) *touch {
	return &touch{
		key: in.Key, update: in.UpdateExpression, expressions: [2]*string{in.ConditionExpression},
		names:      in.ExpressionAttributeNames,
		attributes: slices.Concat(named(in.AttributeUpdates), named(in.Expected)),
		returns:    returns(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure),
	}
}

func (o updateItem) run(
	ctx context.Context, in *dynamodbapi.UpdateItemInput, p itemPlan[*itemUpdate],
) (*dynamodbapi.UpdateItemOutput, error) {
	t, u := p.table, p.request
	if err := t.CheckKey(in.Key); err != nil {
		return nil, lookupRefusal(err)
	}
	if err := u.keepKey(in.Key); err != nil {
		return nil, err
	}
	if err := o.limits.admit(t, nil, writing); err != nil {
		return nil, err
	}
	change, err := o.engine.Update(ctx, t, in.Key, u.condition, u.decide)
	o.limits.chargeWrite(t, change, err, 1)
	if err != nil {
		return nil, writeRefusal(err, in.ReturnValuesOnConditionCheckFailure, u.refusal)
	}
	metrics, err := o.collectionMetrics(ctx, in.ReturnItemCollectionMetrics, t, in.Key)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateItemOutput{
		Attributes:            u.returned(in.ReturnValues, change),
		ConsumedCapacity:      writeCapacity(in.ReturnConsumedCapacity, in.TableName, t, change),
		ItemCollectionMetrics: metrics,
	}, nil
}

// itemUpdate is an update that was read from a request. It is good for one call.
type itemUpdate struct {
	update    *expression.Update // nil makes an item of the key alone where there is none
	condition engine.Condition
	// onlyDeletes says that a legacy update only takes away, which makes no item where there is none.
	onlyDeletes bool
	legacy      bool
	key         attribute.Item
	touched     *expression.Projection
}

// read checks the request and compiles update and condition.
func (updateItem) read(in *dynamodbapi.UpdateItemInput) (*itemUpdate, error) {
	c := conditioned{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		in.Expected, in.ConditionalOperator}
	err := checkForms(
		[]parameter{{"UpdateExpression", in.UpdateExpression != nil},
			{"ConditionExpression", in.ConditionExpression != nil}},
		[]parameter{{"AttributeUpdates", in.AttributeUpdates != nil}, {"Expected", in.Expected != nil},
			{"ConditionalOperator", in.ConditionalOperator != nil}})
	if err != nil {
		return nil, err
	}
	if in.AttributeUpdates == nil && in.Expected == nil && in.ConditionalOperator == nil {
		return compileUpdate(in.UpdateExpression, &c)
	}
	return legacyUpdate(in.AttributeUpdates, &c)
}

// compileUpdate compiles an UpdateExpression and the ConditionExpression beside it, which share their
// placeholders.
func compileUpdate(text *string, c *conditioned) (u *itemUpdate, err error) {
	u = &itemUpdate{}
	scope := expression.NewScope(c.names, c.values, "UpdateExpression", "ConditionExpression")
	if text != nil {
		if u.update, err = scope.Update(*text); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	if u.condition, err = c.within(scope); err != nil {
		return nil, err
	}
	return u, expressionRefusal(scope.Finish())
}

func legacyUpdate(
	given map[string]dynamodbapi.AttributeValueUpdate, c *conditioned,
) (u *itemUpdate, err error) {
	u = &itemUpdate{onlyDeletes: len(given) > 0, legacy: given != nil}
	updates := make(map[string]expression.LegacyUpdate, len(given))
	for name, update := range given {
		updates[name] = expression.LegacyUpdate{Action: api.Text(update.Action), Value: update.Value}
		u.onlyDeletes = u.onlyDeletes && api.Text(update.Action) == "DELETE"
	}
	if given != nil {
		if u.update, err = expression.AttributeUpdates(updates); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	// compile also refuses placeholders, which nothing here can use.
	u.condition, err = c.compile()
	return u, err
}

// keepKey refuses an update that writes to the key, before any condition is asked. key is a key of the table.
func (u *itemUpdate) keepKey(key attribute.Item) error {
	u.key = key
	if u.update == nil {
		return nil
	}
	for _, name := range u.update.Attributes() {
		if key.Get(name) != nil {
			return invalidParameter("Cannot update attribute %s. This attribute is part of the key", name)
		}
	}
	return nil
}

// decide implements engine.Decide.
func (u *itemUpdate) decide(current attribute.Item) (next attribute.Item, err error) {
	switch {
	case current == nil && u.onlyDeletes:
		return nil, nil
	case u.update != nil:
		next, u.touched, err = u.update.Apply(current, u.key)
		return next, err
	case current == nil:
		return u.key, nil
	}
	return current, nil
}

// returned is what ReturnValues asks for; nil where nothing is selected.
func (u *itemUpdate) returned(given *string, change engine.Change) attribute.Item {
	var item attribute.Item
	switch api.Text(given) {
	case "ALL_OLD":
		item = change.Old
	case "ALL_NEW":
		item = change.New
	case "UPDATED_OLD":
		item = u.selectTouched(change.Old)
	case "UPDATED_NEW":
		item = u.selectTouched(change.New)
	}
	if item.Len() == 0 {
		return nil
	}
	return item
}

func (u *itemUpdate) selectTouched(item attribute.Item) attribute.Item {
	if u.touched == nil {
		return nil
	}
	return u.touched.Apply(item)
}

const updateTooLarge = "Item size to update has exceeded the maximum allowed size"

// refusal is updateRefusal with the words of AttributeUpdates, where they gave a key of an index another
// type.
func (u *itemUpdate) refusal(err error) error {
	if key := new(engine.KeyError); u.legacy && errors.As(err, &key) && key.Index != "" &&
		key.Problem == engine.KeyWrongKind {
		return invalid("Type mismatch for attribute to update")
	}
	return updateRefusal(err)
}

// updateRefusal is lookupRefusal with the words for an item that an update made too large.
func updateRefusal(err error) error {
	if errors.Is(err, engine.ErrItemTooLarge) {
		return invalid(updateTooLarge)
	}
	if key := new(engine.KeyError); errors.As(err, &key) && key.Index != "" {
		return updatedIndexKeyRefusal(key)
	}
	return lookupRefusal(err)
}
