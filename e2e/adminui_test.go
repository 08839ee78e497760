package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// adminUI is dynamodb-admin, a web page for looking at tables, as it is published. Tests speak to it as its pages do.
type adminUI struct{ endpoint string }

// newAdminUI starts it, or skips the test where it is not installed: nothing is downloaded.
func newAdminUI(t *testing.T, s *server) *adminUI {
	t.Helper()
	program := os.Getenv("DYNAMODB_ADMIN")
	if program == "" {
		var err error
		if program, err = exec.LookPath("dynamodb-admin"); err != nil {
			t.Skip("dynamodb-admin is not installed ($DYNAMODB_ADMIN): this test is skipped (npm install -g dynamodb-admin)")
		}
	}
	port := freePort(t)
	// Without the last flag it sends a session token of its own making along with the key that it finds in the environment.
	command := commandHere(program, "--host", "127.0.0.1", "--port", port, "--dynamo-endpoint", s.endpoint, "--skip-default-credentials")
	command.Env = append(clientEnvironment(s), "HOME="+t.TempDir())
	log := &transcript{}
	command.Stdout, command.Stderr, command.WaitDelay = log, log, time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it has nothing to lose
		_ = command.Wait()
		if t.Failed() {
			t.Logf("log of dynamodb-admin:\n%s", log)
		}
	})
	ui := &adminUI{"http://127.0.0.1:" + port}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if response, err := newHTTP().Get(ui.endpoint + "/api/tables"); err == nil {
			_ = response.Body.Close()
			return ui
		}
		if time.Now().After(end) {
			t.Fatalf("dynamodb-admin does not start:\n%s", log)
		}
	}
}

// freePort is a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// ask makes a request as a page does. What is no JSON is a page, given as a string.
func (ui *adminUI) ask(t *testing.T, method, path string, body any) any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, ui.endpoint+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := newHTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %v\n%s", method, path, response.StatusCode, err, answer)
	}
	var value any
	if json.Unmarshal(answer, &value) != nil {
		return string(answer)
	}
	return value
}

// items are those on a page of a table.
func (ui *adminUI) items(t *testing.T, parameters url.Values) string {
	t.Helper()
	page := ui.ask(t, http.MethodGet, "/tables/albums/items?"+parameters.Encode(), nil).(m)
	var shown []string
	for _, item := range page["Items"].([]any) {
		shown = append(shown, fmt.Sprint(item.(m)["artist"], "/", item.(m)["title"], "/", item.(m)["year"]))
	}
	return strings.Join(shown, " ")
}

// TestAdminUI browses, edits and queries tables on the pages of dynamodb-admin.
func TestAdminUI(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	ui := newAdminUI(t, s)
	ui.ask(t, http.MethodPost, "/create-table", m{
		"TableDefinition": m{"TableName": "albums", "HashAttributeName": "artist", "HashAttributeType": "S", "RangeAttributeName": "title", "RangeAttributeType": "S",
			"ReadCapacityUnits": 3, "WriteCapacityUnits": 3},
		"SecondaryIndexes": []m{
			{"IndexName": "by-year", "IndexType": "global", "HashAttributeName": "year", "HashAttributeType": "N", "ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
			{"IndexName": "by-label", "IndexType": "local", "HashAttributeName": "artist", "HashAttributeType": "S", "RangeAttributeName": "label", "RangeAttributeType": "S"},
		},
	})
	for _, item := range []m{{"artist": "a", "title": "one", "year": 1}, {"artist": "a", "title": "two", "year": 2}, {"artist": "b", "title": "one", "year": 2, "label": "x"}} {
		ui.ask(t, http.MethodPut, "/tables/albums/add-item", item)
	}
	if tables := fmt.Sprint(ui.ask(t, http.MethodGet, "/api/tables", nil)); !strings.Contains(tables, "albums") {
		t.Errorf("the tables are %s", tables)
	}
	query := func(on, filters string) string {
		return ui.items(t, url.Values{"operationType": {"query"}, "queryableSelection": {on}, "filters": {filters}})
	}
	if got := query("table", `{"artist":{"type":"S","operator":"=","value":"a"},"title":{"type":"S","operator":"begins_with","value":"t"}}`); got != "a/two/2" {
		t.Errorf("a query of the table shows %q", got)
	}
	if got := query("by-year", `{"year":{"type":"N","operator":"=","value":"2"}}`); got != "a/two/2 b/one/2" && got != "b/one/2 a/two/2" {
		t.Errorf("a query of the index shows %q", got)
	}
	if got := ui.items(t, url.Values{"filters": {`{"label":{"type":"S","operator":"=","value":"x"}}`}}); got != "b/one/2" {
		t.Errorf("a scan with a filter shows %q", got)
	}
	ui.ask(t, http.MethodPut, "/tables/albums/items/"+url.PathEscape("a,one"), m{"artist": "a", "title": "one", "year": 7})
	if page := ui.ask(t, http.MethodGet, "/tables/albums/items/"+url.PathEscape("a,one"), nil); !strings.Contains(html.UnescapeString(fmt.Sprint(page)), `"year": 7`) {
		t.Errorf("the page of an edited item:\n%s", page)
	}
	ui.ask(t, http.MethodGet, "/tables/albums/meta", nil)
	ui.ask(t, http.MethodGet, "/tables/albums/ttl", nil)
	ui.ask(t, http.MethodDelete, "/tables/albums/items/"+url.PathEscape("a,one"), nil)
	if got := query("table", `{"artist":{"type":"S","operator":"=","value":"a"}}`); got != "a/two/2" {
		t.Errorf("after a deletion there is %q", got)
	}
	ui.ask(t, http.MethodDelete, "/tables/albums/all", nil)
	if got := ui.items(t, url.Values{}); got != "" {
		t.Errorf("after all were deleted there is %q", got)
	}
	ui.ask(t, http.MethodDelete, "/tables/albums", nil)
	if names := newRaw(s).call(t, "dynamodb.ListTables", m{})["TableNames"].([]any); len(names) != 0 {
		t.Errorf("after its deletion there is %v", names)
	}
}
