package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// referenceArgument makes this program the reference: a server on net/http that does nothing but read a
// request and answer with as many constant bytes as the product does.
const referenceArgument = "reference-server"

// lengths are how long the answer to each operation is.
type lengths map[string]int

// serveReference serves until it is killed. args are OPERATION=LENGTH.
func serveReference(args []string) error {
	answers := map[string][]byte{}
	for _, arg := range args {
		operation, length, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(length)
		if err != nil {
			return fmt.Errorf("%s needs the length of the answer to each operation: %w", referenceArgument,
				err)
		}
		answers[operation] = []byte(strings.Repeat("x", n))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		_, _ = io.Copy(io.Discard, r.Body) // a client that is gone shows in its own count
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("Content-Length", strconv.Itoa(len(answers[operation])))
		_, _ = w.Write(answers[operation])
	}))
}

func startReference(answers lengths) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{referenceArgument}
	for operation, n := range answers {
		args = append(args, fmt.Sprintf("%s=%d", operation, n))
	}
	cmd := exec.Command(self, args...)
	p, err := startProcess(cmd, cmd.StdoutPipe)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	return s, p.await(func(line string) bool {
		s.address = strings.TrimSpace(line)
		return true
	})
}
