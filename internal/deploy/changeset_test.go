package deploy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/template"
)

const withParameter = `{"Parameters":{"Size":{"Type":"Number","Default":1},"Kind":{"Type":"String","Default":"x"}},"Resources":{
	"A":{"Type":"Test::Cloud::Thing","Properties":{"Size":{"Ref":"Size"},"Kind":{"Ref":"Kind"}}},
	"B":{"Type":"Test::Cloud::Thing","Properties":{"Size":2,"Uses":[{"Ref":"A"},{"Fn::GetAtt":["A","Arn"]}]}}%s}}`

func (w *world) changeSet(name, kind, body string, inputs ...template.Input) (*ChangeSet, Stack, error) {
	w.t.Helper()
	id, _, err := w.e.CreateChangeSet(context.Background(),
		&ChangeSetRequest{ChangeSet: name, Type: kind, Request: Request{Scope: here, Name: "s",
			Source: Source{Body: body, Inputs: inputs}}})
	if err != nil {
		return nil, Stack{}, err
	}
	return w.must(w.e.DescribeChangeSet(here, "", id))
}

func (w *world) must(c *ChangeSet, s Stack, err error) (*ChangeSet, Stack, error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return c, s, nil
}

// listed are changes as lines.
func listed(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %s %s replacement=%s policy=%s scope=%v\n", c.Action, c.Logical,
			short(c.Physical), c.Replacement, c.PolicyAction,
			c.Scope)
		for _, d := range c.Details {
			fmt.Fprintf(&b, "  %s %s %s %s %s %s\n", d.Attribute, d.Name, d.Recreation, d.Evaluation,
				d.Source, d.Cause)
		}
	}
	return b.String()
}

