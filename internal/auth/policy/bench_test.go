package policy

import (
	"os"
	"strings"
	"testing"
)

func load(t testing.TB, file string) *Policy {
	t.Helper()
	document, err := os.ReadFile("testdata/policies/" + file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(document, Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// throughDynamoDB are decisions about a key as the database asks them, on every call that is not cached.
func throughDynamoDB(t testing.TB) map[string]func() Decision {
	context := mapContext{"kms:calleraccount": {account}, "kms:viaservice": {"dynamodb.us-east-1.amazonaws.com"}}
	decide := func(file, who string) func() Decision {
		p := load(t, file)
		r := &Request{Principal: cast(t, who), Action: "kms:Decrypt", Resource: keyARN, Context: context}
		policies := &Policies{OnResource: p, ResourceAccount: account, Gate: true, Unrestricted: strings.HasSuffix(who, "root")}
		return func() Decision { return Decide(r, policies) }
	}
	return map[string]func() Decision{
		"one service, a user":    decide("through-one-service.json", "alice"),
		"one service, a session": decide("through-one-service.json", "session"),
		"administrators, root":   decide("administrators-and-users.json", "root"),
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	for name, decide := range throughDynamoDB(t) {
		if !decide().Allowed {
			t.Errorf("%s: refused", name)
		}
		if n := testing.AllocsPerRun(100, func() { decide() }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, decide := range throughDynamoDB(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decide()
			}
		})
	}
}
