package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

func (s *Service) executeSelect(
	ctx context.Context, t *engine.Table, statement *partiql.Checked, in *dynamodbapi.ExecuteStatementInput,
) (*dynamodbapi.ExecuteStatementOutput, error) {
	x, err := s.selectedIndex(t, statement, api.True(in.ConsistentRead))
	if err != nil {
		return nil, err
	}
	selected, err := planSelect(t, x, statement)
	if err != nil {
		return nil, err
	}
	binding := bindToken(t, in.Statement, in.Parameters)
	start, err := readPosition(in.NextToken, binding, selected)
	if err != nil {
		return nil, err
	}
	page, err := s.readSelection(ctx, selected, start, in.Limit, api.True(in.ConsistentRead))
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ExecuteStatementOutput{Items: page.items, LastEvaluatedKey: page.lastKey}
	if page.next != nil {
		out.NextToken = new(page.next.token(binding))
	}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = page.cost.consumed(in.ReturnConsumedCapacity, &statement.Table)
	}
	return out, nil
}

// selectedPage is one page of a selection.
type selectedPage struct {
	items   []attribute.Item
	cost    cost
	lastKey attribute.Item
	next    *position // nil behind the last page
}

// add adds what was read, and says where it ended.
func (r *selectedPage) add(p *selection, page *engine.Page, consistent bool) {
	for _, item := range page.Items {
		r.items = append(r.items, p.statement.Columns.Apply(item))
	}
	r.cost.addPage(p.index, page, consistent)
	r.lastKey = page.LastKey
}

func (s *Service) readSelection(
	ctx context.Context, p *selection, start position, limit *int64, consistent bool,
) (*selectedPage, error) {
	page := engine.PageRequest{Start: start.key}
	if limit != nil {
		page.Limit = int(*limit)
	}
	if p.statement.Where != nil {
		page.Filter = p.statement.Where.Holds
	}
	if p.key == nil { // else readOne asks
		if err := s.limits.admit(p.table, p.index, reading); err != nil {
			return nil, err
		}
	}
	result := &selectedPage{items: []attribute.Item{}}
	switch {
	case p.key != nil:
		item, units, err := s.readOne(ctx, p.table, p.key, p.statement, consistent)
		result.cost.table = units
		if item != nil {
			result.items = append(result.items, item)
		}
		return result, err
	case p.partitions != nil:
		err := s.readPartitions(ctx, p, start.partition, page, result, consistent)
		s.limits.charge(p.table, reading, &result.cost)
		return result, err
	}
	read, err := s.scanSelection(ctx, p, engine.Scan{Page: page})
	if err != nil {
		return nil, tokenRefusal(err)
	}
	result.add(p, read, consistent)
	if read.LastKey != nil {
		result.next = &position{key: read.LastKey}
	}
	s.limits.charge(p.table, reading, &result.cost)
	return result, nil
}

func (s *Service) scanSelection(ctx context.Context, p *selection, scan engine.Scan) (*engine.Page, error) {
	if p.index != nil {
		return s.engine.ScanIndex(ctx, p.table, p.index, scan, p.whole)
	}
	return s.engine.Scan(ctx, p.table, scan)
}

// readOne reads the item with a key, nil where there is none or the condition does not hold.
func (s *Service) readOne(
	ctx context.Context, t *engine.Table, key attribute.Item, statement *partiql.Checked, consistent bool,
) (attribute.Item, float64, error) {
	if err := s.limits.admit(t, nil, reading); err != nil {
		return nil, 0, err
	}
	item, err := s.engine.Get(ctx, t, key, nil)
	if err != nil {
		return nil, 0, lookupRefusal(err)
	}
	s.limits.chargeRead(t, item, consistent, 1)
	units := readUnits(item.Size(), consistent)
	if item == nil {
		return nil, units, nil
	}
	if holds, err := statement.Where.Holds(item); err != nil || !holds {
		return nil, units, err
	}
	return statement.Columns.Apply(item), units, nil
}

// readPartitions reads partitions one after the other until the page is full: when there is no room for
// another item of any size, because every read gives at least one.
func (s *Service) readPartitions(
	ctx context.Context, p *selection, from int, page engine.PageRequest, result *selectedPage,
	consistent bool,
) error {
	if len(p.partitions) > 1 && (page.Limit == 0 || page.Limit > partitionsPage) {
		page.Limit = partitionsPage
	}
	limit, room := page.Limit, engine.MaxPageSize
	for i := from; i < len(p.partitions); i++ {
		read, err := s.queryPartition(ctx, p, p.partitions[i], page)
		if err != nil {
			return tokenRefusal(err)
		}
		result.add(p, read, consistent)
		if read.LastKey != nil {
			result.next = &position{i, read.LastKey}
			return nil
		}
		limit, room = limit-read.Scanned, room-read.Size-read.FetchedSize
		page.Start = nil
		page.Limit = limit
		page.Room = room
		if i+1 < len(p.partitions) &&
			(room < engine.MaxItemSize || limit <= 0) {
			result.next = &position{partition: i + 1}
			return nil
		}
	}
	return nil
}

func (s *Service) queryPartition(
	ctx context.Context, p *selection, hash []attribute.Value, page engine.PageRequest,
) (*engine.Page, error) {
	if p.index != nil {
		return s.engine.QueryIndex(ctx, p.table, p.index, engine.IndexQuery{
			Hash: hash, Equal: p.equal, Comparison: p.comparison, Low: p.low, High: p.high,
			Reverse: p.reverse, Whole: p.whole, Page: page,
		})
	}
	return s.engine.Query(ctx, p.table, engine.Query{
		Hash: hash[0], Comparison: p.comparison, Low: p.low, High: p.high, Reverse: p.reverse, Page: page,
	})
}
