package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

const keyARN = "arn:aws:kms:eu-west-1:111122223333:key/k1"

// One region denies the list, one table denies its description, and one has gone since it was listed: the others are read.
func TestWhatIsDeniedHidesNothingElse(t *testing.T) {
	e := serveEndpoint(t, func(c call) answer {
		switch {
		case c.operation == "ListTables" && c.region == "us-west-2":
			return forbidden()
		case c.operation == "ListTables":
			return names("denied", "gone", "open")
		case c.operation == "DescribeTable" && c.text("TableName") == "denied":
			return forbidden()
		case c.operation == "DescribeTable" && c.text("TableName") == "gone":
			return refusal(400, "ResourceNotFoundException", "gone")
		case c.operation == "DescribeTable":
			return described(c, "")
		}
		return answer{}
	})
	n := e.mustRead("eu-west-1", "us-west-2", "eu-west-1")
	if len(n.tables) != 2 || len(n.regions) != 2 {
		t.Fatalf("%d tables, %d regions", len(n.tables), len(n.regions))
	}
	if p := n.table(t, "eu-west-1", "denied").Problem; p == nil || p.Kind != fact.Denied || p.Action != "dynamodb:DescribeTable" {
		t.Errorf("the denied table's problem is %+v", p)
	}
	if got := n.table(t, "eu-west-1", "denied").ARN; got != "arn:aws:dynamodb:eu-west-1:111122223333:table/denied" {
		t.Errorf("the denied table's ARN is %q", got)
	}
	if open := n.table(t, "eu-west-1", "open"); open.Problem != nil || open.KeyClass != fact.AWSOwned || open.Account != "111122223333" {
		t.Errorf("the open table is %+v", open)
	}
	if r := n.region(t, "eu-west-1"); r.Outcome != fact.RegionAudited || r.Tables != 2 {
		t.Errorf("the open region is %+v", r)
	}
	r := n.region(t, "us-west-2")
	if r.Outcome != fact.RegionFailed || r.Problem == nil || r.Problem.Action != "dynamodb:ListTables" ||
		r.Problem.Code != "AccessDeniedException" {
		t.Errorf("the denied region is %+v", r)
	}
}

func TestEveryPageIsRead(t *testing.T) {
	page := func(c call) answer {
		start := 0
		_, _ = fmt.Sscanf(c.text("ExclusiveStartTableName"), "t%03d", &start)
		var list []string
		for i := start + 1; i <= min(start+100, 250); i++ {
			list = append(list, fmt.Sprintf("t%03d", i))
		}
		body := map[string]any{"TableNames": list}
		if start+100 < 250 {
			body["LastEvaluatedTableName"] = list[len(list)-1]
		}
		return ok(body)
	}
	e := serveEndpoint(t, func(c call) answer {
		switch c.operation {
		case "ListTables":
			return page(c)
		case "DescribeTable":
			return described(c, keyARN)
		case "DescribeKey":
			return ok(map[string]any{"KeyMetadata": map[string]any{"KeyId": "k1", "KeyManager": "CUSTOMER", "KeyState": "Enabled"}})
		}
		return answer{}
	})
	n := e.mustRead("eu-west-1")
	if len(n.tables) != 250 || n.region(t, "eu-west-1").Tables != 250 {
		t.Errorf("%d tables, %d counted", len(n.tables), n.region(t, "eu-west-1").Tables)
	}
	if calls := e.count("DescribeKey", "eu-west-1"); calls != 1 {
		t.Errorf("one key was described %d times", calls)
	}
}

func TestAListWithoutEndIsAnError(t *testing.T) {
	e := serveEndpoint(t, func(c call) answer {
		switch c.operation {
		case "ListTables":
			return ok(map[string]any{"TableNames": []string{"same"}, "LastEvaluatedTableName": "same"})
		case "DescribeTable":
			return described(c, "")
		}
		return answer{}
	})
	if r := e.mustRead("eu-west-1").region(t, "eu-west-1"); r.Outcome != fact.RegionFailed || r.Problem.Kind != fact.Failed {
		t.Errorf("the region is %+v", r)
	}
}

