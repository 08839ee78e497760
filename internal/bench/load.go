package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connection is a client of HTTP/1.1 that does as little as possible, so that the server is what is measured.
type connection struct {
	net.Conn
	buf []byte
}

func dial(address string) (*connection, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, buf: make([]byte, 16<<10)}, nil
}

// roundTrip sends a request and returns the body of its answer, which lives until the next call. An answer
// that is not 200 is an error.
func (c *connection) roundTrip(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	have := 0
	end := -1
	length := 0
	for end < 0 || have < end+length {
		if have == len(c.buf) {
			c.buf = append(c.buf, make([]byte, max(have, end+length-have))...)
		}
		n, err := c.Read(c.buf[have:])
		if err != nil {
			return nil, err
		}
		have += n
		if end < 0 {
			if end, length, err = readHead(c.buf[:have]); err != nil {
				return nil, err
			}
		}
	}
	body := c.buf[end : end+length]
	if !bytes.HasPrefix(c.buf, []byte("HTTP/1.1 200 ")) {
		return nil, fmt.Errorf("%s answered %q", c.RemoteAddr(), c.buf[:end+length])
	}
	return body, nil
}

// readHead finds where the header ends, -1 if it has not come whole, and how long the body is.
func readHead(b []byte) (end, length int, err error) {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return -1, 0, nil
	}
	const name = "\r\nContent-Length: "
	at := bytes.Index(b[:i], []byte(name))
	if at < 0 {
		return 0, 0, errors.New("an answer without Content-Length")
	}
	value, _, _ := bytes.Cut(b[at+len(name):i+2], []byte("\r\n"))
	length, err = strconv.Atoi(string(value))
	return i + 4, length, err
}

// load sends requests on many connections, each as soon as the one before is answered.
type load struct {
	address     string
	connections []*connection
}

func newLoad(address string, connections int) (*load, error) {
	l := &load{address: address}
	for range connections {
		c, err := dial(address)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.connections = append(l.connections, c)
	}
	return l, nil
}

func (l *load) close() error {
	var errs []error
	for _, c := range l.connections {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// run sends the requests in turn for as long as it is told and returns how many were answered per second.
func (l *load) run(requests [][]byte, d time.Duration) (perSecond float64, answered int64, err error) {
	var stop atomic.Bool
	var next, done atomic.Int64
	failed := make([]error, len(l.connections))
	begin := time.Now()
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	var wait sync.WaitGroup
	for i, c := range l.connections {
		wait.Go(func() {
			own := int64(0)
			for at := i * 61; !stop.Load() && failed[i] == nil; at++ {
				own++
				if own%256 == 0 {
					next.Add(1) // keeps connections from walking the requests in step
				}
				_, failed[i] = c.roundTrip(requests[(at+int(next.Load()))%len(requests)])
			}
			done.Add(own)
		})
	}
	wait.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), done.Load(), errors.Join(failed...)
}

// latencies sends the requests one after the other and returns how long each took.
func (c *connection) latencies(requests [][]byte, n int) ([]time.Duration, error) {
	out := make([]time.Duration, n)
	for i := range out {
		begin := time.Now()
		if _, err := c.roundTrip(requests[i%len(requests)]); err != nil {
			return nil, err
		}
		out[i] = time.Since(begin)
	}
	return out, nil
}

func median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
