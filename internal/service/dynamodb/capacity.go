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

// writeCapacity is what a write of one item costs: the larger of the item before and after.
func writeCapacity(mode *string, t *engine.Table, change engine.Change) *dynamodbapi.ConsumedCapacity {
	if !wantsCapacity(mode) {
		return nil
	}
	size := max(change.Old.Size(), change.New.Size(), 1)
	return capacity(mode, t, float64(roundUp(size, writeUnitBytes)))
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

func capacity(mode *string, t *engine.Table, units float64) *dynamodbapi.ConsumedCapacity {
	c := &dynamodbapi.ConsumedCapacity{TableName: &t.Name.Table, CapacityUnits: &units}
	if *mode == "INDEXES" {
		c.Table = &dynamodbapi.Capacity{CapacityUnits: &units}
	}
	return c
}
