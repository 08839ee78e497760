package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealtable/sealtable/internal/auth"
)

// TestEverythingSurvivesARestart: what was answered is there again, keys and sessions included.
func TestEverythingSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.make(t, User, "alice", "")
	role := w.make(t, Role, "worker", trustsAccount)
	group := w.make(t, Group, "team", "")
	managed, err := w.CreatePolicy(ctx, NewPolicy{Account: testAccount, Name: "get", Document: allowsGet})
	must(t, err)
	must(t, w.Join(ctx, user, group))
	must(t, w.Attach(ctx, group, managed.ARN()))
	must(t, w.PutInline(ctx, role, "put", allowsPut))
	_, err = w.AddVersion(ctx, managed, allowsPut, true)
	must(t, err)
	key, secret, err := w.CreateKey(ctx, user)
	must(t, err)
	session, credentials, err := w.StartRoleSession(ctx, role, RoleSession{
		Name: "one", Duration: time.Hour, Policy: allowsPut, Tags: []Tag{{"team", "x"}}, PolicyARNs: []string{managed.ARN()},
	})
	must(t, err)
	w.Used(w.callerOf(t, key.ID), "dynamodb")

	w.restart(t)
	if got, _ := w.Secret(key.ID); got.Secret != secret || got.Caller.ARN != user.ARN() || got.SessionToken != "" {
		t.Errorf("the key is %v", got.Caller)
	}
	got, _ := w.Secret(session.AccessKeyID)
	if got.Secret != credentials.Secret || got.SessionToken != credentials.Token || !got.Expires.Equal(session.Expires) {
		t.Error("the session has other credentials")
	}
	identity := w.Identity(w.callerOf(t, session.AccessKeyID))
	if len(identity.Policies) != 1 || len(identity.Session) != 2 || identity.RoleARN != role.ARN() || identity.Tags["team"] != "x" {
		t.Errorf("the session's identity is %+v", identity)
	}
	if identity := w.Identity(w.callerOf(t, key.ID)); len(identity.Policies) != 1 || identity.Policies[0].Name != "get" {
		t.Errorf("the user's identity is %+v", identity)
	}
	if use, ok := w.LastUse(key.ID); !ok || use.Service != "dynamodb" {
		t.Errorf("the last use is %+v", use)
	}
	before := w.disk.copy()
	w.restart(t)
	if diff := cmp.Diff(before, w.disk.copy()); diff != "" {
		t.Errorf("a restart changes records: %s", diff)
	}
}

