// Package remedy mends what an audit found: it plans changes, writes them as patches of templates, makes them
// on live resources, and takes them back.
//
// Callers may rely on this: a plan changes nothing; a table is never moved onto a key that it, or its
// callers, can't use; what a stack manages is refused unless drift is allowed; a change that is already made
// is left alone, so that a second run changes nothing and uses up no quota; before a live change is made,
// what takes it back is written down; and a patch is only given if the audit passes on the patched text.
package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/rule"
)

// Schema names the layout of a Report in JSON. Members may be added under the same name; none changes its
// meaning.
const Schema = "sealtable.fix/1"

// Status is what became of a change.
type Status string

// The statuses of a change.
const (
	Planned   Status = "planned"
	Patched   Status = "patched"
	Applied   Status = "applied"
	Unchanged Status = "unchanged" // nothing was to be done
	Refused   Status = "refused"   // it would do harm, or can't be done so; Why says why
	Failed    Status = "failed"
)

// Report is the outcome of a fix.
type Report struct {
	Schema  string   `json:"schema"`
	Changes []Change `json:"changes"`
	// Record is the file that takes the changes back, after an apply.
	Record string `json:"record,omitempty"`
}

// Change is one thing to do about one finding.
type Change struct {
	Finding  string         `json:"finding"` // the audit's id
	Rule     string         `json:"rule"`
	Resource audit.Resource `json:"resource"`
	Before   string         `json:"before"`
	After    string         `json:"after"`
	Commands []string       `json:"commands,omitempty"`
	// Patch is a unified diff of a template; Call is the call that is made on a live resource.
	Patch string `json:"patch,omitempty"`
	Call  *Call  `json:"call,omitempty"`
	Cost  string `json:"cost,omitempty"`
	// Callers are the users and roles that could use the table before the change and not after it.
	Callers []string `json:"callers,omitempty"`
	Status  Status   `json:"status"`
	Why     string   `json:"why,omitempty"`
}

// Call is one call of the API.
type Call struct {
	Service   string            `json:"service"`
	Operation string            `json:"operation"`
	Region    string            `json:"region"`
	Input     map[string]string `json:"input"`
}

// Left counts the changes after which something is still to be done.
func (r *Report) Left() int {
	n := 0
	for i := range r.Changes {
		if s := r.Changes[i].Status; s == Planned || s == Refused || s == Patched {
			n++
		}
	}
	return n
}

// Failures counts the changes that failed.
func (r *Report) Failures() int {
	n := 0
	for i := range r.Changes {
		if r.Changes[i].Status == Failed {
			n++
		}
	}
	return n
}

// Options say how to mend.
type Options struct {
	// Key is the key for tables: empty for the AWS managed one, NewKey for one that is made in each region,
	// else an ARN, an id or an alias.
	Key   string
	Alias string // of keys that are made
	// AllowDrift lets tables be changed that a stack manages; AllowCallers leaves callers without access to
	// the new key.
	AllowDrift, AllowCallers bool
}

// NewKey stands for a key that is still to be made.
const NewKey = "new"

// rules that can be mended, in the order in which they are.
func rules() []string {
	return []string{rule.UsableKeyID, "KMS-004", "KMS-022", "KMS-002", rule.EncryptionID, "DynamoDB-003",
		"DDB-015"}
}

// Rules lists the ids of the rules that can be mended.
func Rules() []string { return rules() }

// Planner makes plans from a report and the facts that it rests on.
type Planner struct {
	Options Options
	Sets    []*fact.Set
}

// Plan lists what there is to do about the failing findings of a report.
func (p *Planner) Plan(r *audit.Report) *Report {
	out := &Report{Schema: Schema, Changes: []Change{}}
	for _, id := range rules() {
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.Rule == id && f.Resource.File == "" && (f.Status == audit.Fail || f.Status == audit.Error) {
				out.Changes = append(out.Changes, p.change(f))
			}
		}
	}
	return out
}

