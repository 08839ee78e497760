package identity

import (
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// TestResourcePoliciesMeanWhoTheyMeant: a user or role that takes over the name of one that was deleted is not let in, and the
// policy shows whom it means.
func TestResourcePoliciesMeanWhoTheyMeant(t *testing.T) {
	for _, kind := range []Kind{User, Role} {
		w := newWorld(t)
		trust := ""
		if kind == Role {
			trust = trustsAccount
		}
		p := w.make(t, kind, "worker", trust)
		text := `{ "Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","` + p.ARN() + `"]},
			"Action":"kms:*","Resource":"*","Condition":{"ArnEqualsIfExists":{"aws:PrincipalArn":"` + p.ARN() + `"}}}}`
		bound, ok := w.BindPolicy(text)
		if !ok || strings.Count(bound, p.ARN()) != 1 || !strings.Contains(bound, `"`+p.ID+`"`) {
			t.Fatalf("%v %s", ok, bound)
		}
		if shown := w.ShowPolicy(bound); shown != text {
			t.Errorf("shown while it is there: %s", shown)
		}
		lets := func(p *Principal) bool { return named(t, bound, p) }
		if !lets(p) {
			t.Error("the one that is meant is refused")
		}
		must(t, w.Delete(t.Context(), p))
		if shown := w.ShowPolicy(bound); shown != bound {
			t.Errorf("shown when it is gone: %s", shown)
		}
		another := w.make(t, kind, "worker", trust)
		if lets(another) {
			t.Errorf("another %s of the same name is let in", kind)
		}
		if shown := w.ShowPolicy(bound); shown != bound {
			t.Errorf("shown when another has the name: %s", shown)
		}
		if _, ok := w.BindPolicy(bound); ok {
			t.Error("a policy can name somebody who is gone")
		}
	}
}

// named says whether a policy names a principal, and not only its account.
func named(t *testing.T, text string, p *Principal) bool {
	t.Helper()
	compiled, err := policy.Parse([]byte(text), policy.Key)
	if err != nil {
		t.Fatal(err)
	}
	who := policy.Principal{Account: p.Account, ARN: p.ARN(), UserID: p.ID}
	if p.Kind == Role {
		who = policy.Principal{
			Account: p.Account, ARN: "arn:aws:sts::" + p.Account + ":assumed-role/" + p.Name + "/s", UserID: p.ID + ":s", RoleARN: p.ARN(),
		}
	}
	r := &policy.Request{Principal: who, Action: "kms:Decrypt", Resource: "*"}
	return policy.Decide(r, &policy.Policies{OnResource: compiled, ResourceAccount: p.Account, Gate: true}).Allowed
}

// TestResourcePoliciesFollowNames: whoever is renamed is meant still, and shown by the new name.
func TestResourcePoliciesFollowNames(t *testing.T) {
	w := newWorld(t)
	p := w.make(t, User, "alice", "")
	bound, _ := w.BindPolicy(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + p.ARN() + `"},"Action":"kms:*","Resource":"*"}}`)
	must(t, w.Move(t.Context(), p, "alicia", "/staff/"))
	if shown := w.ShowPolicy(bound); !strings.Contains(shown, `"arn:aws:iam::111122223333:user/staff/alicia"`) {
		t.Error(shown)
	}
	w.restart(t)
	moved, err := w.Find(testAccount, User, "alicia")
	must(t, err)
	if !named(t, bound, moved) {
		t.Error("it is refused under its new name")
	}
}

// TestBindPolicy: who may be named.
func TestBindPolicy(t *testing.T) {
	w := newWorld(t)
	user, role := w.make(t, User, "alice", ""), w.make(t, Role, "worker", trustsAccount)
	group := w.make(t, Group, "staff", "")
	for name, want := range map[string]bool{
		"*": true, "111122223333": true, "999999999999": true, "arn:aws:iam::999999999999:root": true, user.ARN(): true, user.ID: true,
		role.ARN(): true, "arn:aws:sts::111122223333:assumed-role/worker/any": true,
		"arn:aws:sts::111122223333:assumed-role/other/any": false,
		"arn:aws:iam::111122223333:user/bob":               false, group.ARN(): false, "AIDAAAAAAAAAAAAAAAAAA": false,
	} {
		if _, ok := w.BindPolicy(`{"Statement":[{"Principal":{"AWS":["` + name + `"]}}]}`); ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}