// TestNothingIsVisibleThatIsNotDurable: a change that could not be written down did not happen.
func TestNothingIsVisibleThatIsNotDurable(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user, role := w.make(t, User, "alice", ""), w.make(t, Role, "worker", trustsAccount)
	w.disk.broken = true
	_, _, keyErr := w.CreateKey(ctx, user)
	_, _, sessionErr := w.StartRoleSession(ctx, role, hour())
	_, userErr := w.Create(ctx, New{Kind: User, Account: testAccount, Name: "bob"})
	_, policyErr := w.CreatePolicy(ctx, NewPolicy{Account: testAccount, Name: "p", Document: allowsGet})
	for i, err := range []error{
		keyErr, sessionErr, userErr, policyErr, w.PutInline(ctx, user, "p", allowsGet), w.Delete(ctx, role), w.Move(ctx, user, "carol", ""),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	w.disk.broken = false
	w.held.Range(func(id, _ any) bool { t.Errorf("key %s is there", id); return true })
	if users := w.List(testAccount, User, "/"); len(users) != 1 || users[0].Name != "alice" || len(users[0].Inline) != 0 {
		t.Errorf("the users are %v", users)
	}
	if len(w.List(testAccount, Role, "/")) != 1 || len(w.Policies(testAccount, true, false)) != 0 || w.sessions.kept() != 0 {
		t.Error("something else changed")
	}
}

// TestKeysEnd: a key that ended is refused, and never counts as a stranger, even after everything about it is forgotten.
func TestKeysEnd(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user, role := w.make(t, User, "alice", ""), w.make(t, Role, "worker", trustsAccount)
	key, _, err := w.CreateKey(ctx, user)
	must(t, err)
	session, _, err := w.StartRoleSession(ctx, role, hour())
	must(t, err)

	must(t, w.SetKeyActive(ctx, user, key.ID, false))
	if !w.refused(key.ID) {
		t.Error("an inactive key is not refused")
	}
	must(t, w.SetKeyActive(ctx, user, key.ID, true))
	w.callerOf(t, key.ID)
	must(t, w.DeleteKey(ctx, user, key.ID))
	must(t, w.Delete(ctx, role))
	for range 2 {
		if !w.refused(key.ID) || !w.refused(session.AccessKeyID) {
			t.Error("a key that ended is not refused")
		}
		if identity := w.Identity(session.Caller()); identity.Policies != nil {
			t.Error("a session of a deleted role has policies")
		}
		w.restart(t)
	}
	// A role of the same name is another role.
	w.make(t, Role, "worker", trustsAccount)
	if !w.refused(session.AccessKeyID) {
		t.Error("a session went over to another role of the same name")
	}
	for _, stranger := range []string{"", "AKIAIOSFODNN7EXAMPLE", "test", "111122223333", key.ID + "A", "AKIA" + session.AccessKeyID[4:]} {
		if _, ok := w.Secret(stranger); ok {
			t.Errorf("%q counts as one of ours", stranger)
		}
	}
}

// TestSessionsAreForgotten: long after they ended, and not before.
func TestSessionsAreForgotten(t *testing.T) {
	w := newWorld(t)
	role := w.make(t, Role, "worker", trustsAccount)
	session, _, err := w.StartRoleSession(t.Context(), role, hour())
	must(t, err)
	w.Identity(w.callerOf(t, session.AccessKeyID))
	w.clock.Advance(2 * time.Hour)
	if _, kept := w.disk.copy()[sessionRecord(session)]; !kept || w.sessions.kept() != 1 {
		t.Error("the session is forgotten when it ends")
	}
	w.clock.Advance(remembered)
	if _, kept := w.disk.copy()[sessionRecord(session)]; kept || w.sessions.kept() != 0 {
		t.Error("the session is never forgotten")
	}
	if !w.refused(session.AccessKeyID) {
		t.Error("a session that was forgotten counts as a stranger")
	}
}

// TestSecretsAreSealed: no record holds a secret or a token, and what is sealed opens only for the key that it is of.
func TestSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.make(t, User, "alice", "")
	first, secret, err := w.CreateKey(ctx, user)
	must(t, err)
	second, _, err := w.CreateKey(ctx, user)
	must(t, err)
	_, credentials, err := w.StartUserSession(ctx, user.caller, time.Hour)
	must(t, err)
	for name, data := range w.disk.copy() {
		for _, bare := range []string{secret, credentials.Secret, credentials.Token} {
			if bytes.Contains(data, []byte(bare)) {
				t.Errorf("record %s holds a secret", name)
			}
		}
	}
	if _, err := w.unseal(sealKindKey, testAccount, second.ID, first.Sealed); err == nil {
		t.Error("a sealed secret can be moved to another key")
	}
	must(t, w.Close())
	w.secret++
	if err := w.open(); err == nil {
		t.Error("secrets open under another key")
	} else if strings.Contains(err.Error(), secret) {
		t.Error("an error holds a secret")
	}
	w.secret--
	must(t, w.open())
}

// TestMisplacedRecordsAreFound: a record under another's name, of an unknown kind, or cut, stops the start.
func TestMisplacedRecordsAreFound(t *testing.T) {
	w := newWorld(t)
	user := w.make(t, User, "alice", "")
	data := w.disk.records[principalRecord(user)]
	must(t, w.Close())
	for name, data := range map[string][]byte{
		"user/" + testAccount + "/AIDAOTHER": data, "role/" + testAccount + "/" + user.ID: data, "oddity/x": data, "nothing": data,
		"user/" + testAccount + "/AIDACUT": data[:len(data)/2], "session/" + testAccount + "/ASIAX": data, "policy/x/y": data,
	} {
		w.disk.records[name] = data
		if err := w.open(); err == nil {
			t.Errorf("record %s is accepted", name)
		}
		delete(w.disk.records, name)
	}
	must(t, w.open())
}

