package cli_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealtable/sealtable/internal/cli"
	"github.com/sealtable/sealtable/internal/server"
)

// TestMain lets scripts run the command line as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sealtable": func() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script/*.txtar. Beside the usual commands there are:
//
//	install          makes an installation in data and config, with one table and one row
//	serving          has a server run on data and config until the script ends
//	exits CODE CMD…  runs a command that must end with this exit code, and write one line to standard error
//	mode FILE MODE   sees that a file has this mode
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("SEALTABLE_CONFIG", filepath.Join(env.WorkDir, "config"))
			env.Setenv("SEALTABLE_DATA", filepath.Join(env.WorkDir, "data"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"install": func(ts *testscript.TestScript, _ bool, _ []string) { install(ts) },
			"serving": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Defer(closer(ts, serve(ts))) },
			"exits":   exits,
			"mode":    mode,
		},
	})
}

func serve(ts *testscript.TestScript) *server.Server {
	s, err := server.Open(context.Background(), server.Config{
		DataDir: ts.MkAbs("data"), ConfigDir: ts.MkAbs("config"), Listen: []string{"127.0.0.1:0"}, Account: "123456789012",
		Region:           "us-east-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Open: true, Log: slog.New(slog.DiscardHandler),
	})
	ts.Check(err)
	return s
}

func closer(ts *testscript.TestScript, s *server.Server) func() {
	return func() { ts.Check(s.Close()) }
}

func install(ts *testscript.TestScript) {
	s := serve(ts)
	call(ts, s, "CreateTable", `{"TableName":"music","BillingMode":"PAY_PER_REQUEST","SSESpecification":{"Enabled":true},
		"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	call(ts, s, "PutItem", `{"TableName":"music","Item":{"id":{"S":"zanzibar"}}}`)
	ts.Check(s.Close())
}

func call(ts *testscript.TestScript, s *server.Server, operation, body string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.Addresses()[0]+"/", strings.NewReader(body))
	ts.Check(err)
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/%s/us-east-1/dynamodb/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature=%064d", now.Format("20060102"), 0))
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s", operation, res.Status)
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := "exit status " + args[0]; err == nil || err.Error() != got {
		ts.Fatalf("it ended with %v, not %s", err, got)
	}
	said := strings.TrimSuffix(ts.ReadFile("stderr"), "\n")
	if !strings.HasPrefix(said, "sealtable: ") || strings.Contains(said, "\n") {
		ts.Fatalf("standard error is not one line of ours: %q", said)
	}
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}
