package remedy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// Clients makes clients of a region.
type Clients interface {
	DynamoDB(region string) *dynamodb.Client
	KMS(region string) *kms.Client
}

// Applier makes planned changes.
type Applier struct {
	Clients Clients
	Options Options
	// Pause waits between two looks at a table that is changing.
	Pause func(context.Context) error
	// Record is where what takes changes back is written, before each of them.
	Record *Record

	made map[string]string // keys that were made, by region
}

// patience is how often a changing table is looked at before it counts as failed.
const patience = 600

// Apply makes the planned changes, one after the other.
func (a *Applier) Apply(ctx context.Context, r *Report) {
	a.made = map[string]string{}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Status != Planned {
			continue
		}
		if err := a.apply(ctx, c); err != nil {
			c.Status, c.Why = Failed, reason(err)
			if limit := (*types.LimitExceededException)(nil); errors.As(err, &limit) {
				c.Status = Refused
				c.Why += ": a table's key can be changed four times in 24 hours; go on after " +
					time.Now().UTC().Add(24*time.Hour).Format(time.RFC3339) + " at the latest"
			}
			continue
		}
		c.Status = Applied
	}
}

func reason(err error) string {
	var answered interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if errors.As(err, &answered) {
		return answered.ErrorCode() + ": " + answered.ErrorMessage()
	}
	return err.Error()
}

func (a *Applier) apply(ctx context.Context, c *Change) error {
	undo, err := a.undo(ctx, c)
	if err != nil {
		return err
	}
	if err := a.Record.Add(undo); err != nil {
		return fmt.Errorf("nothing was changed, since what takes it back can't be written down: %w", err)
	}
	if c.Call.Input["KMSMasterKeyId"] == NewKey {
		if c.Call.Input["KMSMasterKeyId"], err = a.newKey(ctx, c); err != nil {
			return err
		}
		c.After = c.Call.Input["KMSMasterKeyId"]
	}
	if err := Make(ctx, a.Clients, c.Call); err != nil {
		return err
	}
	if c.Call.Service == "dynamodb" {
		return a.wait(ctx, c)
	}
	return nil
}

// newKey makes the region's key with the least policy, or takes the one that an earlier run made.
func (a *Applier) newKey(ctx context.Context, c *Change) (string, error) {
	region := c.Call.Region
	if key := a.made[region]; key != "" {
		return key, nil
	}
	client := a.Clients.KMS(region)
	known, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &a.Options.Alias})
	if err == nil && known.KeyMetadata != nil {
		a.made[region] = aws.ToString(known.KeyMetadata.Arn)
		if known.KeyMetadata.KeyState != kmstypes.KeyStateEnabled {
			return "", fmt.Errorf("the key %s is in state %s", a.Options.Alias, known.KeyMetadata.KeyState)
		}
		return a.made[region], nil
	}
	var absent *kmstypes.NotFoundException
	if !errors.As(err, &absent) {
		return "", err
	}
	policy := LeastPolicy(partitionOf(c.Resource.ARN), c.Resource.Account, region)
	created, err := client.CreateKey(ctx, &kms.CreateKeyInput{
		Policy: &policy, Description: aws.String("DynamoDB tables, made by sealtable fix"),
	})
	if err != nil {
		return "", err
	}
	key := aws.ToString(created.KeyMetadata.Arn)
	if _, err := client.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: &key}); err != nil {
		return "", err
	}
	_, err = client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &a.Options.Alias, TargetKeyId: &key})
	a.made[region] = key
	return key, err
}

func partitionOf(arn string) string {
	for _, p := range []string{"aws-cn", "aws-us-gov"} {
		if len(arn) > len(p)+5 && arn[4:4+len(p)] == p {
			return p
		}
	}
	return "aws"
}