// TestUnreadablePoliciesDeny: a stored policy that the program cannot read any more denies, and the start goes on.
func TestUnreadablePoliciesDeny(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.make(t, User, "alice", "")
	must(t, w.PutInline(ctx, user, "p", allowsGet))
	must(t, w.Close())
	name := principalRecord(user)
	w.disk.records[name] = bytes.ReplaceAll(w.disk.records[name], []byte("2012-10-17"), []byte("2099-01-01"))
	must(t, w.open())
	identity := w.Identity(&auth.Caller{Type: auth.IAMUser, Account: testAccount, UserID: user.ID, ARN: user.ARN()})
	if len(identity.Policies) != 1 || len(identity.Policies[0].Policy.Statements) != 1 || identity.Policies[0].Policy.Statements[0].Effect {
		t.Errorf("the identity is %+v", identity)
	}
}

// TestTrustFollowsThePrincipal, in other accounts too, and however its name is written.
func TestTrustFollowsThePrincipal(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := w.make(t, User, "alice", "")
	escaped := strings.Replace(user.ARN(), "/", `\/`, 1)
	role := func(account, name, principal string) *Principal {
		p, err := w.Create(ctx, New{Kind: Role, Account: account, Name: name,
			Trust: `{"Statement":{"Effect":"Allow","Principal":{"AWS":["` + principal + `","999999999999"]},"Action":"sts:AssumeRole"}}`})
		must(t, err)
		return p
	}
	abroad, odd := role("444455556666", "abroad", user.ARN()), role(testAccount, "odd", escaped)
	must(t, w.Delete(ctx, user))
	again := w.make(t, User, "alice", "")
	for range 2 {
		for _, role := range []*Principal{abroad, odd} {
			role, err := w.FindARN(Role, role.ARN())
			must(t, err)
			got := role.Trust.Compiled().Principals()
			if slices.Contains(got, again.ARN()) || !slices.Contains(got, user.ID) || len(got) != 2 {
				t.Errorf("role %s trusts %v", role.Name, got)
			}
		}
		w.restart(t)
	}
}

// TestExists is what key policies may name.
func TestExists(t *testing.T) {
	w := newWorld(t)
	user := w.make(t, User, "alice", "")
	role, err := w.Create(t.Context(), New{Kind: Role, Account: testAccount, Name: "worker", Path: "/app/", Trust: trustsAccount})
	must(t, err)
	for name, want := range map[string]bool{
		user.ARN(): true, role.ARN(): true, "arn:aws:sts::111122223333:assumed-role/worker/any": true,
		"arn:aws:iam::111122223333:role/worker": false, "arn:aws:iam::111122223333:user/bob": false,
		"arn:aws:iam::444455556666:user/alice": false, "arn:aws:sts::111122223333:assumed-role/other/any": false,
		"arn:aws:iam::111122223333:group/alice": false, "alice": false, "arn:aws:iam::111122223333:user": false,
		"arn:aws:sts::111122223333:federated-user/alice": false,
	} {
		if w.Exists(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestReadsAndChangesTogether is for the race detector: callers are identified while everything about them changes.
func TestReadsAndChangesTogether(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user, role := w.make(t, User, "alice", ""), w.make(t, Role, "worker", trustsAccount)
	key, _, err := w.CreateKey(ctx, user)
	must(t, err)
	session, _, err := w.StartRoleSession(ctx, role, hour())
	must(t, err)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for _, id := range []string{key.ID, session.AccessKeyID} {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				credential, _ := w.Secret(id)
				if identity := w.Identity(credential.Caller); len(identity.Policies)%2 != 0 {
					t.Errorf("half a change is seen: %d policies", len(identity.Policies))
				}
				w.Used(credential.Caller, "dynamodb")
				w.Policies(testAccount, true, true)
				w.UsesOf(testAccount, "arn:aws:iam::aws:policy/ReadOnlyAccess")
			}
		})
	}
	for i := range 200 {
		p := []*Principal{user, role}[i%2]
		must(t, w.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
			if len(next.Attached) == 0 {
				next.Attached = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/SecurityAudit"}
			} else {
				next.Attached = nil
			}
			return nil
		}))
	}
	close(done)
	readers.Wait()
}

