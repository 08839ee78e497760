package dynamodb

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
)

// Quotas of provisioned throughput, reading and writing alike: DynamoDB's initial ones ("Quotas in Amazon
// DynamoDB").
const (
	maxTableUnits   = 40_000
	maxAccountUnits = 80_000
	// maxUnits is the most that a request may name at all.
	maxUnits = 1_000_000_000_000
)

func checkThroughput(p *dynamodbapi.ProvisionedThroughput) error {
	switch {
	case *p.ReadCapacityUnits > maxUnits:
		return invalid("Given value %d for ReadCapacityUnits is out of bounds", *p.ReadCapacityUnits)
	case *p.WriteCapacityUnits > maxUnits:
		return invalid("Given value %d for WriteCapacityUnits is out of bounds", *p.WriteCapacityUnits)
	}
	return nil
}

// checkThroughputQuota says whether a table may have the throughput that it is about to get.
func (s *Service) checkThroughputQuota(t *engine.Table) error {
	var reserved engine.Units // by the others
	for _, other := range s.engine.AllTables() {
		if other.ID != t.ID && other.Name.Account == t.Name.Account && other.Name.Region == t.Name.Region {
			units := unitsOf(other)
			reserved.Read, reserved.Write = reserved.Read+units.Read, reserved.Write+units.Write
		}
	}
	own, most := unitsOf(t), engine.Units{Read: t.Throughput.Read, Write: t.Throughput.Write}
	for i := range t.Indexes {
		most.Read, most.Write = max(most.Read, t.Indexes[i].Throughput.Read), max(most.Write,
			t.Indexes[i].Throughput.Write)
	}
	for _, unit := range []struct {
		name string
		// what is most for the table or one of its indexes, and what is reserved otherwise
		wanted, reserved int64
	}{
		{"ReadCapacityUnits", most.Read, reserved.Read + own.Read - most.Read},
		{"WriteCapacityUnits", most.Write, reserved.Write + own.Write - most.Write},
	} {
		const refer = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request " +
			"higher limits."
		switch {
		case unit.wanted > maxTableUnits:
			return limitExceeded(fmt.Sprintf("The requested %s, %d, is above the per table maximum for the "+
				"account in %s. Per table maximum: %d. %s",
				unit.name, unit.wanted, t.Name.Region, maxTableUnits, refer))
		case unit.wanted+unit.reserved > maxAccountUnits:
			return limitExceeded(fmt.Sprintf("This request would have caused the %s limit to be exceeded "+
				"for the account in %s. "+
				"Current %s reserved by the account: %d. Limit: %d. Requested: %d. %s",
				unit.name, t.Name.Region, unit.name, unit.reserved, maxAccountUnits, unit.wanted, refer))
		}
	}
	return nil
}

// unitsOf is the throughput of a table and its indexes together.
func unitsOf(t *engine.Table) engine.Units {
	units := engine.Units{Read: t.Throughput.Read, Write: t.Throughput.Write}
	for i := range t.Indexes {
		units.Read, units.Write = units.Read+t.Indexes[i].Throughput.Read, units.Write+
			t.Indexes[i].Throughput.Write
	}
	return units
}

func planDescribeLimits(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeLimitsInput, needs *auth.Needs,
) (service.None, error) {
	needs.Add(auth.Need{Action: "dynamodb:DescribeLimits", Resource: "*"})
	return service.None{}, nil
}

func (s *Service) describeLimits(
	context.Context, *auth.Caller, *dynamodbapi.DescribeLimitsInput, service.None,
) (*dynamodbapi.DescribeLimitsOutput, error) {
	account, table := int64(maxAccountUnits), int64(maxTableUnits)
	return &dynamodbapi.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: &account, AccountMaxWriteCapacityUnits: &account,
		TableMaxReadCapacityUnits: &table, TableMaxWriteCapacityUnits: &table,
	}, nil
}