func TestChangeSets(t *testing.T) {
	w := newWorld(t)
	c, s, err := w.changeSet("one", "CREATE", fmt.Sprintf(withParameter, ""))
	if err != nil || s.Status != ReviewInProgress || c.Status != ChangesComplete || c.Type != "CREATE" {
		t.Fatal(c, s.Status, err)
	}
	if got := listed(c.Changes); got != "Add A  replacement= policy= scope=[]\nAdd B  replacement= policy= "+
		"scope=[]\n" {
		t.Error(got)
	}
	if err := w.e.ExecuteChangeSet(context.Background(), &Request{Scope: here, Name: "s"},
		"one"); err != nil {
		t.Fatal(err)
	}
	if s := w.settled(); s.Status != CreateComplete || s.ChangeSetID != c.ID || s.Updated.IsZero() {
		t.Fatal(s)
	}
	w.check("create by change set", "s", `s REVIEW_IN_PROGRESS stack | User Initiated
s CREATE_IN_PROGRESS stack | User Initiated
A CREATE_IN_PROGRESS 
A CREATE_IN_PROGRESS s-A# | Resource creation Initiated
A CREATE_COMPLETE s-A#
B CREATE_IN_PROGRESS 
B CREATE_IN_PROGRESS s-B# | Resource creation Initiated
B CREATE_COMPLETE s-B#
s CREATE_COMPLETE stack
`)
	if c, _, err = w.e.DescribeChangeSet(here, "", c.ID); err != nil || c.Execution != ExecutionComplete {
		t.Error(c, err)
	}
	err = w.e.ExecuteChangeSet(context.Background(), &Request{Scope: here, Name: "s"}, "one")
	if err == nil || !strings.Contains(err.Error(), "cannot be executed in its current status of "+
		"[EXECUTE_COMPLETE]") {
		t.Error(err)
	}
	if c, _, err = w.changeSet("same", "UPDATE", fmt.Sprintf(withParameter, "")); err != nil ||
		c.Status != ChangesFailed ||
		c.Reason != noChanges || c.Execution != ExecutionUnavailable {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDetailsOfChanges(t *testing.T) {
	w := newWorld(t)
	if _, err := w.create(fmt.Sprintf(withParameter, `,"C":{"Type":"Test::Cloud::Thing"}`),
		Settings{}); err != nil {
		t.Fatal(err)
	}
	five, other := "5", "y"
	for name, tt := range map[string]struct {
		body   string
		inputs []template.Input
		want   string
	}{
		"own text": {strings.Replace(fmt.Sprintf(withParameter, `,"C":{"Type":"Test::Cloud::Thing"}`),
			`"Size":2`, `"Size":3`, 1), nil,
			"Modify B s-B# replacement=False policy= scope=[Properties]\n  Properties Size Never Static " +
				"DirectModification \n"},
		"a parameter": {fmt.Sprintf(withParameter, `,"C":{"Type":"Test::Cloud::Thing"}`),
			[]template.Input{{Name: "Size", Value: &five}},
			"Modify A s-A# replacement=False policy= scope=[Properties]\n  Properties Size Never Static " +
				"ParameterReference Size\n" +
				"  Properties Size Never Dynamic DirectModification \n"},
		"a replacement": {fmt.Sprintf(withParameter, `,"C":{"Type":"Test::Cloud::Thing"}`),
			[]template.Input{{Name: "Kind", Value: &other}},
			"Modify A s-A# replacement=True policy=ReplaceAndDelete scope=[Properties]\n" +
				"  Properties Kind Always Static ParameterReference Kind\n  Properties Kind Always Dynamic " +
				"DirectModification \n" +
				"Modify B s-B# replacement=False policy= scope=[Properties]\n  Properties Uses Never " +
				"Static ResourceReference A\n" +
				"  Properties Uses Never Static ResourceAttribute A.Arn\n"},
		"a removal": {fmt.Sprintf(withParameter, ""), nil, "Remove C s-C# replacement= policy=Delete " +
			"scope=[]\n"},
		"metadata": {fmt.Sprintf(withParameter, `,"C":{"Type":"Test::Cloud::Thing","Metadata":{"a":1}}`), nil,
			"Modify C s-C# replacement=False policy= scope=[Metadata]\n  Metadata  Never Static " +
				"DirectModification \n"},
	} {
		c, _, err := w.changeSet(strings.ReplaceAll(name, " ", "-"), "UPDATE", tt.body, tt.inputs...)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := listed(c.Changes); got != tt.want {
			t.Errorf("%s: the changes are\n%sinstead of\n%s", name, got, tt.want)
		}
		if name == "a replacement" && !strings.Contains(c.Changes[1].After, Unknown) {
			t.Errorf("after: %s", c.Changes[1].After)
		}
	}
	if sets, _ := w.e.ChangeSets(here, "s"); len(sets) != 5 || sets[0].Name != "a-parameter" {
		t.Error(sets)
	}
}

func TestContinueUpdateRollback(t *testing.T) {
	w := newWorld(t)
	if _, err := w.create(things("A Size=1 Fail=update", "B Size=1"), Settings{}); err != nil {
		t.Fatal(err)
	}
	s, err := w.update(things("A Size=2", "B Size=2 Uses=A", "C Fail=create Uses=B"), Settings{})
	if err != nil || s.Status != UpdateRollbackFailed {
		t.Fatal(s.Status, err)
	}
	r := &Request{Scope: here, Name: "s"}
	if _, err := w.update(things("A"), Settings{}); err == nil {
		t.Error("an update was accepted")
	}
	if err := w.e.ContinueUpdateRollback(context.Background(), r, []string{"B"}); err == nil {
		t.Error("a resource was skipped that did not fail")
	}
	if err := w.e.ContinueUpdateRollback(context.Background(), r, []string{"A"}); err != nil {
		t.Fatal(err)
	}
	if s := w.settled(); s.Status != UpdateRollbackComplete {
		t.Errorf("%s %q\n%s", s.Status, s.Reason, w.history("s"))
	}
	if got := w.left(); got != "s-A#:2 s-B#:1" {
		t.Errorf("there is %s", got)
	}
}

func TestProtection(t *testing.T) {
	w := newWorld(t)
	if _, err := w.create(things("A"), Settings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.SetProtection(context.Background(), here, "s", true); err != nil {
		t.Fatal(err)
	}
	err := w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, nil)
	if err == nil || err.Error() != "Stack [s] cannot be deleted while TerminationProtection is enabled" {
		t.Error(err)
	}
	if w.left() != "s-A#:<nil>" {
		t.Error(w.left())
	}
}
