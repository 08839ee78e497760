package dynamodb

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// burst is for how long unused capacity is kept for later ("Burst and adaptive capacity").
const burst = 300 * time.Second

// use of capacity: for reading or for writing.
type purpose int

const (
	reading purpose = iota
	writing
)

func (p purpose) String() string {
	if p == writing {
		return "Write"
	}
	return "Read"
}

// bucket is the capacity of a table or index for one purpose. It holds what came in since a moment, at most
// that of a burst, and is empty when that moment is now. Requests go ahead while there is anything in it;
// what they cost is taken out when it is known, and may leave a debt that is paid off before the next.
type bucket struct{ since atomic.Int64 } // nanoseconds since 1970

func (b *bucket) empty(now time.Time) bool { return b.since.Load() >= now.UnixNano() }

func (b *bucket) take(units, rate float64, now time.Time) {
	for {
		since := b.since.Load()
		next := max(since, now.Add(-burst).UnixNano()) + int64(units/rate*float64(time.Second))
		if b.since.CompareAndSwap(since, next) {
			return
		}
	}
}

// limiter holds tables and global indexes to their capacity. There is no lock that requests to different
// tables share.
type limiter struct {
	clock  *clock.Clock
	tables sync.Map // storage.TableID → *tableBuckets
}

type tableBuckets struct {
	table   [2]bucket // by purpose
	indexes sync.Map  // name → *[2]bucket, of global indexes
}

// newLimiter is nil if throughput is not to be enforced: then every question to it costs a look at a pointer.
func newLimiter(o Options) *limiter {
	if !o.EnforceThroughput {
		return nil
	}
	return &limiter{clock: o.Clock}
}

func (l *limiter) forget(id storage.TableID) {
	if l != nil {
		l.tables.Delete(id)
	}
}

// buckets are those of a table, or of a global index of it. A new one holds what it was made for in its first
// second, and what came in since.
func (l *limiter) buckets(t *engine.Table, x *engine.Index) *[2]bucket {
	entry, known := l.tables.Load(t.ID)
	if !known {
		made := &tableBuckets{}
		fill(&made.table, t.Created)
		entry, _ = l.tables.LoadOrStore(t.ID, made)
	}
	of := entry.(*tableBuckets)
	if x == nil || x.Local {
		return &of.table
	}
	entry, known = of.indexes.Load(x.Name)
	if !known {
		made := &[2]bucket{}
		fill(made, t.Created)
		entry, _ = of.indexes.LoadOrStore(x.Name, made)
	}
	return entry.(*[2]bucket)
}

func fill(b *[2]bucket, created time.Time) {
	for i := range b {
		b[i].since.Store(created.Add(-time.Second).UnixNano())
	}
}

// rate is how many units a table or index has per second for a purpose; zero where there is no limit.
func rate(t *engine.Table, x *engine.Index, p purpose) float64 {
	global := x != nil && !x.Local
	limits := [2]*int64{&t.Throughput.Read, &t.Throughput.Write}
	switch {
	case t.PayPerRequest && global:
		limits = [2]*int64{x.OnDemandRead, x.OnDemandWrite}
	case t.PayPerRequest:
		limits = [2]*int64{t.OnDemandRead, t.OnDemandWrite}
	case global:
		limits = [2]*int64{&x.Throughput.Read, &x.Throughput.Write}
	}
	if limits[p] == nil {
		return 0
	}
	return float64(*limits[p])
}

// exhausted says whether a table or index has no capacity left for a purpose.
func (l *limiter) exhausted(t *engine.Table, x *engine.Index, p purpose) bool {
	return rate(t, x, p) > 0 && l.buckets(t, x)[p].empty(l.clock.Now())
}

func (l *limiter) take(t *engine.Table, x *engine.Index, p purpose, units float64) {
	if r := rate(t, x, p); r > 0 && units > 0 {
		l.buckets(t, x)[p].take(units, r, l.clock.Now())
	}
}

// admit refuses a request for which the table, or the global index that it reads, has no capacity left. A
// write needs some left in all global indexes: which of them it changes is known only when it is done.
func (l *limiter) admit(t *engine.Table, x *engine.Index, p purpose) error {
	if l == nil {
		return nil
	}
	if refused := l.refuse(t, x, p); refused != nil {
		return refused
	}
	return nil
}

func (l *limiter) refuse(t *engine.Table, x *engine.Index, p purpose) *api.Error {
	if l.exhausted(t, x, p) {
		return throttled(t, x, p)
	}
	for i := range t.Indexes {
		if index := &t.Indexes[i]; p == writing && !index.Local && index.State != engine.IndexClearing &&
			l.exhausted(t, index, writing) {
			return throttled(t, index, writing)
		}
	}
	return nil
}

// charge takes what a request cost.
func (l *limiter) charge(t *engine.Table, p purpose, c *cost) {
	if l == nil {
		return
	}
	units := c.table
	for _, more := range c.local {
		units += more
	}
	l.take(t, nil, p, units)
	for name, units := range c.global {
		if x := t.Index(name); x != nil {
			l.take(t, x, p, units)
		}
	}
}

