package iam

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/service"
)

// records keep nothing beyond the test.
type records struct{}

func (records) Load(context.Context, func(string, []byte) error) error { return nil }
func (records) Write(context.Context, map[string][]byte) error         { return nil }

// recorder keeps what the trail would show of the last call.
type recorder struct{ noted, needed []string }

func (r *recorder) Record(record service.Record) {
	r.noted, r.needed = nil, nil
	for _, p := range record.Needs.Noted() {
		r.noted = append(r.noted, fmt.Sprintf("%s=%v", p.Name, p.Value))
	}
	for _, n := range record.Needs.All() {
		r.needed = append(r.needed, n.Action+" on "+n.Resource)
	}
}

// teller runs transcripts of API calls.
type teller struct {
	service   *Service
	directory *identity.Directory
	clock     *clock.Clock
	recorder  *recorder
	saved     map[string]string // values that a transcript remembers, by name
}

const account = "111122223333"

func newTeller(t *testing.T) *teller {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	key, err := arena.FromBytes(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	directory, err := identity.Open(context.Background(), identity.Config{
		Records: records{}, Secrets: key, Clock: c, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := errors.Join(directory.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	})
	s := &teller{directory: directory, clock: c, recorder: &recorder{}, saved: map[string]string{}}
	s.service = New(directory, &service.Path{Authorizer: authorizer.New(directory, c), Recorder: s.recorder})
	return s
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/calls", func(t *testing.T, path string) {
		s := newTeller(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d) + "\n"
		})
	})
}

func (s *teller) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "trail":
		return "needs: " + strings.Join(s.recorder.needed, ", ") + "\nnotes: " + strings.Join(s.recorder.noted, ", ")
	case "used":
		return s.used(t, d)
	}
	return s.call(t, d)
}

// used says that a user's saved key called a service.
func (s *teller) used(t *testing.T, d *datadriven.TestData) string {
	caller := s.caller(t, d)
	caller.AccessKeyID = s.saved["KEY"]
	s.directory.Used(caller, "dynamodb")
	return "ok"
}

func (s *teller) caller(t *testing.T, d *datadriven.TestData) *auth.Caller {
	c := &auth.Caller{Type: auth.Root, Account: account, Region: "us-east-1", UserID: account, RequestID: "request"}
	d.MaybeScanArgs(t, "account", &c.Account)
	c.ARN = "arn:aws:iam::" + c.Account + ":root"
	var user string
	d.MaybeScanArgs(t, "user", &user)
	if user != "" {
		p, err := s.directory.Find(c.Account, identity.User, user)
		if err != nil {
			t.Fatal(err)
		}
		c.Type = auth.IAMUser
		c.ARN = p.ARN()
		c.UserID = p.ID
	}
	return c
}

// call invokes an operation with the lines NAME=VALUE of its input, by the way that the wire takes. save=NAME:ELEMENT remembers
// the text of an element under a name, which later inputs can use as $NAME.
func (s *teller) call(t *testing.T, d *datadriven.TestData) string {
	op, ok := s.service.Table().Lookup(d.Cmd)
	if !ok {
		t.Fatalf("there is no operation %s", d.Cmd)
	}
	form, err := api.ParseForm(s.form(d.Input))
	if err != nil {
		t.Fatal(err)
	}
	out, err := op.ServeForm(context.Background(), s.caller(t, d), form, nil)
	if err != nil {
		return s.told(refusal(err))
	}
	for _, a := range d.CmdArgs {
		if a.Key == "save" {
			name, element, _ := strings.Cut(a.Vals[0], ":")
			_, rest, _ := bytes.Cut(out, []byte("<"+element+">"))
			value, _, _ := bytes.Cut(rest, []byte("<"))
			s.saved[name] = string(value)
		}
	}
	return s.told(outline(t, out))
}

func (s *teller) form(input string) []byte {
	values := url.Values{}
	for line := range strings.Lines(input) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for saved, text := range s.saved {
			value = strings.ReplaceAll(value, "$"+saved, text)
		}
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

func refusal(err error) string {
	var known *api.Error
	if errors.As(err, &known) {
		return fmt.Sprintf("%d %s: %s", max(known.Status, 400), known.Code, known.Message)
	}
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return "403 AccessDenied: " + denied.Error()
	}
	return "internal: " + err.Error()
}

// outline shows the result of a response, a line for each element, without the metadata.
func outline(t *testing.T, response []byte) string {
	t.Helper()
	var lines []string
	depth := -2
	decoder := xml.NewDecoder(bytes.NewReader(response))
	text := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "ResponseMetadata" {
				return strings.Join(append(lines, "."), "\n")
			}
			text = ""
			depth++
			if depth >= 0 {
				lines = append(lines, strings.Repeat(" ", depth)+token.Name.Local)
			}
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			if text != "" && depth >= 0 {
				lines[len(lines)-1] += ": " + decoded(text)
			}
			text = ""
			depth--
		}
	}
	t.Fatalf("no metadata in %s", response)
	return ""
}

// decoded shows a policy document, which answers carry percent-encoded.
func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil && strings.HasPrefix(text, "%7B") {
		return "(encoded) " + plain
	}
	return text
}

var (
	uniqueID = regexp.MustCompile(`\b(AIDA|AROA|AGPA|ANPA)[A-Z2-7]{17}\b`)
	keyID    = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z2-7]{16}\b`)
	task     = regexp.MustCompile(`(DeletionTaskId: task/.*)/[a-z2-7]{26}`)
	secret   = regexp.MustCompile(`SecretAccessKey: [A-Za-z0-9+/]{40}`)
	today    = regexp.MustCompile(fmt.Sprintf(`\b%d-[0-9T:-]+Z`, time.Now().UTC().Year()))
)

// told replaces what differs from run to run.
func (s *teller) told(text string) string {
	text = uniqueID.ReplaceAllString(text, "${1}…")
	text = keyID.ReplaceAllString(text, "${1}…")
	text = task.ReplaceAllString(text, "$1/…")
	text = secret.ReplaceAllString(text, "SecretAccessKey: (40 characters)")
	return today.ReplaceAllString(text, "(now)")
}
