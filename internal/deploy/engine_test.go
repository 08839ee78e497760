package deploy

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var generated = regexp.MustCompile(`-\d{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func short(text string) string { return generated.ReplaceAllString(text, "#") }

// things makes a template: each argument is "ID property=value …"; needs are written as Uses=ID.
func things(list ...string) string {
	var b strings.Builder
	b.WriteString(`{"Resources":{`)
	for i, one := range list {
		if i > 0 {
			b.WriteString(",")
		}
		fields := strings.Fields(one)
		fmt.Fprintf(&b, `%q:{"Type":"Test::Cloud::Thing"`, fields[0])
		var properties, attributes []string
		for _, field := range fields[1:] {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "Uses":
				properties = append(properties, fmt.Sprintf(`"Uses":[{"Fn::GetAtt":[%q,"Arn"]}]`, value))
			case "DeletionPolicy", "UpdateReplacePolicy":
				attributes = append(attributes, fmt.Sprintf(`,%q:%q`, key, value))
			default:
				properties = append(properties, fmt.Sprintf(`%q:%q`, key, value))
			}
		}
		fmt.Fprintf(&b, `%s,"Properties":{%s}}`, strings.Join(attributes, ""), strings.Join(properties, ","))
	}
	return b.String() + "}}"
}

// left are the things that exist, by the parts of their names that are not generated.
func (w *world) left() string {
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.cloud.things)) {
		names = append(names, fmt.Sprintf("%s:%v", short(name), w.cloud.things[name]["Size"]))
	}
	return strings.Join(names, " ")
}

func TestCreateUpdateDelete(t *testing.T) {
	w := newWorld(t)
	s, err := w.create(things("A Size=1", "B Size=2 Uses=A", "C Uses=B"), Settings{})
	if err != nil || s.Status != CreateComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	w.check("create", "s", `s CREATE_IN_PROGRESS stack | User Initiated
A CREATE_IN_PROGRESS 
A CREATE_IN_PROGRESS s-A# | Resource creation Initiated
A CREATE_COMPLETE s-A#
B CREATE_IN_PROGRESS 
B CREATE_IN_PROGRESS s-B# | Resource creation Initiated
B CREATE_COMPLETE s-B#
C CREATE_IN_PROGRESS 
C CREATE_IN_PROGRESS s-C# | Resource creation Initiated
C CREATE_COMPLETE s-C#
s CREATE_COMPLETE stack
`)
	if s, err = w.update(things("A Size=1", "B Size=3 Uses=A"), Settings{}); err != nil ||
		s.Status != UpdateComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	w.checkTail("update", "s", `s UPDATE_IN_PROGRESS stack | User Initiated
B UPDATE_IN_PROGRESS s-B#
B UPDATE_COMPLETE s-B#
s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS stack
C DELETE_IN_PROGRESS s-C#
C DELETE_COMPLETE s-C#
s UPDATE_COMPLETE stack
`)
	if got := w.left(); got != "s-A#:1 s-B#:3" {
		t.Errorf("there is %s", got)
	}
	if s, err = w.update(things("A Size=1 Kind=other", "B Size=3 Uses=A"), Settings{}); err != nil ||
		s.Status != UpdateComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	w.checkTail("replace", "s", `s UPDATE_IN_PROGRESS stack | User Initiated
A UPDATE_IN_PROGRESS s-A# | Requested update requires the creation of a new physical resource; hence creating one.
A UPDATE_IN_PROGRESS s-A# | Resource creation Initiated
A UPDATE_COMPLETE s-A#
B UPDATE_IN_PROGRESS s-B#
B UPDATE_COMPLETE s-B#
s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS stack
A DELETE_IN_PROGRESS s-A#
A DELETE_COMPLETE s-A#
s UPDATE_COMPLETE stack
`)
	if got := w.left(); got != "s-A#:1 s-B#:3" {
		t.Errorf("there is %s", got)
	}
	if err := w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, nil); err != nil {
		t.Fatal(err)
	}
	s, _ = w.e.Settled(context.Background(), here, s.ID)
	if s.Status != DeleteComplete {
		t.Fatal(s.Status, s.Reason)
	}
	w.checkTail("delete", s.ID, `s DELETE_IN_PROGRESS stack | User Initiated
B DELETE_IN_PROGRESS s-B#
B DELETE_COMPLETE s-B#
A DELETE_IN_PROGRESS s-A#
A DELETE_COMPLETE s-A#
s DELETE_COMPLETE stack
`)
	if w.left() != "" {
		t.Errorf("there is %s", w.left())
	}
	w.checkNameIsFree()
}

func (w *world) checkNameIsFree() {
	w.t.Helper()
	if _, ok := w.e.Describe(here, "s"); ok {
		w.t.Error("the name finds a stack that was deleted")
	}
	if s, err := w.create(things("A"), Settings{}); err != nil || s.Status != CreateComplete {
		w.t.Error("the name is not free", s.Status, err)
	}
}

func (w *world) check(what, stack, want string) {
	w.t.Helper()
	if got := w.history(stack); got != want {
		w.t.Errorf("%s: the events are\n%sinstead of\n%s", what, got, want)
	}
}

func (w *world) checkTail(what, stack, want string) {
	w.t.Helper()
	if got := w.history(stack); !strings.HasSuffix(got, want) {
		w.t.Errorf("%s: the events are\n%sinstead of\n%s", what, got[max(0, len(got)-len(want)-100):], want)
	}
}

func TestFailedCreation(t *testing.T) {
	w := newWorld(t)
	s, err := w.create(things("A", "B Uses=A Fail=create", "C Uses=B"), Settings{})
	if err != nil || s.Status != RollbackComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	w.check("rollback", "s", `s CREATE_IN_PROGRESS stack | User Initiated
A CREATE_IN_PROGRESS 
A CREATE_IN_PROGRESS s-A# | Resource creation Initiated
A CREATE_COMPLETE s-A#
B CREATE_IN_PROGRESS 
B CREATE_FAILED  | Resource handler returned message: "no B (Service: Cloud, Status Code: 400, Request ID: R)" (RequestToken: #, `+
		`HandlerErrorCode: InvalidRequest)
s ROLLBACK_IN_PROGRESS stack | The following resource(s) failed to create: [B]. Rollback requested by user.
A DELETE_IN_PROGRESS s-A#
A DELETE_COMPLETE s-A#
s ROLLBACK_COMPLETE stack
`)
	if w.left() != "" {
		t.Errorf("there is %s", w.left())
	}
}

func TestFailedUpdate(t *testing.T) {
	w := newWorld(t)
	if _, err := w.create(things("A Size=1", "B Size=1 Uses=A", "C Size=1"), Settings{}); err != nil {
		t.Fatal(err)
	}
	s, err := w.update(things("A Size=2", "B Kind=x Uses=A", "D Uses=B", "E Uses=D Fail=create"), Settings{})
	if err != nil || s.Status != UpdateRollbackComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	w.checkTail("rollback", "s",
		`s UPDATE_ROLLBACK_IN_PROGRESS stack | The following resource(s) failed to create: [E]. 
A UPDATE_IN_PROGRESS s-A#
A UPDATE_COMPLETE s-A#
B UPDATE_COMPLETE s-B#
s UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS stack
D DELETE_IN_PROGRESS s-D#
D DELETE_COMPLETE s-D#
B DELETE_IN_PROGRESS s-B#
B DELETE_COMPLETE s-B#
s UPDATE_ROLLBACK_COMPLETE stack
`)
	if got := w.left(); got != "s-A#:1 s-B#:1 s-C#:1" {
		t.Errorf("there is %s", got)
	}
	if s, err = w.update(things("A Size=4", "B Size=1 Uses=A"), Settings{}); err != nil ||
		s.Status != UpdateComplete {
		t.Fatal(s.Status, s.Reason, err)
	}
	if got := w.left(); got != "s-A#:4 s-B#:1" {
		t.Errorf("there is %s", got)
	}
}

func TestPoliciesOfResources(t *testing.T) {
	w := newWorld(t)
	body := things("A Size=1 DeletionPolicy=Retain", "B Size=1 UpdateReplacePolicy=Retain", "C Size=1")
	if _, err := w.create(body, Settings{}); err != nil {
		t.Fatal(err)
	}
	if s, err := w.update(things("A Size=1 DeletionPolicy=Retain",
		"B Size=2 Kind=x UpdateReplacePolicy=Retain"), Settings{}); err != nil ||
		s.Status != UpdateComplete {
		t.Fatal(s, err)
	}
	if got := w.left(); got != "s-A#:1 s-B#:1 s-B#:2" {
		t.Errorf("there is %s", got)
	}
	if err := w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, nil); err != nil {
		t.Fatal(err)
	}
	id := w.e.List(here)[0].ID
	w.e.Settled(context.Background(), here, id)
	if got := w.left(); got != "s-A#:1 s-B#:1" {
		t.Errorf("there is %s", got)
	}
	if !strings.Contains(w.history(id), "A DELETE_SKIPPED s-A#\n") {
		t.Error(w.history(id))
	}
}

func TestDeletionThatFails(t *testing.T) {
	w := newWorld(t)
	if _, err := w.create(things("A Fail=delete", "B"), Settings{}); err != nil {
		t.Fatal(err)
	}
	remove := func(retain []string) (Stack, error) {
		err := w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, retain)
		s, _ := w.e.Settled(context.Background(), here, w.e.List(here)[0].ID)
		return s, err
	}
	if _, err := remove([]string{"A"}); err == nil {
		t.Error("resources were retained at the first attempt")
	}
	if s, err := remove(nil); err != nil || s.Status != DeleteFailed ||
		s.Reason != "The following resource(s) failed to delete: [A]. " {
		t.Errorf("%v %q, %v", s.Status, s.Reason, err)
	}
	if s, err := remove([]string{"A"}); err != nil || s.Status != DeleteComplete {
		t.Errorf("%v %q, %v", s.Status, s.Reason, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`x`, `{}`, `{"Resources":{"A":{"Type":"AWS::No::Such"}}}`} {
		if _, err := w.create(body, Settings{}); err == nil {
			t.Errorf("%s was accepted", body)
		}
	}
	if len(w.e.List(here)) != 0 {
		t.Error("a refused stack is there")
	}
	if _, err := w.create(things("A"), Settings{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.create(things("A"), Settings{})
	if err == nil || err.Error() != "Stack [s] already exists" {
		t.Error(err)
	}
	if _, err = w.update(things("A"), Settings{}); err == nil ||
		err.Error() != "No updates are to be performed." {
		t.Error(err)
	}
	if s, err := w.update(things("A Colour=red"), Settings{}); err != nil ||
		s.Status != UpdateRollbackComplete ||
		!strings.Contains(w.history("s"), "A UPDATE_FAILED s-A# | Properties validation failed for "+
			"resource Test::Cloud::Thing with "+
			"message: #: "+
			"extraneous key [Colour] is not permitted\n") {
		t.Errorf("%v, %v\n%s", s.Status, err, w.history("s"))
	}
}

func TestStackPolicy(t *testing.T) {
	p,
		err := parsePolicy(`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*","Resource":"LogicalResourceId/DB*",` +
		`"Condition":{"StringEquals":{"ResourceType":["T"]}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for call, want := range map[[3]string]bool{
		{"Update:Modify", "DB1", "T"}: false, {"Update:Replace", "DB1", "T"}: true,
		{"Update:Delete", "X", "T"}:  false,
		{"Update:Delete", "DB", "U"}: false,
	} {
		if got := p.denies(call[0], call[1], call[2]); got != want {
			t.Errorf("%v: denied is %v", call, got)
		}
	}
	for _, text := range []string{`{`, `{}`, `[]`,
		`{"Statement":[{"Effect":"Maybe","Action":"Update:*","Principal":"*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Deny","Action":"s3:*","Principal":"*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Deny","Action":"Update:*","Principal":"me","Resource":"*"}]}`} {
		if _, err := parsePolicy(text); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

// TestCrashes ends the server after each write of a life with a creation, updates that succeed and fail, and
// a deletion. Whatever the moment, after the next start every stack settles, and what exists is what the
// stack says.
func TestCrashes(t *testing.T) {
	life := []struct {
		body string
		want Status
		left string
	}{
		{things("A Size=1", "B Size=2 Uses=A", "C Size=3"), CreateComplete, "s-A#:1 s-B#:2 s-C#:3"},
		{things("A Size=5 Kind=x", "B Size=2 Uses=A", "D Size=4 Uses=B"), UpdateComplete,
			"s-A#:5 s-B#:2 s-D#:4"},
		{things("A Size=6 Kind=y", "B Size=7 Uses=A", "E Size=4 Uses=B", "F Uses=E Fail=create"),
			UpdateRollbackComplete,
			"s-A#:5 s-B#:2 s-D#:4"},
	}
	for stage := range life {
		for writes := 0; ; writes++ {
			w := newWorld(t)
			for i := range stage {
				w.advance(life[i].body)
			}
			w.crashAfter(writes)
			w.advance(life[stage].body)
			w.memory.mu.Lock()
			survived := w.memory.left > 0
			w.memory.mu.Unlock()
			w.reopen()
			if _, ok := w.e.Describe(here, "s"); !ok {
				w.advance(life[stage].body) // the request was never accepted
			}
			s := w.settled()
			if s.Status != life[stage].want && stage > 0 && s.Status == life[stage-1].want {
				w.advance(life[stage].body)
				s = w.settled()
			}
			if s.Status != life[stage].want || w.left() != life[stage].left {
				t.Fatalf("stage %d, crash after %d writes: %s %q, there is %s\n%s", stage, writes, s.Status,
					s.Reason, w.left(),
					w.history("s"))
			}
			w.e.Close()
			if survived {
				break
			}
		}
	}
}

// advance creates or updates the stack, and waits until it is settled or the server is gone.
func (w *world) advance(body string) {
	r := &Request{Scope: here, Name: "s", Source: Source{Body: body}}
	var err error
	if _, ok := w.e.Describe(here, "s"); ok {
		_, err = w.e.UpdateStack(context.Background(), r)
	} else {
		_, err = w.e.CreateStack(context.Background(), r)
	}
	if err == nil {
		w.e.workers.Wait()
	}
}
