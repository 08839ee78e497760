package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOwnItemsOnly is the policy of "Using IAM policy conditions for fine-grained access control": a user reaches the items of its own
// partition alone, by whatever operation.
func TestOwnItemsOnly(t *testing.T) {
	t.Parallel()
	root := newClient(startDev(t))
	root.call(t, "dynamodb.CreateTable", tableInput("scores", nil))
	ann := root.newUser(t, "ann", document(t, m{
		"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*",
		"Condition": m{"ForAllValues:StringEquals": m{"dynamodb:LeadingKeys": []any{"${aws:username}"}}},
	}, m{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}))
	item := func(pk string) m { return m{"pk": attributeS(pk), "sk": attributeS("1")} }
	put := func(pk string) m { return m{"PutRequest": m{"Item": item(pk)}} }
	query := func(pk string) m {
		return m{"TableName": "scores", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": m{":p": attributeS(pk)}}
	}
	for _, c := range []struct {
		operation string
		own, more m
	}{
		{"PutItem", m{"TableName": "scores", "Item": item("ann")}, m{"TableName": "scores", "Item": item("bob")}},
		{"GetItem", m{"TableName": "scores", "Key": item("ann")}, m{"TableName": "scores", "Key": item("bob")}},
		{"Query", query("ann"), query("bob")},
		{"BatchWriteItem", m{"RequestItems": m{"scores": []any{put("ann")}}}, m{"RequestItems": m{"scores": []any{put("ann"), put("bob")}}}},
		{"BatchGetItem", m{"RequestItems": m{"scores": m{"Keys": []any{item("ann")}}}},
			m{"RequestItems": m{"scores": m{"Keys": []any{item("ann"), item("bob")}}}}},
		{"TransactWriteItems", m{"TransactItems": []any{m{"Put": m{"TableName": "scores", "Item": item("ann")}}}},
			m{"TransactItems": []any{m{"ConditionCheck": m{"TableName": "scores", "Key": item("bob"), "ConditionExpression": "attribute_not_exists(pk)"}}}}},
		{"DeleteItem", m{"TableName": "scores", "Key": item("ann")}, m{"TableName": "scores", "Key": item("bob")}},
	} {
		ann.call(t, "dynamodb."+c.operation, c.own)
		if a := ann.try(t, "dynamodb."+c.operation, c.more); a.Code != "AccessDeniedException" {
			t.Errorf("%s of somebody else's item: %s: %s", c.operation, a.Code, a.Message)
		}
	}
}

// TestKeyPolicyOutlivesItsRole: a role that was made anew under the name of one that a key's policy names is not let in.
func TestKeyPolicyOutlivesItsRole(t *testing.T) {
	t.Parallel()
	root := newClient(startDev(t))
	trust := document(t, m{"Effect": "Allow", "Principal": m{"AWS": "123456789012"}, "Action": "sts:AssumeRole"})
	make := func() m {
		return root.call(t, "iam.CreateRole", m{"RoleName": "worker", "AssumeRolePolicyDocument": trust})["Role"].(m)
	}
	ann := root.newUser(t, "ann", document(t, m{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}))
	role := make()
	keyPolicy := document(t, m{"Effect": "Allow", "Principal": m{"AWS": "123456789012"}, "Action": "kms:*", "Resource": "*"},
		m{"Effect": "Allow", "Principal": m{"AWS": role["Arn"]}, "Action": "kms:Encrypt", "Resource": "*"})
	arn, _ := root.newKey(t, m{"Policy": keyPolicy})
	encrypt := func() answer {
		session := ann.call(t, "sts.AssumeRole", m{"RoleArn": role["Arn"], "RoleSessionName": "job"})
		return ann.inSession(session["Credentials"].(m)).try(t, "kms.Encrypt", m{"KeyId": arn, "Plaintext": "aGVsbG8="})
	}
	if a := encrypt(); a.Code != "" {
		t.Fatalf("the role that is named: %s: %s", a.Code, a.Message)
	}
	shown := func() string { return root.call(t, "kms.GetKeyPolicy", m{"KeyId": arn})["Policy"].(string) }
	if shown() != keyPolicy {
		t.Errorf("the policy is shown as %s", shown())
	}
	root.call(t, "iam.DeleteRole", m{"RoleName": "worker"})
	if !strings.Contains(shown(), `"`+role["RoleId"].(string)+`"`) {
		t.Errorf("after the role was deleted the policy is shown as %s", shown())
	}
	make()
	if a := encrypt(); a.Code != "AccessDeniedException" {
		t.Errorf("another role of the same name: %s: %s", a.Code, a.Message)
	}
}

// TestTablePolicyOutlivesItsUser is the same for a table's policy and a user.
func TestTablePolicyOutlivesItsUser(t *testing.T) {
	t.Parallel()
	root := newClient(startDev(t))
	arn := root.call(t, "dynamodb.CreateTable", tableInput("scores", nil))["TableDescription"].(m)["TableArn"]
	nothing := document(t, m{"Action": "sts:GetCallerIdentity", "Resource": "*"})
	ann := root.newUser(t, "ann", nothing)
	tablePolicy := document(t, m{"Principal": m{"AWS": "arn:aws:iam::123456789012:user/ann"}, "Action": "dynamodb:DescribeTable", "Resource": arn})
	root.call(t, "dynamodb.PutResourcePolicy", m{"ResourceArn": arn, "Policy": tablePolicy, "ConfirmRemoveSelfResourceAccess": true})
	shown := func() string {
		return root.call(t, "dynamodb.GetResourcePolicy", m{"ResourceArn": arn})["Policy"].(string)
	}
	ann.call(t, "dynamodb.DescribeTable", m{"TableName": "scores"})
	if shown() != tablePolicy {
		t.Errorf("the policy is shown as %s", shown())
	}
	root.call(t, "iam.DeleteUserPolicy", m{"UserName": "ann", "PolicyName": "own"})
	root.call(t, "iam.DeleteAccessKey", m{"UserName": "ann", "AccessKeyId": ann.key.id})
	root.call(t, "iam.DeleteUser", m{"UserName": "ann"})
	if !strings.Contains(shown(), `"AWS":"AIDA`) {
		t.Errorf("after the user was deleted the policy is shown as %s", shown())
	}
	if a := root.newUser(t, "ann", nothing).try(t, "dynamodb.DescribeTable", m{"TableName": "scores"}); a.Code != "AccessDeniedException" {
		t.Errorf("another user of the same name: %s: %s", a.Code, a.Message)
	}
}

// TestWebIdentity takes on a role by an ID token, as a build server does.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	eachClient(t, testWebIdentity)
}

