package identity

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// model is what a directory should know, kept in the plainest way.
type model struct {
	inline   map[string][]string // user → names of inline policies
	attached map[string]bool     // user → whether the managed policy is attached
	grouped  map[string]bool     // user → whether it is in the group
	keys     map[string]string   // access key id → user, while active
	ended    map[string]bool     // access key ids that must be refused
}

// TestRandomChanges makes random changes, some of which fail to be written, with restarts in between: the directory always knows
// what the model knows, and every key that ever was is either its owner's or refused.
func TestRandomChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		group := w.make(t, Group, "team", "")
		must(t, w.PutInline(t.Context(), group, "of-group", allowsGet))
		managed, err := w.CreatePolicy(t.Context(), NewPolicy{Account: testAccount, Name: "managed", Document: allowsPut})
		must(t, err)
		known := &model{map[string][]string{}, map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]bool{}}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			w.disk.broken = rapid.IntRange(0, 5).Draw(r, "broken") == 0
			known.step(t, r, w, group, managed)
			w.disk.broken = false
			if rapid.IntRange(0, 9).Draw(r, "restart") == 0 {
				w.restart(t)
			}
			known.compare(r, w)
		}
	})
}

func (m *model) step(t *testing.T, r *rapid.T, w *world, group *Principal, managed *Policy) {
	ctx := t.Context()
	name := rapid.SampledFrom([]string{"alice", "bob", "carol"}).Draw(r, "user")
	policyName := rapid.SampledFrom([]string{"p", "q"}).Draw(r, "policy")
	p, err := w.Find(testAccount, User, name)
	if err != nil {
		if _, err = w.Create(ctx, New{Kind: User, Account: testAccount, Name: name}); err == nil {
			m.inline[name] = nil
		}
		return
	}
	switch rapid.IntRange(0, 8).Draw(r, "change") {
	case 0:
		if w.PutInline(ctx, p, policyName, allowsGet) == nil && !slices.Contains(m.inline[name], policyName) {
			m.inline[name] = append(slices.Clone(m.inline[name]), policyName)
		}
	case 1:
		if w.DeleteInline(ctx, p, policyName) == nil {
			m.inline[name] = slices.DeleteFunc(slices.Clone(m.inline[name]), func(n string) bool { return n == policyName })
		}
	case 2:
		m.attached[name] = w.Attach(ctx, p, managed.ARN()) == nil || m.attached[name]
	case 3:
		m.attached[name] = w.Detach(ctx, p, managed.ARN()) != nil && m.attached[name]
	case 4:
		m.grouped[name] = w.Join(ctx, p, group) == nil || m.grouped[name]
	case 5:
		m.grouped[name] = w.Leave(ctx, p, group) != nil && m.grouped[name]
	case 6:
		m.changeKeys(t, r, w, p)
	case 7:
		session, _, err := w.StartUserSession(ctx, p.caller, time.Hour)
		if err == nil {
			m.keys[session.AccessKeyID] = name
		}
	case 8:
		m.delete(t, w, p)
	}
}

// changeKeys makes a key, or ends one.
func (m *model) changeKeys(t *testing.T, r *rapid.T, w *world, p *Principal) {
	if len(p.Keys) == 0 || rapid.Bool().Draw(r, "new") {
		key, _, err := w.CreateKey(t.Context(), p)
		if err == nil {
			m.keys[key.ID] = p.Name
		}
		return
	}
	id := p.Keys[0].ID
	if w.DeleteKey(t.Context(), p, id) == nil {
		delete(m.keys, id)
		m.ended[id] = true
	}
}

// delete deletes a user that has nothing any more; its sessions end with it.
func (m *model) delete(t *testing.T, w *world, p *Principal) {
	if w.Delete(t.Context(), p) != nil {
		return
	}
	delete(m.inline, p.Name)
	delete(m.attached, p.Name)
	delete(m.grouped, p.Name)
	for id, owner := range m.keys {
		if owner == p.Name {
			delete(m.keys, id)
			m.ended[id] = true
		}
	}
}

func (m *model) compare(r *rapid.T, w *world) {
	var users []string
	for _, p := range w.List(testAccount, User, "/") {
		users = append(users, p.Name)
		if got, want := w.policiesOf(p), m.policiesOf(p.Name); got != want {
			r.Fatalf("%s has %s, not %s", p.Name, got, want)
		}
	}
	if len(users) != len(m.inline) {
		r.Fatalf("the users are %v", users)
	}
	for id, owner := range m.keys {
		credential, ok := w.Secret(id)
		if !ok || credential.Caller == nil || !strings.HasSuffix(credential.Caller.ARN, "/"+owner) {
			r.Fatalf("key %s of %s is %v", id, owner, credential.Caller)
		}
	}
	for id := range m.ended {
		if !w.refused(id) {
			r.Fatalf("key %s ended and is not refused", id)
		}
	}
}

func (w *world) policiesOf(p *Principal) string {
	var names []string
	for _, attached := range w.Identity(p.caller).Policies {
		names = append(names, attached.Name)
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

func (m *model) policiesOf(name string) string {
	names := slices.Clone(m.inline[name])
	if m.attached[name] {
		names = append(names, "managed")
	}
	if m.grouped[name] {
		names = append(names, "of-group")
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

// FuzzAccessKeyIDs: no id that a request may claim fails, and none counts as ours that was not made here.
func FuzzAccessKeyIDs(f *testing.F) {
	w := newWorld(f)
	random := []byte{1, 2, 3, 4, 5, 6} // the same in every process of the fuzzer
	ours := keyPrefix + base32.StdEncoding.EncodeToString(append(random, w.keyIDMAC(keyPrefix, random)...))
	for _, id := range []string{"", "AKIA", "AKIAIOSFODNN7EXAMPLE", "ASIA" + ours[4:], "AKIA================", ours[:19], "AKIA\xff\xfe",
		"AKIA2222222=0000000\r", "AKIA2222222222======"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if w.ours(id) != (id == ours) {
			t.Errorf("%q: %v", id, w.ours(id))
		}
	})
}

// FuzzTrust: renaming a principal in any trust policy that is accepted leaves none that names it still.
func FuzzTrust(f *testing.F) {
	const from, to = "arn:aws:iam::111122223333:user/alice", "AIDAGOLDENUSERAAAAAAA"
	for _, text := range []string{
		trustsAccount, strings.ReplaceAll(trustsAccount, "111122223333", from), `{"Statement":{"Sid":"` + from + `"}}`,
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":["` + strings.Replace(from, "/", `\u002f`, 1) + `","*"]},"Action":"sts:*"}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parseDocument(text, policy.Trust)
		if err != nil {
			if reason, ok := ReasonOf(err); !ok || reason != MalformedPolicy {
				t.Errorf("%v", err)
			}
			return
		}
		next, ok := doc.renamed(from, to)
		if ok && (slices.Contains(next.compiled.Principals(), from)) {
			t.Errorf("%s still names it", next.Text)
		}
	})
}
