package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child whose costs are measured.
type process struct {
	cmd    *exec.Cmd
	output *bufio.Reader
}

// startProcess starts a child and reads one of its outputs.
func startProcess(cmd *exec.Cmd, pipe func() (io.ReadCloser, error)) (*process, error) {
	output, err := pipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, output: bufio.NewReader(output)}, nil
}

// await reads lines until one is wanted, and lets the rest of the output go.
func (p *process) await(wanted func(line string) bool) error {
	var seen []string
	for {
		line, err := p.output.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path),
				strings.Join(append(seen, line), " "))
		}
		if wanted(line) {
			go func() { _, _ = io.Copy(io.Discard, p.output) }()
			return nil
		}
		seen = append(seen, strings.TrimSpace(line))
	}
}

// stop ends the child as an operator would.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil // a signal was asked for
	}
	return err
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}

// clockTick is the unit of CPU time in /proc, the same on every architecture that Go supports.
const clockTick = 10 * time.Millisecond

// cpu is the CPU time that the child has used; zero where there is no /proc.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * clockTick
}

// resident is the memory that the child holds, in MB of 10^6 bytes.
func (p *process) resident() float64 {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return float64(kb) * 1024 / 1e6
		}
	}
	return 0
}

// descriptors is the number of files and sockets that the child has open.
func (p *process) descriptors() float64 {
	entries, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		return 0
	}
	return float64(len(entries))
}

// server is a child that answers on an address.
type server struct {
	*process
	address string
}

// startServe starts `sealtable serve` on an installation below dir, and waits until it is ready.
func startServe(binary, dir string, flags ...string) (*server, error) {
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json",
		"--data", filepath.Join(dir, "data"), "--config", filepath.Join(dir, "config")}, flags...)
	cmd := exec.Command(binary, args...)
	p, err := startProcess(cmd, cmd.StderrPipe)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	return s, p.await(func(line string) bool {
		var entry struct{ Msg, Endpoint string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "ready" {
			return false
		}
		s.address = strings.TrimPrefix(entry.Endpoint, "http://")
		return true
	})
}

// readCredentials reads the root access key of the installation below dir.
func readCredentials(dir string) (id, secret string, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "config", "credentials"))
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	if id == "" || secret == "" {
		return "", "", errors.New("the credentials file holds no key")
	}
	return id, secret, nil
}

// processCPU is the CPU time that this process has used.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
