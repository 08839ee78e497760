package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// kinds names kinds of policy in the table below.
var kinds = map[string]Kind{"identity": Identity, "resource": Resource, "key": Key, "trust": Trust}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct{ why, kind, document string }{
		{"one statement needs no list", "identity", `{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`},
		{"no version means the old one", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":["*"]}]}`},
		{"elements come in any order", "identity", `{"Statement":[{"Resource":"*","Action":"*","Effect":"Deny"}],"Version":"2012-10-17"}`},
		{"values may repeat", "identity", `{"Statement":[{"Effect":"Allow","Action":["kms:*","kms:*"],"Resource":["*","*"]}]}`},
		{"numbers and booleans in conditions", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericEquals":{"a:b":[1,"2",3.5]}}}]}`},
		{"a condition block may be empty", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}`},
		{"a value of another kind than the operator's never fits", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"a:b":"x"}}}]}`},
		{"a variable behind the fifth colon", "identity", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}]}`},
		{"wildcards in every part of an ARN", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:*:s*:*:*:*"}]}`},
		{"Sids of other services have spaces", "key", `{"Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"}]}`},
		{"a key policy without Resource is accepted", "key", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*"}]}`},
		{"all kinds of principals", "resource", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:role/a/b/c","arn:aws:sts::123456789012:assumed-role/r/s","arn:aws:sts::123456789012:federated-user/f","AROAAAAAAAAAAAAAAAAA"],"Service":["lambda.amazonaws.com"],"Federated":"accounts.example.com"},"Action":"*","Resource":"*"}]}`},
		{"NotPrincipal denies", "resource", `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}]}`},
		{"a trust policy has no resource", "trust", `{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
		{"ForAllValues is refused only for keys with one value", "key", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"App"}}}]}`},
	} {
		if _, err := Parse([]byte(c.document), kinds[c.kind]); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

func TestParseRejects(t *testing.T) {
	const allow = `"Effect":"Allow","Action":"*","Resource":"*"`
	for _, c := range []struct {
		why, kind, document string
		problem             Problem
	}{
		{"not JSON", "identity", `{`, Syntax},
		{"not an object", "identity", `[]`, Syntax},
		{"something behind the document", "identity", `{"Statement":[{` + allow + `}]} {}`, Syntax},
		{"no statement", "identity", `{"Version":"2012-10-17"}`, Syntax},
		{"an empty list of statements", "identity", `{"Statement":[]}`, Syntax},
		{"a list of lists", "identity", `{"Statement":[[{` + allow + `}]]}`, Syntax},
		{"an unknown version", "identity", `{"Version":"2012-10-18","Statement":[{` + allow + `}]}`, Syntax},
		{"an unknown element", "identity", `{"Statement":[{` + allow + `,"Note":"x"}]}`, Syntax},
		{"an unknown element above", "identity", `{"Comment":"x","Statement":[{` + allow + `}]}`, Syntax},
		{"elements are known by their exact names", "identity", `{"Statement":[{"effect":"Allow","Action":"*","Resource":"*"}]}`, Syntax},
		{"an element twice", "identity", `{"Statement":[{"Effect":"Deny",` + allow + `}]}`, Syntax},
		{"a condition operator twice", "identity", `{"Statement":[{` + allow + `,"Condition":{"Bool":{"a:b":true},"Bool":{"a:c":true}}}]}`, Syntax},
		{"no effect", "identity", `{"Statement":[{"Action":"*","Resource":"*"}]}`, Syntax},
		{"an effect in other letters", "identity", `{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`, Syntax},
		{"no action", "identity", `{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, Syntax},
		{"an action without a service", "identity", `{"Statement":[{"Effect":"Allow","Action":"Decrypt","Resource":"*"}]}`, Syntax},
		{"an action of no service", "identity", `{"Statement":[{"Effect":"Allow","Action":":Decrypt","Resource":"*"}]}`, Syntax},
		{"an action that is no text", "identity", `{"Statement":[{"Effect":"Allow","Action":7,"Resource":"*"}]}`, Syntax},
		{"Action and NotAction", "identity", `{"Statement":[{` + allow + `,"NotAction":"a:b"}]}`, Syntax},
		{"no resource", "identity", `{"Statement":[{"Effect":"Allow","Action":"*"}]}`, NoResource},
		{"Resource and NotResource", "identity", `{"Statement":[{` + allow + `,"NotResource":"*"}]}`, Syntax},
		{"a resource that is no ARN", "identity", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"table/Orders"}]}`, Syntax},
		{"a variable before the fifth colon", "identity", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3::${aws:username}:b*"}]}`, Syntax},
		{"a principal in a policy of a principal", "identity", `{"Statement":[{` + allow + `,"Principal":"*"}]}`, HasPrincipal},
		{"a Sid with a space", "identity", `{"Statement":[{` + allow + `,"Sid":"a b"}]}`, Syntax},
		{"a Sid twice", "trust", `{"Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Sid":"a","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}`, Syntax},
		{"no principal", "key", `{"Statement":[{` + allow + `}]}`, NoPrincipal},
		{"an empty principal", "key", `{"Statement":[{` + allow + `,"Principal":{}}]}`, NoPrincipal},
		{"a principal that is a bare text", "key", `{"Statement":[{` + allow + `,"Principal":"123456789012"}]}`, InvalidPrincipal},
		{"a group", "key", `{"Statement":[{` + allow + `,"Principal":{"AWS":"arn:aws:iam::123456789012:group/g"}}]}`, InvalidPrincipal},
		{"a wildcard in a principal", "key", `{"Statement":[{` + allow + `,"Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}}]}`, InvalidPrincipal},
		{"a principal of another partition", "key", `{"Statement":[{` + allow + `,"Principal":{"AWS":"arn:aws-cn:iam::123456789012:root"}}]}`, InvalidPrincipal},
		{"a session without a name", "key", `{"Statement":[{` + allow + `,"Principal":{"AWS":"arn:aws:sts::123456789012:assumed-role/r"}}]}`, InvalidPrincipal},
		{"an account of eleven digits", "key", `{"Statement":[{` + allow + `,"Principal":{"AWS":"12345678901"}}]}`, InvalidPrincipal},
		{"every service", "key", `{"Statement":[{` + allow + `,"Principal":{"Service":"*"}}]}`, InvalidPrincipal},
		{"a kind of principal that there is not", "key", `{"Statement":[{` + allow + `,"Principal":{"User":"x"}}]}`, InvalidPrincipal},
		{"Principal and NotPrincipal", "key", `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*","NotPrincipal":"*"}]}`, Syntax},
		{"NotPrincipal that allows", "key", `{"Statement":[{` + allow + `,"NotPrincipal":{"AWS":"123456789012"}}]}`, Syntax},
		{"NotPrincipal in a trust policy", "trust", `{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`, Syntax},
		{"a trust policy with a resource", "trust", `{"Statement":[{` + allow + `,"Principal":"*"}]}`, HasResource},
		{"an unknown operator", "identity", `{"Statement":[{` + allow + `,"Condition":{"StringMatches":{"a:b":"c"}}}]}`, Syntax},
		{"Null with IfExists", "identity", `{"Statement":[{` + allow + `,"Condition":{"NullIfExists":{"a:b":true}}}]}`, Syntax},
		{"Null with a word", "identity", `{"Statement":[{` + allow + `,"Condition":{"Null":{"a:b":"maybe"}}}]}`, Syntax},
		{"a condition value that is an object", "identity", `{"Statement":[{` + allow + `,"Condition":{"Bool":{"a:b":{}}}}]}`, Syntax},
		{"a condition value that is null", "identity", `{"Statement":[{` + allow + `,"Condition":{"Bool":{"a:b":null}}}]}`, Syntax},
		{"ForAllValues with one encryption context pair", "key", `{"Statement":[{` + allow + `,"Principal":"*","Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:App":"x"}}}]}`, OverPermissive},
		{"ForAllValues with one request tag", "key", `{"Statement":[{` + allow + `,"Principal":"*","Condition":{"ForAllValues:StringLike":{"aws:RequestTag/team":"x"}}}]}`, OverPermissive},
	} {
		_, err := Parse([]byte(c.document), kinds[c.kind])
		var problem *ParseError
		if !errors.As(err, &problem) || problem.Problem != c.problem {
			t.Errorf("%s: %v, want problem %d", c.why, err, c.problem)
		}
	}
}

// FuzzParse checks what the package promises of any document: an error of the right type or a policy that decides.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"a:*?","NotResource":"arn:aws:s3:::b/${aws:username, 'x'}*",` +
			`"Condition":{"ForAllValues:StringLike":{"aws:TagKeys":["a${*}","${"]},"DateLessThan":{"aws:CurrentTime":17},"IpAddress":{"a:b":"::/0"}}}]}`,
		`{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"*"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, kind := range kinds {
			p, err := Parse(document, kind)
			if err != nil {
				if problem := new(ParseError); !errors.As(err, &problem) {
					t.Fatalf("%T: %v", err, err)
				}
				continue
			}
			r := &Request{Principal: cast(t, "session"), Action: "kms:Decrypt", Resource: keyARN,
				Context: mapContext{"aws:username": {"a"}}}
			attached := []Attached{{Policy: p}}
			if kind != Identity {
				attached = nil
			}
			for _, gate := range []bool{true, false} {
				policies := &Policies{Identity: attached, ResourceAccount: account, Gate: gate}
				if kind != Identity {
					policies.OnResource = p
				}
				Decide(r, policies)
			}
			p.Principals()
		}
	})
}

func TestPrincipalsListsEachOnce(t *testing.T) {
	p, err := Parse([]byte(`{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:user/a","*"]},"Action":"*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:root","arn:aws:iam::123456789012:user/a"],"Service":"s3.amazonaws.com"},"Action":"*","Resource":"*"}]}`), Resource)
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:aws:iam::123456789012:root arn:aws:iam::123456789012:user/a s3.amazonaws.com"
	if got := strings.Join(p.Principals(), " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestALargePolicyParsesAndDecides(t *testing.T) {
	var statements []string
	for i := range 400 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/u%d"},"Action":"kms:D*t","Resource":"*"}`, i))
	}
	document := `{"Statement":[` + strings.Join(statements, ",") + `]}`
	p, err := Parse([]byte(document), Key)
	if err != nil {
		t.Fatal(err)
	}
	who := cast(t, "alice")
	who.ARN = "arn:aws:iam::123456789012:user/u399"
	d := Decide(&Request{Principal: who, Action: "kms:Decrypt", Resource: keyARN},
		&Policies{OnResource: p, ResourceAccount: account, Gate: true})
	if !d.Allowed {
		t.Errorf("the last of 400 statements did not allow: %+v", d)
	}
}
