package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

func (s *Service) transactGetItems(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.TransactGetItemsInput,
) (*dynamodbapi.TransactGetItemsOutput, error) {
	projections, err := compileGets(in.TransactItems)
	if err != nil {
		return nil, err
	}
	tables, places, err := s.places(ctx, caller, in.TransactItems)
	if err != nil {
		return nil, err
	}
	items, err := s.getTogether(ctx, tables, places)
	if err != nil {
		return nil, err
	}
	return transactionAnswer(in, items, projections), nil
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

// places finds the tables and the places of the items. A key that does not fit its table cancels the
// transaction.
func (s *Service) places(
	ctx context.Context, caller *auth.Caller, gets []dynamodbapi.TransactGetItem,
) ([]*engine.Table, []engine.Place, error) {
	tables := make([]*engine.Table, len(gets))
	places := make([]engine.Place,
		len(gets))
	misfits := make([]error, len(gets))
	for i := range gets {
		var err error
		if tables[i], err = s.use(ctx, caller, gets[i].Get.TableName); err != nil {
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

// compileGets compiles the projections; nil is the whole item. Names without a projection are let pass.
func compileGets(gets []dynamodbapi.TransactGetItem) ([]*expression.Projection, error) {
	projections := make([]*expression.Projection, len(gets))
	for i := range gets {
		if gets[i].Get.ProjectionExpression == nil {
			continue
		}
		selected := projected{expression: gets[i].Get.ProjectionExpression,
			names: gets[i].Get.ExpressionAttributeNames}
		var err error
		if projections[i], err = selected.compile(); err != nil {
			return nil, err
		}
	}
	return projections, nil
}

func transactionAnswer(
	in *dynamodbapi.TransactGetItemsInput, items []attribute.Item, projections []*expression.Projection,
) *dynamodbapi.TransactGetItemsOutput {
	cost, responses := &tally{}, make([]dynamodbapi.ItemResponse, len(items))
	for i, item := range items {
		cost.add(*in.TransactItems[i].Get.TableName, transactionFactor*readUnits(item.Size(), true))
		if item != nil {
			responses[i].Item = selectFrom(projections[i], item)
		}
	}
	return &dynamodbapi.TransactGetItemsOutput{
		ConsumedCapacity: cost.consumedReads(in.ReturnConsumedCapacity), Responses: responses,
	}
}
