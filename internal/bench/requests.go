package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	tableName   = "Benchmark"
	connections = 64
)

// itemPadding makes items of 1 KB.
const itemPadding = 900

func putBody(i int) string {
	return fmt.Sprintf(`{"TableName":"%s","Item":{"Id":{"S":"customer-%06d"},"Number":{"N":"%d"},"Active":{"BOOL":true},`+
		`"Tags":{"SS":["one","two","three"]},"Where":{"M":{"City":{"S":"Basel"},"Zip":{"N":"4051"}}},"Text":{"S":"%s"}}}`,
		tableName, i, i*7, padding(i))
}

// padding is text that does not compress to nothing.
func padding(i int) string {
	var b strings.Builder
	for x := uint32(i)*2654435761 + 1; b.Len() < itemPadding; x = x*1664525 + 1013904223 {
		fmt.Fprintf(&b, "%08x ", x)
	}
	return b.String()[:itemPadding]
}

func getBody(i int) string {
	return fmt.Sprintf(`{"TableName":"%s","Key":{"Id":{"S":"customer-%06d"}}}`, tableName, i)
}

// installation is a server on a directory of its own, with one table of items.
type installation struct {
	*server
	sign  signer
	admin string
	dir   string
}

func (b *bench) install(dir string) (*installation, error) {
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var flags []string
	if b.profile != "" {
		flags = append(flags, "--admin-listen", admin)
	}
	s, err := startServe(b.binary, dir, flags...)
	if err != nil {
		return nil, err
	}
	in := &installation{server: s, dir: dir, admin: admin, sign: signer{region: "us-east-1", host: s.address}}
	if in.sign.id, in.sign.secret, err = readCredentials(dir); err == nil {
		err = in.fill()
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return in, nil
}

// fill makes the table and its items.
func (in *installation) fill() error {
	c, err := dial(in.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.roundTrip(in.sign.request("CreateTable", createBody(tableName, true))); err != nil {
		return err
	}
	for _, request := range in.puts()() {
		if _, err := c.roundTrip(request); err != nil {
			return err
		}
	}
	return nil
}

func (in *installation) puts() func() [][]byte { return in.calls("PutItem", putBody) }

// requests compares the server with one that answers a constant.
func (b *bench) requests() error {
	return b.withInstallation(func(in *installation) error {
		get := &workload{operation: "GetItem", title: "GetItem of 1 KB", target: 60,
			requests: in.calls("GetItem", getBody)}
		put := &workload{operation: "PutItem", title: "PutItem of 1 KB, durable", target: 40,
			requests: in.puts()}
		if err := b.measure(in, []*workload{get, put}); err != nil {
			return err
		}
		b.getCost, b.putCost = get.ours.cost(), put.ours.cost()
		return b.latency(in)
	})
}

// answers is how long the answers to these requests are.
func (in *installation) answers(requests map[string][]byte) (lengths, error) {
	c, err := dial(in.address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	found := lengths{}
	for operation, request := range requests {
		body, err := c.roundTrip(request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		found[operation] = len(body)
	}
	return found, nil
}

// side is one server under one kind of request.
type side struct {
	name     string
	server   *server
	requests [][]byte
	load     *load
	rates    []float64
	cpu      time.Duration
	answered int64
}

func (s *side) turn(d time.Duration) error {
	before := s.server.cpu()
	rate, answered, err := s.load.run(s.requests, d)
	s.rates = append(s.rates, rate)
	s.cpu += s.server.cpu() - before
	s.answered += answered
	return err
}

// cost is the server's CPU time for one request, in microseconds.
func (s *side) cost() float64 { return float64(s.cpu.Microseconds()) / float64(max(s.answered, 1)) }

// share is the median, over the turns, of how many of the reference's requests per second this side had.
func (s *side) share(reference *side) float64 {
	shares := make([]float64, len(s.rates))
	for i := range shares {
		shares[i] = 100 * s.rates[i] / reference.rates[i]
	}
	return median(shares)
}

// bestShare compares the best turns of both: closer to what a machine at rest would show.
func (s *side) bestShare(reference *side) float64 {
	return 100 * slices.Max(s.rates) / slices.Max(reference.rates)
}

// profiled gives a side its turn, and with -profile takes a profile of ours meanwhile.
func (b *bench) profiled(in *installation, s *side) error {
	if b.profile == "" || s.server != in.server {
		return s.turn(b.turn)
	}
	saved := make(chan error, 1)
	go func() { saved <- in.saveProfile(filepath.Join(b.profile, s.name+".pprof"), b.turn) }()
	return errors.Join(s.turn(b.turn+200*time.Millisecond), <-saved)
}

func (in *installation) saveProfile(path string, d time.Duration) (err error) {
	answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", in.admin,
		max(1, int(d.Seconds()))))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, answer.Body)
	return errors.Join(err, file.Close())
}
