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

// referenceArgument makes this program the reference: a server on net/http that does nothing but read a request and answer with
// as many constant bytes as the product does.
const referenceArgument = "reference-server"

// serveReference serves until it is killed. args are the lengths of the answers to GetItem and to everything else.
func serveReference(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%s needs two lengths", referenceArgument)
	}
	var answers [2][]byte
	for i, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		answers[i] = []byte(strings.Repeat("x", n))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[1]
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem") {
			answer = answers[0]
		}
		_, _ = io.Copy(io.Discard, r.Body) // a client that is gone shows in its own count
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write(answer)
	}))
}

func startReference(getLength, otherLength int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, referenceArgument, strconv.Itoa(getLength), strconv.Itoa(otherLength))
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
