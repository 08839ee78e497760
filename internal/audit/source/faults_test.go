package source

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// faulty denies every nth DescribeTable, and remembers of which tables.
type faulty struct {
	nth     int
	mu      sync.Mutex
	seen    int
	touched map[string]bool
}

func (f *faulty) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeTable") {
		return http.DefaultClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.seen++
	hit := f.seen%f.nth == 0
	if hit {
		f.touched[strings.Split(string(body), `"`)[3]] = true
	}
	f.mu.Unlock()
	if hit {
		answer := `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"no"}`
		return &http.Response{
			StatusCode: 400, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
			Body: io.NopCloser(strings.NewReader(answer)), Request: r,
		}, nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultClient.Do(r)
}

func manyTables(t *testing.T, n int) *endpoint {
	t.Helper()
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("t%03d", i))
	}
	return serveEndpoint(t, func(c call) answer {
		switch c.operation {
		case "ListTables":
			return names(list...)
		case "DescribeTable":
			return described(c, "")
		}
		return answer{}
	})
}

// Calls that are denied at random make exactly their tables unreadable.
func TestFaultsTouchTheirTablesAlone(t *testing.T) {
	e := manyTables(t, 400)
	t.Setenv("AWS_CA_BUNDLE", "")
	faults := &faulty{nth: 97, touched: map[string]bool{}}
	live, err := NewLive(t.Context(), Options{EndpointURL: e.url, Regions: []string{"eu-west-1"}, HTTPClient: faults})
	if err != nil {
		t.Fatal(err)
	}
	n := &notebook{}
	if err := live.Read(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if len(n.tables) != 400 || len(faults.touched) != 4 {
		t.Fatalf("%d tables, %d faults", len(n.tables), len(faults.touched))
	}
	for _, table := range n.tables {
		if (table.Problem != nil) != faults.touched[table.Name] {
			t.Errorf("%s: problem %v, touched %v", table.Name, table.Problem, faults.touched[table.Name])
		}
	}
}

// What was read before an interruption is not read again, and the file is gone once all is read.
func TestResume(t *testing.T) {
	e := manyTables(t, 3)
	path := filepath.Join(t.TempDir(), "journal")
	scope := &fact.Scope{Account: "111122223333", Endpoint: e.url}
	j, err := openJournal(path, scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := &fact.Key{ARN: keyARN}
	set := &fact.Set{Region: "eu-west-1", Tables: []*fact.Table{{Region: "eu-west-1", Name: "kept", Key: key}}, Keys: []*fact.Key{key}}
	region := fact.Region{Account: "111122223333", Name: "eu-west-1", Outcome: fact.RegionAudited, Tables: 1}
	if err := j.keep(&region, set); err != nil {
		t.Fatal(err)
	}
	if err := j.close(false); err != nil {
		t.Fatal(err)
	}
	options := Options{EndpointURL: e.url, Regions: []string{"eu-west-1", "us-east-1"}, Resume: path}
	live, err := NewLive(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	n := &notebook{}
	if err := live.Read(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if len(n.tables) != 4 || e.count("ListTables", "eu-west-1") != 0 || e.count("ListTables", "us-east-1") != 1 {
		t.Errorf("%d tables, %d lists of the region that was kept", len(n.tables), e.count("ListTables", "eu-west-1"))
	}
	for _, s := range n.sets {
		if s.Region == "eu-west-1" && s.Tables[0].Key != s.Keys[0] {
			t.Error("the table and the list do not share the key any more")
		}
	}
	if names, _ := filepath.Glob(path); len(names) != 0 {
		t.Error("the file stays")
	}
	if _, err := openJournal(filepath.Join(t.TempDir(), "j"), scope, nil); err != nil {
		t.Fatal(err)
	}
}
