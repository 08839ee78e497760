package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// start measures how soon `sealtable dev` prints its exports, and what it holds while nobody asks.
func (b *bench) start() error {
	var ready, resident []float64
	for range b.rounds {
		cmd := exec.Command(b.binary, "dev", "--listen", "127.0.0.1:0")
		begin := time.Now()
		p, err := startProcess(cmd, cmd.StdoutPipe)
		if err != nil {
			return err
		}
		if err := p.await(func(line string) bool { return strings.HasPrefix(line, "unset ") }); err != nil {
			return err
		}
		ready = append(ready, milliseconds(time.Since(begin)))
		time.Sleep(300 * time.Millisecond) // what it does behind the exports is over
		resident = append(resident, p.resident())
		if err := p.stop(); err != nil {
			return err
		}
	}
	b.results.atMost("dev: time until the exports are printed", "ms", 150, median(ready))
	b.results.atMost("dev: resident memory at rest", "MB", 60, median(resident))
	return nil
}

// tablesPerRegion is under DynamoDB's quota of tables of an account in a region.
const tablesPerRegion = 2500

// manyTables makes many empty tables and starts the server again over them.
func (b *bench) manyTables() (err error) {
	dir, remove, err := b.workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	s, err := startServe(b.binary, dir)
	if err != nil {
		return err
	}
	begin := time.Now()
	err = createTables(s.address, dir, b.tables)
	b.results.note(fmt.Sprintf("  making %d tables, each", b.tables), "ms",
		milliseconds(time.Since(begin))/float64(b.tables))
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	return b.restart(dir)
}

func (b *bench) restart(dir string) error {
	begin := time.Now()
	s, err := startServe(b.binary, dir)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	time.Sleep(300 * time.Millisecond)
	r, name := &b.results, fmt.Sprintf("%d empty tables: ", b.tables)
	r.atMost(name+"restart", "s", 2, took.Seconds())
	r.atMost(name+"resident memory", "MB", 200, s.resident())
	closed := s.descriptors()
	r.note("  "+name+"open descriptors", "", closed)
	opened := min(b.tables, 200)
	if err := openTables(s.address, dir, opened); err != nil {
		return errors.Join(err, s.stop())
	}
	r.atMost("open descriptors for each open table", "", 2, (s.descriptors()-closed)/float64(opened))
	return s.stop()
}

// openTables stores an item in each of the first tables.
func openTables(address, dir string, n int) error {
	id, secret, err := readCredentials(dir)
	if err != nil {
		return err
	}
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	sign := signer{id: id, secret: secret, host: address, region: regionOf(0)}
	for i := range n {
		body := fmt.Appendf(nil, `{"TableName":"%s","Item":{"Id":{"S":"one"}}}`, nameOf(i))
		if _, err := c.roundTrip(sign.request("PutItem", body)); err != nil {
			return err
		}
	}
	return nil
}

func nameOf(i int) string { return fmt.Sprintf("Table-%06d", i) }

func regionOf(i int) string { return fmt.Sprintf("us-east-%d", 1+i/tablesPerRegion) }

func createTables(address, dir string, n int) error {
	id, secret, err := readCredentials(dir)
	if err != nil {
		return err
	}
	const workers = 8
	failed := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			c, err := dial(address)
			if err != nil {
				failed[w] = err
				return
			}
			defer func() { _ = c.Close() }()
			for i := w; i < n && failed[w] == nil; i += workers {
				sign := signer{id: id, secret: secret, host: address, region: regionOf(i)}
				_, failed[w] = c.roundTrip(sign.request("CreateTable", createBody(nameOf(i), false)))
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// createBody is a request for a table, under the managed KMS key of the account or under the installation's
// own.
func createBody(name string, managed bool) []byte {
	var body bytes.Buffer
	fmt.Fprintf(&body,
		`{"TableName":"%s","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"Id","AttributeType":"S"}],`+
			`"KeySchema":[{"AttributeName":"Id","KeyType":"HASH"}]`, name)
	if managed {
		body.WriteString(`,"SSESpecification":{"Enabled":true,"SSEType":"KMS"}`)
	}
	body.WriteByte('}')
	return body.Bytes()
}
