// Package confine is the child's side of the runner: it turns the process that it runs in into a cage, and
// then into the program of a function.
//
// Callers may rely on this. The program sees an environment that holds what its Spec says and nothing of the
// server's. With namespaces it sees a file system of its own, in which the system's programs and libraries
// are read-only, its code is read-only, /tmp is its own, and nothing else of the host exists; a network whose
// only ways out are two listeners that the server accepts on; and no process but its own. It has no
// capabilities and cannot gain any, reaches no file outside of its landlock rules, and the system calls that
// only attacks need are refused. Its code and what it writes lie in memory, never on a disk (P1). When the
// server ends, however it ends, so does the program.
//
// The process is started as this same binary under another name (Launcher), reads its Spec from descriptor
// 3, builds the cage, and starts a second process (Lockdown) that gives up what it must not keep and becomes
// the program. The first one stays as the parent that reaps what the program leaves behind.
package confine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// The names under which the binary is started again. They hold a blank, so that no link to it is taken for
// one.
const (
	Launcher = "sealtable launcher"
	Lockdown = "sealtable lockdown"
)

// Control is the descriptor of the socket to the server.
const Control = 3

// A Spec says what to run, and in what cage.
type Spec struct {
	// Command is the program and its arguments, empty to build a cage and leave it; Environment is all of its
	// environment, as NAME=VALUE.
	Command     []string `json:"command"`
	Environment []string `json:"environment"`
	// Directory is where the program starts.
	Directory string `json:"directory"`
	// Archives are ZIP files whose bytes follow the Spec, in this order.
	Archives []Archive `json:"archives,omitempty"`
	// Files are written beside what the archives hold.
	Files []File `json:"files,omitempty"`
	// ReadOnly are directories of the host that the program's interpreter lies in, beside the system's own.
	ReadOnly []string `json:"readOnly,omitempty"`
	// Root is the directory that holds var, opt and tmp when there are no namespaces; empty with them.
	Root string `json:"root,omitempty"`

	Namespaces bool `json:"namespaces"`
	Landlock   bool `json:"landlock"`
	// Ports are the two ports on 127.0.0.1 that the program may connect to. With namespaces the launcher
	// listens on them and passes the listeners to the server, in this order.
	Ports [2]uint16 `json:"ports"`

	// DataBytes bounds the private memory of each process, StorageBytes /tmp, CodeBytes what the archives
	// unpack to, and Processes how many processes and threads there are at a time.
	DataBytes    int64 `json:"dataBytes"`
	StorageBytes int64 `json:"storageBytes"`
	CodeBytes    int64 `json:"codeBytes"`
	Processes    int   `json:"processes"`
}

// An Archive is a ZIP file of Size bytes that is unpacked into Directory.
type Archive struct {
	Directory string `json:"directory"`
	Size      int64  `json:"size"`
}

// A File is written to Path, readable by the program.
type File struct {
	Path    string `json:"path"`
	Content []byte `json:"content"`
}

// A Report is what the launcher tells the server. Exactly one of the members is set.
type Report struct {
	// Listening comes with the descriptors of the two listeners.
	Listening bool `json:"listening,omitempty"`
	// Started is the process of the program, as the program's own namespace numbers it.
	Started int `json:"started,omitempty"`
	// Ended is how the program ended, in the words of Lambda's runtime; empty for exit status 0.
	Ended *string `json:"ended,omitempty"`
	// Failed says why there is no program.
	Failed string `json:"failed,omitempty"`
}

// maxSpecBytes is far above what a function's environment (4 KB) and the bootstraps need.
const maxSpecBytes = 8 << 20

// WriteSpec writes the header of what the launcher reads: four bytes of length, big endian, and JSON.
func WriteSpec(w io.Writer, spec *Spec) error {
	body, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

// ReadSpec reads what WriteSpec wrote.
func ReadSpec(r io.Reader) (*Spec, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading the length of the spec: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxSpecBytes {
		return nil, errors.New("the spec is too long")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("reading the spec: %w", err)
	}
	spec := new(Spec)
	return spec, json.Unmarshal(body, spec)
}

// Main runs the part of the cage that the process was started as, and reports the exit code. It reports
// false for every other process, which then is what it was before.
func Main(args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case Launcher:
		return launch(), true
	case Lockdown:
		err := lockdown()
		if err == nil {
			return 0, true
		}
		// There is no other way to be heard: the program's own output is not the server's log.
		fmt.Fprintln(os.Stderr, "sealtable: cannot confine the function:", err)
		return exitNotConfined, true
	}
	return 0, false
}

// exitNotConfined is the exit code of a lockdown that failed. The program was not started then.
const exitNotConfined = 125
