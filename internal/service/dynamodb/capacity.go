package dynamodb

import (
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// Bytes that one capacity unit pays for ("Read and write capacity: capacity unit consumption").
const (
	writeUnitBytes = 1 << 10
	readUnitBytes  = 4 << 10
)

func wantsCapacity(mode *string) bool { return mode != nil && *mode != "NONE" }

// cost is what a request costs in one table and its indexes.
type cost struct {
	table         float64
	local, global map[string]float64 // by the names of indexes
}

// total is the cost all told.
func (c *cost) total() float64 {
	sum := c.table
	for _, units := range c.local {
		sum += units
	}
	for _, units := range c.global {
		sum += units
	}
	return sum
}

// charge adds to the cost of an index.
func (c *cost) charge(x *engine.Index, units float64) {
	of := &c.global
	if x.Local {
		of = &c.local
	}
	if *of == nil {
		*of = map[string]float64{}
	}
	(*of)[x.Name] += units
}

func (c *cost) add(other *cost) {
	c.table += other.table
	c.local, c.global = addUnits(c.local, other.local), addUnits(c.global, other.global)
}

func addUnits(to, from map[string]float64) map[string]float64 {
	if to == nil && len(from) > 0 {
		to = map[string]float64{}
	}
	for name, units := range from {
		to[name] += units
	}
	return to
}

// costOfWrite is what a change of one item costs: in the table factor times over, with its entries in the
// table's indexes, which cost the same in a transaction as outside of one.
func costOfWrite(t *engine.Table, change engine.Change, factor float64) *cost {
	c := &cost{table: factor * writeUnits(change)}
	for i := range t.Indexes {
		for _, size := range t.IndexWrites(&t.Indexes[i], change) {
			c.charge(&t.Indexes[i], float64(roundUp(max(size, 1), writeUnitBytes)))
		}
	}
	return c
}

// writeCapacity is what a write of one item costs, if the request asks for it.
func writeCapacity(mode, table *string, t *engine.Table, change engine.Change) *dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	return costOfWrite(t, change, 1).consumed(mode, table)
}

// writeUnits is what a write costs in the table: by the larger of the item before and after, at least one
// unit.
func writeUnits(change engine.Change) float64 {
	size := max(change.Old.Size(), change.New.Size(), 1)
	return float64(roundUp(size, writeUnitBytes))
}

// readUnits is what reading so many bytes in one operation costs: half as much when eventual consistency is
// enough.
func readUnits(size int, consistent bool) float64 {
	units := float64(roundUp(max(size, 1), readUnitBytes))
	if consistent {
		return units
	}
	return units / 2
}

// pageCapacity is what a page of a table costs or, if x is not nil, of an index, and the items that were
// fetched for it one by one.
func pageCapacity(
	mode, table *string, x *engine.Index, page *engine.Page, consistent bool,
) *dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	c := &cost{}
	c.addPage(x, page, consistent)
	return c.consumed(mode, table)
}

// addPage adds what a page of a table costs or, if x is not nil, of an index, and the items that were fetched
// for it.
func (c *cost) addPage(x *engine.Index, page *engine.Page, consistent bool) {
	units := readUnits(page.Size, consistent)
	if x == nil {
		c.table += units
		return
	}
	c.charge(x, units)
	for _, size := range page.Fetched {
		c.table += readUnits(size, consistent)
	}
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit }

// capacity is the cost of a request to one table alone.
func capacity(mode, table *string, units float64) *dynamodbapi.ConsumedCapacity {
	return (&cost{table: units}).consumed(mode, table)
}

// consumed is the cost as answers give it. The table is called as the request called it: by name or by ARN.
func (c *cost) consumed(mode, table *string) *dynamodbapi.ConsumedCapacity {
	out := &dynamodbapi.ConsumedCapacity{TableName: table, CapacityUnits: new(c.total())}
	if *mode == "INDEXES" {
		out.Table = &dynamodbapi.Capacity{CapacityUnits: &c.table}
		out.LocalSecondaryIndexes, out.GlobalSecondaryIndexes = capacities(c.local), capacities(c.global)
	}
	return out
}

func capacities(units map[string]float64) map[string]dynamodbapi.Capacity {
	if len(units) == 0 {
		return nil
	}
	out := make(map[string]dynamodbapi.Capacity, len(units))
	for name, n := range units {
		out[name] = dynamodbapi.Capacity{CapacityUnits: &n}
	}
	return out
}

// tally adds up what a request to several tables costs, by the names that the request gives them, in the
// order of their first use.
type tally struct {
	names []string
	costs map[string]*cost
}

func (c *tally) add(table string, units float64) { c.addCost(table, &cost{table: units}) }

func (c *tally) addCost(table string, more *cost) {
	if c.costs == nil {
		c.costs = map[string]*cost{}
	}
	if _, known := c.costs[table]; !known {
		c.names, c.costs[table] = append(c.names, table), &cost{}
	}
	c.costs[table].add(more)
}

// consumed is the cost as requests in batches give it; nil when the request does not ask for it.
func (c *tally) consumed(mode *string) []dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	out := make([]dynamodbapi.ConsumedCapacity, len(c.names))
	for i := range c.names {
		out[i] = *c.costs[c.names[i]].consumed(mode, &c.names[i])
	}
	return out
}

// consumedReads is consumed for transactions, which tell reads from writes.
func (c *tally) consumedReads(mode *string) []dynamodbapi.ConsumedCapacity {
	out := c.consumed(mode)
	for i := range out {
		out[i].ReadCapacityUnits = out[i].CapacityUnits
		tellApart(&out[i], func(c *dynamodbapi.Capacity) { c.ReadCapacityUnits = c.CapacityUnits })
	}
	return out
}

func (c *tally) consumedWrites(mode *string) []dynamodbapi.ConsumedCapacity {
	out := c.consumed(mode)
	for i := range out {
		out[i].WriteCapacityUnits = out[i].CapacityUnits
		tellApart(&out[i], func(c *dynamodbapi.Capacity) { c.WriteCapacityUnits = c.CapacityUnits })
	}
	return out
}

func tellApart(c *dynamodbapi.ConsumedCapacity, mark func(*dynamodbapi.Capacity)) {
	if c.Table != nil {
		mark(c.Table)
	}
	for _, indexes := range []map[string]dynamodbapi.Capacity{c.LocalSecondaryIndexes,
		c.GlobalSecondaryIndexes} {
		for name, units := range indexes {
			mark(&units)
			indexes[name] = units
		}
	}
}
