package source

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// regionReader reads the tables and keys of one region.
type regionReader struct {
	name    string
	account string
	builtIn bool // the account did not say whether it has this region
	needs   fact.Needs
	tables  *dynamodb.Client
	scaling *applicationautoscaling.Client
	keys    *keyReader

	limiter, scalingLimiter *rate.Limiter

	scaleOnce sync.Once
	scaled    fact.Known[map[string][]string] // dimensions by table
}

func (a *accountReader) region(name string) *regionReader {
	endpoint := a.live.endpoint()
	client := kms.NewFromConfig(a.config, func(o *kms.Options) {
		o.Region = name
		if endpoint != nil {
			o.BaseEndpoint = endpoint
		}
	})
	return &regionReader{
		name: name, account: a.id, builtIn: !a.regionsListed, needs: a.live.options.Needs,
		limiter: a.limiter(), scalingLimiter: a.limiter(),
		tables: dynamodb.NewFromConfig(a.config, func(o *dynamodb.Options) {
			o.Region = name
			if endpoint != nil {
				o.BaseEndpoint = endpoint
			}
		}),
		scaling: applicationautoscaling.NewFromConfig(a.config, func(o *applicationautoscaling.Options) {
			o.Region = name
			if endpoint != nil {
				o.BaseEndpoint = endpoint
			}
		}),
		keys: newKeyReader(client, a.limiter(), a.id, name, a.live.options.Needs),
	}
}

const listTablesAction = "dynamodb:ListTables"

// read reads every table, page by page, and then the keys, and completes out. A page that cannot be read ends
// the list with an error; the tables before it stay.
func (r *regionReader) read(ctx context.Context, out *fact.Region) *fact.Set {
	set := &fact.Set{Account: r.account, Region: r.name}
	r.readTables(ctx, out, set)
	if r.needs[fact.NeedKeys] && out.Problem == nil {
		set.KeysProblem = r.keys.readAll(ctx)
		out.Problem = set.KeysProblem
	}
	set.Keys = r.keys.own()
	out.Tables, out.Keys = len(set.Tables), len(set.Keys)
	return set
}

func (r *regionReader) readTables(ctx context.Context, out *fact.Region, set *fact.Set) {
	input := &dynamodb.ListTablesInput{Limit: aws.Int32(100)}
	for {
		page, err := r.listTables(ctx, input)
		if err != nil {
			r.fail(out, problemOf(listTablesAction, err))
			return
		}
		set.Tables = append(set.Tables, r.readPage(ctx, page.TableNames)...)
		last := aws.ToString(page.LastEvaluatedTableName)
		if last == "" || ctx.Err() != nil {
			return
		}
		if last == aws.ToString(input.ExclusiveStartTableName) {
			r.fail(out, &fact.Problem{Kind: fact.Failed, Action: listTablesAction,
				Message: "the list of tables does not end"})
			return
		}
		input.ExclusiveStartTableName = &last
	}
}

func (r *regionReader) listTables(ctx context.Context,
	input *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	if err := r.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	return r.tables.ListTables(ctx, input)
}

// fail records why a region could not be read. A region that is not enabled refuses the credentials; only the
// account can tell that from credentials that are wrong.
func (r *regionReader) fail(out *fact.Region, p *fact.Problem) {
	if p.Kind == fact.Credentials && r.builtIn && isOptIn(r.name) {
		out.Note = "probably not enabled for the account; with " + listRegionsAction +
			" allowed, the audit knows"
	}
	out.Outcome, out.Problem = fact.RegionFailed, p
}