// Make makes one call. CancelKeyDeletion leaves a key disabled, so that enabling it belongs to it.
func Make(ctx context.Context, clients Clients, c *Call) error {
	in := c.Input
	var err error
	switch c.Operation {
	case "EnableKey", "CancelKeyDeletion":
		client := clients.KMS(c.Region)
		if c.Operation == "CancelKeyDeletion" {
			_, err = client.CancelKeyDeletion(ctx,
				&kms.CancelKeyDeletionInput{KeyId: aws.String(in["KeyId"])})
		}
		if err == nil {
			_, err = client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: aws.String(in["KeyId"])})
		}
	case "DisableKey":
		_, err = clients.KMS(c.Region).DisableKey(ctx, &kms.DisableKeyInput{KeyId: aws.String(in["KeyId"])})
	case "EnableKeyRotation":
		_, err = clients.KMS(c.Region).EnableKeyRotation(ctx,
			&kms.EnableKeyRotationInput{KeyId: aws.String(in["KeyId"])})
	case "DisableKeyRotation":
		_, err = clients.KMS(c.Region).DisableKeyRotation(ctx,
			&kms.DisableKeyRotationInput{KeyId: aws.String(in["KeyId"])})
	case "UpdateContinuousBackups":
		_, err = clients.DynamoDB(c.Region).UpdateContinuousBackups(ctx,
			&dynamodb.UpdateContinuousBackupsInput{
				TableName: aws.String(in["TableName"]),
				PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
					PointInTimeRecoveryEnabled: aws.Bool(in["PointInTimeRecoveryEnabled"] == "true"),
				},
			})
	case "UpdateTable":
		_, err = clients.DynamoDB(c.Region).UpdateTable(ctx, updateTable(in))
	default:
		return fmt.Errorf("no call %q is made here", c.Operation)
	}
	return err
}

func updateTable(in map[string]string) *dynamodb.UpdateTableInput {
	out := &dynamodb.UpdateTableInput{TableName: aws.String(in["TableName"])}
	if protection, ok := in["DeletionProtectionEnabled"]; ok {
		out.DeletionProtectionEnabled = aws.Bool(protection == "true")
	}
	if enabled, ok := in["SSEEnabled"]; ok {
		out.SSESpecification = &types.SSESpecification{Enabled: aws.Bool(enabled == "true")}
		if enabled == "true" {
			out.SSESpecification.SSEType = types.SSETypeKms
		}
		if key := in["KMSMasterKeyId"]; key != "" {
			out.SSESpecification.KMSMasterKeyId = &key
		}
	}
	return out
}

// wait looks at the table until the change has come about.
func (a *Applier) wait(ctx context.Context, c *Change) error {
	for range patience {
		out, err := a.Clients.DynamoDB(c.Call.Region).DescribeTable(ctx, &dynamodb.DescribeTableInput{
			TableName: aws.String(c.Call.Input["TableName"]),
		})
		if err != nil {
			return err
		}
		if done, err := settled(out.Table, c.Call.Input); done || err != nil {
			return err
		}
		if err := a.Pause(ctx); err != nil {
			return err
		}
	}
	return errors.New("the change was asked for, and did not come about in time: look at the table")
}

// settled reports whether a table is as a call wanted it.
func settled(t *types.TableDescription, in map[string]string) (bool, error) {
	if t == nil || t.TableStatus == types.TableStatusUpdating {
		return false, nil
	}
	if in["SSEEnabled"] != "true" {
		return t.SSEDescription == nil || in["SSEEnabled"] == "", nil
	}
	s := t.SSEDescription
	if s == nil || s.Status != types.SSEStatusEnabled {
		return false, nil
	}
	want, got := in["KMSMasterKeyId"], aws.ToString(s.KMSMasterKeyArn)
	if want != "" && want != got {
		return false, fmt.Errorf("the table is under %s, not under %s", got, want)
	}
	return t.TableStatus != types.TableStatusInaccessibleEncryptionCredentials, nil
}

