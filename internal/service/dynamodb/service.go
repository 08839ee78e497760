// Package dynamodb answers DynamoDB's API: an operation table, and the translation between its shapes and the
// engine.
//
// Callers may rely on this: every operation on a table's items passes TableKeys.Use with the caller before
// the engine is asked (P2), and every error that a client may see has DynamoDB's code and words. Where its
// regions word an error differently, with or without "1 validation error detected: " before it, the words are
// those without.
package dynamodb

import (
	"context"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
)

// TableKeys is what the database needs of the keys of its tables. Errors that the key service gave are passed
// on as they came.
type TableKeys interface {
	// Use lets the caller through to a table's rows, or says why not.
	Use(ctx context.Context, caller *auth.Caller, t *engine.Table) error
	// Wake opens a table's rows for what the database does on its own, or says why not.
	Wake(ctx context.Context, t *engine.Table) error
	// Choose finds the key for a kind and, for customer keys, an id, ARN or alias.
	Choose(ctx context.Context, caller *auth.Caller, region string, kind engine.KeyKind,
		keyID string) (engine.Key, error)
	// Hold keeps everybody else from changing a table's keys, or fails when somebody else does. Create,
	// Change and the decision to delete are made under it, by the description as it is then.
	Hold(id storage.TableID) (release func(), err error)
	// LacksGrant reports whether the table's key works, but not for the database, whose grant was revoked.
	LacksGrant(ctx context.Context, t *engine.Table) bool
	// Create makes the keys of a table that is about to be created under t.Encryption.Key.
	Create(ctx context.Context, caller *auth.Caller, t *engine.Table) error
	// Change puts a table under another key. record makes the change durable in the table's description.
	Change(ctx context.Context, caller *auth.Caller, t *engine.Table, to engine.Key,
		record func() error) error
	// Destroy erases the keys of a table for good.
	Destroy(ctx context.Context, id storage.TableID) error
}

// Options are what the service works with.
type Options struct {
	Engine *engine.Engine
	Keys   TableKeys
	Clock  *clock.Clock
	// Transition is how long CREATING, UPDATING and DELETING stay visible.
	Transition time.Duration
	// Authorizer is asked whether a table's new policy would lock its author out.
	Authorizer auth.Authorizer
	// Principals, if set, is asked about the principals of new policies.
	Principals Principals
	// EnforceThroughput holds tables to their provisioned throughput, and to their limits of on-demand
	// throughput.
	EnforceThroughput bool
	// TableQuota is how many tables an account may have per region.
	TableQuota int
}

// Service answers operations. It is safe for concurrent use.
type Service struct {
	engine     *engine.Engine
	keys       TableKeys
	clock      *clock.Clock
	transition time.Duration
	tableQuota int
	authorizer auth.Authorizer
	principals Principals
	policies   compiledPolicies
	limits     *limiter // nil if throughput is not enforced
}

// instant is a transition that nobody sees, save for the response to the request that began it.
const instant = 10 * time.Nanosecond

// DefaultTableQuota is DynamoDB's initial quota ("Quotas and limits: tables per account, per Region").
const DefaultTableQuota = 2500

// New returns a Service.
func New(o Options) *Service {
	if o.TableQuota == 0 {
		o.TableQuota = DefaultTableQuota
	}
	return &Service{
		engine: o.Engine, keys: o.Keys, clock: o.Clock, transition: max(o.Transition, instant),
		tableQuota: o.TableQuota,
		authorizer: o.Authorizer, principals: o.Principals, limits: newLimiter(o),
	}
}

// Table is the service's operation table on a path.
func (s *Service) Table(path *service.Path) *service.Table {
	return service.NewTable("dynamodb", path,
		service.Bind(checkedFirst(dynamodbapi.CreateTable(), checkNewTags), s.planCreateTable,
			s.createTable).Without(
			"GlobalTableSettingsReplicationMode", "GlobalTableSourceArn").ShowingAll(),
		service.Bind(dynamodbapi.DescribeTable(), s.planDescribeTable, s.describeTable),
		service.Bind(dynamodbapi.ListTables(), planListTables, s.listTables),
		service.Bind(dynamodbapi.UpdateTable(), s.planUpdateTable, s.updateTable).Without(
			"GlobalTableSettingsReplicationMode", "GlobalTableWitnessUpdates", "MultiRegionConsistency",
			"ReplicaUpdates").ShowingAll(),
		service.Bind(dynamodbapi.DeleteTable(), s.planDeleteTable, s.deleteTable).ShowingAll(),
		onItems(s, dynamodbapi.PutItem(), putItem{s}),
		onItems(s, dynamodbapi.GetItem(), getItem{s}),
		onItems(s, dynamodbapi.UpdateItem(), updateItem{s}),
		onItems(s, dynamodbapi.DeleteItem(), deleteItem{s}),
		onItems(s, dynamodbapi.Query(), query{s}),
		onItems(s, dynamodbapi.Scan(), scan{s}),
		onTables(s, checkedFirst(dynamodbapi.BatchGetItem(), requireReads), s.planBatchGet, s.batchGetItem),
		onTables(s, checkedFirst(dynamodbapi.BatchWriteItem(), requireWrites), s.planBatchWrite,
			s.batchWriteItem),
		onTables(s, dynamodbapi.TransactGetItems(), s.planTransactGet, s.transactGetItems),
		onTables(s, dynamodbapi.TransactWriteItems(), s.planTransactWrite, s.transactWriteItems),
		onTables(s, dynamodbapi.ExecuteStatement(), s.planExecuteStatement, s.executeStatement),
		service.BindParts(reads(dynamodbapi.BatchExecuteStatement()),
			service.Parts[dynamodbapi.BatchExecuteStatementInput, batchedStatement]{
				Plan: s.planStatements, Need: s.needStatement,
			}, s.batchExecuteStatement),
		onTables(s, dynamodbapi.ExecuteTransaction(), s.planExecuteTransaction, s.executeTransaction),
		service.Bind(checkedFirst(dynamodbapi.TagResource(), checkAddedTags), s.planTagResource,
			s.tagResource),
		service.Bind(checkedFirst(dynamodbapi.UntagResource(), checkTagKeys), s.planUntagResource,
			s.untagResource),
		service.Bind(dynamodbapi.ListTagsOfResource(), s.planListTags, s.listTags),
		service.Bind(dynamodbapi.PutResourcePolicy(), s.planPutResourcePolicy, s.putResourcePolicy),
		service.Bind(dynamodbapi.GetResourcePolicy(), s.planGetResourcePolicy, s.getResourcePolicy),
		service.Bind(dynamodbapi.DeleteResourcePolicy(), s.planDeleteResourcePolicy,
			s.deleteResourcePolicy),
		service.Bind(dynamodbapi.DescribeEndpoints(), planDescribeEndpoints, describeEndpoints),
		service.Bind(dynamodbapi.DescribeLimits(), planDescribeLimits, s.describeLimits),
		service.Bind(dynamodbapi.DescribeTimeToLive(), s.planDescribeTimeToLive, s.describeTimeToLive),
		service.Bind(dynamodbapi.UpdateTimeToLive(), s.planUpdateTimeToLive, s.updateTimeToLive),
		service.Bind(dynamodbapi.DescribeContinuousBackups(), s.planDescribeContinuousBackups,
			describeContinuousBackups),
	)
}
