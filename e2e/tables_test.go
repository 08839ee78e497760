package e2e

import "testing"

// applied applies a configuration and finds nothing left to change.
func (tf *terraform) applied(t *testing.T, variables ...string) {
	t.Helper()
	tf.must(t, append([]string{"apply", "-auto-approve"}, variables...)...)
	if out, code := tf.run(t, append([]string{"plan", "-detailed-exitcode"}, variables...)...); code != 0 {
		t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
	}
}

// TestTerraformTables sets tables up, changes them in place, and takes them down.
func TestTerraformTables(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	tf := newTerraform(t, s, "tables.tf")
	tf.must(t, "init")
	tf.applied(t)
	r := newRaw(s)
	describe := func(name string) m { return r.call(t, "dynamodb.DescribeTable", m{"TableName": name})["Table"].(m) }
	ids := map[string]any{}
	for _, name := range []string{"provisioned", "on-demand", "classes", "protected", "switching", "indexed", "streamed"} {
		ids[name] = describe(name)["TableId"]
	}
	s.advance(t, "1h") // time to live changes once in a while
	tf.applied(t, "-var=later=true")
	for name, id := range ids {
		if describe(name)["TableId"] != id {
			t.Errorf("%s was made anew instead of changed", name)
		}
	}
	for _, c := range []struct {
		table, path string
		want        any
	}{
		{"provisioned", "ProvisionedThroughput.ReadCapacityUnits", 7.0}, {"provisioned", "SSEDescription.Status", "ENABLED"},
		{"on-demand", "OnDemandThroughput.MaxWriteRequestUnits", 60.0}, {"classes", "TableClassSummary.TableClass", "STANDARD"},
		{"protected", "DeletionProtectionEnabled", false}, {"streamed", "StreamSpecification.StreamViewType", "NEW_AND_OLD_IMAGES"}, {"switching", "BillingModeSummary.BillingMode", "PAY_PER_REQUEST"},
	} {
		if got := at(describe(c.table), c.path); got != c.want {
			t.Errorf("%s of %s is %v, not %v", c.path, c.table, got, c.want)
		}
	}
	if indexes := describe("indexed")["GlobalSecondaryIndexes"].([]any); len(indexes) != 2 {
		t.Errorf("the indexes are %v", indexes)
	}
	tf.must(t, "destroy", "-auto-approve", "-var=later=true")
	if names := r.call(t, "dynamodb.ListTables", m{})["TableNames"].([]any); len(names) != 0 {
		t.Errorf("after destroy there are %v", names)
	}
}

// TestTablePoliciesOfUsers lets in whom a table's policy names, keeps out whom it denies, and knows who is who after a restart.
func TestTablePoliciesOfUsers(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	root := newClient(s)
	root.call(t, "dynamodb.CreateTable", tableInput("shared", nil))
	const table = inAccount + "shared"
	alice := root.newUser(t, "alice", document(t, m{"Action": "dynamodb:ListTables", "Resource": "*"}))
	bob := root.newUser(t, "bob", document(t, m{"Action": "dynamodb:*", "Resource": "*"}))
	item := m{"pk": attributeS("a"), "sk": attributeS("b")}
	put, get := m{"TableName": "shared", "Item": item}, m{"TableName": table, "Key": item}
	const aliceARN, bobARN = "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/bob"
	alice.refuse(t, "AccessDeniedException", deniedTo(aliceARN, "dynamodb:PutItem", table), "dynamodb.PutItem", put)
	policy := document(t,
		m{"Sid": "Writers", "Principal": m{"AWS": aliceARN}, "Action": []string{"dynamodb:PutItem", "dynamodb:BatchWriteItem"}, "Resource": table},
		m{"Sid": "NotBob", "Effect": "Deny", "Principal": m{"AWS": bobARN}, "Action": "dynamodb:GetItem", "Resource": table})
	root.call(t, "dynamodb.PutResourcePolicy", m{"ResourceArn": table, "Policy": policy})
	const deniedBob = "User: " + bobARN + " is not authorized to perform: dynamodb:GetItem on resource: " + table + " with an explicit deny in a resource-based policy"
	check := func() {
		t.Helper()
		alice.call(t, "dynamodb.PutItem", put)
		alice.refuse(t, "AccessDeniedException", deniedTo(aliceARN, "dynamodb:GetItem", table), "dynamodb.GetItem", get)
		bob.call(t, "dynamodb.PutItem", put)
		bob.refuse(t, "AccessDeniedException", deniedBob, "dynamodb.GetItem", get)
		root.call(t, "dynamodb.GetItem", get)
	}
	check()
	bob.refuse(t, "AccessDeniedException", "The new resource policy will not allow you to update the resource policy in the future.", "dynamodb.PutResourcePolicy",
		m{"ResourceArn": table, "Policy": document(t, m{"Effect": "Deny", "Principal": m{"AWS": bobARN}, "Action": "dynamodb:PutResourcePolicy", "Resource": table})})
	s = s.restart(t)
	root, alice, bob = newClient(s), newClient(s).as(alice.key.id, alice.key.secret), newClient(s).as(bob.key.id, bob.key.secret)
	check()
	bob.call(t, "dynamodb.DeleteResourcePolicy", m{"ResourceArn": table})
	alice.refuse(t, "AccessDeniedException", deniedTo(aliceARN, "dynamodb:PutItem", table), "dynamodb.PutItem", put)
	bob.call(t, "dynamodb.GetItem", get)
}