func testWebIdentity(t *testing.T, connect func(s *server) *client) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	file := filepath.Join(t.TempDir(), "keys.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"1","n":%q,"e":%q}]}`, encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	root := connect(startDev(t, "--oidc-issuer", "https://id.example.com="+file))
	provider := root.call(t, "iam.CreateOpenIDConnectProvider", m{"Url": "https://id.example.com", "ClientIDList": []any{"builds"}})
	role := root.call(t, "iam.CreateRole", m{"RoleName": "deploy", "AssumeRolePolicyDocument": document(t, m{
		"Effect": "Allow", "Principal": m{"Federated": provider["OpenIDConnectProviderArn"]}, "Action": "sts:AssumeRoleWithWebIdentity",
		"Condition": m{"StringEquals": m{"id.example.com:aud": "builds"}, "StringLike": m{"id.example.com:sub": "repo:mine/*"}},
	})})["Role"].(m)
	token := func(subject string) string {
		claims, err := json.Marshal(m{"iss": "https://id.example.com", "sub": subject, "aud": "builds", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		signed := encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode(claims)
		digest := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + encode(signature)
	}
	assume := func(subject string) m {
		return m{"RoleArn": role["Arn"], "RoleSessionName": "build", "WebIdentityToken": token(subject)}
	}
	session := root.call(t, "sts.AssumeRoleWithWebIdentity", assume("repo:mine/app"))
	who := root.inSession(session["Credentials"].(m)).call(t, "sts.GetCallerIdentity", nil)
	if who["Arn"] != "arn:aws:sts::123456789012:assumed-role/deploy/build" {
		t.Errorf("the session is %v's", who["Arn"])
	}
	root.refuse(t, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", "sts.AssumeRoleWithWebIdentity", assume("repo:other/app"))
}

// TestSimulator asks the simulator what then happens.
func TestSimulator(t *testing.T) {
	t.Parallel()
	root := newClient(startDev(t))
	ann := root.newUser(t, "ann", document(t, m{"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}))
	for operation, action := range map[string]string{"iam.ListUsers": "iam:ListUsers", "iam.ListRoles": "iam:ListRoles"} {
		results := root.call(t, "iam.SimulatePrincipalPolicy", m{
			"PolicySourceArn": "arn:aws:iam::123456789012:user/ann", "ActionNames": []any{action},
		}, "paginate")["EvaluationResults"].([]any)
		allowed := ann.try(t, operation, nil).Code == ""
		if len(results) != 1 || (results[0].(m)["EvalDecision"] == "allowed") != allowed {
			t.Errorf("%s is allowed: %v, but simulated as %v", action, allowed, results)
		}
	}
}
