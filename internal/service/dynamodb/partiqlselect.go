package dynamodb

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// Limits of IN and its like on the partition key ("PartiQL arithmetic, comparison, and logical operators for DynamoDB").
const (
	maxPartitions  = 50
	partitionsPage = 10 // items of a page that reads several partitions
)

// selection is how a SELECT reads: one item by its key, one or several partitions, or everything.
type selection struct {
	statement  *partiql.Checked
	table      *engine.Table
	key        attribute.Item    // of the one item
	partitions []attribute.Value // nil reads everything
	query      engine.Query      // bounds and direction within a partition
}

func (s *Service) executeSelect(ctx context.Context, t *engine.Table, statement *partiql.Checked, in *dynamodbapi.ExecuteStatementInput) (*dynamodbapi.ExecuteStatementOutput, error) {
	selected, err := planSelect(t, statement)
	if err != nil {
		return nil, err
	}
	binding := bindToken(t, in.Statement, in.Parameters)
	start, err := readPosition(in.NextToken, binding, selected)
	if err != nil {
		return nil, err
	}
	page, err := s.readSelection(ctx, selected, start, in.Limit, isTrue(in.ConsistentRead))
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ExecuteStatementOutput{Items: page.items, LastEvaluatedKey: page.lastKey}
	if page.next != nil {
		token := page.next.token(binding)
		out.NextToken = &token
	}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, &statement.Table, page.units)
	}
	return out, nil
}

// planSelect decides how to read. Whatever it decides, the whole condition is asked of every item that is read.
func planSelect(t *engine.Table, statement *partiql.Checked) (*selection, error) {
	if statement.Index != "" {
		return nil, invalid(noIndex)
	}
	p := &selection{statement: statement, table: t}
	values, bounded := statement.Partitions(t.Key.Hash.Name)
	if err := checkOrder(&t.Key, statement, len(values), bounded); err != nil || !bounded {
		return p, err
	}
	if len(values) > maxPartitions {
		return nil, invalid("Too many hash attribute values in the WHERE clause: %d; the maximum is %d", len(values), maxPartitions)
	}
	for _, v := range values {
		if v.Kind() != t.Key.Hash.Kind {
			return nil, invalid(wrongKeyType)
		}
	}
	p.partitions = values
	p.order()
	if err := p.bound(); err != nil {
		return nil, err
	}
	return p, p.findKey()
}

