package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/clock"
)

// newChoir is a stage whose operation greets several, whose names have spaces between them, and knows what a root user may do: greet
// those of its own account.
func newChoir(t *testing.T) *stage {
	c := clock.New()
	t.Cleanup(c.Close)
	s := &stage{book: &book{}}
	parts := Parts[input, person]{
		Plan: func(_ context.Context, _ *auth.Caller, in *input, needs *auth.Needs) (people []person, err error) {
			needs.Note("names", strings.Fields(in.name))
			for _, name := range strings.Fields(in.name) {
				people = append(people, person{name})
			}
			return people, nil
		},
		Need: func(_ context.Context, _ *auth.Caller, _ *input, who person, needs *auth.Needs) error {
			needs.Note("name", who.name)
			needs.Add(auth.Need{Action: "greeter:Greet", Resource: "arn:aws:greeter::" + strings.Split(who.name, "-")[0] + ":name"})
			if who.name == "nobody" {
				return &api.Error{Code: "ResourceNotFoundException", Message: "no such name"}
			}
			return nil
		},
	}
	run := func(_ context.Context, _ *auth.Caller, _ *input, people []person, refused []*auth.DeniedError) (*output, error) {
		s.count()
		var greeted []string
		for i, who := range people {
			if refused[i] == nil {
				greeted = append(greeted, who.name)
			}
		}
		return &output{strings.Join(greeted, " ")}, nil
	}
	s.endpoint = BindParts(greet(), parts, run)
	s.table = NewTable("greeter", &Path{Authorizer: authorizer.New(authorizer.RootOnly{}, c), Recorder: s.book}, s.endpoint)
	return s
}

// TestPartsArePermittedOneByOne: a part that is refused is left alone and leaves a record, and so does the whole.
func TestPartsArePermittedOneByOne(t *testing.T) {
	const own, foreign = "123456789012", "999999999999"
	for _, tt := range []struct {
		caller  *auth.Caller
		names   string
		greeted string
		code    string
		ran     int
		records []string
	}{
		{rootCaller(), own + "-ada", own + "-ada", "", 1, []string{"greeter:Greet root names=[" + own + "-ada]"}},
		{rootCaller(), foreign + "-bob " + own + "-ada " + foreign + "-eve", own + "-ada", "", 1, []string{
			"greeter:Greet root name=" + foreign + "-bob AccessDenied", "greeter:Greet root name=" + foreign + "-eve AccessDenied",
			"greeter:Greet root names=[" + foreign + "-bob " + own + "-ada " + foreign + "-eve]",
		}},
		{stranger(), own + "-ada", "", "", 1,
			[]string{"greeter:Greet stranger name=" + own + "-ada AccessDenied", "greeter:Greet stranger names=[" + own + "-ada]"}},
		{rootCaller(), own + "-ada nobody", "", "ResourceNotFoundException", 0,
			[]string{"greeter:Greet root names=[" + own + "-ada nobody] ResourceNotFoundException"}},
		{rootCaller(), "", "", "ValidationException", 0, []string{"greeter:Greet root  ValidationException"}},
	} {
		s := newChoir(t)
		out, err := s.endpoint.Call(context.Background(), tt.caller, &input{name: tt.names})
		greeted := ""
		if out != nil {
			greeted = out.greeting
		}
		if CodeOf(err) != tt.code || greeted != tt.greeted || s.ran != tt.ran || !slices.Equal(s.book.entries, tt.records) {
			t.Errorf("%q: greeted %q, %v, ran %d times, recorded %q", tt.names, greeted, err, s.ran, s.book.entries)
		}
	}
}

// undecided is an authorizer that cannot decide.
type undecided struct{}

func (undecided) Authorize(context.Context, *auth.Caller, *auth.Needs) error {
	return errors.New("the policies cannot be read")
}

// TestUndecidedParts: a part that nobody can decide about is not run, and nothing else of the call either.
func TestUndecidedParts(t *testing.T) {
	s := newChoir(t)
	s.endpoint.path.Authorizer = undecided{}
	// Calls without needs would pass: the call as a whole is decided first, by the same authorizer.
	out, err := s.endpoint.Call(context.Background(), rootCaller(), &input{name: "123456789012-ada"})
	if out != nil || err == nil || s.ran != 0 || len(s.book.entries) != 1 {
		t.Errorf("%v %v, ran %d times, recorded %q", out, err, s.ran, s.book.entries)
	}
}

// TestPartsInTheRecord: the record of the whole call shows what its permitted parts needed, without what only they could see.
func TestPartsInTheRecord(t *testing.T) {
	s := newChoir(t)
	var shown []string
	s.endpoint.path.Recorder = recorderFunc(func(r Record) {
		for _, need := range r.Needs.All() {
			shown = append(shown, fmt.Sprint(r.Part, " ", need.Resource, " ", need.Context == nil))
		}
	})
	if _, err := s.endpoint.Call(context.Background(), rootCaller(), &input{name: "123456789012-ada 999999999999-bob"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"true arn:aws:greeter::999999999999:name true",
		"false arn:aws:greeter::123456789012:name true"}; !slices.Equal(shown, want) {
		t.Errorf("the records show %q, want %q", shown, want)
	}
}

type recorderFunc func(Record)

func (f recorderFunc) Record(r Record) { f(r) }
