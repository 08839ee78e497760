package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// store runs the benchmarks of the store, which are tests because only a test can open one without
// encryption.
func (b *bench) store() (err error) {
	dir, remove, err := b.workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1x",
		"github.com/sealtable/sealtable/internal/bench")
	cmd.Env = append(os.Environ(), "TMPDIR="+absolute(dir))
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test: %w: %s", err, output)
	}
	b.reportStore(parseMetrics(output))
	return nil
}

// metrics are what benchmarks reported, as "Benchmark/metric".
type metrics map[string]float64

// parseMetrics reads the output of `go test -bench`: a name, a count, then values and their units.
func parseMetrics(output []byte) metrics {
	found := metrics{}
	for line := range bytes.Lines(output) {
		fields := strings.Fields(string(line))
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				found[name+"/"+fields[i+1]] = value
			}
		}
	}
	return found
}

func (b *bench) reportStore(m metrics) {
	r := &b.results
	putMore := m["SealingPut/more-us"] + m["SealingJournal/more-us"]
	getMore := m["SealingCached/more-us"]
	if b.putCost > 0 && b.getCost > 0 {
		r.atMost("encryption: CPU of a durable PutItem", "%", 5, share(putMore, b.putCost))
		r.atMost("encryption: CPU of a cached GetItem", "%", 5, share(getMore, b.getCost))
	}
	r.note("  encryption: CPU of a durable write, in the store alone", "%",
		share(putMore, m["SealingPut/plain-us"]))
	r.note("  encryption: CPU of a durable write", "µs", putMore)
	r.note("  encryption: CPU of a cached read, in the store alone", "%",
		share(getMore, m["SealingCached/plain-us"]))
	r.atMost("encryption: CPU of a read that misses the block cache", "µs", 6, m["SealingMiss/more-us"])
	r.atLeast("64 writers over 1000 tables, against one table", "%", 70, m["ManyTables/share-%"])
	r.note("  64 writers over 1000 tables: durable writes", "/s", m["ManyTables/many/s"])
	r.atMost("transaction of 10 rows over 5 tables: syncs", "", 1.01, m["Transactions/alone-syncs"])
	r.note("  the same with 16 writers: syncs", "", m["Transactions/busy-syncs"])
	r.atLeast("transaction of 10 rows over 5 tables, per core", "/s", 6000, m["Transactions/tx/s/core"])
}

// share is a part of a whole without it, in percent.
func share(part, whole float64) float64 { return 100 * max(part, 0) / max(whole-part, 1e-9) }
