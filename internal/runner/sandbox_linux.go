package runner

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealtable/sealtable/internal/runner/confine"
)

// functionUser is the user and group of functions on the host when the server is root. Nothing belongs to it.
const functionUser = 60001

// insidePorts are the ports of the two listeners in a sandbox's own network.
func insidePorts() [2]uint16 { return [2]uint16{9001, 9000} }

// A Sandbox is a program that runs. Its listeners are this process's to answer.
type Sandbox struct {
	// Runtime is where the program asks for its next invocation, Service where it finds this server's
	// services.
	Runtime, Service net.Listener

	process *os.Process
	server  *net.UnixConn
	root    string // the directory of a sandbox without namespaces, removed at its end
	started chan struct{}
	read    chan struct{} // closed when the launcher has nothing more to report
	done    chan struct{}
	close   sync.Once

	mu    sync.Mutex
	ended string
}

// Start starts a program. An error of the archives themselves is confine.ErrArchive or confine.ErrTooLarge in
// words.
func (r *Runner) Start(p Program) (*Sandbox, error) {
	if r.confinement == "" {
		return nil, r.reason
	}
	s := &Sandbox{started: make(chan struct{}), read: make(chan struct{}), done: make(chan struct{})}
	spec, err := r.spec(s, p)
	if err == nil {
		err = s.launch(r.confinement, spec, p)
	}
	switch {
	case err == nil:
		return s, nil
	case s.process != nil:
		s.Close()
	default:
		s.release()
	}
	return nil, err
}

// spec says what the launcher is to build. Without namespaces the listeners are made here.
func (r *Runner) spec(s *Sandbox, p Program) (*confine.Spec, error) {
	ports := insidePorts()
	if r.confinement != Namespaces {
		var err error
		if ports, err = s.listenOutside(); err != nil {
			return nil, err
		}
		if s.root, err = makeRoot(); err != nil {
			return nil, err
		}
	}
	layout := layoutUnder(s.root, ports)
	start := p.Build(layout)
	spec := &confine.Spec{
		Command: start.Command, Environment: start.Environment, Directory: layout.Code,
		ReadOnly: p.ReadOnly, Root: s.root, Ports: ports,
		Namespaces: r.confinement == Namespaces,
		Landlock: r.confinement == Landlock || r.confinement == Namespaces &&
			confine.LandlockVersion() >= 4,
		DataBytes: p.Limits.Data, StorageBytes: p.Limits.Storage, CodeBytes: p.Limits.Code,
		Processes: p.Limits.Processes,
	}
	for _, a := range p.Archives {
		directory := layout.Code
		if a.Layer {
			directory = layout.Layers
		}
		spec.Archives = append(spec.Archives,
			confine.Archive{Directory: directory, Size: int64(len(a.Content))})
	}
	for name, content := range start.Files {
		spec.Files = append(spec.Files, confine.File{Path: layout.Runtime + "/" + name, Content: content})
	}
	return spec, nil
}

func (s *Sandbox) listenOutside() (ports [2]uint16, err error) {
	for i, listener := range []*net.Listener{&s.Runtime, &s.Service} {
		if *listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
			return ports, err
		}
		ports[i] = uint16((*listener).Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// makeRoot makes the directories of a sandbox without a file system of its own, in memory.
func makeRoot() (string, error) {
	root, err := os.MkdirTemp("/dev/shm", "sealtable-function-")
	if err != nil {
		return "", fmt.Errorf("functions need a file system in memory, so that their code lies on no "+
			"disk: %w", err)
	}
	for _, dir := range []string{"", "/var", "/var/task", "/var/runtime", "/opt", "/tmp"} {
		if err := os.MkdirAll(root+dir, 0o700); err != nil {
			return root, err
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(root+dir, functionUser, functionUser); err != nil {
				return root, err
			}
		}
	}
	return root, nil
}

// launch starts the launcher, hands it the spec and the archives, and waits until the program has started.
func (s *Sandbox) launch(c Confinement, spec *confine.Spec, p Program) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "launcher")
	if s.server, err = unixConn(pair[0]); err != nil {
		theirs.Close()
		return err
	}
	command := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{confine.Launcher}, Env: []string{}, Dir: "/",
		Stdout: p.Output, Stderr: p.Output, ExtraFiles: []*os.File{theirs}, SysProcAttr: attributes(c),
		// What still holds the output a moment after the launcher's end does not hold up the sandbox's.
		WaitDelay: time.Second,
	}
	err = command.Start()
	// The launcher's end is the launcher's alone, so that its end can be noticed.
	theirs.Close()
	if err != nil {
		return fmt.Errorf("starting the launcher: %w", err)
	}
	s.process = command.Process
	go s.wait(command)
	go s.hand(spec, p.Archives)
	return s.listen(spec.Namespaces)
}