// undo finds out what takes a change back.
func (a *Applier) undo(ctx context.Context, c *Change) (Entry, error) {
	e := Entry{Finding: c.Finding, Resource: c.Resource, Before: c.Before, After: c.After}
	back := Call{Service: c.Call.Service, Operation: c.Call.Operation, Region: c.Call.Region,
		Input: map[string]string{}}
	switch c.Call.Operation {
	case "UpdateTable":
		out, err := a.Clients.DynamoDB(c.Call.Region).DescribeTable(ctx, &dynamodb.DescribeTableInput{
			TableName: aws.String(c.Call.Input["TableName"]),
		})
		if err != nil {
			return e, err
		}
		back.Input = tableBefore(out.Table, c.Call.Input)
	case "UpdateContinuousBackups":
		back.Input["TableName"] = c.Call.Input["TableName"]
		back.Input["PointInTimeRecoveryEnabled"] = "false"
	case "EnableKeyRotation":
		back.Operation = "DisableKeyRotation"
		back.Input["KeyId"] = c.Call.Input["KeyId"]
	default: // a key that was brought back: taking that back means disabling it, which deletes nothing
		back.Operation = "DisableKey"
		back.Input["KeyId"] = c.Call.Input["KeyId"]
	}
	e.Undo = back
	return e, nil
}

func tableBefore(t *types.TableDescription, in map[string]string) map[string]string {
	out := map[string]string{"TableName": in["TableName"]}
	if _, ok := in["DeletionProtectionEnabled"]; ok {
		out["DeletionProtectionEnabled"] = fmt.Sprint(aws.ToBool(t.DeletionProtectionEnabled))
	}
	if _, ok := in["SSEEnabled"]; ok {
		out["SSEEnabled"] = fmt.Sprint(t.SSEDescription != nil)
		if t.SSEDescription != nil {
			out["KMSMasterKeyId"] = aws.ToString(t.SSEDescription.KMSMasterKeyArn)
		}
	}
	return out
}

// Entry is what takes one change back.
type Entry struct {
	Finding  string         `json:"finding"`
	Resource audit.Resource `json:"resource"`
	Before   string         `json:"before"`
	After    string         `json:"after"`
	Undo     Call           `json:"undo"`
}

// Record is a file of JSON lines, one for each change, each written and synced before the change is made.
type Record struct {
	path string
	file *os.File
}

// NewRecord names the file; it is made with the first entry, and never overwrites another.
func NewRecord(path string) *Record { return &Record{path: path} }

// Path is where the record is; empty if nothing was recorded.
func (r *Record) Path() string {
	if r.file == nil {
		return ""
	}
	return r.path
}

// Add writes an entry.
func (r *Record) Add(e Entry) error {
	if r.file == nil {
		file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		r.file = file
	}
	if err := json.NewEncoder(r.file).Encode(e); err != nil {
		return err
	}
	return r.file.Sync()
}

// Close closes the file.
func (r *Record) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Rollback takes back what a record holds, the last change first. What is as it was before is left alone.
func (a *Applier) Rollback(ctx context.Context, r io.Reader) (*Report, error) {
	var entries []Entry
	decoder := json.NewDecoder(r)
	for {
		var e Entry
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is not a record of changes: %w", err)
		}
		entries = append(entries, e)
	}
	out := &Report{Schema: Schema, Changes: []Change{}}
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		c := Change{Finding: e.Finding, Resource: e.Resource, Before: e.After, After: e.Before, Call: &e.Undo,
			Status: Applied}
		if err := a.takeBack(ctx, &c); err != nil {
			c.Status, c.Why = Failed, reason(err)
		}
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}

func (a *Applier) takeBack(ctx context.Context, c *Change) error {
	if c.Call.Operation == "UpdateTable" {
		out, err := a.Clients.DynamoDB(c.Call.Region).DescribeTable(ctx, &dynamodb.DescribeTableInput{
			TableName: aws.String(c.Call.Input["TableName"]),
		})
		if err != nil {
			return err
		}
		if same(tableBefore(out.Table, c.Call.Input), c.Call.Input) {
			c.Status, c.Why = Unchanged, "it is as it was before"
			return nil
		}
	}
	if err := Make(ctx, a.Clients, c.Call); err != nil {
		return err
	}
	if c.Call.Service == "dynamodb" {
		return a.wait(ctx, c)
	}
	return nil
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// Needs are the facts that plans look at.
func Needs() fact.Needs {
	return fact.Needs{
		fact.NeedTags: true, fact.NeedKeys: true, fact.NeedKeyPolicy: true, fact.NeedPrincipals: true,
		fact.NeedRotation: true,
		fact.NeedRecovery: true,
	}
}
