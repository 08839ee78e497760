package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// Limits of batches ("BatchGetItem", "BatchWriteItem").
const (
	maxBatchReads     = 100
	maxBatchWrites    = 25
	maxBatchReadBytes = 16 << 20
)

// batchRead is what a BatchGetItem asks of one table.
type batchRead struct {
	target
	called     string // as the request has it: a name or an ARN
	request    dynamodbapi.KeysAndAttributes
	projection *expression.Projection
	throttled  error // why keys were left, nil if it was not for lack of capacity
}

// leave gives the keys from a place on back.
func (r *batchRead) leave(from int, out *dynamodbapi.BatchGetItemOutput) {
	left := r.request
	left.Keys = r.request.Keys[from:]
	out.UnprocessedKeys[r.called] = left
}

// batchReads is the plan of a BatchGetItem, in the order of the tables' names.
type batchReads struct {
	in      *dynamodbapi.BatchGetItemInput
	reads   []batchRead
	refusal error
}

func (b *batchReads) capacity(*conditionKeys) *string { return b.in.ReturnConsumedCapacity }

func (b *batchReads) touches(c *conditionKeys, visit func(*touch)) {
	for i := range b.reads {
		r := &b.reads[i].request
		if b.reads[i].arn != c.arn {
			continue
		}
		for _, key := range r.Keys {
			visit(&touch{
				key: key, projection: r.ProjectionExpression, names: r.ExpressionAttributeNames,
				attributes: r.AttributesToGet,
				selects:    selects(nil, r.ProjectionExpression, r.AttributesToGet, nil),
			})
		}
	}
}

func (s *Service) planBatchGet(
	caller *auth.Caller, in *dynamodbapi.BatchGetItemInput, ask asking,
) (*batchReads, error) {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	plan := &batchReads{in: in, reads: make([]batchRead, len(names))}
	for i, name := range names {
		t, err := s.target(caller, &name)
		if err != nil {
			return nil, err
		}
		plan.reads[i] = batchRead{target: t, called: name, request: in.RequestItems[name]}
		ask.need("dynamodb:BatchGetItem", &t, "", plan)
	}
	ask.note(names)
	plan.refusal = plan.check()
	return plan, nil
}

func (s *Service) batchGetItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchGetItemInput, plan *batchReads,
) (*dynamodbapi.BatchGetItemOutput, error) {
	if plan.refusal != nil {
		return nil, plan.refusal
	}
	if err := s.useBatch(ctx, caller, plan.reads); err != nil {
		return nil, err
	}
	out := &dynamodbapi.BatchGetItemOutput{
		Responses:       make(map[string][]attribute.Item, len(plan.reads)),
		UnprocessedKeys: map[string]dynamodbapi.KeysAndAttributes{},
	}
	cost, room := &tally{}, maxBatchReadBytes
	for i := range plan.reads {
		var err error
		if room, err = s.readBatch(ctx, &plan.reads[i], out, cost, room); err != nil {
			return nil, err
		}
	}
	if len(cost.names) == 0 { // nothing was read at all: there was no capacity for the first key either
		return nil, plan.reads[0].throttled
	}
	out.ConsumedCapacity = cost.consumed(in.ReturnConsumedCapacity)
	return out, nil
}

// check checks what needs no table, and compiles the projections.
func (b *batchReads) check() error {
	if err := checkBatchForms(b.in.RequestItems); err != nil {
		return err
	}
	keys := 0
	for i := range b.reads {
		r := &b.reads[i]
		selected := projected{r.request.ProjectionExpression, r.request.ExpressionAttributeNames,
			r.request.AttributesToGet}
		var err error
		if r.projection, err = selected.compile(); err != nil {
			return err
		}
		if err := checkBatchKeys(r.request.Keys); err != nil {
			return err
		}
		keys += len(r.request.Keys)
	}
	if keys > maxBatchReads {
		return invalid("Too many items requested for the BatchGetItem call")
	}
	return nil
}

// checkBatchForms refuses projections in both forms, also for different tables.
func checkBatchForms(items map[string]dynamodbapi.KeysAndAttributes) error {
	expression, attributes := parameter{name: "ProjectionExpression"}, parameter{name: "AttributesToGet"}
	for _, r := range items {
		expression.given = expression.given || r.ProjectionExpression != nil
		attributes.given = attributes.given || r.AttributesToGet != nil
	}
	return checkForms([]parameter{expression}, []parameter{attributes})
}

