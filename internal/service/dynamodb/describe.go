package dynamodb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
)

// status is a table's TableStatus at a moment. A change of key leaves it as it is.
func status(t *engine.Table, now time.Time) string {
	switch {
	case t.Deleting:
		return "DELETING"
	case now.Before(t.ActiveAt) && t.Updating:
		return "UPDATING"
	case now.Before(t.ActiveAt):
		return "CREATING"
	case !t.Encryption.ArchivedAt.IsZero():
		return "ARCHIVED"
	case !t.Encryption.InaccessibleSince.IsZero():
		return "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
	}
	return "ACTIVE"
}

// takesItems says whether a table has items to read and write, as far as its life goes. An archived table is
// refused by its key.
func (s *Service) takesItems(t *engine.Table) bool {
	switch status(t, s.clock.Now()) {
	case "CREATING", "DELETING":
		return false
	}
	return true
}

func (s *Service) describeTable(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeTableInput, of target,
) (*dynamodbapi.DescribeTableOutput, error) {
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DescribeTableOutput{Table: describe(t, s.clock.Now())}, nil
}

// describe is the TableDescription at a moment.
func describe(t *engine.Table, now time.Time) *dynamodbapi.TableDescription {
	d := &dynamodbapi.TableDescription{
		TableName:                 &t.Name.Table,
		TableArn:                  &t.ARN,
		TableId:                   new(uuidText(t.ID)),
		TableStatus:               new(status(t, now)),
		CreationDateTime:          &t.Created,
		AttributeDefinitions:      describeDefinitions(t.Attributes),
		KeySchema:                 describeKeySchema(&t.Key),
		ItemCount:                 &t.Items,
		TableSizeBytes:            &t.Bytes,
		DeletionProtectionEnabled: &t.DeletionProtection,
		ProvisionedThroughput:     describeThroughput(&t.Throughput, now),
		SSEDescription:            describeEncryption(&t.Encryption, now),
		ArchivalSummary:           describeArchival(&t.Encryption),
		OnDemandThroughput:        describeOnDemand(t.OnDemandRead, t.OnDemandWrite),
		WarmThroughput:            describeWarm(t, now),
	}
	describeStream(d, t, now)
	if !t.LastPayPerRequest.IsZero() {
		mode := "PROVISIONED"
		if t.PayPerRequest {
			mode = "PAY_PER_REQUEST"
		}
		d.BillingModeSummary = &dynamodbapi.BillingModeSummary{BillingMode: &mode,
			LastUpdateToPayPerRequestDateTime: &t.LastPayPerRequest}
	}
	if t.Class != "" {
		d.TableClassSummary = &dynamodbapi.TableClassSummary{TableClass: &t.Class}
		if !t.ClassChanged.IsZero() {
			d.TableClassSummary.LastUpdateDateTime = &t.ClassChanged
		}
	}
	describeIndexes(d, t, now)
	return d
}

// describeCreated is what CreateTable answers. DynamoDB says there which mode a table is in, but not since
// when.
func describeCreated(t *engine.Table) *dynamodbapi.TableDescription {
	d := describe(t, t.Created)
	if d.BillingModeSummary != nil {
		d.BillingModeSummary.LastUpdateToPayPerRequestDateTime = nil
	}
	return d
}

// describeArchival names no backup: the rows stay, sealed, where they are, and are back when the key is.
func describeArchival(e *engine.Encryption) *dynamodbapi.ArchivalSummary {
	if e.ArchivedAt.IsZero() {
		return nil
	}
	return &dynamodbapi.ArchivalSummary{ArchivalDateTime: &e.ArchivedAt,
		ArchivalReason: new("INACCESSIBLE_ENCRYPTION_CREDENTIALS")}
}

// describeDefinitions gives the attributes in the order of their names, as DynamoDB does, whatever order they
// were given in.
func describeDefinitions(attributes []engine.KeyAttribute) []dynamodbapi.AttributeDefinition {
	attributes = slices.SortedFunc(slices.Values(attributes),
		func(a, b engine.KeyAttribute) int { return strings.Compare(a.Name, b.Name) })
	out := make([]dynamodbapi.AttributeDefinition, len(attributes))
	for i := range attributes {
		out[i] = dynamodbapi.AttributeDefinition{AttributeName: &attributes[i].Name,
			AttributeType: new(attributes[i].Kind.String())}
	}
	return out
}

func describeKeySchema(k *engine.KeySchema) []dynamodbapi.KeySchemaElement {
	out := []dynamodbapi.KeySchemaElement{{AttributeName: &k.Hash.Name, KeyType: new("HASH")}}
	if k.Range != nil {
		out = append(out, dynamodbapi.KeySchemaElement{AttributeName: &k.Range.Name,
			KeyType: new("RANGE")})
	}
	return out
}

func describeThroughput(t *engine.Throughput, now time.Time) *dynamodbapi.ProvisionedThroughputDescription {
	d := &dynamodbapi.ProvisionedThroughputDescription{
		ReadCapacityUnits: &t.Read, WriteCapacityUnits: &t.Write,
		NumberOfDecreasesToday: new(decreasesOn(t, now)),
	}
	if !t.LastIncrease.IsZero() {
		d.LastIncreaseDateTime = &t.LastIncrease
	}
	if !t.LastDecrease.IsZero() {
		d.LastDecreaseDateTime = &t.LastDecrease
	}
	return d
}

// decreasesOn is how often throughput was lowered on a day, which starts at midnight UTC.
func decreasesOn(t *engine.Throughput, now time.Time) int64 {
	if t.DecreasesCountedOn.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return 0
	}
	return t.DecreasesToday
}

// maxListed is how many names one ListTables gives at most.
const maxListed = 100

func (s *Service) listTables(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ListTablesInput, _ service.None,
) (*dynamodbapi.ListTablesOutput, error) {
	limit, after := maxListed, ""
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if in.ExclusiveStartTableName != nil {
		after = *in.ExclusiveStartTableName
	}
	names := s.engine.TableNames(caller.Account, caller.Region, after)
	out := &dynamodbapi.ListTablesOutput{TableNames: slices.Clip(names[:min(limit, len(names))])}
	if out.TableNames == nil {
		out.TableNames = []string{}
	}
	if len(names) > limit {
		out.LastEvaluatedTableName = &names[limit-1]
	}
	return out, nil
}
