package cloudformation

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/waiver"
	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
)

// member finds a member of a map by its path; nil if it is not there, or not known.
func member(n *template.Node, path ...string) *template.Node {
	for _, name := range path {
		n = n.Get(name)
		if n == nil {
			return nil
		}
	}
	return n
}

// known reports whether a node is a value, not one that nobody knows yet.
func known(n *template.Node) bool { return n != nil && n.Kind != document.Unknown }

// flag is a boolean property, as a bool or as a string.
func flag(n *template.Node, name string, missing bool) fact.Known[bool] {
	switch {
	case n == nil:
		return fact.Of(missing)
	case !known(n):
		return fact.Unread[bool](unresolved(name, n))
	}
	return fact.Of(strings.EqualFold(n.Text, "true"))
}

func unresolved(name string, n *template.Node) *fact.Problem {
	return &fact.Problem{
		Kind: fact.Failed, Action: "evaluating " + name,
		Message: "it depends on " + strings.Join(template.DependsOn(n), ", ") +
			", which the template doesn't tell",
	}
}

func (r *reader) origin(resource *template.Resource) *fact.Origin {
	from, to := resource.Pos.Line, r.end(resource)
	return &fact.Origin{
		File: r.path, Line: from, Column: resource.Pos.Column, EndLine: to, Address: resource.ID,
		Kind:       resource.Type,
		Suppressed: append(r.comments(from, to), inMetadata(resource.Metadata, from)...),
	}
}

// end is the line before the next resource, or section.
func (r *reader) end(resource *template.Resource) int {
	end := len(r.lines)
	for _, other := range r.template.Resources {
		if line := other.Pos.Line; line > resource.Pos.Line && line-1 < end {
			end = line - 1
		}
	}
	for n := resource.Pos.Line; n < end; n++ { // the next section begins in the first column
		if line := r.lines[n]; line != "" && line[0] != ' ' && line[0] != '#' && line[0] != '\t' {
			return n
		}
	}
	return end
}

func (r *reader) comments(from, to int) []fact.Suppression {
	for from > 1 && strings.HasPrefix(strings.TrimSpace(r.lines[from-2]), "#") {
		from--
	}
	var out []fact.Suppression
	for n := from; n <= to && n <= len(r.lines); n++ {
		if _, comment, ok := strings.Cut(r.lines[n-1], "#"); ok {
			out = append(out, waiver.InComment(comment, n)...)
		}
	}
	return out
}

// inMetadata reads what cfn_nag, Checkov and Guard are told beside a resource.
func inMetadata(n *template.Node, line int) []fact.Suppression {
	var out []fact.Suppression
	for _, list := range []*template.Node{member(n, "cfn_nag", "rules_to_suppress"), member(n, "checkov",
		"skip")} {
		if list == nil {
			continue
		}
		for _, item := range list.Items {
			reason := member(item, "reason")
			if reason == nil {
				reason = member(item, "comment")
			}
			if id := member(item, "id"); id != nil {
				out = append(out, fact.Suppression{Check: id.Text, Reason: textOf(reason), Line: line})
			}
		}
	}
	for _, section := range []string{"guard", "Guard"} {
		if list := member(n, section, "SuppressedRules"); list != nil {
			for _, item := range list.Items {
				out = append(out, fact.Suppression{Check: item.Text, Line: line})
			}
		}
	}
	return out
}

func textOf(n *template.Node) string {
	if !known(n) {
		return ""
	}
	return n.Text
}

// newTable reads what tables of all types have in common.
func (r *reader) newTable(resource *template.Resource, p *template.Node) *fact.Table {
	t := &fact.Table{
		Account: OwnAccount, Name: textOf(member(p, "TableName")), Origin: r.origin(resource),
		KeyClass:        fact.AWSOwned,
		ExpiryAttribute: fact.Of(""),
	}
	if t.Name == "" {
		t.Name = resource.ID
	}
	t.Provisioned = textOf(member(p, "BillingMode")) != "PAY_PER_REQUEST"
	if ttl := member(p, "TimeToLiveSpecification"); ttl != nil {
		if enabled := flag(member(ttl, "Enabled"), "TimeToLiveSpecification", false); enabled.Value {
			t.ExpiryAttribute = fact.Of(textOf(member(ttl, "AttributeName")))
		}
	}
	return t
}

