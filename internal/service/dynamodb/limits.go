package dynamodb

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// Quotas of provisioned throughput, reading and writing alike: DynamoDB's initial ones ("Quotas in Amazon DynamoDB").
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
	if err := overQuota("table", maxTableUnits, t.Throughput.Read, t.Throughput.Write); err != nil {
		return err
	}
	read, write := t.Throughput.Read, t.Throughput.Write
	for _, other := range s.engine.AllTables() {
		if other.ID != t.ID && other.Name.Account == t.Name.Account && other.Name.Region == t.Name.Region {
			read, write = read+other.Throughput.Read, write+other.Throughput.Write
		}
	}
	return overQuota("subscriber", maxAccountUnits, read, write)
}

func overQuota(per string, limit, read, write int64) error {
	if read <= limit && write <= limit {
		return nil
	}
	return &api.Error{Code: "LimitExceededException", Message: fmt.Sprintf(
		"Subscriber limit exceeded: There is a limit of %d read capacity units and %d write capacity units per %s. Requested: %d and %d", limit, limit, per, read, write)}
}

func describeLimitsAccess(_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeLimitsInput, needs *auth.Needs) error {
	needs.Add(auth.Need{Action: "dynamodb:DescribeLimits", Resource: "*"})
	return nil
}

func (s *Service) describeLimits(context.Context, *auth.Caller, *dynamodbapi.DescribeLimitsInput) (*dynamodbapi.DescribeLimitsOutput, error) {
	account, table := int64(maxAccountUnits), int64(maxTableUnits)
	return &dynamodbapi.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: &account, AccountMaxWriteCapacityUnits: &account,
		TableMaxReadCapacityUnits: &table, TableMaxWriteCapacityUnits: &table,
	}, nil
}