// checkBatchKeys refuses a key that is there twice, whether or not there is such a table.
func checkBatchKeys(keys []attribute.Item) error {
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		if seen[string(key)] {
			return repeatedKeys()
		}
		seen[string(key)] = true
	}
	return nil
}

func repeatedKeys() error { return invalid("Provided list of item keys contains duplicates") }

// useBatch lets the caller through to the tables and checks the keys against them.
func (s *Service) useBatch(ctx context.Context, caller *auth.Caller, reads []batchRead) error {
	var places []engine.Place
	for i := range reads {
		r := &reads[i]
		if err := s.use(ctx, caller, &r.target); err != nil {
			return err
		}
		for _, key := range r.request.Keys {
			place, err := engine.PlaceOf(r.table, key)
			if err != nil {
				return lookupRefusal(err)
			}
			places = append(places, place)
		}
	}
	if engine.SamePlaces(places) {
		return repeatedKeys()
	}
	return nil
}

// readBatch reads the items of one table. When there is no more room in the answer, the keys that are left
// are given back.
func (s *Service) readBatch(
	ctx context.Context, r *batchRead, out *dynamodbapi.BatchGetItemOutput, cost *tally, room int,
) (int, error) {
	found := []attribute.Item{}
	for i, key := range r.request.Keys {
		r.throttled = s.limits.admit(r.table, nil, reading)
		if r.throttled != nil {
			r.leave(i, out)
			break
		}
		item, err := s.engine.Get(ctx, r.table, key, nil)
		if err != nil {
			return 0, lookupRefusal(err)
		}
		size := item.Size()
		if size > room {
			r.leave(i, out)
			room = 0
			break
		}
		room -= size
		s.limits.chargeRead(r.table, item, api.True(r.request.ConsistentRead), 1)
		cost.add(r.called, readUnits(size, api.True(r.request.ConsistentRead)))
		if item != nil {
			found = append(found, selectFrom(r.projection, item))
		}
	}
	out.Responses[r.called] = found
	return room, nil
}

// selectFrom applies a projection, if there is one.
func selectFrom(p *expression.Projection, item attribute.Item) attribute.Item {
	if p == nil {
		return item
	}
	return p.Apply(item)
}

// batchWrites is the plan of a BatchWriteItem.
type batchWrites struct {
	in      *dynamodbapi.BatchWriteItemInput
	tables  []batchedTable // in the order of their names, so that what is refused does not depend on chance
	refusal error
}

// batchedTable is a table that a batch writes to, with what the request calls it.
type batchedTable struct {
	target
	called string
}

func (b *batchWrites) capacity(*conditionKeys) *string { return b.in.ReturnConsumedCapacity }

func (b *batchWrites) touches(c *conditionKeys, visit func(*touch)) {
	for i := range b.tables {
		if b.tables[i].arn != c.arn {
			continue
		}
		for _, r := range b.in.RequestItems[b.tables[i].called] {
			var t touch
			if r.PutRequest != nil {
				t.item = r.PutRequest.Item
			}
			if r.DeleteRequest != nil {
				t.key = r.DeleteRequest.Key
			}
			visit(&t)
		}
	}
}

func (s *Service) planBatchWrite(
	caller *auth.Caller, in *dynamodbapi.BatchWriteItemInput, ask asking,
) (*batchWrites, error) {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	plan := &batchWrites{in: in, tables: make([]batchedTable, len(names))}
	for i, name := range names {
		t, err := s.target(caller, &name)
		if err != nil {
			return nil, err
		}
		plan.tables[i] = batchedTable{t, name}
		ask.need("dynamodb:BatchWriteItem", &t, "", plan)
	}
	ask.note(names)
	plan.refusal = checkBatchWrite(in, names)
	return plan, nil
}