func unixConn(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "function")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// attributes are those of the launcher's process: namespaces of its own, and a user without rights.
func attributes(c Confinement) *syscall.SysProcAttr {
	root := os.Geteuid() == 0
	a := &syscall.SysProcAttr{Setsid: true}
	if root && c != Unconfined {
		a.Credential = &syscall.Credential{Uid: functionUser, Gid: functionUser}
	}
	if c != Namespaces {
		return a
	}
	a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID |
		syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	user, group := os.Geteuid(), os.Getegid()
	if root {
		user, group = functionUser, functionUser
		a.GidMappingsEnableSetgroups = true
	}
	// User 0 inside is a user without rights outside.
	a.Credential = &syscall.Credential{NoSetGroups: !root}
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: user, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: group, Size: 1}}
	return a
}

// hand writes what the launcher reads. Where that fails the launcher says why, or ends.
func (s *Sandbox) hand(spec *confine.Spec, archives []Archive) {
	if confine.WriteSpec(s.server, spec) != nil {
		return
	}
	for _, a := range archives {
		if _, err := s.server.Write(a.Content); err != nil {
			return
		}
	}
}

// listen reads the launcher's reports, and returns when the program has started or never will.
func (s *Sandbox) listen(namespaces bool) error {
	first := make(chan error, 1)
	go s.readReports(namespaces, first)
	select {
	case err := <-first:
		return err
	case <-s.started:
		return nil
	}
}

// readReports sends the reason to first if the program does not start.

func (s *Sandbox) readReports(namespaces bool, first chan<- error) {
	defer close(s.read)
	reader := bufio.NewReader(s.server)
	if namespaces {
		line, err := s.takeListeners()
		if err != nil {
			first <- err
			return
		}
		reader = bufio.NewReader(io.MultiReader(line, s.server))
	}
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			first <- errors.New("the launcher ended before the program started")
			return
		}
		var report confine.Report
		if err := json.Unmarshal(line, &report); err != nil {
			first <- fmt.Errorf("the launcher's report: %w", err)
			return
		}
		switch {
		case report.Failed != "":
			s.setEnded(report.Failed)
			first <- errors.New(report.Failed)
		case report.Ended != nil:
			s.setEnded(*report.Ended)
		case report.Started != 0:
			close(s.started)
		}
	}
}

// takeListeners reads the first report, with which the listeners come, or one that says why they do not.
func (s *Sandbox) takeListeners() (rest io.Reader, err error) {
	data, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(2*4))
	n, controlSize, _, _, err := s.server.ReadMsgUnix(data, control)
	if err != nil || n == 0 {
		return nil, errors.New("the launcher ended before it made the network")
	}
	messages, err := unix.ParseSocketControlMessage(control[:controlSize])
	if err != nil || len(messages) == 0 {
		return newReader(data[:n]), nil
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	for i, listener := range []*net.Listener{&s.Runtime, &s.Service} {
		if i >= len(descriptors) {
			return nil, errors.New("the launcher passed too few listeners")
		}
		file := os.NewFile(uintptr(descriptors[i]), "listener")
		*listener, err = net.FileListener(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
	}
	return newReader(data[:n]), nil
}