// checkOrder checks ORDER BY, which sorts by key attributes within what the condition says of the partition key.
func checkOrder(key *engine.KeySchema, statement *partiql.Checked, partitions int, bounded bool) error {
	if len(statement.Order) == 0 {
		return nil
	}
	if statement.Where == nil {
		return invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
	}
	byHash := false
	for _, o := range statement.Order {
		byHash = byHash || o.Attribute == key.Hash.Name
		if !slices.ContainsFunc(key.Attributes(), func(a engine.KeyAttribute) bool { return a.Name == o.Attribute }) {
			return invalid("Attribute %s in ORDER BY clause must be part of the primary key", o.Attribute)
		}
	}
	switch {
	case !bounded:
		return invalid("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	case partitions > 1 && !byHash:
		return invalid("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
	}
	return nil
}

// order applies ORDER BY.
func (p *selection) order() {
	for _, o := range p.statement.Order {
		if o.Attribute != p.table.Key.Hash.Name {
			p.query.Reverse = o.Descending
			continue
		}
		slices.SortFunc(p.partitions, attribute.Compare)
		if o.Descending {
			slices.Reverse(p.partitions)
		}
	}
}

// bound narrows a partition to what the condition demands of the sort key.
func (p *selection) bound() error {
	key := p.table.Key.Range
	if key == nil {
		return nil
	}
	clause, ok := p.statement.Bound(key.Name)
	if !ok {
		return nil
	}
	p.query.Comparison, p.query.Low, p.query.High = comparison(clause.Comparison), clause.Low, clause.High
	if clause.Low.Kind() != key.Kind || clause.High != nil && clause.High.Kind() != key.Kind {
		return invalid(wrongKeyType)
	}
	return nil
}

// findKey sees whether the condition demands one item.
func (p *selection) findKey() error {
	if len(p.partitions) != 1 || p.table.Key.Range != nil && p.query.Comparison != engine.Equal {
		return nil
	}
	var b attribute.Builder
	b.Set(p.table.Key.Hash.Name, p.partitions[0])
	if p.table.Key.Range != nil {
		b.Set(p.table.Key.Range.Name, p.query.Low)
	}
	p.key = b.Item()
	return lookupRefusal(p.table.CheckKey(p.key))
}

// selected is one page of a selection.
type selected struct {
	items   []attribute.Item
	units   float64
	lastKey attribute.Item
	next    *position // nil behind the last page
}

// add adds what was read, and says where it ended.
func (r *selected) add(p *selection, page *engine.Page, consistent bool) {
	for _, item := range page.Items {
		r.items = append(r.items, p.statement.Columns.Apply(item))
	}
	r.units += readUnits(page.Size, consistent)
	r.lastKey = page.LastKey
}

func (s *Service) readSelection(ctx context.Context, p *selection, start position, limit *int64, consistent bool) (*selected, error) {
	page := engine.PageRequest{Start: start.key}
	if limit != nil {
		page.Limit = int(*limit)
	}
	if p.statement.Where != nil {
		page.Filter = p.statement.Where.Holds
	}
	result := &selected{items: []attribute.Item{}}
	switch {
	case p.key != nil:
		item, units, err := s.readOne(ctx, p.table, p.key, p.statement, consistent)
		result.units = units
		if item != nil {
			result.items = append(result.items, item)
		}
		return result, err
	case p.partitions != nil:
		return result, s.readPartitions(ctx, p, start.partition, page, result, consistent)
	}
	read, err := s.engine.Scan(ctx, p.table, engine.Scan{Page: page})
	if err != nil {
		return nil, tokenRefusal(err)
	}
	if result.add(p, read, consistent); read.LastKey != nil {
		result.next = &position{key: read.LastKey}
	}
	return result, nil
}

// readOne reads the item with a key, nil where there is none or the condition does not hold.
func (s *Service) readOne(ctx context.Context, t *engine.Table, key attribute.Item, statement *partiql.Checked, consistent bool) (attribute.Item, float64, error) {
	item, err := s.engine.Get(ctx, t, key, nil)
	if err != nil {
		return nil, 0, lookupRefusal(err)
	}
	units := readUnits(item.Size(), consistent)
	if item == nil {
		return nil, units, nil
	}
	if holds, err := statement.Where.Holds(item); err != nil || !holds {
		return nil, units, err
	}
	return statement.Columns.Apply(item), units, nil
}

// readPartitions reads partitions one after the other until the page is full.
func (s *Service) readPartitions(ctx context.Context, p *selection, from int, page engine.PageRequest, result *selected, consistent bool) error {
	if len(p.partitions) > 1 && (page.Limit == 0 || page.Limit > partitionsPage) {
		page.Limit = partitionsPage
	}
	query, limit, room := p.query, page.Limit, engine.MaxPageSize
	for i := from; i < len(p.partitions); i++ {
		query.Hash, query.Page = p.partitions[i], page
		read, err := s.engine.Query(ctx, p.table, query)
		if err != nil {
			return tokenRefusal(err)
		}
		result.add(p, read, consistent)
		if read.LastKey != nil {
			result.next = &position{i, read.LastKey}
			return nil
		}
		room -= read.Size
		page.Start, page.Room, page.Limit = nil, room, limit-read.Scanned
		if limit -= read.Scanned; i+1 < len(p.partitions) && (room <= 0 || page.Limit <= 0) {
			result.next = &position{partition: i + 1}
			return nil
		}
	}
	return nil
}
