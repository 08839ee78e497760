package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/strictjson"
)

type sealRoot struct{ root *seal.Root }

func (r sealRoot) Wrap(purpose string, owner, plaintext []byte) ([]byte, error) {
	return r.root.Wrap(seal.Purpose(purpose), owner, plaintext)
}

func (r sealRoot) Unwrap(purpose string, owner, record []byte) (*lockedmem.Key, error) {
	return r.root.Unwrap(seal.Purpose(purpose), owner, record)
}

// records keep nothing beyond the test.
type records struct{}

func (records) Load(context.Context, func(string, []byte) error) error { return nil }
func (records) Write(context.Context, ...keyring.Change) error         { return nil }

// identities gives every user the policy that a transcript attached to it.
type identities map[string]authorizer.Identity

func (i identities) Identity(caller *auth.Caller) authorizer.Identity { return i[caller.ARN] }

// recorder keeps what the trail would.
type recorder struct {
	mu   sync.Mutex
	last service.Record
	note []auth.Parameter
	need []auth.Need
}

func (r *recorder) Record(record service.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = record
	r.note = slices.Clone(record.Needs.Noted())
	r.need = slices.Clone(record.Needs.All())
}

// teller runs transcripts of API calls.
type teller struct {
	service  *Service
	clock    *clock.Clock
	users    identities
	recorder *recorder
	names    map[string]string // what a transcript calls things, by what they are
}

const account = "111122223333"

func newTeller(t *testing.T) *teller {
	t.Helper()
	root, err := seal.Create(t.TempDir()+"/config", seal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, arena := clock.New(), lockedmem.NewArena(nil)
	keys, err := keyring.Open(context.Background(), keyring.Config{
		FS: vfs.NewMem(), Dir: "keys", Root: sealRoot{root}, Records: records{}, Clock: c, Arena: arena,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		err := errors.Join(keys.Close(), arena.Close(), root.Close())
		if err != nil {
			t.Error(err)
		}
	})
	s := &teller{clock: c, users: identities{}, recorder: &recorder{}, names: map[string]string{}}
	path := &service.Path{Authorizer: authorizer.New(s.users, c), Recorder: s.recorder}
	s.service = New(Options{Keys: keys, Path: path, Clock: c, Principals: known{}})
	return s
}

// known says who exists: everybody but mallory.
type known struct{}

func (known) BindPolicy(text string) (string, bool) {
	return text, !strings.Contains(text, "user/mallory")
}
func (known) ShowPolicy(text string) string { return text }

// Of the users, carol is kept by a unique id.
func (known) BindPrincipal(name string) (string, bool) {
	return strings.Replace(name, "arn:aws:iam::"+account+":user/carol", "AIDAcarol", 1), !strings.HasSuffix(name, "user/mallory")
}

func (known) ShowPrincipal(bound string) string {
	return strings.Replace(bound, "AIDAcarol", "arn:aws:iam::"+account+":user/carol", 1)
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
	switch d.Cmd {
	case "advance":
		var days int
		d.ScanArgs(t, "days", &days)
		s.clock.Advance(time.Duration(days) * 24 * time.Hour)
		return "ok"
	case "attach":
		return s.attach(t, d)
	case "trail":
		return s.trail()
	case "wrap":
		return s.wrap(t, d)
	}
	return s.call(t, d)
}

// wrap does what the owner of key material does: wraps it with the public key that GetParametersForImport gave.
func (s *teller) wrap(t *testing.T, d *datadriven.TestData) string {
	var in struct{ PublicKey, Material []byte }
	if err := json.Unmarshal([]byte(s.real(d.Input)), &in); err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(in.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), in.Material, nil)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	d.ScanArgs(t, "save", &name)
	s.names[base64.StdEncoding.EncodeToString(wrapped)] = "<" + name + ">"
	return "ok"
}

// attach gives a user an identity policy.
func (s *teller) attach(t *testing.T, d *datadriven.TestData) string {
	var user string
	d.ScanArgs(t, "user", &user)
	p, err := policy.Parse([]byte(s.real(d.Input)), policy.Identity)
	if err != nil {
		t.Fatal(err)
	}
	s.users["arn:aws:iam::"+account+":user/"+user] = authorizer.Identity{Policies: []policy.Attached{{Name: "p", Policy: p}}}
	return "ok"
}

