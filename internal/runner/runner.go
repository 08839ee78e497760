// Package runner runs the code of functions in confined processes.
//
// Callers may rely on this. What a function may reach is decided by the cage that package confine builds, and
// that is the same for every function: its own files, in memory, and two sockets that this process answers.
// Where the kernel offers no cage a function is refused, unless the operator has said otherwise; a Runner
// says which it is. A sandbox belongs to one function version and is never handed to another. When it ends,
// for whatever reason, no process of it is left.
package runner

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A Mode is what the operator wants of the cage.
type Mode string

const (
	// Require refuses functions where neither namespaces nor landlock can be had.
	Require Mode = "require"
	// Prefer runs them unconfined there, and says so loudly.
	Prefer Mode = "prefer"
	// Off never confines. For platforms without a cage, and for finding out whether a cage is in the way.
	Off Mode = "off"
)

// A Confinement is what a Runner found that it can do, from the strongest to none.
type Confinement string

const (
	// Namespaces are a file system, network and processes of the sandbox's own, and landlock where there is
	// one.
	Namespaces Confinement = "namespaces"
	// Landlock limits files to the sandbox's own, and ports, but not hosts: a function could reach what
	// listens on those two ports of other hosts.
	Landlock Confinement = "landlock"
	// Unconfined is an ordinary process of the server's user.
	Unconfined Confinement = "none"
)

// ErrNoConfinement is the error of functions where there is no cage for them.
var ErrNoConfinement = errors.New("this host offers neither namespaces nor landlock to confine functions, " +
	"so they are refused; --function-sandbox off runs them unconfined")

// A Program is what to run in a sandbox.
type Program struct {
	// Archives are ZIP files with the directories that they are unpacked into: CodeDirectory or
	// LayerDirectory.
	Archives []Archive
	// Build returns how to start it, once it is clear where things lie.
	Build func(Layout) Start
	// Output gets what the program prints, as it comes. It must not block.
	Output io.Writer
	// Limits bound what it takes.
	Limits Limits
	// ReadOnly are directories of the host that the interpreter needs beside the system's own.
	ReadOnly []string
}

// An Archive is a ZIP file for a directory of the Layout.
type Archive struct {
	Layer   bool
	Content []byte
}

// A Layout says where things lie inside of a sandbox.
type Layout struct {
	Code    string // read-only, what the archives hold
	Layers  string // read-only, what layers hold
	Runtime string // read-only, what Start.Files names
	Storage string // the function's own, empty at first
	// RuntimeAddress and ServiceAddress are HOST:PORT of the listeners that a Sandbox answers.
	RuntimeAddress, ServiceAddress string
}

func layoutUnder(root string, ports [2]uint16) Layout {
	return Layout{
		Code: root + "/var/task", Layers: root + "/opt", Runtime: root + "/var/runtime",
		Storage:        root + "/tmp",
		RuntimeAddress: fmt.Sprint("127.0.0.1:", ports[0]),
		ServiceAddress: fmt.Sprint("127.0.0.1:", ports[1]),
	}
}

// A Start is a command with all of its environment, and files for the runtime directory by their names.
type Start struct {
	Command     []string
	Environment []string
	Files       map[string][]byte
}

// Limits are in bytes, save for Processes.
type Limits struct {
	// Data is the private memory of each process of the program.
	Data int64
	// Storage is what it may write.
	Storage int64
	// Code is what its archives may unpack to.
	Code int64
	// Processes counts threads too.
	Processes int
}

// A Runner starts sandboxes. It is safe for concurrent use.
type Runner struct {
	confinement Confinement
	reason      error // why it is not stronger
}

// New returns a Runner with the strongest confinement that this host offers and mode allows, and says in the
// log when it is not the strongest there is.
func New(mode Mode, log *slog.Logger) *Runner {
	r := &Runner{}
	r.confinement, r.reason = detect(mode)
	switch {
	case r.confinement == Landlock:
		log.Warn("functions are confined by landlock alone: they can reach the server's ports on other hosts",
			"why", r.reason)
	case r.confinement == Unconfined:
		log.Warn("functions run UNCONFINED, with the rights of the server's user", "why", r.reason)
	case r.reason != nil:
		log.Warn("functions are refused", "why", r.reason)
	}
	return r
}

// Confinement is how sandboxes are confined; empty if functions are refused.
func (r *Runner) Confinement() Confinement { return r.confinement }

// detect tries out what the host offers.
func detect(mode Mode) (Confinement, error) {
	if mode == Off {
		return Unconfined, errors.New("--function-sandbox off")
	}
	namespaces := try(Namespaces)
	if namespaces == nil {
		return Namespaces, nil
	}
	landlock := try(Landlock)
	if landlock == nil {
		return Landlock, namespaces
	}
	why := errors.Join(namespaces, landlock)
	if mode == Prefer {
		return Unconfined, why
	}
	return "", fmt.Errorf("%w (%w)", ErrNoConfinement, why)
}

// try builds a cage and leaves it at once.
func try(c Confinement) error {
	r := &Runner{confinement: c}
	sandbox, err := r.Start(Program{
		Build:  func(Layout) Start { return Start{} },
		Output: io.Discard,
		Limits: Limits{Data: 256 << 20, Storage: 1 << 20, Code: 1 << 20, Processes: 16},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	defer sandbox.Close()
	<-sandbox.Done()
	if ended := sandbox.Ended(); ended != "" {
		return fmt.Errorf("%s: %s", c, ended)
	}
	return nil
}
