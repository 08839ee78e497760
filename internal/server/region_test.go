package server

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// newUser makes a user of account A with one policy.
func (w *twoAccounts) newUser(name, document string) aws.Credentials {
	w.t.Helper()
	w.iam(w.a, "Action", "CreateUser", "UserName", name)
	w.iam(w.a, "Action", "PutUserPolicy", "UserName", name, "PolicyName", "own", "PolicyDocument", document)
	var made struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	if err := xml.Unmarshal([]byte(w.iam(w.a, "Action", "CreateAccessKey", "UserName", name)), &made); err != nil {
		w.t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: made.Key.AccessKeyId, SecretAccessKey: made.Key.SecretAccessKey}
}

// TestRegionsLimitUsers has users whose policies know one region alone try to become administrators, signing for either region:
// before, IAM answered in any region, and the region that policies saw was the caller's to choose (P6).
func TestRegionsLimitUsers(t *testing.T) {
	w := newTwoAccounts(t)
	for name, document := range map[string]string{
		"allowed": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",` +
			`"Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`,
		"denied": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*",` +
			`"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`,
	} {
		w.region = "us-east-1"
		who := w.newUser(name, document)
		grab := []string{"Action", "AttachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"}
		if status, body := w.form(who, "iam", "2010-05-08", grab...); status != http.StatusForbidden ||
			!strings.Contains(body, "AccessDenied") {
			t.Errorf("%s in us-east-1: %d %s", name, status, body)
		}
		w.region = "eu-west-1"
		status, body := w.form(who, "iam", "2010-05-08", grab...)
		if status != http.StatusForbidden || !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") ||
			!strings.Contains(body, "<Message>Credential should be scoped to a valid region, not 'eu-west-1'.</Message>") {
			t.Errorf("%s in eu-west-1: %d %s", name, status, body)
		}
		if status, body := w.json(who, "dynamodb", "ListTables", nil); status != http.StatusOK {
			t.Errorf("%s: its own region: %d %s", name, status, body)
		}
		w.region = "mars-1"
		w.refused("Credential should be scoped to a valid region, not 'mars-1'. ", who, "dynamodb", "ListTables", nil)
		w.region = "us-east-1"
		if body := w.iam(w.a, "Action", "ListAttachedUserPolicies", "UserName", name); strings.Contains(body, "AdministratorAccess") {
			t.Errorf("%s became an administrator", name)
		}
	}
}