func TestKeys(t *testing.T) {
	metadata := func(manager, state string) answer {
		return ok(map[string]any{"KeyMetadata": map[string]any{"KeyId": "k1", "KeyManager": manager, "KeyState": state,
			"DeletionDate": 1780000000}})
	}
	aliases := func(target string) answer {
		return ok(map[string]any{"Aliases": []map[string]any{{"AliasName": "alias/aws/dynamodb", "TargetKeyId": target},
			{"AliasName": "alias/mine"}}})
	}
	for name, c := range map[string]struct {
		describe, list answer
		class          fact.KeyClass
		state          string
		problems       string // the actions that were not allowed
	}{
		"customer":              {metadata("CUSTOMER", "PendingDeletion"), answer{}, fact.Customer, "PendingDeletion", ""},
		"AWS managed":           {metadata("AWS", "Enabled"), answer{}, fact.AWSManaged, "Enabled", ""},
		"deleted":               {refusal(400, "NotFoundException", "no key"), answer{}, fact.Customer, fact.KeyNotFound, ""},
		"denied, AWS by alias":  {forbidden(), aliases("k1"), fact.AWSManaged, "", "kms:DescribeKey"},
		"denied, not the alias": {forbidden(), aliases("k2"), fact.Customer, "", "kms:DescribeKey"},
		"denied, no alias":      {forbidden(), ok(map[string]any{"Aliases": []any{}}), fact.Customer, "", "kms:DescribeKey"},
		"all denied":            {forbidden(), forbidden(), fact.UnknownKey, "", "kms:DescribeKey kms:ListAliases"},
		"nothing in the answer": {ok(map[string]any{}), forbidden(), fact.UnknownKey, "", "kms:DescribeKey kms:ListAliases"},
	} {
		t.Run(name, func(t *testing.T) {
			e := serveEndpoint(t, func(request call) answer {
				switch request.operation {
				case "ListTables":
					return names("orders")
				case "DescribeTable":
					return described(request, keyARN)
				case "DescribeKey":
					return c.describe
				case "ListAliases":
					return c.list
				}
				return answer{}
			})
			got := e.mustRead("eu-west-1").table(t, "eu-west-1", "orders")
			var actions []string
			for _, p := range got.Key.Problems {
				actions = append(actions, p.Action)
			}
			if got.KeyClass != c.class || got.Key.State != c.state || strings.Join(actions, " ") != c.problems {
				t.Errorf("class %s, state %q, problems %q", got.KeyClass, got.Key.State, actions)
			}
		})
	}
}

func TestRegions(t *testing.T) {
	listed := func(regions ...string) answer {
		var out []map[string]any
		for _, r := range regions {
			name, status, _ := strings.Cut(r, " ")
			out = append(out, map[string]any{"RegionName": name, "RegionOptStatus": status})
		}
		return ok(map[string]any{"Regions": out})
	}
	for name, c := range map[string]struct {
		answer  answer
		from    fact.RegionList
		regions int
		skipped int
	}{
		"listed": {listed("us-east-1 ENABLED_BY_DEFAULT", "eu-south-1 ENABLED", "me-south-1 ENABLING", "il-central-1 DISABLING",
			"af-south-1 DISABLED"), fact.RegionsListed, 5, 1},
		"denied":        {forbidden(), fact.RegionsBuiltIn, 34, 0},
		"unknown":       {answer{}, fact.RegionsBuiltIn, 34, 0},
		"empty":         {listed(), fact.RegionsBuiltIn, 34, 0},
		"not a region":  {listed("us-east-1.example.com/ ENABLED"), fact.RegionsBuiltIn, 34, 0},
		"without words": {ok(map[string]any{"Regions": []any{map[string]any{}}}), fact.RegionsBuiltIn, 34, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := serveEndpoint(t, func(request call) answer {
				switch request.operation {
				case "ListRegions":
					return c.answer
				case "ListTables":
					return names()
				}
				return answer{}
			})
			n := e.mustRead()
			skipped := 0
			for _, r := range n.regions {
				if r.Outcome == fact.RegionSkipped {
					skipped++
					if r.Name != "af-south-1" || r.Note == "" || e.count("ListTables", r.Name) != 0 {
						t.Errorf("%s was skipped with the note %q", r.Name, r.Note)
					}
				}
			}
			if n.scope.RegionsFrom != c.from || len(n.regions) != c.regions || n.scope.Regions != c.regions || skipped != c.skipped {
				t.Errorf("from %s, %d regions, %d announced, %d skipped", n.scope.RegionsFrom, len(n.regions), n.scope.Regions, skipped)
			}
			if noted := len(n.scope.Notes) > 0; noted != (c.from == fact.RegionsBuiltIn) {
				t.Errorf("notes %q", n.scope.Notes)
			}
		})
	}
}