func (p *Planner) change(f *audit.Finding) Change {
	c := Change{Finding: f.ID, Rule: f.Rule, Resource: f.Resource, Status: Planned, Commands: f.Commands,
		Before: f.Message}
	if f.Status == audit.Error {
		return c.refuse("it could not be read: " + f.Message)
	}
	set, table, key := p.find(&f.Resource)
	switch f.Rule {
	case rule.EncryptionID:
		return p.encrypt(c, set, table)
	case "DynamoDB-003":
		return c.call("dynamodb", "UpdateContinuousBackups", "point-in-time recovery on", map[string]string{
			"TableName": table.Name, "PointInTimeRecoveryEnabled": "true",
		}).guard(p, table).costing("0.20 USD per GB and month")
	case "DDB-015":
		return c.call("dynamodb", "UpdateTable", "deletion protection on", map[string]string{
			"TableName": table.Name, "DeletionProtectionEnabled": "true",
		}).guard(p, table)
	case "KMS-002":
		return c.call("kms", "EnableKeyRotation", "rotation every year", map[string]string{"KeyId": key.ARN}).
			costing("1 USD a month for each of the first two rotations")
	case rule.UsableKeyID:
		return p.revive(c, table.Key, table)
	}
	return p.revive(c, key, nil)
}

func (p *Planner) find(about *audit.Resource) (*fact.Set, *fact.Table, *fact.Key) {
	for _, s := range p.Sets {
		if s.Region != about.Region || s.Account != about.Account {
			continue
		}
		for _, t := range s.Tables {
			if t.Name == about.Table {
				return s, t, t.Key
			}
		}
		for _, k := range s.Keys {
			if audit.KeyID(k) == about.Key {
				return s, &fact.Table{}, k
			}
		}
	}
	return &fact.Set{}, &fact.Table{}, &fact.Key{}
}

func (c Change) refuse(why string) Change {
	c.Status, c.Why = Refused, why
	return c
}

func (c Change) call(service, operation, after string, input map[string]string) Change {
	c.After = after
	c.Call = &Call{Service: service, Operation: operation, Region: c.Resource.Region, Input: input}
	return c
}

func (c Change) costing(cost string) Change {
	c.Cost = cost
	return c
}

// guard refuses what can't be changed now, or is another's to change.
func (c Change) guard(p *Planner, t *fact.Table) Change {
	stack := t.Tags.Value["aws:cloudformation:stack-name"]
	switch {
	case t.Status != "ACTIVE":
		return c.refuse("the table is " + t.Status + "; changes wait until it is ACTIVE")
	case stack != "" && !p.Options.AllowDrift:
		return c.refuse("the stack " + stack + " manages the table: change its template (sealtable fix " +
			"patch), or allow drift " +
			"with --allow-drift")
	}
	return c
}

// revive brings a key back that was disabled or is to be deleted, or gives DynamoDB the use of it again.
func (p *Planner) revive(c Change, key *fact.Key, t *fact.Table) Change {
	if key == nil {
		return c.refuse("which key the table is under is not known")
	}
	switch {
	case key.State == "Disabled":
		return c.call("kms", "EnableKey", "the key works", map[string]string{"KeyId": key.ARN})
	case key.State == "PendingDeletion":
		return c.call("kms", "CancelKeyDeletion", "the key works", map[string]string{"KeyId": key.ARN})
	case key.State == "Enabled" && t != nil && t.Status == "INACCESSIBLE_ENCRYPTION_CREDENTIALS":
		return c.call("dynamodb", "UpdateTable", "DynamoDB may use the key", map[string]string{
			"TableName": t.Name, "SSEEnabled": "true", "KMSMasterKeyId": key.ARN,
		})
	}
	return c.refuse("a key in state " + key.State + " is not brought back by a call: see the finding")
}

