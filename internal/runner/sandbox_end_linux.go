package runner

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

func (s *Sandbox) wait(command *exec.Cmd) {
	_ = command.Wait()
	<-s.read
	s.release()
	close(s.done)
}

// Done is closed when no process of the sandbox is left.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Ended says how the program ended, as Lambda's runtime words it: "exit status 1", "signal: killed"; empty
// for exit status 0. It is meant for after Done.
func (s *Sandbox) Ended() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *Sandbox) setEnded(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = how
}

// Close ends the program and everything that it started, and returns when nothing of it is left.
func (s *Sandbox) Close() {
	s.close.Do(func() {
		s.mu.Lock()
		if s.ended == "" {
			s.ended = "signal: killed"
		}
		s.mu.Unlock()
		// The launcher kills what it started, and itself, when the socket closes. In a namespace the kernel
		// does the first.
		if s.root == "" {
			_ = s.process.Kill()
		}
		_ = s.server.Close()
	})
	<-s.done
}

// release gives back what a sandbox holds in this process.
func (s *Sandbox) release() {
	for _, closer := range []io.Closer{s.Runtime, s.Service} {
		if closer != nil {
			_ = closer.Close()
		}
	}
	if s.server != nil {
		_ = s.server.Close()
	}
	if s.root != "" {
		_ = os.RemoveAll(s.root)
	}
}

// Memory is the resident memory of all processes of the sandbox in bytes, as far as it can be read.
func (s *Sandbox) Memory() int64 {
	pages := int64(0)
	for _, pid := range descendants(s.process.Pid) {
		statm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		fields := strings.Fields(string(statm))
		if len(fields) > 1 {
			resident, _ := strconv.ParseInt(fields[1], 10, 64)
			pages += resident
		}
	}
	return pages * int64(os.Getpagesize())
}

// Stored is how many bytes the program keeps in its storage, where the storage has no bound of its own; 0 in
// namespaces, where it has.
func (s *Sandbox) Stored() (bytes int64) {
	if s.root == "" {
		return 0
	}
	_ = filepath.WalkDir(s.root+"/tmp", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// descendants are the children of a process, their children and so on, without itself.
func descendants(pid int) []int {
	var found []int
	tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + task.Name() + "/children")
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(append(found, child), descendants(child)...)
			}
		}
	}
	return found
}
