package dynamodbstreams_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const (
	stranger     = "111122223333"
	parameters   = "One or more parameter values were invalid: "
	accessDenied = "AccessDeniedException"
)

// policyOn is a policy of one statement on a stream.
func policyOn(stream, effect, principal, actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + actions +
		`,"Resource":"` + stream + `"}]}`
}

func putPolicy(stream, document string) string {
	text, _ := json.Marshal(document)
	return `{"ResourceArn":"` + stream + `","Policy":` + string(text) + `}`
}

func notLetIn(action, stream string) string {
	return "User: arn:aws:iam::" + stranger + ":root is not authorized to perform: dynamodb:" + action + " on resource: " + stream +
		" because no resource-based policy allows the dynamodb:" + action + " action"
}

// TestPolicyAcrossAccounts: a stream's policy lets callers of another account read it, action by action, and its table's policy does not.
func TestPolicyAcrossAccounts(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	w.put("orders", "a")
	guest := w.as(stranger)
	ask := `{"StreamArn":"` + stream + `"}`
	from := func(shard string) string {
		return `{"StreamArn":"` + stream + `","ShardId":"` + shard + `","ShardIteratorType":"TRIM_HORIZON"}`
	}
	guest.refuse("streams:DescribeStream", ask, accessDenied, notLetIn("DescribeStream", stream))
	table, _, _ := strings.Cut(stream, "/stream/")
	w.must("PutResourcePolicy", putPolicy(table, policyOn(stream, "Allow", `{"AWS":"`+stranger+`"}`, `"dynamodb:*"`)))
	guest.refuse("streams:DescribeStream", ask, accessDenied, notLetIn("DescribeStream", stream))

	w.must("PutResourcePolicy", putPolicy(stream,
		policyOn(stream, "Allow", `{"AWS":"`+stranger+`"}`, `["dynamodb:DescribeStream","dynamodb:GetShardIterator"]`)))
	shard := text(guest.describe(stream), "Shards.0.ShardId")
	iterator := guest.iterator(stream, shard, "TRIM_HORIZON", "")
	guest.refuse("streams:GetRecords", `{"ShardIterator":"`+iterator+`"}`, accessDenied, notLetIn("GetRecords", stream))
	w.must("PutResourcePolicy", putPolicy(stream,
		policyOn(stream, "Allow", `{"AWS":"`+stranger+`"}`, `["dynamodb:GetRecords","dynamodb:GetShardIterator"]`)))
	if page := guest.records(iterator, ""); count(page, "Records") != 1 {
		t.Errorf("the guest reads %v", page)
	}
	guest.refuse("streams:DescribeStream", ask, accessDenied, notLetIn("DescribeStream", stream))
	w.restart()
	guest = w.as(stranger)
	if page := guest.records(guest.iterator(stream, shard, "TRIM_HORIZON", ""), ""); count(page, "Records") != 1 {
		t.Errorf("after a restart the guest reads %v", page)
	}
	w.as("999999999999").refuse("streams:GetShardIterator", from(shard), accessDenied,
		strings.ReplaceAll(notLetIn("GetShardIterator", stream), stranger, "999999999999"))
	w.must("DeleteResourcePolicy", `{"ResourceArn":"`+stream+`"}`)
	guest.refuse("streams:GetShardIterator", from(shard), accessDenied, notLetIn("GetShardIterator", stream))
}

// TestPolicyDeniesItsOwn: a deny counts for callers of the stream's account too, who can still take the policy away.
func TestPolicyDeniesItsOwn(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	ask := `{"StreamArn":"` + stream + `"}`
	deny := func(actions string) string { return putPolicy(stream, policyOn(stream, "Deny", `"*"`, actions)) }
	w.refuse("PutResourcePolicy", deny(`"dynamodb:*"`), accessDenied,
		"The new resource policy will not allow you to update the resource policy in the future.")
	w.must("PutResourcePolicy", deny(`["dynamodb:DescribeStream"]`))
	w.refuse("streams:DescribeStream", ask, accessDenied, "User: arn:aws:iam::123456789012:root is not authorized to perform: "+
		"dynamodb:DescribeStream on resource: "+
		stream+" with an explicit deny in a resource-based policy")
	w.must("DescribeTable", `{"TableName":"orders"}`)
	w.must("DeleteResourcePolicy", `{"ResourceArn":"`+stream+`"}`)
	w.describe(stream)
}

