package confine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// launch is the first process of a cage.
func launch() int {
	server, err := serverConnection()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sealtable:", err)
		return 1
	}
	ended, err := run(server)
	if err != nil {
		report(server, Report{Failed: err.Error()})
		return 1
	}
	report(server, Report{Ended: &ended})
	return 0
}

func serverConnection() (*net.UnixConn, error) {
	file := os.NewFile(Control, "server")
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("the launcher is started by the server only: %w", err)
	}
	server, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.New("the launcher is started by the server only")
	}
	return server, file.Close()
}

func report(server *net.UnixConn, r Report) {
	line, _ := json.Marshal(r)
	_, _ = server.Write(append(line, '\n'))
}

// run builds the cage, starts the program, and returns how it ended.
func run(server *net.UnixConn) (ended string, err error) {
	// Nobody of the same user may read or trace this process, which knows the spec.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return "", fmt.Errorf("prctl: %w", err)
	}
	unix.Umask(0o022)
	spec, err := ReadSpec(server)
	if err != nil {
		return "", err
	}
	if spec.Namespaces {
		if err := passListeners(server, spec.Ports); err != nil {
			return "", fmt.Errorf("making the network: %w", err)
		}
		if err := enterPrivateRoot(spec); err != nil {
			return "", fmt.Errorf("making the file system: %w", err)
		}
	}
	if err := unpackAll(server, spec); err != nil {
		return "", err
	}
	if spec.Namespaces {
		if err := makeCodeReadOnly(); err != nil {
			return "", err
		}
	}
	return supervise(server, spec)
}

// unpackAll reads the archives that follow the spec, and writes them and the files where they belong.
func unpackAll(r io.Reader, spec *Spec) error {
	room := spec.CodeBytes
	for _, a := range spec.Archives {
		archive := make([]byte, a.Size)
		if _, err := io.ReadFull(r, archive); err != nil {
			return fmt.Errorf("reading the code: %w", err)
		}
		used, err := Unpack(bytes.NewReader(archive), a.Size, a.Directory, room)
		if err != nil {
			return fmt.Errorf("unpacking the code: %w", err)
		}
		room -= used
	}
	for _, f := range spec.Files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.Path, f.Content, 0o555); err != nil {
			return err
		}
	}
	return nil
}

// supervise starts the program, waits for it, and reaps what it leaves behind. When the server goes away, so
// does this process, and with it everything in its namespace.
func supervise(server *net.UnixConn, spec *Spec) (string, error) {
	// Processes whose parent ends become this one's children, so that none is forgotten.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return "", fmt.Errorf("prctl: %w", err)
	}
	program, err := startLockdown(spec)
	if err != nil {
		return "", err
	}
	report(server, Report{Started: program})
	go endWithServer(server)
	ended, err := waitFor(program)
	killChildren()
	return ended, err
}

func waitFor(program int) (string, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return "", fmt.Errorf("waiting for the program: %w", err)
		case pid == program:
			return inWords(status), nil
		}
	}
}

// endWithServer ends everything once the server's end of the socket is closed. The server says nothing more
// on it, so anything that comes is the end.
func endWithServer(server *net.UnixConn) {
	_, _ = server.Read(make([]byte, 1))
	killChildren()
	os.Exit(1)
}

// killChildren kills this process's children, and those that become its children thereby, until there are
// none. In a process namespace of their own the kernel does the same when this process ends.
func killChildren() {
	for {
		for _, child := range children() {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		_, err := syscall.Wait4(-1, nil, 0, nil)
		if errors.Is(err, syscall.ECHILD) {
			return
		}
	}
}

// children are the processes whose parent is this one, whichever of its threads started them.
func children() (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		content, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(content)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// startLockdown starts this binary again as the process that becomes the program, and passes it the spec by a
// pipe, without the archives and files, which lie where they belong.
func startLockdown(spec *Spec) (pid int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	child := exec.Cmd{
		Path: "/proc/self/exe", Args: []string{Lockdown}, Env: []string{}, Dir: spec.Directory,
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{r},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := child.Start(); err != nil {
		return 0, fmt.Errorf("starting the program: %w", err)
	}
	r.Close()
	short := *spec
	short.Archives = nil
	short.Files = nil
	return child.Process.Pid, WriteSpec(w, &short)
}

// inWords says how a program ended as Lambda says it, and nothing for exit status 0.
func inWords(status syscall.WaitStatus) string {
	switch {
	case status.Signaled():
		return "signal: " + status.Signal().String()
	case status.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", status.ExitStatus())
	}
	return ""
}
