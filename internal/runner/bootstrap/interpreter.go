package bootstrap

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An Interpreter is a program of this host that functions of a runtime are run by.
type Interpreter struct {
	// ReadOnly are the directories that it needs beside the system's own.
	ReadOnly []string

	family Family
	path   string
	files  map[string][]byte
}

// Host finds interpreters, and remembers what it found.
type Host struct {
	mu    sync.Mutex
	found map[string]*Interpreter
}

// askTimeout bounds how long an interpreter may take to say where it lies.
const askTimeout = time.Minute

// Interpreter returns the interpreter for a runtime: of Python and Node the version that the runtime names
// where the host has it, else any. An error is a *NotFoundError.
func (h *Host) Interpreter(ctx context.Context, runtime string) (*Interpreter, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i, ok := h.found[runtime]; ok {
		return i, nil
	}
	family, ok := FamilyOf(runtime)
	if !ok {
		return nil, &NotFoundError{Runtime: runtime,
			Looked: []string{"python3", "node", "bootstrap in the code"}}
	}
	i, err := find(ctx, runtime, family)
	if err != nil {
		return nil, err
	}
	if h.found == nil {
		h.found = map[string]*Interpreter{}
	}
	h.found[runtime] = i
	return i, nil
}

func find(ctx context.Context, runtime string, family Family) (*Interpreter, error) {
	var names []string
	switch family {
	case Provided:
		return &Interpreter{family: Provided}, nil
	case Python:
		names = []string{runtime, "python3"}
	case Node:
		names = []string{"node", "nodejs"}
	}
	for _, name := range names {
		for _, dir := range directories() {
			if i := look(ctx, filepath.Join(dir, name), family); i != nil {
				return i, nil
			}
		}
	}
	return nil, &NotFoundError{Runtime: runtime, Looked: names}
}

// directories are the system's first: what lies there needs no directory of its own in the cage.
func directories() []string {
	dirs := []string{"/usr/bin", "/usr/local/bin", "/bin"}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// questions have an interpreter print its own path and the directory that it and its library lie in.
func questions() map[Family][]string {
	return map[Family][]string{
		Python: {"-I", "-c", "import sys; print(sys.executable); print(sys.base_prefix)"},
		Node: {"-p", "process.execPath + '\\n' + " +
			"require('path').dirname(require('path').dirname(process.execPath))"},
	}
}

// look asks a program that may be an interpreter, and returns nil if it is none that functions could run.
func look(ctx context.Context, name string, family Family) *Interpreter {
	if info, err := os.Stat(name); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ask := exec.CommandContext(ctx, name, questions()[family]...)
	ask.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	out, err := ask.Output()
	if err != nil {
		return nil
	}
	path, prefix, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	path, err = filepath.EvalSymlinks(path)
	if err != nil || !reachable(path) {
		return nil
	}
	i := &Interpreter{family: family, path: path, files: filesOf(ctx, family, path)}
	if prefix != "/usr" && !strings.HasPrefix(prefix, "/usr/") && prefix != "/" {
		i.ReadOnly = []string{prefix}
	}
	return i
}

// reachable reports whether everybody may reach and run a file, as functions of a server that is root must.
func reachable(name string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	for at := name; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil || info.Mode()&fs.FileMode(0o001) == 0 {
			return false
		}
	}
	return true
}

// filesOf are the loop of a family and what goes with it, by names in the runtime directory.
func filesOf(ctx context.Context, family Family, path string) map[string][]byte {
	found := map[string][]byte{}
	withSDK := family != Python || !hasSDK(ctx, path)
	err := fs.WalkDir(files, string(dirOf(family)), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, short, _ := strings.Cut(name, "/")
		if !withSDK && strings.Contains(short, "/") {
			return nil
		}
		found[short], err = files.ReadFile(name)
		return err
	})
	if err != nil {
		panic(err) // they are embedded
	}
	return found
}

func dirOf(family Family) string {
	if family == Node {
		return "node"
	}
	return "python"
}

// firstSDK is the first version of boto3 that honours AWS_ENDPOINT_URL.
const firstSDK = 28

// hasSDK reports whether a Python has a boto3 that finds this server. One that does not would call AWS.
func hasSDK(ctx context.Context, python string) bool {
	ask := exec.CommandContext(ctx, python, "-I", "-c", "import boto3; print(boto3.__version__)")
	ask.Env = []string{}
	out, err := ask.Output()
	if err != nil {
		return false
	}
	parts := strings.SplitN(strings.TrimSpace(string(out)), ".", 3)
	if len(parts) < 2 || parts[0] != "1" {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && minor >= firstSDK
}
