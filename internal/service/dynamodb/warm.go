package dynamodb

import (
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/engine"
)

// onDemandUnits is what a table in on-demand mode is ready for from the start ("DynamoDB on-demand capacity
// mode: initial throughput"), and so is each of its global indexes.
func onDemandUnits() engine.Units { return engine.Units{Read: 12_000, Write: 4_000} }

// warmed is what has warm throughput: a table, or one of its global indexes.
type warmed struct {
	table       *engine.Table
	what        string // as messages call it
	provisioned *engine.Throughput
	warm        *engine.Warm
}

func warmedTable(t *engine.Table) warmed { return warmed{t, "table", &t.Throughput, &t.Warm} }

func warmedIndex(t *engine.Table, x *engine.Index) warmed {
	return warmed{t, "index " + x.Name, &x.Throughput, &x.Warm}
}

// units is what it is ready for: never less than by its mode and its provisioned throughput, nor than it once
// was.
func (w warmed) units(noted engine.Units) engine.Units {
	base := engine.Units{Read: w.provisioned.Read, Write: w.provisioned.Write}
	if w.table.PayPerRequest {
		base = onDemandUnits()
	}
	return engine.Units{Read: max(base.Read, noted.Read), Write: max(base.Write, noted.Write)}
}

// keep writes down what it is ready for before it comes to be ready for less.
func (w warmed) keep() { w.warm.Units = w.units(w.warm.Units) }

// keepWarm writes that down of a table and of all its global indexes.
func keepWarm(t *engine.Table) {
	warmedTable(t).keep()
	for i := range t.Indexes {
		if x := &t.Indexes[i]; !x.Local {
			warmedIndex(t, x).keep()
		}
	}
}

// set sets the warm throughput that a request names. It never goes down.
func (w warmed) set(given *dynamodbapi.WarmThroughput, created bool, settles time.Time) error {
	if given == nil {
		return nil
	}
	if given.ReadUnitsPerSecond == nil && given.WriteUnitsPerSecond == nil {
		return invalidParameter("No ReadUnitsPerSecond or WriteUnitsPerSecond specified for %s", w.what)
	}
	current := w.units(w.warm.Units)
	next := current
	for _, unit := range []struct {
		name, quota, base string
		given             *int64
		next              *int64
	}{
		{"ReadUnitsPerSecond", "TableMaxReadCapacityUnits", "ReadCapacityUnits", given.ReadUnitsPerSecond,
			&next.Read},
		{"WriteUnitsPerSecond", "TableMaxWriteCapacityUnits", "WriteCapacityUnits", given.WriteUnitsPerSecond,
			&next.Write},
	} {
		switch {
		case unit.given == nil:
		case *unit.given < *unit.next:
			return invalidParameter("Requested %s for WarmThroughput for %s is lower than %s", unit.name,
				w.what, w.lowest(created, unit.base))
		case *unit.given > maxTableUnits:
			return limitExceeded("Subscriber limit exceeded: Requested " + unit.name +
				" for WarmThroughput for " + w.what + " exceeds " + unit.quota +
				" of the account in region " + w.table.Name.Region)
		default:
			*unit.next = *unit.given
		}
	}
	*w.warm = engine.Warm{Units: next, Previous: current, SettlesAt: settles}
	return nil
}

// lowest names what warm throughput may not go below.
func (w warmed) lowest(created bool, provisioned string) string {
	switch {
	case !created:
		return "current WarmThroughput, decreasing WarmThroughput is not supported"
	case w.table.PayPerRequest:
		return "initial throughput for OnDemand. See: " +
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
	}
	return provisioned + " of ProvisionedThroughput"
}

// at is the warm throughput at a moment: until a change is done, what was before it.
func (w warmed) at(now time.Time) (shown engine.Units, state string) {
	if now.Before(w.warm.SettlesAt) {
		return w.units(w.warm.Previous), "UPDATING"
	}
	return w.units(w.warm.Units), "ACTIVE"
}

func describeWarm(t *engine.Table, now time.Time) *dynamodbapi.TableWarmThroughputDescription {
	shown, state := warmedTable(t).at(now)
	return &dynamodbapi.TableWarmThroughputDescription{ReadUnitsPerSecond: &shown.Read,
		WriteUnitsPerSecond: &shown.Write, Status: &state}
}

func describeIndexWarm(
	t *engine.Table, x *engine.Index, now time.Time,
) *dynamodbapi.GlobalSecondaryIndexWarmThroughputDescription {
	shown, state := warmedIndex(t, x).at(now)
	return &dynamodbapi.GlobalSecondaryIndexWarmThroughputDescription{ReadUnitsPerSecond: &shown.Read,
		WriteUnitsPerSecond: &shown.Write, Status: &state}
}
