package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRegionsAndAccounts keeps regions and accounts apart: tables, keys and items of one are not there in another.
func TestRegionsAndAccounts(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	places := map[string]*client{
		"us":      b,
		"eu":      b.inRegion("eu-west-1"),
		"other":   b.as("111122223333", "whatever"),
		"eu/2222": b.inRegion("eu-west-1").as("222222222222", "whatever"),
	}
	arns := map[string]string{}
	for name, place := range places {
		arns[name], _ = place.newKey(t, nil)
		place.call(t, "kms.CreateAlias", m{"AliasName": "alias/shared", "TargetKeyId": arns[name]})
		place.call(t, "dynamodb.CreateTable", tableInput("shared", under("alias/shared")))
		place.call(t, "dynamodb.PutItem", m{"TableName": "shared", "Item": m{"pk": attributeS("p"), "sk": attributeS("s"), "place": attributeS(name)}})
	}
	for name, place := range places {
		items := place.call(t, "dynamodb.Scan", m{"TableName": "shared"})["Items"].([]any)
		if len(items) != 1 || at(items[0].(m), "place.S") != name {
			t.Errorf("in %s there is %v", name, items)
		}
		describedAs(t, place, "shared", enabled(arns[name]))
		keys := place.call(t, "kms.ListKeys", nil)["Keys"].([]any)
		if len(keys) != 1 || keys[0].(m)["KeyArn"] != arns[name] {
			t.Errorf("in %s there are the keys %v", name, keys)
		}
	}
	b.call(t, "dynamodb.DeleteTable", m{"TableName": "shared"})
	if names := places["eu"].call(t, "dynamodb.ListTables", nil)["TableNames"]; !cmp.Equal(names, []any{"shared"}) {
		t.Errorf("deleting a table in one region left %v in another", names)
	}
	places["other"].refuse(t, "ValidationException", "1 validation error detected: Invalid AWS region in "+
		"'arn:aws:dynamodb:eu-west-1:222222222222:table/shared'", "dynamodb.Scan", m{"TableName": "arn:aws:dynamodb:eu-west-1:222222222222:table/shared"})
	foreign := places["eu"].try(t, "dynamodb.Scan", m{"TableName": "arn:aws:dynamodb:eu-west-1:222222222222:table/shared"})
	if foreign.Code != "AccessDeniedException" {
		t.Errorf("reading another account's table: %s: %s", foreign.Code, foreign.Message)
	}
	foreign = places["eu"].try(t, "kms.DescribeKey", m{"KeyId": arns["eu/2222"]})
	if foreign.Code != "AccessDeniedException" {
		t.Errorf("describing another account's key: %s: %s", foreign.Code, foreign.Message)
	}
}

// TestCallerIdentity asks who is calling.
func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	dev, serve := newClient(startDev(t)), newClient(startServe(t, t.TempDir(), "--account", "444455556666"))
	for _, c := range []struct {
		b       *client
		account string
	}{{dev, "123456789012"}, {dev.as("anything", "x"), "123456789012"}, {dev.as("111122223333", "x"), "111122223333"}, {serve, "444455556666"}} {
		got := c.b.call(t, "sts.GetCallerIdentity", nil)
		want := m{"Account": c.account, "Arn": "arn:aws:iam::" + c.account + ":root", "UserId": c.account}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("caller identity:\n%s", diff)
		}
	}
	a := serve.as(serve.key.id, "wrong").try(t, "sts.GetCallerIdentity", nil)
	if a.Code != "SignatureDoesNotMatch" || a.Status != 403 {
		t.Errorf("a wrong secret: %d %s: %s", a.Status, a.Code, a.Message)
	}
	a = serve.as("AKIAIOSFODNN7EXAMPLE", "wrong").try(t, "sts.GetCallerIdentity", nil)
	if a.Code != "InvalidClientTokenId" || a.Status != 403 {
		t.Errorf("an unknown key: %d %s: %s", a.Status, a.Code, a.Message)
	}
}