// TestGoldenRecords: records of the first version are read for ever. The secrets in them are sealed under 32 bytes of value 7.
func TestGoldenRecords(t *testing.T) {
	w := newWorld(t)
	must(t, w.Close())
	w.disk.records = map[string][]byte{}
	for name, data := range goldenRecords(t) {
		w.disk.records[name] = data
	}
	must(t, w.open())
	if got, _ := w.Secret("AKIAGOLDEN7EXAMPLEAA"); got.Secret != "golden/secret/of/the/first/version/01234" ||
		got.Caller.ARN != "arn:aws:iam::111122223333:user/staff/alice" {
		t.Errorf("the golden key is %v", got.Caller)
	}
	if got, _ := w.Secret("ASIAGOLDEN7EXAMPLEAA"); got.SessionToken != "golden-token" ||
		got.Caller.RoleARN != "arn:aws:iam::111122223333:role/worker" {
		t.Errorf("the golden session is %v", got.Caller)
	}
	for name, data := range w.disk.copy() {
		kind, _, _ := strings.Cut(name, "/")
		var again any
		switch kind {
		case "user", "role", "group":
			again = w.view(testAccount).principals[name[strings.LastIndexByte(name, '/')+1:]]
		case "policy":
			again = w.Policies(testAccount, true, false)[0]
		default:
			continue
		}
		written, err := json.Marshal(again)
		must(t, err)
		var want, got any
		must(t, errors.Join(json.Unmarshal(data, &want), json.Unmarshal(written, &got)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("record %s would be written otherwise today: %s", name, diff)
		}
	}
}

// TestIdentifyingTakesNoMemory: what every request asks of the directory allocates nothing.
func TestIdentifyingTakesNoMemory(t *testing.T) {
	w := newWorld(t)
	role := w.make(t, Role, "worker", trustsAccount)
	must(t, w.PutInline(t.Context(), role, "p", allowsGet))
	session, _, err := w.StartRoleSession(t.Context(), role, hour())
	must(t, err)
	caller := w.callerOf(t, session.AccessKeyID)
	w.Used(caller, "dynamodb")
	n := testing.AllocsPerRun(100, func() {
		if _, ok := w.Secret(caller.AccessKeyID); !ok || len(w.Identity(caller).Policies) != 1 {
			t.Error("the session is not known")
		}
		w.Used(caller, "dynamodb")
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSessionsOfOnePrincipalAreBounded has one principal make sessions without end, under many names: its oldest give way, before and
// after a restart, and others keep theirs. Before, one replayed request of a powerless user took all that the installation keeps.
func TestSessionsOfOnePrincipalAreBounded(t *testing.T) {
	w := newWorld(t)
	role := w.make(t, Role, "worker", trustsAccount)
	start := func(by string) *Session {
		n := hour()
		n.By = by
		session, _, err := w.StartRoleSession(t.Context(), role, n)
		must(t, err)
		w.clock.Advance(time.Second)
		return session
	}
	other, first := start("other"), start("greedy")
	for range sessionsOfPrincipal - 1 {
		start("greedy")
	}
	w.callerOf(t, first.AccessKeyID)
	w.restart(t)
	last := start("greedy")
	if !w.refused(first.AccessKeyID) || w.sessions.kept() != sessionsOfPrincipal+1 {
		t.Errorf("the oldest is there yet, or the count is wrong: %d", w.sessions.kept())
	}
	if _, kept := w.disk.copy()[sessionRecord(first)]; kept {
		t.Error("the oldest is on disk yet")
	}
	w.callerOf(t, other.AccessKeyID)
	w.callerOf(t, last.AccessKeyID)
}

// TestSessionsAreCountedForWhoAsks: a role's sessions share a budget whatever they are called.
func TestSessionsAreCountedForWhoAsks(t *testing.T) {
	a := &auth.Caller{Account: testAccount, UserID: "AROAEXAMPLE:one"}
	b := &auth.Caller{Account: testAccount, UserID: "AROAEXAMPLE:two"}
	if Maker(a) != Maker(b) {
		t.Errorf("%s, %s", Maker(a), Maker(b))
	}
	var book sessionBook
	for i := range sessionsOfAccount {
		if _, ok := book.add(&Session{Account: testAccount, By: strconv.Itoa(i)}); !ok {
			t.Fatalf("refused after %d", i)
		}
	}
	if _, ok := book.add(&Session{Account: testAccount, By: "one more"}); ok {
		t.Error("an account has more than its share")
	}
	if _, ok := book.add(&Session{Account: "another", By: "7"}); !ok {
		t.Error("one account takes what others have")
	}
}
