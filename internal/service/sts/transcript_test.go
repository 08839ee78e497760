package sts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
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
	"github.com/sealtable/sealtable/internal/auth/oidc"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/service"
)

// records keep nothing beyond the test.
type records struct{}

func (records) Load(context.Context, func(string, []byte) error) error { return nil }
func (records) Write(context.Context, map[string][]byte) error         { return nil }

type silent struct{}

func (silent) Record(service.Record) {}

// teller runs transcripts: of API calls, and of what is set up for them.
type teller struct {
	service   *Service
	directory *identity.Directory
	clock     *clock.Clock
	authority *authorizer.Authorizer
	sessions  map[string]string // access key ids by the names that a transcript gives them
	tokens    map[string]string // ID tokens, likewise
	signers   map[string]*ecdsa.PrivateKey
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
	s := &teller{directory: directory, clock: c, authority: authorizer.New(directory, c), sessions: map[string]string{}}
	s.tokens, s.signers = map[string]string{}, map[string]*ecdsa.PrivateKey{}
	s.service = New(Options{
		Directory: directory, Accounts: directory, Path: &service.Path{Authorizer: s.authority, Recorder: silent{}}, Clock: c,
		Issuers: oidc.Issuers{"https://id.example.com": s.issuer(t, "issuer"), "https://other.example.com/a": s.issuer(t, "other")},
	})
	return s
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newTeller(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d) + "\n"
		})
	})
}

