package source

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// endpoint answers like the services do, from a script: what an operation answers in a region, for the table, key or page that the
// request names.
type endpoint struct {
	t      *testing.T
	url    string
	script func(call) answer

	mu    sync.Mutex
	calls map[string]int // by operation and region
}

// call is one request: its operation, the region of its signature, and its body.
type call struct {
	operation, region string
	body              map[string]any
}

func (c call) text(member string) string {
	s, _ := c.body[member].(string)
	return s
}

// answer is a status and a body; the zero value is an operation that the endpoint does not have.
type answer struct {
	status int
	body   any
}

func ok(body map[string]any) answer { return answer{200, body} }

func refusal(status int, code, message string) answer {
	return answer{status, map[string]any{"__type": "com.amazonaws#" + code, "message": message}}
}

func forbidden() answer { return refusal(400, "AccessDeniedException", "not authorized") }

func serveEndpoint(t *testing.T, script func(call) answer) *endpoint {
	t.Helper()
	e := &endpoint{t: t, script: script, calls: map[string]int{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL
	missing := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": missing, "AWS_SHARED_CREDENTIALS_FILE": missing,
		"AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{operation: operationOf(r), region: scopeRegion(r), body: map[string]any{}}
	_ = json.NewDecoder(r.Body).Decode(&c.body) // STS sends a form
	e.mu.Lock()
	e.calls[c.operation+" "+c.region]++
	e.mu.Unlock()
	if c.operation == "GetCallerIdentity" {
		if a := e.script(c); a.status == 0 {
			fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
				`<Arn>arn:aws:iam::111122223333:user/auditor</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		} else {
			w.WriteHeader(a.status)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, a.body)
		}
		return
	}
	a := e.script(c)
	if a.status == 0 {
		a = refusal(400, "UnknownOperationException", "no such operation")
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		e.t.Error(err)
	}
	if code, isError := a.body.(map[string]any)["__type"].(string); isError {
		w.Header().Set("X-Amzn-ErrorType", code[strings.Index(code, "#")+1:])
	}
	w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

func operationOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	if r.URL.Path == "/listRegions" {
		return "ListRegions"
	}
	return "GetCallerIdentity"
}

// scopeRegion is the third part of Credential=KEY/DATE/REGION/SERVICE/aws4_request.
func scopeRegion(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	return strings.SplitN(credential, "/", 4)[2]
}

func (e *endpoint) count(operation, region string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[operation+" "+region]
}

// notebook is a sink that keeps what it is told, in order of name.
type notebook struct {
	mu      sync.Mutex
	scope   fact.Scope
	sets    []*fact.Set
	tables  []fact.Table
	regions []fact.Region
}

func (n *notebook) Scope(s fact.Scope) { n.scope = s }

func (n *notebook) Set(s *fact.Set) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sets = append(n.sets, s)
	for _, t := range s.Tables {
		t.KeyClass = fact.Classify(t)
		n.tables = append(n.tables, *t)
	}
}

func (n *notebook) Cases([]*fact.Set) {}

func (n *notebook) Template(fact.Template) {}

func (n *notebook) Region(r fact.Region) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.regions = append(n.regions, r)
}

func (n *notebook) table(t *testing.T, region, name string) *fact.Table {
	t.Helper()
	at := slices.IndexFunc(n.tables, func(f fact.Table) bool { return f.Region == region && f.Name == name })
	if at < 0 {
		t.Fatalf("%s/%s was not told", region, name)
	}
	return &n.tables[at]
}

func (n *notebook) region(t *testing.T, name string) *fact.Region {
	t.Helper()
	at := slices.IndexFunc(n.regions, func(r fact.Region) bool { return r.Name == name })
	if at < 0 {
		t.Fatalf("%s was not told", name)
	}
	return &n.regions[at]
}

func (e *endpoint) read(ctx context.Context, regions ...string) (*notebook, error) {
	e.t.Helper()
	live, err := NewLive(ctx, Options{EndpointURL: e.url, Regions: regions})
	if err != nil {
		return nil, err
	}
	n := &notebook{}
	return n, live.Read(ctx, n)
}

func (e *endpoint) mustRead(regions ...string) *notebook {
	e.t.Helper()
	n, err := e.read(e.t.Context(), regions...)
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

func names(list ...string) answer { return ok(map[string]any{"TableNames": list}) }

// described is a table under a key, or under the AWS owned one.
func described(c call, keyARN string) answer {
	d := map[string]any{
		"TableName": c.text("TableName"), "TableStatus": "ACTIVE",
		"TableArn": "arn:aws:dynamodb:" + c.region + ":111122223333:table/" + c.text("TableName"),
	}
	if keyARN != "" {
		d["SSEDescription"] = map[string]any{"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": keyARN}
	}
	return ok(map[string]any{"Table": d})
}
