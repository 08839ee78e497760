package arn

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want ARN
		ok   bool
	}{
		{"arn:aws:kms:us-east-1:123456789012:key/1234", ARN{"aws", "kms", "us-east-1", "123456789012", "key/1234"}, true},
		{"arn:aws:iam::123456789012:user/a/b", ARN{"aws", "iam", "", "123456789012", "user/a/b"}, true},
		{"arn:aws:s3:::bucket/a:b", ARN{"aws", "s3", "", "", "bucket/a:b"}, true},
		{"arn:aws:lambda:us-east-1:1:function:f:live", ARN{"aws", "lambda", "us-east-1", "1", "function:f:live"}, true},
		{"", ARN{}, false},
		{"*", ARN{}, false},
		{"arn:aws:kms:us-east-1:123456789012", ARN{}, false},
		{"arn:aws:kms:us-east-1:123456789012:", ARN{}, false},
		{"arn::kms:us-east-1:123456789012:key/1", ARN{}, false},
		{"arn:aws::us-east-1:123456789012:key/1", ARN{}, false},
		{"ARN:aws:kms:us-east-1:123456789012:key/1", ARN{}, false},
		{" arn:aws:kms:us-east-1:123456789012:key/1", ARN{}, false},
	} {
		got, ok := Parse(tt.text)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q: %+v %t", tt.text, got, ok)
		}
		if ok && got.String() != tt.text {
			t.Errorf("%q came back as %q", tt.text, got)
		}
	}
}

func TestChild(t *testing.T) {
	a := New("dynamodb", "us-east-1", "123456789012", "table/Orders")
	if name, ok := a.Child("table"); name != "Orders" || !ok {
		t.Errorf("%q %t", name, ok)
	}
	for _, resource := range []string{"table/", "tables/Orders", "table", "Orders"} {
		a.Resource = resource
		if name, ok := a.Child("table"); ok {
			t.Errorf("%q has the child %q", resource, name)
		}
	}
}

// TestAnyTextThatParsesComesBack feeds it texts made of what ARNs are made of.
func TestAnyTextThatParsesComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOf(rapid.SampledFrom([]rune("arn:aws/*é"))), rapid.Map(rapid.String(), func(s string) string {
			return "arn:aws:" + s
		})).Draw(t, "text")
		if a, ok := Parse(text); ok && a.String() != text {
			t.Fatalf("%q came back as %q", text, a)
		}
	})
}