// chargeRead takes what reading an item by its key cost, factor times over.
func (l *limiter) chargeRead(t *engine.Table, item attribute.Item, consistent bool, factor float64) {
	if l != nil {
		l.take(t, nil, reading, factor*readUnits(item.Size(), consistent))
	}
}

// chargePage takes what a page cost, and the items that were fetched for it one by one.
func (l *limiter) chargePage(t *engine.Table, x *engine.Index, page *engine.Page, consistent bool) {
	if l == nil || page == nil {
		return
	}
	l.take(t, x, reading, readUnits(page.Size, consistent))
	for _, size := range page.Fetched {
		l.take(t, nil, reading, readUnits(size, consistent))
	}
}

// chargeWrite takes what a write cost, factor times over. One whose condition failed costs as much as the
// item that failed it.
func (l *limiter) chargeWrite(t *engine.Table, change engine.Change, err error, factor float64) {
	if l == nil {
		return
	}
	var failed *engine.ConditionError
	switch {
	case errors.As(err, &failed):
		l.charge(t, writing, &cost{table: factor * writeUnits(engine.Change{Old: failed.Current})})
	case err == nil:
		l.charge(t, writing, costOfWrite(t, change, factor))
	}
}

// Words of requests that are refused for lack of capacity. The reasons say which table or index lacks it.
const (
	tableThrottled = "The level of configured provisioned throughput for the table was exceeded. Consider " +
		"increasing your provisioning level with the UpdateTable API."
	indexThrottled = "The level of configured provisioned throughput for one or more global secondary " +
		"indexes of the table was exceeded. " +
		"Consider increasing your provisioning level for the under-provisioned global secondary indexes " +
		"with the UpdateTable API"
	limitThrottled = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
)

// throttled is the refusal of a request for which there is no capacity left.
func throttled(t *engine.Table, x *engine.Index, p purpose) *api.Error {
	kind := "Table"
	resource := t.ARN
	message := tableThrottled
	if x != nil && !x.Local {
		kind = "Index"
		resource = t.ARN + "/index/" + x.Name
		message = indexThrottled
	}
	because := func(limit string) []dynamodbapi.ThrottlingReason {
		return []dynamodbapi.ThrottlingReason{{Reason: new(kind + p.String() + limit),
			Resource: &resource}}
	}
	if t.PayPerRequest {
		return dynamodbapi.ThrottlingException(limitThrottled, because("MaxOnDemandThroughputExceeded"))
	}
	return dynamodbapi.ProvisionedThroughputExceededException(message,
		because("ProvisionedThroughputExceeded"))
}

// Codes of CancellationReasons for lack of capacity.
const (
	capacityReason = "ProvisionedThroughputExceeded"
	throttleReason = "ThrottlingError"
)

// admitTogether cancels a transaction for some of whose items there is no capacity left.
func (l *limiter) admitTogether(tables []*engine.Table, p purpose) error {
	if l == nil {
		return nil
	}
	reasons, cancelled := make([]dynamodbapi.CancellationReason, len(tables)), false
	for i, t := range tables {
		reasons[i].Code = new(noReason)
		if err := l.refuse(t, nil, p); err != nil {
			code, message := capacityReason, err.Message
			if t.PayPerRequest {
				code = throttleReason
			}
			reasons[i], cancelled = dynamodbapi.CancellationReason{Code: &code, Message: &message}, true
		}
	}
	if !cancelled {
		return nil
	}
	return cancelFor(reasons)
}

// chargeTogether takes what the changes of a transaction cost.
func (l *limiter) chargeTogether(tables []*engine.Table, changes []engine.Change, repeated bool) {
	if l == nil {
		return
	}
	for i, change := range changes {
		if repeated {
			l.take(tables[i], nil, reading, transactionFactor*readUnits(change.New.Size(), true))
			continue
		}
		l.chargeWrite(tables[i], change, nil, transactionFactor)
	}
}

// leftWrites are the writes of a batch for which there was no capacity.
type leftWrites struct {
	requests map[string][]dynamodbapi.WriteRequest // by what the request calls their tables
	why      error
}

// refused says whether a write must be left, and notes it then. What the others cost at least is taken at
// once, so that those behind them find less.
func (w *leftWrites) refused(
	l *limiter, t *engine.Table, called string, request dynamodbapi.WriteRequest,
) bool {
	if l == nil {
		return false
	}
	if err := l.admit(t, nil, writing); err != nil {
		w.requests[called], w.why = append(w.requests[called], request), err
		return true
	}
	l.take(t, nil, writing, leastUnits(request))
	return false
}

func leastUnits(request dynamodbapi.WriteRequest) float64 {
	if request.PutRequest == nil {
		return 1
	}
	return writeUnits(engine.Change{New: request.PutRequest.Item})
}

// chargeBatch takes what the changes of a batch cost beyond what was taken before.
func (l *limiter) chargeBatch(tables []*engine.Table, changes []engine.Change) {
	if l == nil {
		return
	}
	for i, change := range changes {
		c := costOfWrite(tables[i], change, 1)
		c.table -= writeUnits(engine.Change{New: change.New})
		l.charge(tables[i], writing, c)
	}
}
