package terraform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// planFile is the part of `terraform show -json PLAN` (format 1.x) that concerns tables and keys.
type planFile struct {
	FormatVersion string         `json:"format_version"`
	Changes       []planChange   `json:"resource_changes"`
	Configuration *configuration `json:"configuration"`
}

type configuration struct {
	Root configModule `json:"root_module"`
}

type configModule struct {
	Resources []struct {
		Address     string                     `json:"address"`
		Expressions map[string]json.RawMessage `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Module configModule `json:"module"`
	} `json:"module_calls"`
}

type planChange struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Change  struct {
		Actions []string        `json:"actions"`
		Before  planValues      `json:"before"`
		After   planValues      `json:"after"`
		Unknown json.RawMessage `json:"after_unknown"`
	} `json:"change"`
}

// planValues are the attributes of tables and keys together.
type planValues struct {
	Name               string            `json:"name"`
	ARN                string            `json:"arn"`
	Billing            string            `json:"billing_mode"`
	DeletionProtection bool              `json:"deletion_protection_enabled"`
	Tags               map[string]string `json:"tags"`
	Encryption         []struct {
		Enabled bool   `json:"enabled"`
		KeyARN  string `json:"kms_key_arn"`
	} `json:"server_side_encryption"`
	Recovery []struct {
		Enabled bool `json:"enabled"`
	} `json:"point_in_time_recovery"`
	Expiry []struct {
		Enabled   bool   `json:"enabled"`
		Attribute string `json:"attribute_name"`
	} `json:"ttl"`

	Rotation     bool   `json:"enable_key_rotation"`
	RotationDays int    `json:"rotation_period_in_days"`
	Enabled      *bool  `json:"is_enabled"`
	Policy       string `json:"policy"`
	Spec         string `json:"customer_master_key_spec"`
	PendingDays  int    `json:"deletion_window_in_days"`
	MultiRegion  bool   `json:"multi_region"`
}

// IsPlan reports whether a JSON document is a plan.
func IsPlan(text []byte) bool {
	var p struct {
		FormatVersion string          `json:"format_version"`
		Changes       json.RawMessage `json:"resource_changes"`
	}
	return json.Unmarshal(text, &p) == nil && p.FormatVersion != "" && p.Changes != nil
}

// ReadPlan reads a plan in JSON. What is known only after the apply is told by the references of the
// configuration.
func ReadPlan(path string, text []byte) (*fact.Set, error) {
	var p planFile
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(p.FormatVersion, "1.") {
		return nil, fmt.Errorf("a plan of format %s; 1.x is understood", p.FormatVersion)
	}
	set := &fact.Set{Account: OwnAccount, Source: path, Default: true}
	references := map[string][]string{}
	if p.Configuration != nil {
		p.Configuration.Root.references("", references, 0)
	}
	deleted := map[string]string{}
	for i := range p.Changes {
		c := &p.Changes[i]
		deletes := slices.Contains(c.Change.Actions, "delete")
		switch {
		case isKey(c.Type) && deletes:
			deleted[c.Change.Before.ARN] = c.Address
		case isKey(c.Type) && c.Mode == "managed":
			set.Keys = append(set.Keys, c.key(path))
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		gone := slices.Equal(c.Change.Actions, []string{"delete"})
		if c.Type == "aws_dynamodb_table" && c.Mode == "managed" && !gone {
			set.Tables = append(set.Tables, c.table(path, set, references, deleted))
		}
	}
	return set, nil
}

// references lists, for each table of the configuration, what its key's ARN refers to.
func (m *configModule) references(prefix string, out map[string][]string, depth int) {
	if depth > maxDepth {
		return
	}
	for _, r := range m.Resources {
		var blocks []struct {
			Key struct {
				References []string `json:"references"`
			} `json:"kms_key_arn"`
		}
		if json.Unmarshal(r.Expressions["server_side_encryption"], &blocks) == nil && len(blocks) > 0 {
			out[prefix+r.Address] = blocks[0].Key.References
		}
	}
	for name, call := range m.Calls {
		call.Module.references(prefix+"module."+name+".", out, depth+1)
	}
}

func (c *planChange) origin(path string) *fact.Origin {
	return &fact.Origin{File: path, Line: 1, Address: c.Address, Kind: c.Type}
}

func (c *planChange) key(path string) *fact.Key {
	after := &c.Change.After
	k := &fact.Key{
		ARN: c.Address, Account: OwnAccount, Origin: c.origin(path), Manager: fact.ManagedByCustomer,
		State: "Enabled",
		Spec:  after.Spec, Material: "AWS_KMS", PendingDays: after.PendingDays,
		MultiRegion: after.MultiRegion,
		Rotation:    fact.Of(fact.Rotation{Enabled: after.Rotation, Days: after.RotationDays}),
	}
	if after.ARN != "" {
		k.ARN = after.ARN
	}
	if c.Type == "aws_kms_external_key" {
		k.Material = "EXTERNAL"
	}
	if after.Enabled != nil && !*after.Enabled {
		k.State = "Disabled"
	}
	if after.Policy != "" {
		k.Policy = fact.Of(after.Policy)
	}
	return k
}

func (c *planChange) table(
	path string, set *fact.Set, references map[string][]string, deleted map[string]string,
) *fact.Table {
	after := &c.Change.After
	t := &fact.Table{
		Account: OwnAccount, Name: after.Name, Origin: c.origin(path), KeyClass: fact.AWSOwned,
		Provisioned:        after.Billing != "PAY_PER_REQUEST",
		DeletionProtection: fact.Of(after.DeletionProtection),
		PointInTime:        fact.Of(len(after.Recovery) > 0 && after.Recovery[0].Enabled),
		Tags:               fact.Of(after.Tags),
	}
	if len(after.Expiry) > 0 && after.Expiry[0].Enabled {
		t.ExpiryAttribute = fact.Of(after.Expiry[0].Attribute)
	} else {
		t.ExpiryAttribute = fact.Of("")
	}
	if before := c.Change.Before.Encryption; len(before) > 0 && before[0].KeyARN != "" {
		t.Prior = &fact.Prior{KeyARN: before[0].KeyARN, Deleted: deleted[before[0].KeyARN]}
	}
	if len(after.Encryption) == 0 || !after.Encryption[0].Enabled {
		return t
	}
	t.SSEType, t.SSEStatus = "KMS", "ENABLED"
	t.Key = c.planKey(set, references)
	t.KeyClass = keyClass(t.Key)
	return t
}

// planKey finds the key that a table will be under: by its ARN, by what the configuration refers to where the
// ARN is not known yet, else the AWS managed one.
func (c *planChange) planKey(set *fact.Set, references map[string][]string) *fact.Key {
	named := c.Change.After.Encryption[0].KeyARN
	if named != "" {
		for _, k := range set.Keys {
			if k.ARN == named {
				return k
			}
		}
		return literalKey(named)
	}
	address := withoutIndexes(c.Address)
	prefix := address[:strings.LastIndex(address, "aws_dynamodb_table.")]
	for _, reference := range references[address] {
		for _, k := range set.Keys {
			if name := withoutIndexes(k.Origin.Address); name == prefix+reference {
				return k
			}
		}
	}
	if len(references[address]) > 0 && c.unknownKey() {
		if !strings.HasPrefix(references[address][0], "var.") {
			return &fact.Key{ARN: references[address][0], Manager: fact.ManagedByCustomer}
		}
		return &fact.Key{ARN: references[address][0]}
	}
	return &fact.Key{ARN: "alias/aws/dynamodb", Manager: fact.ManagedByAWS}
}

// unknownKey reports whether the plan says that the key's ARN is known after the apply.
func (c *planChange) unknownKey() bool {
	var unknown struct {
		Encryption json.RawMessage `json:"server_side_encryption"`
	}
	if json.Unmarshal(c.Change.Unknown, &unknown) != nil {
		return false
	}
	return strings.Contains(string(unknown.Encryption), "true")
}

// withoutIndexes is an address of a configuration: that of an instance without [0] or ["name"].
func withoutIndexes(address string) string {
	var out strings.Builder
	depth := 0
	for _, c := range address {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			out.WriteRune(c)
		}
	}
	return out.String()
}
