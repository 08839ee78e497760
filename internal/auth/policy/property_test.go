package policy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/cputime"
)

// The generators draw from few names, so that policies and requests meet often.

func oneOrList(t *rapid.T, names []string, label string) any {
	if rapid.Bool().Draw(t, label+" single") {
		return rapid.SampledFrom(names).Draw(t, label)
	}
	return rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, label)
}

func drawPrincipal(t *rapid.T) any {
	if rapid.IntRange(0, 5).Draw(t, "everybody") == 0 {
		return "*"
	}
	element := map[string]any{"AWS": oneOrList(t, []string{
		account, "arn:aws:iam::" + account + ":root", "arn:aws:iam::" + account + ":user/alice", "arn:aws:iam::" + account + ":user/bob",
		"arn:aws:iam::" + account + ":role/worker", "arn:aws:sts::" + account + ":assumed-role/worker/job-1", "*",
		"AIDAAAAAAAAAAAALICE", "AROAAAAAAAAAAAWORKER", "999999999999", "arn:aws:iam::999999999999:user/eve",
	}, "principal")}
	if rapid.Bool().Draw(t, "and a service") {
		element["Service"] = oneOrList(t, []string{"dynamodb.amazonaws.com", "s3.amazonaws.com"}, "service")
	}
	if rapid.Bool().Draw(t, "and a provider") {
		element["Federated"] = oneOrList(t, []string{providerARN, providerARN + "/other"}, "provider")
	}
	return element
}

func drawValue(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"", "a", "A", "ab", "a*", "*", "a?", "?", "é", "5", "05", "5.0", "-3", "true", "FALSE", "2024-05-01", "2024-05-01T00:00:00Z",
		"1714521600",
		"10.0.0.0/8", "10.1.2.3", "::1", "QQ==", "${k:one}", "x${k:two}*", "${k:none, 'a'}", "${k:none}", "${*}", "${$}",
		"arn:aws:s:r:1:a/b", "arn:aws:s:*:1:a/*", "arn:aws:${k:one}:r:1:${k:two}", keyARN,
	}).Draw(t, "value")
}

func drawCondition(t *rapid.T) map[string]any {
	operator := rapid.SampledFrom([]string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
		"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null",
	}).Draw(t, "operator")
	key := rapid.SampledFrom([]string{"k:one", "K:Two", "k:none"}).Draw(t, "key")
	if operator == "Null" {
		return map[string]any{operator: map[string]any{key: rapid.SampledFrom([]any{true, false, "true", "false"}).Draw(t, "null")}}
	}
	operator = rapid.SampledFrom([]string{"", "", "ForAnyValue:", "ForAllValues:"}).Draw(t, "set") + operator +
		rapid.SampledFrom([]string{"", "", "IfExists"}).Draw(t, "exists")
	values := make([]string, rapid.IntRange(1, 3).Draw(t, "values"))
	for i := range values {
		values[i] = drawValue(t)
	}
	return map[string]any{operator: map[string]any{key: values}}
}

func drawStatement(t *rapid.T, kind Kind) map[string]any {
	s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect")}
	if kind != Identity {
		element := "Principal"
		if s["Effect"] == "Deny" && rapid.Bool().Draw(t, "not principal") {
			element = "NotPrincipal"
		}
		s[element] = drawPrincipal(t)
	}
	s[rapid.SampledFrom([]string{"Action", "Action", "Action", "NotAction"}).Draw(t, "action element")] = oneOrList(t, []string{
		"*", "kms:*", "kms:Decrypt", "KMS:decrypt", "kms:De*t", "kms:?ecrypt", "kms:Encrypt", "dynamodb:*", "*:Decrypt",
	}, "action")
	if kind != Key || rapid.IntRange(0, 9).Draw(t, "resource there") > 0 {
		s[rapid.SampledFrom([]string{"Resource", "Resource", "Resource", "NotResource"}).Draw(t, "resource element")] = oneOrList(t,
			[]string{
				"*", keyARN, "arn:aws:kms:us-east-1:" + account + ":key/*", "arn:aws:kms:*:key/1234*", "arn:aws:kms:*:*:key/?234*ab",
				"arn:*:kms:us-*-1:*:*", "arn:aws:kms:*", "arn:aws:kms:us-east-1:" + account + ":key/${k:one}",
				"arn:aws:dynamodb:*:*:table/*",
				"arn:aws:kms:*:" + account + ":*/${k:none}*", "arn:aws:kms:us-east-?:*:key/${k:none, '1234'}*",
			}, "resource")
	}
	if rapid.Bool().Draw(t, "conditional") {
		s["Condition"] = drawCondition(t)
	}
	return s
}

