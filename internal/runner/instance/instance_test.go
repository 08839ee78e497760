package instance

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/runner"
	"github.com/sealtable/sealtable/internal/runner/bootstrap"
)

// recorded is the log of an instance.
type recorded struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorded) Line(_ time.Time, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, text)
}

// text is the log with what differs from run to run cut.
func (r *recorded) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return varying(strings.Join(r.lines, "\n") + "\n")
}

var numbers = regexp.MustCompile(`(Duration: |Used: )[0-9.]+|\d{4}-\d\d-\d\dT[0-9:.]+Z`)

func varying(text string) string { return numbers.ReplaceAllString(text, "${1}#") }

// world is a host that can run functions.
type world struct {
	t      *testing.T
	runner *runner.Runner
	host   bootstrap.Host
	serve  func(net.Listener)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, serve: func(net.Listener) {}, runner: runner.New(runner.Require, slog.New(slog.DiscardHandler))}
	if w.runner.Confinement() == "" {
		t.Skip("this host offers no confinement of functions")
	}
	return w
}

// start starts a function whose code is one file.
func (w *world) start(runtime, file, code string, timeout time.Duration) (*Instance, *recorded) {
	w.t.Helper()
	interpreter, err := w.host.Interpreter(w.t.Context(), runtime)
	if err != nil {
		w.t.Skip(err)
	}
	log := &recorded{}
	settings := bootstrap.Settings{Runtime: runtime, Handler: "index.handler", Name: "f", Version: "$LATEST",
		MemoryMiB: 256,
		Region:    "eu-west-1", AccessKeyID: "ASIAX", SecretAccessKey: "secret", SessionToken: "token",
		Variables: map[string]string{"MINE": "value", "AWS_REGION": "mars-1"}}
	i, err := Start(Options{
		Runner: w.runner, Serve: w.serve, StartTimeout: time.Minute, Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
	}, Function{
		Name: "f", Version: "$LATEST", Runtime: runtime, MemoryMiB: 256, Timeout: timeout,
		Program: runner.Program{
			Archives: []runner.Archive{{Content: zipOf(w.t, file, code)}}, ReadOnly: interpreter.ReadOnly,
			Build:  func(l runner.Layout) runner.Start { return interpreter.Start(settings, l) },
			Limits: runner.Limits{Data: 512 << 20, Storage: 64 << 20, Code: 64 << 20, Processes: 256},
		},
	}, log)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(i.Close)
	return i, log
}

func zipOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) invoke(i *Instance, payload string) Result {
	w.t.Helper()
	r, err := i.Invoke(context.Background(), Invocation{
		RequestID: "11111111-2222-3333-4444-555555555555",
		ARN:       "arn:aws:lambda:eu-west-1:123456789012:function:f",
		Payload:   []byte(payload),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// long is a timeout that no working function meets, however busy the machine is.
const long = 5 * time.Minute

const pythonEcho = `
import os, logging
calls = 0
def handler(event, context):
    global calls
    calls += 1
    print("printed", calls)
    logging.getLogger().warning("logged\ntwice")
    return {"event": event, "calls": calls, "arn": context.invoked_function_arn, "id": context.aws_request_id,
            "memory": context.memory_limit_in_mb, "region": os.environ["AWS_REGION"], "mine": os.environ["MINE"],
            "left": context.get_remaining_time_in_millis() > 0}
`

func TestPython(t *testing.T) {
	w := newWorld(t)
	i, log := w.start("python3.13", "index.py", pythonEcho, long)
	for call := 1; call <= 2; call++ {
		r := w.invoke(i, `{"name": "Zoë"}`)
		want := fmt.Sprintf(`{"event": {"name": "Zoë"}, "calls": %d, "arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", `+
			`"id": "11111111-2222-3333-4444-555555555555", "memory": "256", "region": "eu-west-1", "mine": "value", "left": true}`, call)
		if string(r.Payload) != want || r.FunctionError != "" || !r.Usable {
			t.Errorf("%+v\n got %s\nwant %s", r, r.Payload, want)
		}
	}
	const id = "11111111-2222-3333-4444-555555555555"
	invocation := func(n int, more string) string {
		return fmt.Sprintf("START RequestId: %[1]s Version: $LATEST\nprinted "+
			"%[2]d\n[WARNING]\t#\t%[1]s\tlogged\ntwice\n"+
			"END RequestId: %[1]s\nREPORT RequestId: %[1]s\tDuration: # ms\tBilled Duration: # ms\tMemory "+
			"Size: 256 MB\t"+
			"Max Memory Used: # MB\t%[3]s\n", id, n, more)
	}
	want := "INIT_START Runtime Version: python3.13\tRuntime Version ARN: \n" +
		invocation(1, "Init Duration: # ms\t") +
		invocation(2, "")
	if got := log.text(); got != want {
		t.Errorf("the log is\n%s\ninstead of\n%s", got, want)
	}
}

func TestPythonFailures(t *testing.T) {
	w := newWorld(t)
	const prefix = "def handler(event, context):\n    "
	for name, tt := range map[string]struct{ code, want string }{
		"exception": {prefix + "raise ValueError('no')",
			`{"errorMessage": "no", "errorType": "ValueError", ` +
				`"requestId": "11111111-2222-3333-4444-555555555555", "stackTrace": ["  File \"/var/task/index.py\", line 2, in handler\n` +
				`    raise ValueError('no')\n"]}`},
		"missing module": {"import nowhere",
			`{"errorMessage": "Unable to import module 'index': No module named 'nowhere'", ` +
				`"errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []}`},
		"missing handler": {"x = 1", `{"errorMessage": "Handler 'handler' missing on module 'index'", ` +
			`"errorType": "Runtime.HandlerNotFound", "requestId": "", "stackTrace": []}`},
		"not serialisable": {prefix + "return {1, 2}",
			`{"errorMessage": "Unable to marshal response: Object of type set is not ` +
				`JSON serializable", "errorType": "Runtime.MarshalError", "requestId": "11111111-2222-3333-4444-555555555555", "stackTrace": []}`},
		"exits": {"import os\n" + prefix + "os._exit(0)", `{"errorType":"Runtime.ExitError","errorMessage":` +
			`"RequestId: 11111111-2222-3333-4444-555555555555 Error: Runtime exited without providing a reason"}`},
		"exits badly": {"import os\n" + prefix + "os._exit(3)",
			`{"errorType":"Runtime.ExitError","errorMessage":` +
				`"RequestId: 11111111-2222-3333-4444-555555555555 Error: Runtime exited with error: exit status 3"}`},
		"is killed": {"import os\n" + prefix + "os.kill(os.getpid(), 9)",
			`{"errorType":"Runtime.ExitError","errorMessage":` +
				`"RequestId: 11111111-2222-3333-4444-555555555555 Error: Runtime exited with error: signal: killed"}`},
		"dies at import": {"import os\nos._exit(4)", `{"errorType":"Runtime.ExitError","errorMessage":` +
			`"RequestId: 11111111-2222-3333-4444-555555555555 Error: Runtime exited with error: exit status 4"}`},
		"too large": {prefix + "return 'x' * 7000000",
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size ` +
				`(6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`},
		"too much memory": {prefix + "a = []\n    while True: a.append(bytearray(1 << 20))", ``},
	} {
		t.Run(name, func(t *testing.T) {
			i, log := w.start("python3.13", "index.py", tt.code, long)
			r := w.invoke(i, `{}`)
			if r.FunctionError != "Unhandled" {
				t.Errorf("no error: %s", r.Payload)
			}
			if !json.Valid(r.Payload) || tt.want != "" && string(r.Payload) != tt.want {
				t.Errorf("\n got %s\nwant %s\n log %s", r.Payload, tt.want, log.text())
			}
			if !strings.Contains(log.text(), "END RequestId") {
				t.Errorf("the log does not end: %s", log.text())
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	w := newWorld(t)
	i, log := w.start("python3.13", "index.py", "import time\ndef handler(event, context):\n    "+
		"print('begun')\n    time.sleep(10000)\n",
		3*time.Second)
	r := w.invoke(i, `{}`)
	const want = `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 11111111-2222-3333-4444-555555555555 Error: ` +
		`Task timed out after 3.00 seconds"}`
	if string(r.Payload) != want || r.Usable {
		t.Errorf("%s, usable %v", r.Payload, r.Usable)
	}
	if got := log.text(); !strings.Contains(got, "# 11111111-2222-3333-4444-555555555555 Task timed out "+
		"after 3.00 seconds\n\n") ||
		!strings.Contains(got, "Status: timeout") {
		t.Errorf("the log is\n%s", got)
	}
	<-i.Done()
}

// TestTail returns the end of this invocation's log alone.
func TestTail(t *testing.T) {
	w := newWorld(t)
	i, _ := w.start("python3.13", "index.py", "def handler(event, context):\n    print('x' * event)\n", long)
	w.invoke(i, `10`)
	r := w.invoke(i, `20`)
	if got := string(r.Tail); !strings.HasPrefix(got, "START RequestId") || !strings.Contains(got, "\n"+strings.Repeat("x", 20)+"\nEND") {
		t.Errorf("the tail is %q", got)
	}
	r = w.invoke(i, `100000`)
	if len(r.Tail) != 4096 || !strings.HasPrefix(string(r.Tail), "xxx") {
		t.Errorf("the tail has %d bytes: %.20s", len(r.Tail), r.Tail)
	}
}

func TestNode(t *testing.T) {
	w := newWorld(t)
	const code = `exports.handler = async (event, context) => {
		console.log("printed", event);
		return { event, id: context.awsRequestId, region: process.env.AWS_REGION };
	}`
	i, log := w.start("nodejs20.x", "index.js", code, long)
	for range 2 {
		r := w.invoke(i, `{"name":"Zoë"}`)
		const want = `{"event":{"name":"Zoë"},"id":"11111111-2222-3333-4444-555555555555","region":"eu-west-1"}`
		if string(r.Payload) != want || r.FunctionError != "" {
			t.Errorf("%s\n%s", r.Payload, log.text())
		}
	}
	if !strings.Contains(log.text(), "#\t11111111-2222-3333-4444-555555555555\tINFO\tprinted { name: "+
		"'Zoë' }\n") {
		t.Errorf("the log is\n%s", log.text())
	}
}

func TestNodeFailures(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[string]string{
		`exports.handler = async () => { throw new TypeError("no") }`:  `{"errorType":"TypeError","errorMessage":"no","trace":["TypeError: no",`,
		`exports.handler = (event, context, done) => done("a string")`: `{"errorType":"string","errorMessage":"a string","trace":[]}`,
		`exports.other = 1`:  `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.handler is undefined or not exported","trace":`,
		`require("nowhere")`: `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'nowhere'`,
		`exports.handler = async () => process.exit(5)`: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` +
			`11111111-2222-3333-4444-555555555555 Error: Runtime exited with error: exit status 5"}`,
	} {
		i, log := w.start("nodejs20.x", "index.js", code, long)
		r := w.invoke(i, `{}`)
		if r.FunctionError == "" || !strings.HasPrefix(string(r.Payload), want) {
			t.Errorf("%s:\n got %s\nwant %s\n%s", code, r.Payload, want, log.text())
		}
	}
}
