package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPositions holds the places that the AWS CLI's examples of simulate-custom-policy and simulate-principal-policy show.
func TestPositions(t *testing.T) {
	for _, tt := range []struct {
		document string
		from, to Position
	}{
		{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":` +
			`{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`, Position{1, 38}, Position{1, 167}},
		{"{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Effect\": \"Allow\",\n            " +
			"\"Action\": [\n" +
			"                \"codecommit:ListRepositories\"\n            ], \"Resource\": \"*\"\n        }\n    ]\n}", Position{3, 19},
			Position{9, 10}},
		{`{"Id":"é","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, Position{1, 24}, Position{1, 70}},
	} {
		p, err := Parse([]byte(tt.document), Identity)
		if err != nil {
			t.Fatal(err)
		}
		if from, to := p.Statements[0].Position(tt.document); from != tt.from || to != tt.to {
			t.Errorf("%s: %v to %v, want %v to %v", tt.document, from, to, tt.from, tt.to)
		}
	}
}

func TestContextKeys(t *testing.T) {
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:dynamodb:*:*:table/${aws:username}-${*}",
		"Condition":{"StringEquals":{"aws:PrincipalTag/Team":["${aws:RequestTag/Team, 'x'}","${AWS:UserName}"]},"Null":{"aws:TokenIssueTime":true}}},
		{"Effect":"Deny","Action":"*","NotResource":["arn:aws:s3:::${s3:prefix"],"Condition":{"Bool":{"AWS:tokenissuetime":false}}}]}`
	p, err := Parse([]byte(document), Identity)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"aws:username", "aws:PrincipalTag/Team", "aws:RequestTag/Team", "aws:TokenIssueTime"}
	if got := p.ContextKeys(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	old, err := Parse([]byte(strings.Replace(document, "2012", "2008", 1)), Identity)
	if err == nil && slices.Contains(old.ContextKeys(), "aws:username") {
		t.Error("an old policy has variables")
	}
}

// TestApplyingAgrees: a decision by identity policies alone is what the statements that apply say.
func TestApplyingAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := Parse([]byte(drawDocument(t, Identity)), Identity)
		if err != nil {
			t.Fatal(err)
		}
		r := &Request{
			Principal: Principal{Account: account}, Action: "kms:Decrypt", Resource: keyARN,
			Context: mapContext{"k:one": {drawValue(t)}, "k:two": {drawValue(t), drawValue(t)}},
		}
		d := Decide(r, &Policies{Identity: []Attached{{Policy: p}}, ResourceAccount: account})
		denies, allows := p.Applying(r, Deny), p.Applying(r, Allow)
		if d.Explicit != (len(denies) > 0) || d.Allowed != (len(denies) == 0 && len(allows) > 0) {
			t.Fatalf("%+v, but %d statements deny and %d allow", d, len(denies), len(allows))
		}
	})
}