// readPage reads the tables of one page, a few at a time, and gives those that still exist.
func (r *regionReader) readPage(ctx context.Context, names []string) []*fact.Table {
	read := make([]*fact.Table, len(names))
	var group errgroup.Group
	group.SetLimit(tablesAtOnce)
	for i, name := range names {
		group.Go(func() error {
			if table, exists := r.describe(ctx, name); exists && ctx.Err() == nil {
				read[i] = &table
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: each table reports its own
	var out []*fact.Table
	for _, t := range read {
		if t != nil {
			out = append(out, t)
		}
	}
	return out
}

// describe reads one table and its key. A table that was deleted since it was listed does not exist.
func (r *regionReader) describe(ctx context.Context, name string) (t fact.Table, exists bool) {
	t = fact.Table{Account: r.account, Region: r.name, Name: name, KeyClass: fact.UnknownKey}
	if r.account != "" {
		t.ARN = arn.ARN{
			Partition: partitionOf(r.name), Service: "dynamodb", Region: r.name, Account: r.account,
			Resource: "table/" + name,
		}.String()
	}
	description, err := r.describeTable(ctx, name)
	switch {
	case isGone(err):
		return t, false
	case err != nil:
		t.Problem = problemOf("dynamodb:DescribeTable", err)
		return t, true
	}
	copyTable(&t, description)
	if s := description.SSEDescription; s != nil && s.SSEType == types.SSETypeKms &&
		aws.ToString(s.KMSMasterKeyArn) != "" {
		t.Key = r.keys.describe(ctx, *s.KMSMasterKeyArn)
	}
	return t, r.readMore(ctx, &t)
}

// isGone reports whether a table was deleted since it was listed.
func isGone(err error) bool {
	var gone *types.ResourceNotFoundException
	var noTable *types.TableNotFoundException
	return errors.As(err, &gone) || errors.As(err, &noTable)
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

func copyTable(t *fact.Table, d *types.TableDescription) {
	t.Status = string(d.TableStatus)
	if a, ok := arn.Parse(aws.ToString(d.TableArn)); ok {
		t.ARN, t.Account = a.String(), a.Account
	}
	if s := d.SSEDescription; s != nil {
		t.SSEType = string(s.SSEType)
		t.SSEStatus = string(s.Status)
		t.InaccessibleSince = s.InaccessibleEncryptionDateTime
	}
	if d.ArchivalSummary != nil {
		t.ArchivedAt = d.ArchivalSummary.ArchivalDateTime
	}
	t.Provisioned = d.BillingModeSummary == nil ||
		d.BillingModeSummary.BillingMode != types.BillingModePayPerRequest
	t.Items = aws.ToInt64(d.ItemCount)
	t.Bytes = aws.ToInt64(d.TableSizeBytes)
	t.Created = d.CreationDateTime
	t.DeletionProtection = fact.Of(aws.ToBool(d.DeletionProtectionEnabled))
	t.GlobalVersion = aws.ToString(d.GlobalTableVersion)
	for _, replica := range d.Replicas {
		if aws.ToString(replica.RegionName) == t.Region {
			continue
		}
		t.Replicas = append(t.Replicas, fact.Replica{
			Region: aws.ToString(replica.RegionName), Status: string(replica.ReplicaStatus),
			KeyARN: aws.ToString(replica.KMSMasterKeyId),
		})
	}
}

// readMore reads what DescribeTable does not show, as far as rules need it. It reports whether the table
// still exists.
func (r *regionReader) readMore(ctx context.Context, t *fact.Table) (exists bool) {
	for _, part := range []struct {
		need fact.Need
		read func(context.Context, *fact.Table) error
	}{
		{fact.NeedRecovery, r.readRecovery}, {fact.NeedBackups, r.readBackups}, {fact.NeedExpiry,
			r.readExpiry},
		{fact.NeedTags, r.readTags}, {fact.NeedPolicies, r.readPolicy}, {fact.NeedScaling, r.readScaling},
	} {
		if !r.needs[part.need] || t.Status == "DELETING" {
			continue
		}
		if err := r.limiter.Wait(ctx); err != nil {
			return false
		}
		if err := part.read(ctx, t); isGone(err) {
			return false
		}
	}
	return true
}

func (r *regionReader) readRecovery(ctx context.Context, t *fact.Table) error {
	out, err := r.tables.DescribeContinuousBackups(ctx,
		&dynamodb.DescribeContinuousBackupsInput{TableName: &t.Name})
	if err != nil {
		t.PointInTime = fact.Unread[bool](problemOf("dynamodb:DescribeContinuousBackups", err))
		return err
	}
	c := out.ContinuousBackupsDescription
	if c == nil || c.PointInTimeRecoveryDescription == nil {
		t.PointInTime = fact.Unread[bool](&fact.Problem{
			Kind: fact.Failed, Action: "dynamodb:DescribeContinuousBackups",
			Message: "the answer describes nothing",
		})
		return nil
	}
	status := c.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus
	t.PointInTime = fact.Of(status == types.PointInTimeRecoveryStatusEnabled)
	return nil
}

func (r *regionReader) readExpiry(ctx context.Context, t *fact.Table) error {
	out, err := r.tables.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &t.Name})
	if err != nil {
		t.ExpiryAttribute = fact.Unread[string](problemOf("dynamodb:DescribeTimeToLive", err))
		return err
	}
	name := ""
	if d := out.TimeToLiveDescription; d != nil && d.TimeToLiveStatus != types.TimeToLiveStatusDisabled {
		name = aws.ToString(d.AttributeName)
	}
	t.ExpiryAttribute = fact.Of(name)
	return nil
}

func (r *regionReader) readTags(ctx context.Context, t *fact.Table) error {
	tags := map[string]string{}
	input := &dynamodb.ListTagsOfResourceInput{ResourceArn: &t.ARN}
	for range maxTagPages {
		out, err := r.tables.ListTagsOfResource(ctx, input)
		if err != nil {
			t.Tags = fact.Unread[map[string]string](problemOf("dynamodb:ListTagsOfResource", err))
			return err
		}
		for _, tag := range out.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		input.NextToken = out.NextToken
		if aws.ToString(out.NextToken) == "" {
			break
		}
	}
	t.Tags = fact.Of(tags)
	return nil
}

// maxTagPages is enough for the 50 tags that a table can have.
const maxTagPages = 10

func (r *regionReader) readPolicy(ctx context.Context, t *fact.Table) error {
	out, err := r.tables.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: &t.ARN})
	var none *types.PolicyNotFoundException
	switch {
	case errors.As(err, &none):
		t.Policy = fact.Of("")
	case err != nil:
		t.Policy = fact.Unread[string](problemOf("dynamodb:GetResourcePolicy", err))
		return err
	default:
		t.Policy = fact.Of(aws.ToString(out.Policy))
	}
	return nil
}

// readBackups looks at the latest of the table's backups, also for the key that it is under.
func (r *regionReader) readBackups(ctx context.Context, t *fact.Table) error {
	input := &dynamodb.ListBackupsInput{TableName: &t.Name, BackupType: types.BackupTypeFilterAll}
	var b fact.Backups
	var latest *string
	for range maxBackupPages {
		out, err := r.tables.ListBackups(ctx, input)
		if err != nil {
			t.Backups = fact.Unread[fact.Backups](problemOf("dynamodb:ListBackups", err))
			return err
		}
		for i := range out.BackupSummaries {
			s := &out.BackupSummaries[i]
			b.Count++
			b.Planned = b.Planned || s.BackupType == types.BackupTypeAwsBackup
			if at := s.BackupCreationDateTime; at != nil && (b.Latest == nil || at.After(*b.Latest)) {
				b.Latest, latest = at, s.BackupArn
			}
		}
		input.ExclusiveStartBackupArn = out.LastEvaluatedBackupArn
		if aws.ToString(out.LastEvaluatedBackupArn) == "" {
			break
		}
	}
	if latest != nil {
		b.Class = r.backupClass(ctx, t, latest)
	}
	t.Backups = fact.Of(b)
	return nil
}

// maxBackupPages bounds how many backups of a table are looked at, 100 on each page.
const maxBackupPages = 100

func (r *regionReader) backupClass(ctx context.Context, t *fact.Table, backup *string) fact.KeyClass {
	if r.limiter.Wait(ctx) != nil {
		return ""
	}
	out, err := r.tables.DescribeBackup(ctx, &dynamodb.DescribeBackupInput{BackupArn: backup})
	if err != nil || out.BackupDescription == nil || out.BackupDescription.SourceTableFeatureDetails == nil {
		return ""
	}
	copied := fact.Table{Account: t.Account}
	if s := out.BackupDescription.SourceTableFeatureDetails.SSEDescription; s != nil {
		copied.SSEType, copied.SSEStatus = string(s.SSEType), string(s.Status)
		if key := aws.ToString(s.KMSMasterKeyArn); key != "" {
			copied.Key = r.keys.describe(ctx, key)
		}
	}
	return fact.Classify(&copied)
}

// readScaling finds the table among the scalable targets of the region, which are listed once.
func (r *regionReader) readScaling(ctx context.Context, t *fact.Table) error {
	if !t.Provisioned {
		return nil
	}
	r.scaleOnce.Do(func() { r.scaled = r.listTargets(ctx) })
	t.Scaled = fact.Known[[]string]{
		Value: r.scaled.Value["table/"+t.Name], Read: r.scaled.Read, Problem: r.scaled.Problem,
	}
	return nil
}

// maxTargetPages bounds what a confused endpoint can make us read.
const maxTargetPages = 10_000

func (r *regionReader) listTargets(ctx context.Context) fact.Known[map[string][]string] {
	const action = "application-autoscaling:DescribeScalableTargets"
	out := map[string][]string{}
	input := &applicationautoscaling.DescribeScalableTargetsInput{ServiceNamespace: "dynamodb"}
	for range maxTargetPages {
		if err := r.scalingLimiter.Wait(ctx); err != nil {
			return fact.Unread[map[string][]string](problemOf(action, err))
		}
		page, err := r.scaling.DescribeScalableTargets(ctx, input)
		if err != nil {
			return fact.Unread[map[string][]string](problemOf(action, err))
		}
		for i := range page.ScalableTargets {
			target := &page.ScalableTargets[i]
			id := aws.ToString(target.ResourceId)
			out[id] = append(out[id], string(target.ScalableDimension))
		}
		input.NextToken = page.NextToken
		if aws.ToString(page.NextToken) == "" {
			break
		}
	}
	return fact.Of(out)
}
