package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// transactedReads is the plan of a TransactGetItems.
type transactedReads struct {
	in      *dynamodbapi.TransactGetItemsInput
	reads   []transactedRead
	refusal error
}

// transactedRead is one item that is read: its table, and the projection of it; nil is the whole item.
type transactedRead struct {
	target
	projection *expression.Projection
}

func (r *transactedReads) capacity(*conditionKeys) *string { return r.in.ReturnConsumedCapacity }

func (r *transactedReads) touches(c *conditionKeys, visit func(*touch)) {
	for i := range r.reads {
		if g := r.in.TransactItems[i].Get; r.reads[i].arn == c.arn {
			visit(&touch{
				key: g.Key, projection: g.ProjectionExpression, names: g.ExpressionAttributeNames,
				enclosing: "TransactGetItems",
				selects:   selects(nil, g.ProjectionExpression, nil, nil),
			})
		}
	}
}

// planTransactGet needs the permissions in the order of the tables' names.
func (s *Service) planTransactGet(
	caller *auth.Caller, in *dynamodbapi.TransactGetItemsInput, ask asking,
) (*transactedReads, error) {
	plan := &transactedReads{in: in, reads: make([]transactedRead, len(in.TransactItems))}
	names := make([]string, len(in.TransactItems))
	for i := range in.TransactItems {
		names[i] = *in.TransactItems[i].Get.TableName
	}
	names = distinct(names)
	for _, name := range names {
		t, err := s.target(caller, &name)
		if err != nil {
			return nil, err
		}
		ask.need("dynamodb:GetItem", &t, "", plan)
		for i := range in.TransactItems {
			if *in.TransactItems[i].Get.TableName == name {
				plan.reads[i].target = t
			}
		}
	}
	ask.note(names)
	plan.refusal = plan.compile()
	return plan, nil
}

func (s *Service) transactGetItems(
	ctx context.Context, caller *auth.Caller, _ *dynamodbapi.TransactGetItemsInput, plan *transactedReads,
) (*dynamodbapi.TransactGetItemsOutput, error) {
	if plan.refusal != nil {
		return nil, plan.refusal
	}
	tables, places, err := s.places(ctx, caller, plan)
	if err != nil {
		return nil, err
	}
	items, err := s.getTogether(ctx, tables, places)
	if err != nil {
		return nil, err
	}
	return transactionAnswer(plan, items), nil
}

// getTogether reads the items of a transaction at one moment, and charges their tables.
func (s *Service) getTogether(
	ctx context.Context, tables []*engine.Table, places []engine.Place,
) ([]attribute.Item, error) {
	if engine.SamePlaces(places) {
		return nil, transactionRefusal(engine.ErrSameItem)
	}
	if err := s.limits.admitTogether(tables, reading); err != nil {
		return nil, err
	}
	items, err := s.engine.GetTogether(ctx, places)
	if err != nil {
		return nil, transactionRefusal(err)
	}
	for i, item := range items {
		s.limits.chargeRead(tables[i], item, true, transactionFactor)
	}
	return items, nil
}

// places lets the caller through to the tables and finds the places of the items. A key that does not fit its
// table cancels the transaction.
func (s *Service) places(
	ctx context.Context, caller *auth.Caller, plan *transactedReads,
) ([]*engine.Table, []engine.Place, error) {
	gets := plan.in.TransactItems
	tables := make([]*engine.Table, len(gets))
	places := make([]engine.Place,
		len(gets))
	misfits := make([]error, len(gets))
	for i := range gets {
		tables[i] = plan.reads[i].table
		err := s.use(ctx, caller, &plan.reads[i].target)
		if err != nil {
			return nil, nil, err
		}
		if places[i], err = engine.PlaceOf(tables[i], gets[i].Get.Key); err != nil {
			misfits[i] = lookupRefusal(err)
			if isFault(err) {
				return nil, nil, misfits[i]
			}
		}
	}
	return tables, places, cancelMisfits(misfits)
}

// compile compiles the projections. Names without a projection are let pass.
func (r *transactedReads) compile() error {
	for i := range r.reads {
		get := r.in.TransactItems[i].Get
		if get.ProjectionExpression == nil {
			continue
		}
		selected := projected{expression: get.ProjectionExpression, names: get.ExpressionAttributeNames}
		var err error
		if r.reads[i].projection, err = selected.compile(); err != nil {
			return err
		}
	}
	return nil
}

func transactionAnswer(
	plan *transactedReads, items []attribute.Item,
) *dynamodbapi.TransactGetItemsOutput {
	mode := plan.in.ReturnConsumedCapacity
	cost, responses := &tally{}, make([]dynamodbapi.ItemResponse, len(items))
	for i, item := range items {
		if wantsCapacity(mode) {
			cost.add(*plan.in.TransactItems[i].Get.TableName, transactionFactor*readUnits(item.Size(), true))
		}
		if item != nil {
			responses[i].Item = selectFrom(plan.reads[i].projection, item)
		}
	}
	return &dynamodbapi.TransactGetItemsOutput{
		ConsumedCapacity: cost.consumedReads(mode), Responses: responses,
	}
}
