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

// writeCapacity is what a write of one item costs, if the request asks for it.
func writeCapacity(mode, table *string, change engine.Change) *dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	return capacity(mode, table, writeUnits(change))
}

// writeUnits is what a write costs: by the larger of the item before and after, at least one unit.
func writeUnits(change engine.Change) float64 {
	size := max(change.Old.Size(), change.New.Size(), 1)
	return float64(roundUp(size, writeUnitBytes))
}

// readUnits is what reading so many bytes in one operation costs: half as much when eventual consistency is enough.
func readUnits(size int, consistent bool) float64 {
	units := float64(roundUp(max(size, 1), readUnitBytes))
	if consistent {
		return units
	}
	return units / 2
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit }

// capacity is the cost of a request to one table, which is called as the request called it: by name or by ARN.
func capacity(mode, table *string, units float64) *dynamodbapi.ConsumedCapacity {
	c := &dynamodbapi.ConsumedCapacity{TableName: table, CapacityUnits: &units}
	if *mode == "INDEXES" {
		c.Table = &dynamodbapi.Capacity{CapacityUnits: &units}
	}
	return c
}

// tally adds up what a request to several tables costs, by the names that the request gives them, in the order of their first use.
type tally struct {
	names []string
	units map[string]float64
}

func (c *tally) add(table string, units float64) {
	if c.units == nil {
		c.units = map[string]float64{}
	}
	if _, known := c.units[table]; !known {
		c.names = append(c.names, table)
	}
	c.units[table] += units
}

// consumed is the cost as requests in batches give it; nil when the request does not ask for it.
func (c *tally) consumed(mode *string) []dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	out := make([]dynamodbapi.ConsumedCapacity, len(c.names))
	for i := range c.names {
		out[i] = *capacity(mode, &c.names[i], c.units[c.names[i]])
	}
	return out
}

// consumedReads is consumed for transactions, which tell reads from writes.
func (c *tally) consumedReads(mode *string) []dynamodbapi.ConsumedCapacity {
	out := c.consumed(mode)
	for i := range out {
		out[i].ReadCapacityUnits = out[i].CapacityUnits
		if out[i].Table != nil {
			out[i].Table.ReadCapacityUnits = out[i].CapacityUnits
		}
	}
	return out
}

func (c *tally) consumedWrites(mode *string) []dynamodbapi.ConsumedCapacity {
	out := c.consumed(mode)
	for i := range out {
		out[i].WriteCapacityUnits = out[i].CapacityUnits
		if out[i].Table != nil {
			out[i].Table.WriteCapacityUnits = out[i].CapacityUnits
		}
	}
	return out
}
