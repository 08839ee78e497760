package keyring

import (
	"context"
	"fmt"
	"testing"
)

const (
	alice = "arn:aws:iam::111122223333:user/alice"
	bob   = "arn:aws:iam::111122223333:user/bob"
)

func (w *world) grant(t testing.TB, key *Key, g Grant) *Grant {
	t.Helper()
	made, token, err := w.CreateGrant(context.Background(), key, g)
	must(t, err)
	byToken, named, err := w.GrantOf(token)
	must(t, err)
	if byToken != key || named != made {
		t.Fatal("the token names another grant")
	}
	return made
}

func TestGrantsAllow(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	ab := Context{"a": "1", "b": "2"}
	cases := []struct {
		grant   Grant
		op      Operation
		context Context
		want    bool
	}{
		{Grant{Operations: []Operation{"Decrypt"}}, "Decrypt", ab, true},
		{Grant{Operations: []Operation{"Decrypt"}}, "Encrypt", ab, false},
		{Grant{Operations: []Operation{"Decrypt"}, Equals: ab}, "Decrypt", ab, true},
		{Grant{Operations: []Operation{"Decrypt"}, Equals: Context{"a": "1"}}, "Decrypt", ab, false},
		{Grant{Operations: []Operation{"Decrypt"}, Subset: Context{"a": "1"}}, "Decrypt", ab, true},
		{Grant{Operations: []Operation{"Decrypt"}, Subset: Context{"A": "1"}}, "Decrypt", ab, false},
		{Grant{Operations: []Operation{"Decrypt"}, Subset: Context{"a": "2"}}, "Decrypt", ab, false},
		{Grant{Operations: []Operation{"DescribeKey"}, Equals: ab}, "DescribeKey", nil, true},
	}
	for i, c := range cases {
		c.grant.Grantee = alice
		made := w.grant(t, key, c.grant)
		if got := key.Granted([]string{alice}, c.op, c.context); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
		if key.Granted([]string{bob}, c.op, c.context) {
			t.Errorf("case %d: bob is let through", i)
		}
		must(t, w.DeleteGrant(context.Background(), key, made.ID))
		if key.Granted([]string{alice}, c.op, c.context) {
			t.Errorf("case %d: a grant that ended lets through", i)
		}
	}
}

// TestGrantsFromGrants: a child has no more operations than its parent, and constraints as strict or stricter.
func TestGrantsFromGrants(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	a, ab := Context{"a": "1"}, Context{"a": "1", "b": "2"}
	w.grant(t, key, Grant{Grantee: alice, Operations: []Operation{"Decrypt", "CreateGrant"}, Subset: a})
	for i, c := range []struct {
		child Grant
		want  bool
	}{
		{Grant{Operations: []Operation{"Decrypt"}, Subset: a}, true},
		{Grant{Operations: []Operation{"Decrypt"}, Subset: ab}, true},
		{Grant{Operations: []Operation{"Decrypt"}, Equals: ab}, true},
		{Grant{Operations: []Operation{"Decrypt"}}, false},
		{Grant{Operations: []Operation{"Decrypt"}, Subset: Context{"b": "2"}}, false},
		{Grant{Operations: []Operation{"Encrypt"}, Subset: a}, false},
	} {
		if got := key.GrantedGrant([]string{alice}, &c.child); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
	strict := w.newKey(t)
	w.grant(t, strict, Grant{Grantee: alice, Operations: []Operation{"Decrypt", "CreateGrant"}, Equals: a})
	if strict.GrantedGrant([]string{alice}, &Grant{Operations: []Operation{"Decrypt"}, Subset: a}) {
		t.Error("Equals was loosened to Subset")
	}
}

func TestNamedGrantsAreMadeOnce(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	g := Grant{Name: "n", Grantee: alice, Operations: []Operation{"Decrypt"}}
	first, second := w.grant(t, key, g), w.grant(t, key, g)
	g.Name = ""
	third, fourth := w.grant(t, key, g), w.grant(t, key, g)
	if first != second || third == fourth {
		t.Error("names do not make grants one")
	}
	if other := w.grant(t, w.newKey(t), Grant{Name: "n", Grantee: alice, Operations: []Operation{"Decrypt"}}); other.ID == first.ID {
		t.Error("one grant on two keys")
	}
}

func TestGrantsAreKeptAndListed(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	for i := range 7 {
		w.grant(t, key, Grant{Grantee: fmt.Sprint(alice, i%2), Retiring: bob, Operations: []Operation{"Decrypt"}})
	}
	w.later(t, 0)
	key, err := w.Resolve(east, key.ID(), KeyOnly)
	must(t, err)
	seen, after := 0, ""
	for more := true; more; {
		var page []*Grant
		page, more = key.Grants(after, 3, func(*Grant) bool { return true })
		seen += len(page)
		after = page[len(page)-1].ID
	}
	if seen != 7 {
		t.Errorf("%d grants", seen)
	}
	page, more := w.RetirableGrants(east, bob, "", 5)
	if len(page) != 5 || !more {
		t.Errorf("%d retirable, more %v", len(page), more)
	}
	if page, _ := key.Grants("", 10, func(g *Grant) bool { return g.Grantee == alice+"1" }); len(page) != 3 {
		t.Errorf("%d of one grantee", len(page))
	}
}

func TestGrantRules(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	for _, g := range []Grant{
		{Grantee: alice},
		{Grantee: alice, Operations: []Operation{"Sign"}},
		{Grantee: alice, Operations: []Operation{"Decrypt"}, Equals: Context{"a": "b"}, Subset: Context{"a": "b"}},
	} {
		_, _, err := w.CreateGrant(context.Background(), key, g)
		wantKind(t, err, Invalid)
	}
	wantKind(t, w.DeleteGrant(context.Background(), key, "none"), NotFound)
}
