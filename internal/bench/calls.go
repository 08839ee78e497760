package main

import (
	"errors"
	"fmt"
)

// workload is one kind of call, compared with a constant answer of the same length.
type workload struct {
	operation string
	title     string  // what a row says of it
	target    float64 // percent of the constant answer's requests per second; 0: none
	items     int     // how many a call reads or writes, for a row with items per second; 0: none
	itemsAim  float64 // how many there should be per second; 0: no target
	bytes     bool    // whether a row shows the bytes of its answers per second
	// requests signs the calls anew: a signature is good for five minutes.
	requests func() [][]byte

	ours, constant *side
	length         int
}

// measure gives the workloads and their constant answers turns, and prints what they did.
func (b *bench) measure(in *installation, loads []*workload) (err error) {
	first := map[string][]byte{}
	for _, w := range loads {
		first[w.operation] = w.requests()[0]
	}
	answers, err := in.answers(first)
	if err != nil {
		return err
	}
	reference, err := startReference(answers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.stop()) }()
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
	for _, w := range loads {
		w.length = answers[w.operation]
		w.ours = &side{name: w.operation, server: in.server, load: toUs}
		w.constant = &side{name: w.operation + "-constant", server: reference, load: toReference}
	}
	for range b.rounds {
		for _, w := range loads {
			if err := b.turns(in, w); err != nil {
				return fmt.Errorf("%s: %w", w.operation, err)
			}
		}
	}
	for _, w := range loads {
		b.report(w)
	}
	return nil
}

func (b *bench) turns(in *installation, w *workload) error {
	requests := w.requests()
	w.constant.requests, w.ours.requests = requests, requests
	if err := w.constant.turn(b.turn); err != nil {
		return err
	}
	return b.profiled(in, w.ours)
}

func (b *bench) report(w *workload) {
	r, title := &b.results, w.title+", 64 clients, against a constant answer"
	if w.target > 0 {
		r.atLeast(title, "%", w.target, w.ours.share(w.constant))
	} else {
		r.note(title, "%", w.ours.share(w.constant))
	}
	name := "  " + w.operation + ": "
	r.note(name+"best turn against best turn", "%", w.ours.bestShare(w.constant))
	rate := median(w.ours.rates)
	r.note(name+"requests per second", "/s", rate)
	switch items := rate * float64(w.items); {
	case w.itemsAim > 0:
		r.atLeast(w.title+": items", "/s", w.itemsAim, items)
	case w.items > 0:
		r.note(name+"items per second", "/s", items)
	}
	if w.bytes {
		r.note(name+"answers", "MB/s", rate*float64(w.length)/1e6)
	}
	r.note(name+"CPU of the server per request", "µs", w.ours.cost())
	r.note(name+"CPU per constant answer", "µs", w.constant.cost())
}

// withInstallation runs a group on a server of its own.
func (b *bench) withInstallation(run func(in *installation) error) (err error) {
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
	return run(in)
}
