package policy

import (
	"fmt"
	"strings"
	"testing"
)

const account = "123456789012"

// cast is who the tests speak of.
func cast(t testing.TB, name string) Principal {
	t.Helper()
	switch name {
	case "alice", "bob":
		return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name,
			UserID: "AIDAAAAAAAAAAA" + strings.ToUpper(name)}
	case "root":
		return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
	case "session":
		return Principal{
			Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/worker/job-1",
			RoleARN: "arn:aws:iam::" + account + ":role/worker", UserID: "AROAAAAAAAAAAAWORKER:job-1",
		}
	case "stranger":
		return Principal{Account: "999999999999", ARN: "arn:aws:iam::999999999999:user/eve", UserID: "AIDAAAAAAAAAAAAAEVE"}
	case "strangerroot":
		return Principal{Account: "999999999999", ARN: "arn:aws:iam::999999999999:root", UserID: "999999999999"}
	case "web":
		return Principal{Federated: providerARN}
	case "service":
		return Principal{Service: "dynamodb.amazonaws.com"}
	}
	t.Fatalf("nobody is called %q", name)
	return Principal{}
}

const (
	providerARN = "arn:aws:iam::" + account + ":oidc-provider/id.example.com"

	keyARN   = "arn:aws:kms:us-east-1:" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	tableARN = "arn:aws:dynamodb:us-east-1:" + account + ":table/Orders"
)

type mapContext map[string][]string

func (c mapContext) Values(key string) ([]string, bool) {
	values, ok := c[key]
	return values, ok
}

// bothDecide asks the package and the reference, and fails when they differ.
func bothDecide(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *referenceCase) Decision {
	t.Helper()
	parse := func(document string, kind Kind) *Policy {
		if document == "" {
			return nil
		}
		p, err := Parse([]byte(document), kind)
		if err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		return p
	}
	resourceKind := Resource
	if c.gate {
		resourceKind = Key
	}
	policies := &Policies{
		Unrestricted: c.root, Boundary: parse(c.boundary, Identity), OnResource: parse(c.onResource, resourceKind),
		ResourceAccount: c.account, Gate: c.gate, Granted: c.granted,
	}
	for i, document := range c.identity {
		policies.Identity = append(policies.Identity, Attached{Name: fmt.Sprint("policy", i), Policy: parse(document, Identity)})
	}
	for _, document := range c.session {
		policies.Session = append(policies.Session, parse(document, Identity))
	}
	d := Decide(&Request{Principal: c.who, Action: c.action, Resource: c.resource, Context: mapContext(c.context)}, policies)
	allowed, explicit := c.decide()
	if d.Allowed != allowed || d.Explicit != explicit {
		t.Fatalf("Decide says allowed=%t explicit=%t, the reference allowed=%t explicit=%t\n%+v", d.Allowed, d.Explicit, allowed, explicit,
			*c)
	}
	return d
}