func (s *teller) run(t *testing.T, d *datadriven.TestData) string {
	ctx := context.Background()
	switch d.Cmd {
	case "user", "role":
		return s.make(t, d)
	case "allow":
		var kind, name string
		owner := account
		d.MaybeScanArgs(t, "account", &owner)
		d.ScanArgs(t, "kind", &kind)
		d.ScanArgs(t, "name", &name)
		p, err := s.directory.Find(owner, identity.Kind(kind), name)
		if err == nil {
			err = s.directory.PutInline(ctx, p, "p", d.Input)
		}
		return outcome(err)
	case "delete":
		var kind, name string
		d.ScanArgs(t, "kind", &kind)
		d.ScanArgs(t, "name", &name)
		p, err := s.directory.Find(account, identity.Kind(kind), name)
		if err == nil {
			err = errors.Join(s.directory.DeleteInline(ctx, p, "p"), s.directory.Delete(ctx, p))
		}
		return outcome(err)
	case "policy":
		var name string
		d.ScanArgs(t, "name", &name)
		_, err := s.directory.CreatePolicy(ctx, identity.NewPolicy{Account: account, Name: name, Document: d.Input})
		return outcome(err)
	case "provider":
		var url, client string
		d.ScanArgs(t, "url", &url)
		d.ScanArgs(t, "client", &client)
		_, err := s.directory.CreateProvider(ctx, identity.Provider{Account: account, URL: url, Clients: []string{client}})
		return outcome(err)
	case "token":
		s.sign(t, d)
		return "ok"
	case "advance":
		var by string
		d.ScanArgs(t, "by", &by)
		duration, err := time.ParseDuration(by)
		s.clock.Advance(duration)
		return outcome(err)
	case "may":
		return s.may(t, d)
	case "key":
		var name string
		d.ScanArgs(t, "session", &name)
		credential, known := s.directory.Secret(s.sessions[name])
		return fmt.Sprintf("known: %v, a caller: %v", known, credential.Caller != nil)
	}
	return s.call(t, d)
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// make makes a user, or a role whose trust policy is the input.
func (s *teller) make(t *testing.T, d *datadriven.TestData) string {
	n := identity.New{Kind: identity.Kind(d.Cmd), Account: account, Trust: d.Input}
	d.ScanArgs(t, "name", &n.Name)
	d.MaybeScanArgs(t, "account", &n.Account)
	d.MaybeScanArgs(t, "path", &n.Path)
	var longest, tag string
	d.MaybeScanArgs(t, "longest", &longest)
	if longest != "" {
		var err error
		if n.MaxSession, err = time.ParseDuration(longest); err != nil {
			t.Fatal(err)
		}
	}
	d.MaybeScanArgs(t, "tag", &tag)
	if tag != "" {
		key, value, _ := strings.Cut(tag, ":")
		n.Tags = []identity.Tag{{Key: key, Value: value}}
	}
	_, err := s.directory.Create(context.Background(), n)
	return outcome(err)
}

func (s *teller) caller(t *testing.T, d *datadriven.TestData) *auth.Caller {
	c := &auth.Caller{Type: auth.Root, Account: account, UserID: account, AccessKeyID: "AKIAROOTROOTROOTROOT"}
	var user, session, by string
	d.MaybeScanArgs(t, "account", &c.Account)
	c.ARN = "arn:aws:iam::" + c.Account + ":root"
	d.MaybeScanArgs(t, "user", &user)
	if user != "" {
		p, err := s.directory.Find(c.Account, identity.User, user)
		if err != nil {
			t.Fatal(err)
		}
		c = &auth.Caller{Type: auth.IAMUser, Account: c.Account, ARN: p.ARN(), UserID: p.ID, AccessKeyID: "AKIAUSERUSERUSERUSER"}
	}
	d.MaybeScanArgs(t, "session", &session)
	if session != "" {
		credential, _ := s.directory.Secret(s.sessions[session])
		if credential.Caller == nil {
			t.Fatalf("%s: session %s is refused", d.Pos, session)
		}
		copied := *credential.Caller
		copied.AccessKeyID = s.sessions[session]
		c = &copied
	}
	d.MaybeScanArgs(t, "service", &by)
	if by != "" {
		c = &auth.Caller{Type: auth.Service, ARN: by, Account: account}
	}
	c.Region, c.RequestID = "us-east-1", "request"
	return c
}

// may asks whether a caller may do what the lines "ACTION RESOURCE" say.
func (s *teller) may(t *testing.T, d *datadriven.TestData) string {
	var answers []string
	for line := range strings.Lines(d.Input) {
		action, resource, _ := strings.Cut(strings.TrimSpace(line), " ")
		var needs auth.Needs
		needs.Add(auth.Need{Action: action, Resource: resource})
		if err := s.authority.Authorize(context.Background(), s.caller(t, d), &needs); err != nil {
			_, why, _ := strings.Cut(err.Error(), resource+" ")
			answers = append(answers, "no, "+why)
		} else {
			answers = append(answers, "yes")
		}
	}
	return strings.Join(answers, "\n")
}

// call invokes an operation with the lines NAME=VALUE of its input; as=NAME remembers the session that it made.
func (s *teller) call(t *testing.T, d *datadriven.TestData) string {
	op, ok := s.service.Table().Lookup(d.Cmd)
	if !ok {
		t.Fatalf("there is no operation %s", d.Cmd)
	}
	values := url.Values{}
	for line := range strings.Lines(d.Input) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if id, ok := s.sessions[strings.TrimPrefix(value, "$")]; ok {
			value = id
		}
		if token, ok := s.tokens[strings.TrimPrefix(value, "$")]; ok {
			value = token
		}
		values.Set(name, value)
	}
	form, err := api.ParseForm([]byte(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	out, err := op.ServeForm(context.Background(), s.caller(t, d), form, nil)
	if err != nil {
		return refusal(err)
	}
	var as string
	d.MaybeScanArgs(t, "as", &as)
	if as != "" {
		_, rest, _ := bytes.Cut(out, []byte("<AccessKeyId>"))
		id, _, _ := bytes.Cut(rest, []byte("<"))
		s.sessions[as] = string(id)
	}
	return s.outline(t, out)
}

func refusal(err error) string {
	var known *api.Error
	if errors.As(err, &known) {
		return fmt.Sprintf("%d %s: %s", max(known.Status, 400), known.Code, moment.ReplaceAllString(known.Message, "(seconds)"))
	}
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return "403 AccessDenied: " + denied.Error()
	}
	return "internal: " + err.Error()
}

var (
	moment   = regexp.MustCompile(`\b[0-9]{10}\b`)
	uniqueID = regexp.MustCompile(`\b(AIDA|AROA)[A-Z2-7]{17}\b`)
	keyID    = regexp.MustCompile(`\bASIA[A-Z2-7]{16}\b`)
	secret   = regexp.MustCompile(`SecretAccessKey: [A-Za-z0-9+/]{40}$`)
	token    = regexp.MustCompile(`SessionToken: [A-Za-z0-9+/]{196}$`)
)

// outline shows the leaves of the result; times are shown as what is left.
func (s *teller) outline(t *testing.T, response []byte) string {
	t.Helper()
	var lines []string
	text := ""
	decoder := xml.NewDecoder(bytes.NewReader(response))
	for {
		next, err := decoder.Token()
		if err != nil {
			break
		}
		switch next := next.(type) {
		case xml.StartElement:
			text = ""
			if next.Name.Local == "ResponseMetadata" {
				return strings.Join(lines, "\n")
			}
		case xml.CharData:
			text = string(next)
		case xml.EndElement:
			if text != "" {
				lines = append(lines, s.leaf(next.Name.Local, text))
			}
			text = ""
		}
	}
	t.Fatalf("no metadata in %s", response)
	return ""
}

func (s *teller) leaf(name, text string) string {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return name + ": in " + at.Sub(s.clock.Now()).Round(time.Minute).String()
	}
	line := uniqueID.ReplaceAllString(name+": "+text, "${1}…")
	line = keyID.ReplaceAllString(line, "ASIA…")
	line = secret.ReplaceAllString(line, "SecretAccessKey: (40 characters)")
	return token.ReplaceAllString(line, "SessionToken: (196 characters)")
}
