package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// input is the input of a small service that greets.
type input struct{ name, title string }

type output struct{ greeting string }

// person is the plan of a greeting.
type person struct{ name string }

func greet() api.Operation[input, output] {
	return api.Operation[input, output]{
		Service: "greeter", Name: "Greet",
		Read: func(r *strictjson.Reader, in *input) error {
			s, err := r.ReadString()
			in.name = string(s)
			return err
		},
		ReadForm: func(*api.Form, *input) error { return errors.New("no forms here") },
		Validate: func(in *input) error {
			if in.name == "" {
				return &api.Error{Code: "ValidationException", Message: "a name is missing"}
			}
			return nil
		},
		Present: func(in *input) []string {
			if in.title != "" {
				return []string{"Title"}
			}
			return nil
		},
		Append: func(dst []byte, out *output) []byte { return strictjson.AppendString(dst, out.greeting) },
	}
}

// book keeps what was recorded.
type book struct {
	mu      sync.Mutex
	entries []string
}

func (b *book) Record(r Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var noted []string
	for _, p := range r.Needs.Noted() {
		noted = append(noted, fmt.Sprint(p.Name, "=", p.Value))
	}
	b.entries = append(b.entries, strings.TrimSpace(fmt.Sprint(r.Service, ":", r.Operation, " ", r.Caller.ARN, " ",
		strings.Join(noted, " "), " ", CodeOf(r.Err))))
}

func (b *book) last() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) == 0 {
		return ""
	}
	return b.entries[len(b.entries)-1]
}

type stage struct {
	book     *book
	ran      int
	endpoint *Endpoint[input, output]
	table    *Table
}

func (s *stage) count() {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	s.ran++
}

func newStage(t *testing.T) *stage {
	c := clock.New()
	t.Cleanup(c.Close)
	s := &stage{book: &book{}}
	path := &Path{Authorizer: authorizer.New(authorizer.RootOnly{}, c), Recorder: s.book}
	plan := func(_ context.Context, _ *auth.Caller, in *input, needs *auth.Needs) (person, error) {
		needs.Note("name", in.name)
		needs.Add(auth.Need{Action: "greeter:Greet", Resource: "*"})
		if in.name == "nobody" {
			return person{}, &api.Error{Code: "ResourceNotFoundException", Message: "no such name"}
		}
		return person{in.name}, nil
	}
	run := func(_ context.Context, _ *auth.Caller, _ *input, who person) (*output, error) {
		s.count()
		switch who.name {
		case "trouble":
			panic("unexpected trouble")
		case "full":
			return nil, errors.New("disk full")
		}
		return &output{"hello " + who.name}, nil
	}
	s.endpoint = Bind(greet(), plan, run).Without("Title")
	s.table = NewTable("greeter", path, s.endpoint)
	return s
}

func rootCaller() *auth.Caller {
	return &auth.Caller{Type: auth.Root, Account: "123456789012", ARN: "root"}
}

func stranger() *auth.Caller {
	return &auth.Caller{Type: auth.IAMUser, Account: "123456789012", ARN: "stranger"}
}

// TestEveryCallIsCheckedAndRecorded goes down the path and stops at each step.
func TestEveryCallIsCheckedAndRecorded(t *testing.T) {
	for _, tt := range []struct {
		why    string
		caller *auth.Caller
		in     input
		code   string
		ran    int
		record string
	}{
		{"it runs", rootCaller(), input{name: "ada"}, "", 1, "greeter:Greet root name=ada"},
		{"the model is checked first", stranger(), input{}, "ValidationException", 0, "greeter:Greet stranger  ValidationException"},
		{"what is not honoured is refused", rootCaller(), input{"ada", "countess"}, "ValidationException", 0,
			"greeter:Greet root  ValidationException"},
		{"what naming the permissions finds ends it", rootCaller(), input{name: "nobody"}, "ResourceNotFoundException", 0,
			"greeter:Greet root name=nobody ResourceNotFoundException"},
		{"a permission that lacks ends it", stranger(), input{name: "ada"}, "AccessDenied", 0,
			"greeter:Greet stranger name=ada AccessDenied"},
		{"an error that clients do not know", rootCaller(), input{name: "full"}, "InternalFailure", 1,
			"greeter:Greet root name=full InternalFailure"},
		{"a panic", rootCaller(), input{name: "trouble"}, "InternalFailure", 1, "greeter:Greet root name=trouble InternalFailure"},
	} {
		s := newStage(t)
		out, err := s.endpoint.Call(context.Background(), tt.caller, &tt.in)
		if CodeOf(err) != tt.code || (err == nil) != (out != nil) || s.ran != tt.ran || s.book.last() != tt.record {
			t.Errorf("%s: %v %v, ran %d times, recorded %q", tt.why, out, err, s.ran, s.book.last())
		}
		if got := len(s.book.entries); got != 1 {
			t.Errorf("%s: %d records", tt.why, got)
		}
	}
}