func drawDocument(t *rapid.T, kind Kind) string {
	statements := make([]any, rapid.IntRange(1, 3).Draw(t, "statements"))
	for i := range statements {
		statements[i] = drawStatement(t, kind)
	}
	document := map[string]any{"Statement": statements}
	if len(statements) == 1 && rapid.Bool().Draw(t, "bare statement") {
		document["Statement"] = statements[0]
	}
	if version := rapid.SampledFrom([]string{"2012-10-17", "2012-10-17", "2008-10-17", ""}).Draw(t, "version"); version != "" {
		document["Version"] = version
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDecideAsTheReferenceDoes(t *testing.T) {
	names := []string{"alice", "bob", "root", "session", "stranger", "strangerroot", "service", "web"}
	rapid.Check(t, func(rt *rapid.T) {
		c := &referenceCase{
			who:    cast(t, rapid.SampledFrom(names).Draw(rt, "who")),
			action: rapid.SampledFrom([]string{"kms:Decrypt", "kms:Encrypt", "dynamodb:GetItem"}).Draw(rt, "action"),
			resource: rapid.SampledFrom([]string{keyARN, keyARN, "*", tableARN, "arn:aws:kms:us-east-1:" + account + ":key/a:b"}).Draw(rt,
				"resource"),
			account: account, gate: rapid.Bool().Draw(rt, "gate"), granted: rapid.IntRange(0, 9).Draw(rt, "granted") == 0,
			context: map[string][]string{},
		}
		c.root = strings.HasSuffix(c.who.ARN, ":root")
		for _, key := range []string{"k:one", "k:two"} {
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2}).Draw(rt, "values of "+key) {
				c.context[key] = append(c.context[key], drawValue(rt))
			}
		}
		for range rapid.IntRange(0, 2).Draw(rt, "identity") {
			c.identity = append(c.identity, drawDocument(rt, Identity))
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(rt, "session") {
			c.session = append(c.session, drawDocument(rt, Identity))
		}
		if rapid.IntRange(0, 3).Draw(rt, "boundary") == 0 {
			c.boundary = drawDocument(rt, Identity)
		}
		if kind := map[bool]Kind{true: Key, false: Resource}[c.gate]; rapid.IntRange(0, 4).Draw(rt, "policy on the resource") > 0 {
			c.onResource = drawDocument(rt, kind)
		}
		bothDecide(rt, c)
	})
}

func TestWildcardsAsRegularExpressions(t *testing.T) {
	piece := rapid.StringOfN(rapid.SampledFrom([]rune("aAbé*?:")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern, s := piece.Draw(t, "pattern"), strings.NewReplacer("*", "a", "?", "b").Replace(piece.Draw(t, "text"))
		fold := rapid.Bool().Draw(t, "fold")
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		flags := map[bool]string{true: "(?is)", false: "(?s)"}[fold]
		if fold && strings.ContainsRune(pattern+s, 'é') {
			return // only ASCII is folded, which is all that actions have
		}
		w := compileWildcard(pattern)
		if got, want := w.match(s, fold), regexp.MustCompile(flags+"^"+expression+"$").MatchString(s); got != want {
			t.Fatalf("%q fits %q: %t, want %t (without case: %t)", s, pattern, got, want, fold)
		}
	})
}

// TestMatchingIsLinear guards against patterns that make a naive matcher try every way: these would take it for ever.
func TestMatchingIsLinear(t *testing.T) {
	text := strings.Repeat("a", 100_000)
	for _, pattern := range []string{
		strings.Repeat("a*", 5_000) + "b", strings.Repeat("*a", 5_000) + "*b", strings.Repeat("a*", 5_000) + "*",
		strings.Repeat("*", 10_000) + "b", "*" + strings.Repeat("a", 5_000) + "b*",
	} {
		w := compileWildcard(pattern)
		spent := cputime.Start(t)
		for range 10 {
			w.match(text, false)
			w.match(text[:2_000], true)
		}
		if took := spent(); took > 2*time.Second {
			t.Errorf("ten matches against %.20s… took %v of CPU time", pattern, took)
		}
	}
}