func tags(n *template.Node) fact.Known[map[string]string] {
	out := map[string]string{}
	if n == nil {
		return fact.Of(out)
	}
	if !known(n) {
		return fact.Unread[map[string]string](unresolved("Tags", n))
	}
	for _, item := range n.Items { // a list of Key and Value
		out[textOf(member(item, "Key"))] = textOf(member(item, "Value"))
	}
	for _, e := range n.Entries { // SAM's map
		out[e.Key] = textOf(e.Value)
	}
	return fact.Of(out)
}

func (r *reader) table(resource *template.Resource, p *template.Node) {
	t := r.newTable(resource, p)
	encryption := member(p, "SSESpecification")
	if resource.Type == "AWS::Serverless::SimpleTable" {
		t.Provisioned = member(p, "ProvisionedThroughput") != nil
		if encryption == nil {
			encryption = r.global("SimpleTable", "SSESpecification")
		}
	}
	t.DeletionProtection = flag(member(p, "DeletionProtectionEnabled"), "DeletionProtectionEnabled", false)
	t.PointInTime = flag(member(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
		"PointInTimeRecoveryEnabled", false)
	t.Tags = tags(member(p, "Tags"))
	if document := member(p, "ResourcePolicy", "PolicyDocument"); known(document) {
		t.Policy = fact.Of(string(document.AppendJSON(nil)))
	}
	r.encryption(t, encryption, member(encryption, "KMSMasterKeyId"))
	r.set.Tables = append(r.set.Tables, t)
}

// global is a member of the section Globals, evaluated.
func (r *reader) global(path ...string) *template.Node {
	n := member(r.globals, path...)
	if n == nil {
		return nil
	}
	value, err := r.evaluator.Value(n)
	if err != nil {
		return nil
	}
	return value
}

// encryption is what SSESpecification means: absent or disabled is the AWS owned key, and without a key's id
// it is the AWS managed one.
func (r *reader) encryption(t *fact.Table, specification, key *template.Node) {
	if specification == nil {
		return
	}
	enabled := member(specification, "SSEEnabled")
	switch {
	case !known(specification), enabled != nil && !known(enabled):
		t.KeyClass, t.SSEStatus = fact.UnknownKey, "UNKNOWN"
		return
	case enabled == nil:
		t.Invalid = "SSESpecification needs SSEEnabled"
		return
	case !strings.EqualFold(enabled.Text, "true"):
		return
	}
	t.SSEType, t.SSEStatus = "KMS", "ENABLED"
	t.Key, t.KeyClass = r.reference(key)
}

// reference finds the key that a value names. A key that the template makes is the customer's; whose one is
// that comes from a parameter, an import or another stack, no template tells.
func (r *reader) reference(n *template.Node) (*fact.Key, fact.KeyClass) {
	managed := &fact.Key{ARN: "alias/aws/dynamodb", Manager: fact.ManagedByAWS}
	switch {
	case n == nil:
		return managed, fact.AWSManaged
	case !known(n):
		return &fact.Key{ARN: "unknown: " + strings.Join(template.DependsOn(n), ", ")}, fact.UnknownKey
	case strings.HasPrefix(n.Text, "${") && strings.HasSuffix(n.Text, "}"):
		id := n.Text[2 : len(n.Text)-1]
		for _, k := range r.set.Keys {
			if k.Origin.Address == id {
				return k, fact.Customer
			}
		}
		return &fact.Key{ARN: id, Manager: fact.ManagedByCustomer}, fact.Customer
	case strings.Contains(n.Text, "alias/aws/"), n.Text == "":
		return managed, fact.AWSManaged
	case strings.HasPrefix(n.Text, givenValue):
		return &fact.Key{ARN: n.Text}, fact.UnknownKey
	case strings.Contains(n.Text, "{{resolve:"):
		return &fact.Key{ARN: n.Text}, fact.UnknownKey
	}
	return &fact.Key{ARN: n.Text, Manager: fact.ManagedByCustomer}, fact.Customer
}

// globalTable is one table with a replica in each region, each under a key of its own.
func (r *reader) globalTable(resource *template.Resource, p *template.Node) {
	t := r.newTable(resource, p)
	specification := member(p, "SSESpecification")
	t.PointInTime, t.DeletionProtection = fact.Of(true), fact.Of(true)
	t.Tags = fact.Of(map[string]string{})
	replicas := member(p, "Replicas")
	if replicas == nil || len(replicas.Items) == 0 {
		t.Invalid = "a global table needs Replicas"
	}
	if specification != nil && member(specification, "SSEEnabled") == nil && known(specification) {
		t.Invalid = "SSESpecification needs SSEEnabled"
	}
	for i := range nodeItems(replicas) {
		n := replicas.Items[i]
		copied := *t
		copied.KeyClass = fact.AWSOwned
		r.encryption(&copied, specification, member(n, "SSESpecification", "KMSMasterKeyId"))
		if i == 0 || copied.KeyClass.Strength() > t.KeyClass.Strength() {
			t.KeyClass, t.Key = copied.KeyClass, copied.Key
			t.SSEType, t.SSEStatus = copied.SSEType, copied.SSEStatus
		}
		replica := fact.Replica{Region: textOf(member(n, "Region")), Class: copied.KeyClass}
		if copied.Key != nil {
			replica.KeyARN = copied.Key.ARN
		}
		t.Replicas = append(t.Replicas, replica)
		r.replicaFlags(t, n)
	}
	r.set.Tables = append(r.set.Tables, t)
}

func nodeItems(n *template.Node) []*template.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// replicaFlags holds the table to what its weakest replica has.
func (r *reader) replicaFlags(t *fact.Table, replica *template.Node) {
	recovery := flag(member(replica, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
		"PointInTimeRecoveryEnabled", false)
	if !recovery.Read || !recovery.Value {
		t.PointInTime = recovery
	}
	protection := flag(member(replica, "DeletionProtectionEnabled"), "DeletionProtectionEnabled", false)
	if !protection.Read || !protection.Value {
		t.DeletionProtection = protection
	}
	for k, v := range tags(member(replica, "Tags")).Value {
		t.Tags.Value[k] = v
	}
}

func (r *reader) key(resource *template.Resource, p *template.Node) {
	k := &fact.Key{
		ARN: resource.ID, Region: OwnRegion, Account: OwnAccount, Origin: r.origin(resource),
		State:   "Enabled",
		Manager: fact.ManagedByCustomer, Spec: "SYMMETRIC_DEFAULT", Material: "AWS_KMS",
	}
	if spec := textOf(member(p, "KeySpec")); spec != "" {
		k.Spec = spec
	}
	if origin := textOf(member(p, "Origin")); origin != "" {
		k.Material = origin
	}
	if enabled := flag(member(p, "Enabled"), "Enabled", true); enabled.Read && !enabled.Value {
		k.State = "Disabled"
	}
	k.MultiRegion = flag(member(p, "MultiRegion"), "MultiRegion", resource.Type != "AWS::KMS::Key").Value
	k.PendingDays, _ = strconv.Atoi(textOf(member(p, "PendingWindowInDays")))
	days, _ := strconv.Atoi(textOf(member(p, "RotationPeriodInDays")))
	rotates := flag(member(p, "EnableKeyRotation"), "EnableKeyRotation", false)
	k.Rotation = fact.Known[fact.Rotation]{
		Value: fact.Rotation{Enabled: rotates.Value, Days: days}, Read: rotates.Read,
		Problem: rotates.Problem,
	}
	k.Tags = tags(member(p, "Tags"))
	switch document := member(p, "KeyPolicy"); {
	case document == nil:
		k.Policy = fact.Of("")
	case len(template.DependsOn(document)) == 0:
		k.Policy = fact.Of(string(document.AppendJSON(nil)))
	}
	r.set.Keys = append(r.set.Keys, k)
}
