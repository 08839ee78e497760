package source

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit"
)

// regionReader reads the tables of one region.
type regionReader struct {
	name    string
	account string
	builtIn bool // the account did not say whether it has this region
	tables  *dynamodb.Client
	keys    *keyReader
	limiter *rate.Limiter
	sink    audit.Sink
}

func (l *Live) reader(scope *audit.Scope, region string, sink audit.Sink) *regionReader {
	limiter := rate.NewLimiter(callsPerSecond, tablesAtOnce)
	return &regionReader{
		name: region, account: scope.Account, sink: sink, limiter: limiter, builtIn: scope.RegionsFrom != audit.RegionsListed,
		tables: dynamodb.NewFromConfig(l.config, func(o *dynamodb.Options) {
			o.Region = region
			if e := l.endpoint(); e != nil {
				o.BaseEndpoint = e
			}
		}),
		keys: newKeyReader(kms.NewFromConfig(l.config, func(o *kms.Options) {
			o.Region = region
			if e := l.endpoint(); e != nil {
				o.BaseEndpoint = e
			}
		}), limiter),
	}
}

const listTablesAction = "dynamodb:ListTables"

// read hands every table to the sink, page by page, and completes out. A page that cannot be read ends the region with an error;
// the tables before it stay.
func (r *regionReader) read(ctx context.Context, out *audit.Region) {
	input := &dynamodb.ListTablesInput{Limit: aws.Int32(100)}
	for {
		page, err := r.listTables(ctx, input)
		if err != nil {
			r.fail(out, problemOf(listTablesAction, err))
			return
		}
		out.Tables += r.readPage(ctx, page.TableNames)
		last := aws.ToString(page.LastEvaluatedTableName)
		if last == "" || ctx.Err() != nil {
			return
		}
		if last == aws.ToString(input.ExclusiveStartTableName) {
			r.fail(out, &audit.Problem{Kind: audit.Failed, Action: listTablesAction, Message: "the list of tables does not end"})
			return
		}
		input.ExclusiveStartTableName = &last
	}
}

func (r *regionReader) listTables(ctx context.Context, input *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	if err := r.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	return r.tables.ListTables(ctx, input)
}

// fail records why a region could not be read. A region that is not enabled refuses the credentials; only the account can tell that
// from credentials that are wrong.
func (r *regionReader) fail(out *audit.Region, p *audit.Problem) {
	if p.Kind == audit.Credentials && r.builtIn && isOptIn(r.name) {
		out.Note = "probably not enabled for the account; with " + listRegionsAction + " allowed, the audit knows"
	}
	out.Outcome, out.Problem = audit.RegionFailed, p
}

// readPage reads the tables of one page, a few at a time, and counts those that still exist.
func (r *regionReader) readPage(ctx context.Context, names []string) int {
	var found atomic.Int64
	var group errgroup.Group
	group.SetLimit(tablesAtOnce)
	for _, name := range names {
		group.Go(func() error {
			table, exists := r.describe(ctx, name)
			if exists && ctx.Err() == nil {
				found.Add(1)
				r.sink.Table(table)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: each table reports its own
	return int(found.Load())
}

// describe reads one table and its key. A table that was deleted since it was listed does not exist.
func (r *regionReader) describe(ctx context.Context, name string) (t audit.Table, exists bool) {
	t = audit.Table{Account: r.account, Region: r.name, Name: name}
	if r.account != "" {
		t.ARN = arn.ARN{Partition: partitionOf(r.name), Service: "dynamodb", Region: r.name, Account: r.account, Resource: "table/" + name}.String()
	}
	description, err := r.describeTable(ctx, name)
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &gone):
		return t, false
	case err != nil:
		t.Problem = problemOf("dynamodb:DescribeTable", err)
		return t, true
	}
	copyTable(&t, description)
	if s := description.SSEDescription; s != nil && s.SSEType == types.SSETypeKms && aws.ToString(s.KMSMasterKeyArn) != "" {
		t.Key = r.keys.describe(ctx, *s.KMSMasterKeyArn)
	}
	return t, true
}

func (r *regionReader) describeTable(ctx context.Context, name string) (*types.TableDescription, error) {
	if err := r.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	out, err := r.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, err
	}
	if out.Table == nil || out.Table.TableStatus == "" {
		return nil, errors.New("the answer describes no table")
	}
	return out.Table, nil
}

func copyTable(t *audit.Table, d *types.TableDescription) {
	t.Status = string(d.TableStatus)
	if a, ok := arn.Parse(aws.ToString(d.TableArn)); ok {
		t.ARN, t.Account = a.String(), a.Account
	}
	if s := d.SSEDescription; s != nil {
		t.SSEType, t.SSEStatus, t.InaccessibleSince = string(s.SSEType), string(s.Status), s.InaccessibleEncryptionDateTime
	}
	if d.ArchivalSummary != nil {
		t.ArchivedAt = d.ArchivalSummary.ArchivalDateTime
	}
}