// TestWaitsAndPages waits for tables and lists them page by page, as SDKs do.
func TestWaitsAndPages(t *testing.T) {
	t.Parallel()
	eachClient(t, testWaitsAndPages)
}

func testWaitsAndPages(t *testing.T, connect func(s *server) *client) {
	b := connect(startDev(t))
	for _, name := range []string{"one", "three", "two"} {
		b.call(t, "dynamodb.CreateTable", tableInput(name, nil))
		b.call(t, "dynamodb.TableExists", m{"TableName": name}, "wait")
		for _, sk := range []string{"a", "b", "c"} {
			b.call(t, "dynamodb.PutItem", m{"TableName": name, "Item": m{"pk": attributeS("p"), "sk": attributeS(sk)}})
		}
	}
	if names := b.call(t, "dynamodb.ListTables", m{"Limit": 1}, "paginate")["TableNames"].([]any); len(names) != 3 {
		t.Errorf("the pages list %v", names)
	}
	query := m{"TableName": "one", "Limit": 1, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": m{":p": attributeS("p")}}
	for operation, parameters := range map[string]m{"dynamodb.Query": query, "dynamodb.Scan": {"TableName": "one", "Limit": 2}} {
		if items := b.call(t, operation, parameters, "paginate")["Items"].([]any); len(items) != 3 {
			t.Errorf("the pages of %s have %v", operation, items)
		}
	}
	tags := b.call(t, "dynamodb.ListTagsOfResource", m{"ResourceArn": inAccount + "one"}, "paginate")["Tags"].([]any)
	if len(tags) != 0 {
		t.Errorf("there are the tags %v", tags)
	}
	b.call(t, "dynamodb.DeleteTable", m{"TableName": "one"})
	b.call(t, "dynamodb.TableNotExists", m{"TableName": "one"}, "wait")
}

// TestWaiters waits for tables that come and go, as the AWS CLI does.
func TestWaiters(t *testing.T) {
	t.Parallel()
	s := startDev(t, "--transition", "2s")
	c := newCLI(t, s)
	for _, args := range [][]string{
		{"dynamodb", "create-table", "--table-name", "awaited", "--billing-mode", "PAY_PER_REQUEST",
			"--attribute-definitions", "AttributeName=pk,AttributeType=S", "--key-schema", "AttributeName=pk,KeyType=HASH"},
		{"dynamodb", "wait", "table-exists", "--table-name", "awaited"},
		{"dynamodb", "put-item", "--table-name", "awaited", "--item", `{"pk":{"S":"a"}}`},
		{"dynamodb", "delete-table", "--table-name", "awaited"},
		{"dynamodb", "wait", "table-not-exists", "--table-name", "awaited"},
	} {
		c.aws(t, args...)
	}
}
