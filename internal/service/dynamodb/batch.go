package dynamodb

import (
	"context"
	"errors"
	"maps"
	"slices"

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
	name       string // as the request has it: a name or an ARN
	request    dynamodbapi.KeysAndAttributes
	projection *expression.Projection
	table      *engine.Table
	throttled  error // why keys were left, nil if it was not for lack of capacity
}

// leave gives the keys from a place on back.
func (r *batchRead) leave(from int, out *dynamodbapi.BatchGetItemOutput) {
	left := r.request
	left.Keys = r.request.Keys[from:]
	out.UnprocessedKeys[r.name] = left
}

func (s *Service) batchGetItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchGetItemInput,
) (*dynamodbapi.BatchGetItemOutput, error) {
	reads, err := checkBatchGet(in)
	if err != nil {
		return nil, err
	}
	if err := s.useBatch(ctx, caller, reads); err != nil {
		return nil, err
	}
	out := &dynamodbapi.BatchGetItemOutput{
		Responses:       make(map[string][]attribute.Item, len(reads)),
		UnprocessedKeys: map[string]dynamodbapi.KeysAndAttributes{},
	}
	cost, room := &tally{}, maxBatchReadBytes
	for i := range reads {
		if room, err = s.readBatch(ctx, &reads[i], out, cost, room); err != nil {
			return nil, err
		}
	}
	if len(cost.names) == 0 { // nothing was read at all: there was no capacity for the first key either
		return nil, reads[0].throttled
	}
	out.ConsumedCapacity = cost.consumed(in.ReturnConsumedCapacity)
	return out, nil
}

// checkBatchGet checks what needs no table.
func checkBatchGet(in *dynamodbapi.BatchGetItemInput) ([]batchRead, error) {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	if err := checkBatchForms(in.RequestItems); err != nil {
		return nil, err
	}
	var reads []batchRead
	keys := 0
	for _, name := range names {
		r := batchRead{name: name, request: in.RequestItems[name]}
		selected := projected{r.request.ProjectionExpression, r.request.ExpressionAttributeNames,
			r.request.AttributesToGet}
		var err error
		if r.projection, err = selected.compile(); err != nil {
			return nil, err
		}
		if err := checkBatchKeys(r.request.Keys); err != nil {
			return nil, err
		}
		reads = append(reads, r)
		keys += len(r.request.Keys)
	}
	if keys > maxBatchReads {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	return reads, nil
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

// useBatch finds the tables and checks the keys against them.
func (s *Service) useBatch(ctx context.Context, caller *auth.Caller, reads []batchRead) (err error) {
	var places []engine.Place
	for i := range reads {
		r := &reads[i]
		if r.table, err = s.use(ctx, caller, &r.name); err != nil {
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
		s.limits.chargeRead(r.table, item, isTrue(r.request.ConsistentRead), 1)
		cost.add(r.name, readUnits(size, isTrue(r.request.ConsistentRead)))
		if item != nil {
			found = append(found, selectFrom(r.projection, item))
		}
	}
	out.Responses[r.name] = found
	return room, nil
}

// selectFrom applies a projection, if there is one.
func selectFrom(p *expression.Projection, item attribute.Item) attribute.Item {
	if p == nil {
		return item
	}
	return p.Apply(item)
}

func (s *Service) batchWriteItem(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchWriteItemInput,
) (*dynamodbapi.BatchWriteItemOutput, error) {
	b, err := s.gatherWrites(ctx, caller, in)
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

// gatherWrites checks a batch, table by table in the order of their names, so that what is refused does not
// depend on chance.
func (s *Service) gatherWrites(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchWriteItemInput,
) (b writeBatch, err error) {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	if err := checkBatchWrite(in, names); err != nil {
		return b, err
	}
	b.left.requests = map[string][]dynamodbapi.WriteRequest{}
	for _, name := range names {
		t, err := s.use(ctx, caller, &name)
		if err != nil {
			return b, err
		}
		for _, request := range in.RequestItems[name] {
			w, err := batchedWrite(t, request)
			if err != nil {
				return b, err
			}
			if b.left.refused(s.limits, t, name, request) {
				continue
			}
			if !wantsCapacity(in.ReturnConsumedCapacity) && s.limits == nil {
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