func (s *Service) batchWriteItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchWriteItemInput, plan *batchWrites,
) (*dynamodbapi.BatchWriteItemOutput, error) {
	if plan.refusal != nil {
		return nil, plan.refusal
	}
	b, err := s.gatherWrites(ctx, caller, plan)
	if err != nil {
		return nil, err
	}
	if len(b.writes) == 0 && b.left.why != nil {
		return nil, b.left.why
	}
	changes, err := s.engine.Batch(ctx, b.writes)
	if errors.Is(err, engine.ErrSameItem) {
		return nil, repeatedKeys()
	}
	if err != nil {
		return nil, refusal(err)
	}
	s.limits.chargeBatch(b.tables, changes)
	cost := &tally{}
	for i := range changes {
		if !wantsCapacity(in.ReturnConsumedCapacity) {
			break
		}
		cost.addCost(b.called[i], costOfWrite(b.tables[i], changes[i], 1))
	}
	metrics, err := s.batchMetrics(ctx, in.ReturnItemCollectionMetrics, b.tables, b.called, b.writes)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.BatchWriteItemOutput{
		ConsumedCapacity:      cost.consumed(in.ReturnConsumedCapacity),
		ItemCollectionMetrics: metrics,
		UnprocessedItems:      b.left.requests,
	}, nil
}

// writeBatch is the writes of a BatchWriteItem, each with its table and what the request calls that, and
// those that are left.
type writeBatch struct {
	writes []engine.Write
	tables []*engine.Table
	called []string
	left   leftWrites
}

// gatherWrites checks a batch table by table.
func (s *Service) gatherWrites(
	ctx context.Context, caller *auth.Caller, plan *batchWrites,
) (b writeBatch, err error) {
	b.left.requests = map[string][]dynamodbapi.WriteRequest{}
	for i := range plan.tables {
		t, name := plan.tables[i].table, plan.tables[i].called
		if err := s.use(ctx, caller, &plan.tables[i].target); err != nil {
			return b, err
		}
		for _, request := range plan.in.RequestItems[name] {
			w, err := batchedWrite(t, request)
			if err != nil {
				return b, err
			}
			if b.left.refused(s.limits, t, name, request) {
				continue
			}
			if !wantsCapacity(plan.in.ReturnConsumedCapacity) && s.limits == nil {
				w = w.Blindly()
			}
			b.writes = append(b.writes, w)
			b.tables = append(b.tables, t)
			b.called = append(b.called, name)
		}
	}
	return b, nil
}

// requireWrites refuses a BatchWriteItem without any writes.
func requireWrites(in *dynamodbapi.BatchWriteItemInput) error {
	if len(in.RequestItems) == 0 {
		return invalid("The requestItems parameter is required for BatchWriteItem")
	}
	return nil
}

// requireReads refuses a BatchGetItem of an empty map, and one of too many keys of one table.
func requireReads(in *dynamodbapi.BatchGetItemInput) error {
	if in.RequestItems != nil && len(in.RequestItems) == 0 {
		return invalid("The requestItems parameter is required for BatchGetItem")
	}
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		if len(in.RequestItems[name].Keys) > maxBatchReads {
			return invalid("1 validation error detected: Value at 'RequestItems.%s.member.Keys' failed to "+
				"satisfy constraint: "+
				"Member must have length less than or equal to %d", name, maxBatchReads)
		}
	}
	return nil
}

// checkBatchWrite checks what needs no table.
func checkBatchWrite(in *dynamodbapi.BatchWriteItemInput, names []string) error {
	requests := 0
	for _, name := range names {
		for _, r := range in.RequestItems[name] {
			switch {
			case r.PutRequest != nil && r.DeleteRequest != nil:
				return invalid("Supplied AttributeValue has more than one datatypes set, must contain " +
					"exactly one of the supported datatypes")
			case r.PutRequest == nil && r.DeleteRequest == nil:
				return invalid("Supplied AttributeValue is empty, must contain exactly one of the " +
					"supported datatypes")
			case r.PutRequest != nil:
				if err := checkItemSize(r.PutRequest.Item); err != nil {
					return err
				}
			}
			requests++
		}
	}
	if requests > maxBatchWrites {
		return invalid("Too many items requested for the BatchWriteItem call")
	}
	return nil
}

func batchedWrite(t *engine.Table, r dynamodbapi.WriteRequest) (engine.Write, error) {
	if r.PutRequest != nil {
		w, err := engine.PutOf(t, r.PutRequest.Item, nil)
		return w, lookupRefusal(err) // unlike PutItem's, the answer does not say what is wrong with the key
	}
	w, err := engine.DeleteOf(t, r.DeleteRequest.Key, nil)
	return w, lookupRefusal(err)
}
