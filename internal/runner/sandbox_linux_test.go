package runner

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func ignore(s syscall.Signal) { ossignal.Ignore(s) }

// output collects what a program prints.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.String()
}

// dataLimit leaves room for the race detector, which reserves far more memory than any function.
const dataLimit = 1 << 40

// bootstrap is this test binary as the code of a function.
var bootstrap = sync.OnceValues(func() ([]byte, error) {
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
})

// confinements are those that this host offers.
func confinements(t *testing.T) []Confinement {
	t.Helper()
	var offered []Confinement
	for _, c := range []Confinement{Namespaces, Landlock} {
		if err := try(c); err != nil {
			t.Logf("this host does not offer it, so it is not tested: %v", err)
			continue
		}
		offered = append(offered, c)
	}
	if len(offered) == 0 {
		t.Skip("this host offers no confinement of functions")
	}
	return offered
}

// start starts the test binary as a program in a sandbox.
func start(t *testing.T, c Confinement, what string, more ...string) (*Sandbox, *output) {
	t.Helper()
	code, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	out := &output{}
	r := &Runner{confinement: c}
	s, err := r.Start(Program{
		Archives: []Archive{{Content: code}},
		Output:   out,
		Build: func(l Layout) Start {
			return Start{
				Command: []string{l.Code + "/bootstrap"},
				Environment: append([]string{"HOSTILE=" + what, "CODE=" + l.Code, "RUNTIME=" + l.Runtime, "STORAGE=" + l.Storage,
					"RUNTIME_ADDRESS=" + l.RuntimeAddress, "SERVICE_ADDRESS=" + l.ServiceAddress}, more...),
			}
		},
		Limits: Limits{Data: dataLimit, Storage: 16 << 20, Code: 256 << 20, Processes: 64},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, l := range []net.Listener{s.Runtime, s.Service} {
		go answer(l)
	}
	return s, out
}

func answer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

func TestHostileFunctions(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go answer(other)
	for _, c := range confinements(t) {
		t.Run(string(c), func(t *testing.T) {
			_, port, _ := net.SplitHostPort(other.Addr().String())
			s, out := start(t, c, "all", "OTHER_PORT="+port, "SECRET_FILE="+secret,
				"SERVER_PID="+strconv.Itoa(os.Getpid()), "MARK="+mark())
			<-s.Done()
			if out.String() != "done\n" || s.Ended() != "" {
				t.Errorf("ended %q:\n%s", s.Ended(), out)
			}
		})
	}
}

func mark() string { return "sealtable-test-" + strconv.Itoa(os.Getpid()) }

// TestStorageIsTheirOwn writes to /tmp, which is the function's own or refused.
func TestStorageIsTheirOwn(t *testing.T) {
	for _, c := range confinements(t) {
		s, _ := start(t, c, "leave", "MARK="+mark())
		<-s.Done()
		if _, err := os.Stat("/tmp/" + mark()); err == nil {
			t.Errorf("%s: the function wrote to the host's /tmp", c)
		}
	}
}

// TestStorageIsBounded needs a file system of the sandbox's own: without one, Stored says how much it took.
func TestStorageIsBounded(t *testing.T) {
	for _, c := range confinements(t) {
		s, out := start(t, c, "fill")
		<-s.Done()
		if c == Namespaces && !strings.Contains(out.String(), "filled false") {
			t.Errorf("%s: the storage is not bounded:\n%s", c, out)
		}
	}
}

// TestAsUser runs the tests again as a user without rights, whose server has fewer ways to confine.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("these tests run as a user already")
	}
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "as-user-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "runner.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(name, binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(name, "-test.count=1", "-test.run=Hostile|Functions|Environment|Storage|Left|Close|Exits")
	c.Dir = dir
	c.Env = append(os.Environ(), "TMPDIR=/tmp")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatFunctionsMayDo(t *testing.T) {
	for _, c := range confinements(t) {
		s, out := start(t, c, "use")
		<-s.Done()
		if out.String() != "done\n" || s.Ended() != "" {
			t.Errorf("%s: ended %q:\n%s", c, s.Ended(), out)
		}
	}
}

func TestEnvironmentIsWhatWasGiven(t *testing.T) {
	t.Setenv("SERVER_SECRET", "in the server's environment")
	for _, c := range confinements(t) {
		s, out := start(t, c, "environment", "GIVEN=this")
		<-s.Done()
		if !strings.Contains(out.String(), "GIVEN=this\n") || strings.Contains(out.String(), "SERVER_SECRET") {
			t.Errorf("%s: the environment is\n%s", c, out)
		}
	}
}

// TestNothingIsLeft starts programs that leave processes behind, and looks for those by the sandbox's launcher.
func TestNothingIsLeft(t *testing.T) {
	for _, c := range confinements(t) {
		for _, what := range []string{"fork", "escape"} {
			s, out := start(t, c, what)
			left := s.process.Pid
			<-s.Done()
			if what == "fork" && !strings.Contains(out.String(), "started true") {
				t.Errorf("%s: the number of processes is not limited:\n%s", c, out)
			}
			if err := syscall.Kill(-left, 0); err == nil {
				t.Errorf("%s, %s: the launcher's group is still there", c, what)
			}
			if found := sleepers(t); found != "" {
				t.Errorf("%s, %s: left running: %s", c, what, found)
			}
		}
	}
}

// sleepers lists processes of functions' user that still sleep.
func sleepers(t *testing.T) (found string) {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range commands {
		command, _ := os.ReadFile(name)
		if string(command) == "/bin/sleep\x001000\x00" {
			found += name + " "
		}
	}
	return found
}

func TestCloseEndsThem(t *testing.T) {
	for _, c := range confinements(t) {
		code := []byte("PK")
		r := &Runner{confinement: c}
		_, err := r.Start(Program{
			Archives: []Archive{{Content: code}}, Output: io.Discard, Build: func(Layout) Start { return Start{} },
			Limits: Limits{Data: 1 << 30, Storage: 1 << 20, Code: 1 << 20, Processes: 16},
		})
		if err == nil || !strings.Contains(err.Error(), "not a usable ZIP file") {
			t.Errorf("%s: a broken archive: %v", c, err)
		}
		r = &Runner{confinement: c}
		s, err := r.Start(Program{
			Output: io.Discard, Build: func(Layout) Start { return Start{Command: []string{"/bin/sleep", "1000"}} },
			Limits: Limits{Data: 1 << 30, Storage: 1 << 20, Code: 1 << 20, Processes: 16},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if s.Ended() != "signal: killed" {
			t.Errorf("%s: ended %q", c, s.Ended())
		}
	}
}

func TestExitsInWords(t *testing.T) {
	for _, c := range confinements(t) {
		for script, want := range map[string]string{
			"exit 0": "", "exit 3": "exit status 3", "kill -9 $$": "signal: killed", "kill -11 $$": "signal: segmentation fault",
		} {
			r := &Runner{confinement: c}
			s, err := r.Start(Program{
				Output: io.Discard, Build: func(Layout) Start { return Start{Command: []string{"/bin/sh", "-c", script}} },
				Limits: Limits{Data: 1 << 30, Storage: 1 << 20, Code: 1 << 20, Processes: 16},
			})
			if err != nil {
				t.Fatal(err)
			}
			<-s.Done()
			if s.Ended() != want {
				t.Errorf("%s: %s ended %q, want %q", c, script, s.Ended(), want)
			}
		}
	}
}