// A region that refuses the credentials may just not be enabled, but only the account can tell: it stays an error.
func TestOptInRegionThatRefusesCredentials(t *testing.T) {
	e := serveEndpoint(t, func(c call) answer {
		if c.operation != "ListTables" {
			return answer{}
		}
		if c.region == "af-south-1" || c.region == "eu-west-1" {
			return refusal(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
		}
		return names()
	})
	n := e.mustRead()
	if r := n.region(t, "af-south-1"); r.Outcome != fact.RegionFailed || r.Problem.Kind != fact.Credentials || !strings.Contains(r.Note,
		"account:ListRegions") {
		t.Errorf("the opt-in region is %+v", r)
	}
	if r := n.region(t, "eu-west-1"); r.Outcome != fact.RegionFailed || r.Note != "" {
		t.Errorf("the default region is %+v", r)
	}
}

func TestIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		fails bool
	}{"denied": {"AccessDenied", false}, "unknown operation": {"InvalidAction", false}, "bad key": {"InvalidClientTokenId", true},
		"expired": {"ExpiredToken", true}} {
		t.Run(name, func(t *testing.T) {
			e := serveEndpoint(t, func(request call) answer {
				switch request.operation {
				case "GetCallerIdentity":
					return answer{403, c.code}
				case "ListTables":
					return names("orders")
				case "DescribeTable":
					return described(request, "")
				}
				return answer{}
			})
			n, err := e.read(t.Context(), "eu-west-1")
			if (err != nil) != c.fails {
				t.Fatalf("error %v", err)
			}
			if err == nil && (n.scope.Account != "" || len(n.scope.Notes) != 1 || n.table(t, "eu-west-1",
				"orders").Account != "111122223333") {
				t.Errorf("scope %+v, tables %+v", n.scope, n.tables)
			}
		})
	}
}

func TestInterruptedReadSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := serveEndpoint(t, func(c call) answer {
		if c.operation == "ListTables" {
			cancel()
			return names("orders")
		}
		return answer{}
	})
	n, err := e.read(ctx, "eu-west-1", "us-east-1")
	if !errors.Is(err, context.Canceled) || len(n.tables) != 0 || len(n.regions) != 0 {
		t.Errorf("error %v, tables %v, regions %v", err, n.tables, n.regions)
	}
}

// The flag names what is audited, whatever the environment names for a service.
func TestEndpointOfTheOptionsWins(t *testing.T) {
	e := serveEndpoint(t, func(c call) answer {
		if c.operation == "ListTables" {
			return names()
		}
		return answer{}
	})
	for _, service := range []string{"DYNAMODB", "KMS", "STS", "ACCOUNT"} {
		t.Setenv("AWS_ENDPOINT_URL_"+service, "http://127.0.0.1:1")
	}
	t.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
	if n := e.mustRead("eu-west-1"); n.region(t, "eu-west-1").Problem != nil || n.scope.Account == "" || n.scope.Endpoint != e.url {
		t.Errorf("scope %+v, regions %+v", n.scope, n.regions)
	}
}

func TestProblemKinds(t *testing.T) {
	for code, want := range map[string]fact.ProblemKind{
		"AccessDeniedException": fact.Denied, "UnrecognizedClientException": fact.Credentials, "OptInRequired": fact.Credentials,
		"ThrottlingException": fact.Throttled, "RequestLimitExceeded": fact.Throttled, "InternalServerError": fact.Failed, "": fact.Failed,
	} {
		if got := kindOf(code); got != want {
			t.Errorf("%q is %s, want %s", code, got, want)
		}
	}
	if p := problemOf("a:B",
		errors.New("one\ntwo "+strings.Repeat("é", 400))); p.Kind != fact.Failed || strings.Contains(p.Message, "\n") ||
		len(p.Message) > 410 {
		t.Errorf("%+v", p)
	}
}

func TestUnreachableRegion(t *testing.T) {
	e := serveEndpoint(t, func(call) answer { return answer{} })
	live, err := NewLive(t.Context(), Options{EndpointURL: e.url, Regions: []string{"eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	live.options.EndpointURL = "http://127.0.0.1:1"
	region := fact.Region{Name: "eu-west-1", Outcome: fact.RegionAudited}
	(&accountReader{live: live, config: live.config}).region("eu-west-1").read(t.Context(), &region)
	if region.Outcome != fact.RegionFailed || region.Problem.Kind != fact.Unreachable || region.Problem.Action != "dynamodb:ListTables" {
		t.Errorf("%+v, %+v", region, region.Problem)
	}
}

func TestThrottlingEndsAfterSomeAttempts(t *testing.T) {
	e := serveEndpoint(t, func(c call) answer {
		if c.operation == "ListTables" {
			return refusal(400, "ThrottlingException", "slower")
		}
		return answer{}
	})
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	r := e.mustRead("eu-west-1").region(t, "eu-west-1")
	if r.Outcome != fact.RegionFailed || r.Problem.Kind != fact.Throttled || e.count("ListTables", "eu-west-1") != 2 {
		t.Errorf("%+v after %d attempts", r.Problem, e.count("ListTables", "eu-west-1"))
	}
}
