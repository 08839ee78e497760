package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// document is a policy with these statements, which allow unless they say otherwise.
func document(t *testing.T, more ...m) string {
	t.Helper()
	for _, s := range more {
		if s["Effect"] == nil {
			s["Effect"] = "Allow"
		}
	}
	text, err := json.Marshal(m{"Version": "2012-10-17", "Statement": more})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newUser makes a user with one policy, and is that user.
func (b *client) newUser(t *testing.T, name, policy string) *client {
	t.Helper()
	b.call(t, "iam.CreateUser", m{"UserName": name})
	b.call(t, "iam.PutUserPolicy", m{"UserName": name, "PolicyName": "own", "PolicyDocument": policy})
	key := b.call(t, "iam.CreateAccessKey", m{"UserName": name})["AccessKey"].(m)
	return b.as(key["AccessKeyId"].(string), key["SecretAccessKey"].(string))
}

const inAccount = "arn:aws:dynamodb:us-east-1:123456789012:table/"

// deniedTo is AWS's sentence where no policy of the caller allows an action.
func deniedTo(who, action, resource string) string {
	return "User: " + who + " is not authorized to perform: " + action + " on resource: " + resource +
		" because no identity-based policy allows the " + action + " action"
}

// TestUsersHaveWhatTheirPoliciesAllow, and nothing else, before and after a restart, until their key ends.
func TestUsersHaveWhatTheirPoliciesAllow(t *testing.T) {
	t.Parallel()
	eachClient(t, testUsers)
}

func testUsers(t *testing.T, connect func(s *server) *client) {
	s := startServe(t, t.TempDir())
	root := connect(s)
	for _, name := range []string{"mine", "other"} {
		root.call(t, "dynamodb.CreateTable", tableInput(name, nil))
	}
	alice := root.newUser(t, "alice", document(t, m{"Action": "dynamodb:GetItem", "Resource": inAccount + "mine"}))
	const who = "arn:aws:iam::123456789012:user/alice"
	item := m{"pk": attributeS("a"), "sk": attributeS("b")}
	check := func(alice *client) {
		t.Helper()
		alice.call(t, "dynamodb.GetItem", m{"TableName": "mine", "Key": item})
		alice.refuse(t, "AccessDeniedException", deniedTo(who, "dynamodb:GetItem", inAccount+"other"),
			"dynamodb.GetItem", m{"TableName": "other", "Key": item})
		alice.refuse(t, "AccessDeniedException", deniedTo(who, "dynamodb:PutItem", inAccount+"mine"),
			"dynamodb.PutItem", m{"TableName": "mine", "Item": item})
		alice.refuse(t, "AccessDenied", deniedTo(who, "iam:CreateUser", "arn:aws:iam::123456789012:user/bob"),
			"iam.CreateUser", m{"UserName": "bob"})
		if got := alice.call(t, "sts.GetCallerIdentity", nil); got["Arn"] != who || !strings.HasPrefix(got["UserId"].(string), "AIDA") {
			t.Errorf("alice is %v", got)
		}
	}
	check(alice)
	alice.as(alice.key.id, "wrong").refuse(t, "SignatureDoesNotMatch", "The request signature we calculated does not match the "+
		"signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
		"sts.GetCallerIdentity", nil)

	s = s.restart(t)
	root, alice = connect(s), connect(s).as(alice.key.id, alice.key.secret)
	check(alice)
	root.call(t, "iam.UpdateAccessKey", m{"UserName": "alice", "AccessKeyId": alice.key.id, "Status": "Inactive"})
	alice.refuse(t, "InvalidClientTokenId", "The security token included in the request is invalid.", "sts.GetCallerIdentity", nil)
	alice.refuse(t, "UnrecognizedClientException", "The security token included in the request is invalid.", "dynamodb.ListTables", nil)
}

// TestWriterUsesTheKeyThroughTheTableAlone is the first walkthrough's function: a role with dynamodb:PutItem and nothing of the key,
// whose policy lets in whoever comes from the account through DynamoDB.
func TestWriterUsesTheKeyThroughTheTableAlone(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	root := newClient(s)
	key, _ := root.newKey(t, m{"Policy": document(t,
		m{"Principal": m{"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
		m{"Principal": m{"AWS": "*"}, "Resource": "*",
			"Action": []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"},
			"Condition": m{"StringEquals": m{
				"kms:CallerAccount": "123456789012", "kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}})})
	root.call(t, "dynamodb.CreateTable", tableInput("sealed", under(key)))
	alice := root.newUser(t, "alice", document(t, m{"Action": "sts:AssumeRole", "Resource": "*"}))
	root.call(t, "iam.CreateRole", m{"RoleName": "writer", "Path": "/app/", "AssumeRolePolicyDocument": document(t,
		m{"Principal": m{"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"})})
	root.call(t, "iam.PutRolePolicy", m{"RoleName": "writer", "PolicyName": "write",
		"PolicyDocument": document(t, m{"Action": "dynamodb:PutItem", "Resource": inAccount + "sealed"})})

	assume := m{"RoleArn": "arn:aws:iam::123456789012:role/app/writer", "RoleSessionName": "once"}
	root.refuse(t, "AccessDenied", "Roles may not be assumed by root accounts.", "sts.AssumeRole", assume)
	writer := alice.inSession(alice.call(t, "sts.AssumeRole", assume)["Credentials"].(m))
	const who = "arn:aws:sts::123456789012:assumed-role/writer/once"
	item := m{"pk": attributeS("a"), "sk": attributeS("b")}
	writer.call(t, "dynamodb.PutItem", m{"TableName": "sealed", "Item": item})
	writer.refuse(t, "AccessDeniedException", deniedTo(who, "dynamodb:GetItem", inAccount+"sealed"),
		"dynamodb.GetItem", m{"TableName": "sealed", "Key": item})
	blob := root.call(t, "kms.Encrypt", m{"KeyId": key, "Plaintext": binaryValue([]byte("x"))})["CiphertextBlob"]
	writer.refuse(t, "AccessDeniedException", deniedTo(who, "kms:Decrypt", key), "kms.Decrypt", m{"CiphertextBlob": blob})
	if got := writer.call(t, "sts.GetCallerIdentity", nil); got["Arn"] != who || !strings.HasSuffix(got["UserId"].(string), ":once") {
		t.Errorf("the session is %v", got)
	}

	s.advance(t, "61m")
	writer.refuse(t, "ExpiredTokenException", "The security token included in the request is expired",
		"dynamodb.PutItem", m{"TableName": "sealed", "Item": item})
	s.advance(t, "72h")
	writer.refuse(t, "UnrecognizedClientException", "The security token included in the request is invalid.",
		"dynamodb.PutItem", m{"TableName": "sealed", "Item": item})
}

// TestKeyPoliciesNameWhoExists: a principal that is not there cannot be named.
func TestKeyPoliciesNameWhoExists(t *testing.T) {
	t.Parallel()
	root := newClient(startDev(t))
	policy := document(t,
		m{"Principal": m{"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
		m{"Principal": m{"AWS": "arn:aws:iam::123456789012:user/alice"}, "Action": "kms:Decrypt", "Resource": "*"})
	root.refuse(t, "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.",
		"kms.CreateKey", m{"Policy": policy})
	alice := root.newUser(t, "alice", document(t, m{"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"}))
	key, _ := root.newKey(t, m{"Policy": policy})
	blob := root.call(t, "kms.Encrypt", m{"KeyId": key, "Plaintext": binaryValue([]byte("x"))})["CiphertextBlob"]
	if got := alice.call(t, "kms.Decrypt", m{"CiphertextBlob": blob}); got["KeyId"] != key {
		t.Errorf("alice decrypts with %v", got["KeyId"])
	}
}

// TestTerraformIdentity applies users, groups, roles and policies, finds nothing left to change, changes them, and destroys them.
func TestTerraformIdentity(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t, startDev(t), "identity.tf")
	tf.must(t, "init")
	for _, more := range []string{"", " more"} {
		tf.must(t, "apply", "-auto-approve", "-var", "more="+more)
		if out, code := tf.run(t, "plan", "-detailed-exitcode", "-var", "more="+more); code != 0 {
			t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
		}
	}
	tf.must(t, "destroy", "-auto-approve")
}