// encrypt puts a table under the wanted key.
func (p *Planner) encrypt(c Change, s *fact.Set, t *fact.Table) Change {
	c.Before = string(t.KeyClass)
	input := map[string]string{"TableName": t.Name, "SSEEnabled": "true"}
	after, cost := "the AWS managed key", "no monthly fee; 0.03 USD per 10,000 requests to KMS"
	if p.Options.Key != "" {
		after, cost = "a new key, "+p.Options.Alias, "1 USD a month for the key; 0.03 USD per 10,000 "+
			"requests to KMS"
		input["KMSMasterKeyId"] = NewKey
	}
	if p.Options.Key != "" && p.Options.Key != NewKey {
		key, why := p.target(s)
		if key == nil {
			return c.refuse(why)
		}
		if t.Key != nil && t.Key.ARN == key.ARN {
			c.Status, c.Why = Unchanged, "the table is under this key"
			return c
		}
		after, input["KMSMasterKeyId"] = key.ARN, key.ARN
		c.Callers = rule.Callers(s.Principals.Value, t, key)
	}
	c = c.call("dynamodb", "UpdateTable", after, input).costing(cost).guard(p, t)
	c.Commands = []string{command(t, input)}
	switch {
	case c.Status == Refused:
	case len(t.Replicas) > 0:
		return c.refuse("the table has replicas, each of which needs a key of its own region")
	case len(c.Callers) > 0 && !p.Options.AllowCallers:
		return c.refuse(fmt.Sprintf("%d callers of the table may not use the key (kms:Decrypt); let them "+
			"first, or say "+
			"--allow-callers", len(c.Callers)))
	}
	return c
}

func command(t *fact.Table, input map[string]string) string {
	specification := "Enabled=true,SSEType=KMS"
	if key := input["KMSMasterKeyId"]; key == NewKey {
		specification += ",KMSMasterKeyId=KEY_ARN"
	} else if key != "" {
		specification += ",KMSMasterKeyId=" + key
	}
	return "aws dynamodb update-table --region " + rule.Quote(t.Region) + " --table-name " +
		rule.Quote(t.Name) +
		" --sse-specification " + rule.Quote(specification)
}

// target finds the wanted key in the table's region, and refuses one that DynamoDB could not use.
func (p *Planner) target(s *fact.Set) (*fact.Key, string) {
	want := p.Options.Key
	at := slices.IndexFunc(s.Keys, func(k *fact.Key) bool {
		return k.ARN == want || audit.KeyID(k) == want || slices.Contains(k.Aliases.Value, want) ||
			strings.HasPrefix(want, "arn:") && slices.ContainsFunc(k.Aliases.Value, func(a string) bool {
				return strings.HasSuffix(want, ":"+a) && strings.Contains(want, ":"+k.Region+":")
			})
	})
	if at < 0 {
		return nil, "there is no key " + want + " in " + s.Region + ", where the table is"
	}
	k := s.Keys[at]
	switch {
	case k.State != "Enabled":
		return nil, "the key " + k.ARN + " is in state " + k.State
	case k.Spec != "SYMMETRIC_DEFAULT" || k.Usage != "ENCRYPT_DECRYPT":
		return nil, "the key " + k.ARN + " is not a symmetric one for encryption (" + k.Spec + ", " +
			k.Usage + ")"
	}
	return k, ""
}

// LeastPolicy is a policy for a key of tables: the account decides who administers it, and its callers use it
// through DynamoDB alone.
func LeastPolicy(partition, account, region string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"Administration","Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"kms:*","Resource":"*"},`+
		`{"Sid":"UseThroughDynamoDB","Effect":"Allow","Principal":{"AWS":"*"},`+
		`"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey","kms:CreateGrant"],`+
		`"Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"%s",`+
		`"kms:ViaService":"dynamodb.%s.amazonaws.com"}}}]}`, partition, account, account, region)
}

// Confirm looks at an audit that was made after the changes: what still fails was not mended.
func (r *Report) Confirm(after *audit.Report) {
	failing := map[string]string{}
	for i := range after.Findings {
		if f := &after.Findings[i]; f.Status == audit.Fail {
			failing[f.ID] = f.Message
		}
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		if message, fails := failing[c.Finding]; fails && c.Status == Applied {
			c.Status, c.Why = Failed, "the call succeeded, and the audit still fails: "+message
		}
	}
}

// Written says that the patches are in the files: nothing of them is left to do.
func (r *Report) Written() {
	for i := range r.Changes {
		if r.Changes[i].Status == Patched {
			r.Changes[i].Status = Applied
		}
	}
}