// TestPolicyGoesWithItsStream: each stream of a table has a policy of its own, until it cannot be read any more.
func TestPolicyGoesWithItsStream(t *testing.T) {
	w := newWorld(t, 0)
	first := w.table("orders", "")
	policy := func(stream string) string {
		return policyOn(stream, "Allow", `{"AWS":"`+stranger+`"}`, `"dynamodb:DescribeStream"`)
	}
	w.must("PutResourcePolicy", putPolicy(first, policy(first)))
	w.must("UpdateTable", `{"TableName":"orders","StreamSpecification":{"StreamEnabled":false}}`)
	w.as(stranger).describe(first)
	again := w.must("UpdateTable", `{"TableName":"orders","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`)
	second := text(again, "TableDescription.LatestStreamArn")
	ask := func(stream string) string { return `{"ResourceArn":"` + stream + `"}` }
	w.refuse("GetResourcePolicy", ask(second), "PolicyNotFoundException",
		"Resource-based policy not found for the provided ResourceArn: "+second)
	w.as(stranger).refuse("streams:DescribeStream", `{"StreamArn":"`+second+`"}`, accessDenied, notLetIn("DescribeStream", second))
	if got := text(w.must("GetResourcePolicy", ask(first)), "Policy"); got != policy(first) {
		t.Errorf("the policy of the first stream is %s", got)
	}
	w.must("PutResourcePolicy", putPolicy(second, policy(second)))
	w.advance(25 * time.Hour)
	gone := func(stream string) string { return "Requested resource not found: Stream: " + stream + " not found" }
	for _, operation := range []string{"GetResourcePolicy", "DeleteResourcePolicy"} {
		w.refuse(operation, ask(first), "ResourceNotFoundException", gone(first))
	}
	w.refuse("PutResourcePolicy", putPolicy(first, policy(first)), "ResourceNotFoundException", gone(first))
	w.as(stranger).refuse("streams:DescribeStream", `{"StreamArn":"`+first+`"}`, accessDenied, notLetIn("DescribeStream", first))
	w.as(stranger).describe(second)
	w.must("DeleteTable", `{"TableName":"orders"}`)
	w.refuse("GetResourcePolicy", ask(second), "ResourceNotFoundException", gone(second))
	w.as(stranger).refuse("streams:DescribeStream", `{"StreamArn":"`+second+`"}`, accessDenied, notLetIn("DescribeStream", second))
}

// TestRefusedStreamPolicies: what a policy of a stream may not be, and whose business it is.
func TestRefusedStreamPolicies(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	allow := func(actions string) string { return policyOn(stream, "Allow", `{"AWS":"`+stranger+`"}`, actions) }
	w.refuse("PutResourcePolicy", putPolicy(stream, allow(`["dynamodb:GetRecords","dynamodb:GetItem","dynamodb:ListStreams"]`)),
		"ValidationException",
		parameters+`Invalid policy document: The following action names are invalid: "dynamodb:GetItem", "dynamodb:ListStreams"`)
	w.as(stranger).refuse("PutResourcePolicy", putPolicy(stream, allow(`"dynamodb:GetRecords"`)), "ValidationException",
		"This action is only supported by accounts that match the resource owner’s account.")
	below := stream + "/more"
	w.refuse("GetResourcePolicy", `{"ResourceArn":"`+below+`"}`, "ValidationException",
		parameters+"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: "+below)
	elsewhere := strings.Replace(stream, "eu-west-1", "us-east-1", 1)
	w.refuse("GetResourcePolicy", `{"ResourceArn":"`+elsewhere+`"}`, "ValidationException", parameters+"Invalid resource Arn: "+elsewhere)
	other := strings.Replace(stream, "orders", "nowhere", 1)
	w.refuse("GetResourcePolicy", `{"ResourceArn":"`+other+`"}`, "ResourceNotFoundException",
		"Requested resource not found: Stream: "+other+" not found")
	w.must("PutResourcePolicy", putPolicy(stream, allow(`"dynamodb:Get*"`)))
	_, label, _ := strings.Cut(stream, "/stream/")
	status, answer := w.ask("PutResourcePolicy",
		strings.Replace(putPolicy(stream, allow(`"dynamodb:*"`)), `"Policy"`, `"ExpectedRevisionId":"7","Policy"`, 1))
	if message, _ := answer["message"].(string); status != 400 ||
		!strings.Contains(message, "with revision id 7, but the policy associated to target stream "+label+" has revision id ") {
		t.Errorf("%d %v", status, answer)
	}
}
