package main

import (
	"embed"
	"fmt"
	"math"
	"time"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// documents are policies as deployments have them: of a key that everybody of the account may use through the
// database, of a key that names its users, and of a role that may do nothing but write to one table.
//
//go:embed testdata/*.json
var documents embed.FS

// question is one thing that policies are asked on behalf of a function that writes an item.
type question struct {
	name     string
	request  policy.Request
	policies policy.Policies
}

type conditions map[string][]string

func (c conditions) Values(key string) ([]string, bool) {
	values, ok := c[key]
	return values, ok
}

// decisions measures how many decisions one core makes in a second.
func (b *bench) decisions() error {
	questions, err := readQuestions()
	if err != nil {
		return err
	}
	least := math.Inf(1)
	for _, q := range questions {
		rates := make([]float64, b.rounds)
		for i := range rates {
			if rates[i], err = q.rate(b.turn); err != nil {
				return err
			}
		}
		b.results.note("  policy decisions per core, "+q.name, "/s", median(rates))
		least = min(least, median(rates))
	}
	b.results.atLeast("policy decisions per core, the slowest of these", "/s", 500_000, least)
	return nil
}

func readQuestions() ([]question, error) {
	const account, key, table = "123456789012",
		"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"arn:aws:dynamodb:us-east-1:123456789012:table/orders"
	role, err := readPolicy("role-policy.json", policy.Identity)
	if err != nil {
		return nil, err
	}
	through, err := readPolicy("key-policy-service.json", policy.Key)
	if err != nil {
		return nil, err
	}
	named, err := readPolicy("key-policy-role.json", policy.Key)
	if err != nil {
		return nil, err
	}
	who := policy.Principal{
		Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/writer/1",
		RoleARN: "arn:aws:iam::123456789012:role/writer",
		UserID:  "AROAAAAAAAAAAAWRITER:1",
	}
	context := conditions{"kms:calleraccount": {account},
		"kms:viaservice": {"dynamodb.us-east-1.amazonaws.com"}}
	own := []policy.Attached{{Name: "writer", Policy: role}}
	return []question{
		{"PutItem by a role", policy.Request{Principal: who, Action: "dynamodb:PutItem", Resource: table,
			Context: context},
			policy.Policies{Identity: own, ResourceAccount: account}},
		{"Decrypt through the database",
			policy.Request{Principal: who, Action: "kms:Decrypt", Resource: key, Context: context},
			policy.Policies{Identity: own, OnResource: through, ResourceAccount: account, Gate: true}},
		{"Decrypt by a role that the key names",
			policy.Request{Principal: who, Action: "kms:Decrypt", Resource: key, Context: context},
			policy.Policies{Identity: own, OnResource: named, ResourceAccount: account, Gate: true}},
	}, nil
}

func readPolicy(name string, kind policy.Kind) (*policy.Policy, error) {
	text, err := documents.ReadFile("testdata/" + name)
	if err != nil {
		return nil, err
	}
	return policy.Parse(text, kind)
}

// rate is the decisions in one second of CPU time, by one goroutine.
func (q *question) rate(d time.Duration) (float64, error) {
	before, n := processCPU(), 0
	for until := time.Now().Add(d); time.Now().Before(until); n += 1000 {
		for range 1000 {
			if decision := policy.Decide(&q.request, &q.policies); !decision.Allowed {
				return 0, fmt.Errorf("%s is refused: %s", q.name, decision.Explain(q.request.Action))
			}
		}
	}
	return float64(n) / (processCPU() - before).Seconds(), nil
}
