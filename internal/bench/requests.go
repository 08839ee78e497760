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
	itemCount   = 4096
	connections = 64
)

// itemPadding makes items of 1 KB.
const itemPadding = 900

func putBody(i int) []byte {
	return fmt.Appendf(nil, `{"TableName":"%s","Item":{"Id":{"S":"customer-%06d"},"Number":{"N":"%d"},"Active":{"BOOL":true},`+
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

func getBody(i int) []byte {
	return fmt.Appendf(nil, `{"TableName":"%s","Key":{"Id":{"S":"customer-%06d"}}}`, tableName, i)
}

// installation is a server on a directory of its own, with one table of items.
type installation struct {
	*server
	sign  signer
	admin string
	puts  [][]byte
	gets  [][]byte
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
	in := &installation{server: s, admin: admin, sign: signer{region: "us-east-1", host: s.address}}
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
	in.prepare()
	for _, request := range in.puts {
		if _, err := c.roundTrip(request); err != nil {
			return err
		}
	}
	return nil
}

// prepare signs the requests anew: a signature is good for five minutes.
func (in *installation) prepare() {
	in.puts, in.gets = make([][]byte, itemCount), make([][]byte, itemCount)
	for i := range itemCount {
		in.puts[i] = in.sign.request("PutItem", putBody(i))
		in.gets[i] = in.sign.request("GetItem", getBody(i))
	}
}

// requests compares the server with one that answers a constant.
func (b *bench) requests() (err error) {
	dir, remove, err := b.workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	in, err := b.install(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.stop()) }()
	answers, err := in.answers(map[string][]byte{"GetItem": in.gets[0], "PutItem": in.puts[0]})
	if err != nil {
		return err
	}
	reference, err := startReference(answers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.stop()) }()
	if err := b.compare(in, reference); err != nil {
		return err
	}
	return b.latency(in, dir)
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

func (b *bench) compare(in *installation, reference *server) (err error) {
	toUs, err := newLoad(in.address, connections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, toUs.close()) }()
	toReference, err := newLoad(reference.address, connections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, toReference.close()) }()
	in.prepare()
	constantGet := &side{"constant-get", reference, in.gets, toReference, nil, 0, 0}
	get := &side{"GetItem", in.server, in.gets, toUs, nil, 0, 0}
	constantPut := &side{"constant-put", reference, in.puts, toReference, nil, 0, 0}
	put := &side{"PutItem", in.server, in.puts, toUs, nil, 0, 0}
	for range b.rounds {
		for _, s := range []*side{constantGet, get, constantPut, put} {
			if err := b.profiled(in, s); err != nil {
				return err
			}
		}
	}
	r := &b.results
	r.atLeast("GetItem of 1 KB, 64 clients, against a constant answer", "%", 60, get.share(constantGet))
	r.atLeast("PutItem of 1 KB, durable, 64 clients, against a constant answer", "%", 40, put.share(constantPut))
	r.note("  GetItem: best turn against best turn", "%", get.bestShare(constantGet))
	r.note("  PutItem: best turn against best turn", "%", put.bestShare(constantPut))
	r.note("  GetItem: requests per second", "/s", median(get.rates))
	r.note("  PutItem: requests per second", "/s", median(put.rates))
	r.note("  GetItem: CPU of the server per request", "µs", get.cost())
	r.note("  PutItem: CPU of the server per request", "µs", put.cost())
	r.note("  constant answer to GetItem: CPU per request", "µs", constantGet.cost())
	r.note("  constant answer to PutItem: CPU per request", "µs", constantPut.cost())
	b.putCost, b.getCost = put.cost(), get.cost()
	return nil
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
	answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", in.admin, max(1, int(d.Seconds()))))
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