func (s *teller) caller(t *testing.T, d *datadriven.TestData) *auth.Caller {
	c := &auth.Caller{Type: auth.Root, Account: account, Region: "us-east-1", UserID: account}
	d.MaybeScanArgs(t, "account", &c.Account)
	d.MaybeScanArgs(t, "region", &c.Region)
	d.MaybeScanArgs(t, "via", &c.Via)
	c.ARN = "arn:aws:iam::" + c.Account + ":root"
	var user string
	d.MaybeScanArgs(t, "user", &user)
	if user != "" {
		c.Type = auth.IAMUser
		c.ARN = "arn:aws:iam::" + c.Account + ":user/" + user
		c.UserID = "AIDA" + user
	}
	return c
}

// call invokes an operation with the JSON of its input, by the way that the wire takes. save=NAME:Member remembers a member of
// the answer under a name.
func (s *teller) call(t *testing.T, d *datadriven.TestData) string {
	op, ok := s.service.Table().Lookup(d.Cmd)
	if !ok {
		t.Fatalf("there is no operation %s", d.Cmd)
	}
	body := s.real(d.Input)
	if body == "" {
		body = "{}"
	}
	out, err := op.ServeJSON(context.Background(), s.caller(t, d), strictjson.NewReader([]byte(body)), nil)
	if err != nil {
		return s.told(refusal(err))
	}
	for _, a := range d.CmdArgs {
		if a.Key == "save" {
			for _, what := range a.Vals {
				s.save(t, what, out)
			}
		}
	}
	if len(out) == 0 {
		return "(empty)"
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out, "", " "); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return s.told(pretty.String())
}

func refusal(err error) string {
	var known *api.Error
	if errors.As(err, &known) {
		return known.Code + ": " + known.Message
	}
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return "AccessDeniedException: " + denied.Error()
	}
	return "internal: " + err.Error()
}

func (s *teller) save(t *testing.T, what string, out []byte) {
	name, member, _ := strings.Cut(what, ":")
	var answer map[string]any
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if m, ok := answer["KeyMetadata"].(map[string]any); ok {
		if id, ok := m["CurrentKeyMaterialId"].(string); ok {
			s.names[id] = "<" + name + ".material>"
		}
		answer = m
	}
	s.names[fmt.Sprint(answer[member])] = "<" + name + ">"
}

// real puts what names stand for into an input, told the names into an answer.
func (s *teller) real(in string) string {
	for what, name := range s.names {
		in = strings.ReplaceAll(in, name, what)
	}
	return strings.ReplaceAll(in, "IN30DAYS", strconv.FormatInt(s.clock.Now().AddDate(0, 0, 30).Unix(), 10))
}

var (
	times = regexp.MustCompile(`(Date": |Timestamp": |ValidTo": )[0-9.E+]+`)
	blobs = regexp.MustCompile(
		`"(CiphertextBlob|Plaintext|Signature|Mac|PublicKey|SharedSecret|PrivateKeyPlaintext|PrivateKeyCiphertextBlob|ImportToken)": "[A-Za-z0-9+/=]{30,}"`,
	)
	hex64   = regexp.MustCompile(`"[0-9a-f]{64}"`)
	tokens  = regexp.MustCompile(`"GrantToken": "[^"]+"`)
	aliased = regexp.MustCompile(`key/[0-9a-f-]{36}`)
)

func (s *teller) told(out string) string {
	for what, name := range s.names {
		out = strings.ReplaceAll(out, what, name)
	}
	out = times.ReplaceAllString(out, "${1}TIME")
	out = blobs.ReplaceAllString(out, `"$1": "…"`)
	out = hex64.ReplaceAllString(out, `"HEX64"`)
	out = tokens.ReplaceAllString(out, `"GrantToken": "…"`)
	return aliased.ReplaceAllStringFunc(out, func(found string) string {
		if found == "key/"+unbornKey {
			return found
		}
		return "key/ID"
	})
}

// trail shows what the last call left for the trail.
func (s *teller) trail() string {
	out := []string{s.recorder.last.Operation + " " + service.CodeOf(s.recorder.last.Err)}
	for _, n := range s.recorder.need {
		out = append(out, "needs "+n.Action+" on "+n.Resource)
	}
	for _, p := range s.recorder.note {
		out = append(out, fmt.Sprintf("%s = %v", p.Name, p.Value))
	}
	return s.told(strings.Join(out, "\n"))
}