func TestAPanicKeepsItsStack(t *testing.T) {
	s := newStage(t)
	_, err := s.endpoint.Call(context.Background(), rootCaller(), &input{name: "trouble"})
	var bug *PanicError
	if !errors.As(err, &bug) || !strings.Contains(string(bug.Stack), "newStage") || bug.Operation != "greeter:Greet" {
		t.Errorf("%v", err)
	}
}

func TestServing(t *testing.T) {
	for _, tt := range []struct{ body, answer, record string }{
		{`"ada"`, `"hello ada"`, "greeter:Greet root name=ada"},
		{`{"name":"ada"}`, "", "greeter:Greet root  SerializationException"},
		{`"ada" "bob"`, "", "greeter:Greet root  SerializationException"},
		{`"`, "", "greeter:Greet root  SerializationException"},
	} {
		s := newStage(t)
		bound, ok := s.table.Lookup("Greet")
		if !ok {
			t.Fatal("the table does not know its operation")
		}
		answer, err := bound.ServeJSON(context.Background(), rootCaller(), strictjson.NewReader([]byte(tt.body)), []byte("-"))
		if string(answer) != "-"+tt.answer || (err == nil) != (tt.answer != "") || s.book.last() != tt.record {
			t.Errorf("%s: %s %v, recorded %q", tt.body, answer, err, s.book.last())
		}
	}
	s := newStage(t)
	if _, err := s.endpoint.ServeForm(context.Background(), rootCaller(), nil, nil); err == nil ||
		s.book.last() != "greeter:Greet root  SerializationException" {
		t.Errorf("a form that cannot be read: %v, recorded %q", err, s.book.last())
	}
}

func TestTables(t *testing.T) {
	s := newStage(t)
	if _, ok := s.table.Lookup("greet"); ok || s.table.Name() != "greeter" || !slices.Equal(s.table.Operations(), []string{"Greet"}) {
		t.Errorf("%s has %v", s.table.Name(), s.table.Operations())
	}
	if got := s.endpoint.Unsupported(); !slices.Equal(got, []string{"Title"}) {
		t.Errorf("unsupported: %v", got)
	}
}

// TestCallsDoNotShareNotes runs calls side by side: what one notes must not stand in the record of another.
func TestCallsDoNotShareNotes(t *testing.T) {
	s := newStage(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				c := rootCaller()
				c.ARN = fmt.Sprintf("caller-%d-%d", w, i)
				if _, err := s.endpoint.Call(context.Background(), c, &input{name: c.ARN}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, entry := range s.book.entries {
		fields := strings.Fields(entry)
		if len(fields) < 3 || fields[2] != "name="+fields[1] {
			t.Fatalf("%q", entry)
		}
	}
}

// deciding is an authorizer that does something before it permits everything.
type deciding func()

func (d deciding) Authorize(context.Context, *auth.Caller, *auth.Needs) error {
	d()
	return nil
}

// TestWhatWasPermittedIsWhatRuns: what an input says after its permissions were asked for is nobody's business any more.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	s := newStage(t)
	in := &input{name: "ada"}
	s.endpoint.path.Authorizer = deciding(func() { in.name = "eve" })
	out, err := s.endpoint.Call(context.Background(), stranger(), in)
	if err != nil || out.greeting != "hello ada" {
		t.Errorf("%v %v", out, err)
	}
}

// TestInvoke: a caller that does not know the operation's shapes goes down the same path.
func TestInvoke(t *testing.T) {
	s := newStage(t)
	bound, _ := s.table.Lookup("Greet")
	out, err := bound.Invoke(context.Background(), rootCaller(), &input{name: "ada"})
	if greeted, ok := out.(*output); !ok || err != nil || greeted.greeting != "hello ada" ||
		s.book.last() != "greeter:Greet root name=ada" {
		t.Errorf("%v %v, recorded %q", out, err, s.book.last())
	}
	if out, err := bound.Invoke(context.Background(), stranger(), &input{name: "ada"}); out != nil || CodeOf(err) != "AccessDenied" {
		t.Errorf("a stranger: %v %v", out, err)
	}
	if out, err := bound.Invoke(context.Background(), rootCaller(), input{name: "ada"}); out != nil || err == nil ||
		err.Error() != "greeter:Greet takes a *service.input, not a service.input" || s.ran != 1 {
		t.Errorf("a wrong input: %v %v, ran %d times", out, err, s.ran)
	}
}

// TestShowing: the record shows of an answer what the operation lets it, and of no answer nothing.
func TestShowing(t *testing.T) {
	s := newStage(t)
	var shown []string
	s.endpoint.path.Recorder = recorderFunc(func(r Record) { shown = append(shown, fmt.Sprint(r.Answer)) })
	for range 2 {
		for _, name := range []string{"ada", "nobody"} {
			_, _ = s.endpoint.Call(context.Background(), rootCaller(), &input{name: name})
		}
		s.endpoint.Showing(func(out *output) []auth.Parameter { return []auth.Parameter{{Name: "greeting", Value: out.greeting}} })
	}
	if want := []string{"[]", "[]", "[{greeting hello ada}]", "[]"}; !slices.Equal(shown, want) {
		t.Errorf("the records show %q, want %q", shown, want)
	}
}
