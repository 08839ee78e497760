package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRenamePrincipals(t *testing.T) {
	upper := func(name string) string { return strings.ToUpper(name) }
	for _, tt := range []struct{ why, text, want string }{
		{"one name, and no other place that has it",
			`{"Id":"a","Statement":{"Principal":{"AWS":"a"},"Condition":{"ArnEquals":{"aws:PrincipalArn":"a"}},"Resource":"a"}}`,
			`{"Id":"a","Statement":{"Principal":{"AWS":"A"},"Condition":{"ArnEquals":{"aws:PrincipalArn":"a"}},"Resource":"a"}}`},
		{"lists, several statements, white space", "{ \"Statement\" : [ {\"Principal\":{ \"AWS\" : [ \"a\" ,\"B\"] " +
			"}},\n{\"NotPrincipal\":{\"AWS\":\"c\"}}]}\n",
			"{ \"Statement\" : [ {\"Principal\":{ \"AWS\" : [ \"A\" ,\"B\"] }},\n{\"NotPrincipal\":{\"AWS\":\"C\"}}]}\n"},
		{"an escape is read", `{"Statement":{"Principal":{"AWS":"\u0061"}}}`, `{"Statement":{"Principal":{"AWS":"A"}}}`},
		{"services stay", `{"Statement":{"Principal":{"Service":"a","AWS":"a"}}}`, `{"Statement":{"Principal":{"Service":"a","AWS":"A"}}}`},
		{"everybody stays", `{"Statement":{"Principal":"*"}}`, `{"Statement":{"Principal":"*"}}`},
		{"what is no policy stays", `{"Statement":{"Principal":{"AWS":"a"}}`, `{"Statement":{"Principal":{"AWS":"a"}}`},
		{"nothing", "", ""},
	} {
		if got := RenamePrincipals(tt.text, upper); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.why, got, tt.want)
		}
	}
}

// TestRenamingBackAndForth: names come and go, and nothing else changes in any document that is a policy.
func TestRenamingBackAndForth(t *testing.T) {
	const user, id = "arn:aws:iam::" + account + ":user/alice", "AIDAAAAAAAAAAAALICE"
	exchange := func(from, to string) func(string) string {
		return func(name string) string {
			if name == from {
				return to
			}
			return name
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(drawDocument(t, Resource), id, "999999999999")
		there := RenamePrincipals(text, exchange(user, id))
		if back := RenamePrincipals(there, exchange(id, user)); back != text {
			t.Fatalf("%s\nbecame\n%s\nand then\n%s", text, there, back)
		}
		if _, err := Parse([]byte(there), Resource); err != nil {
			t.Fatal(err)
		}
	})
}
