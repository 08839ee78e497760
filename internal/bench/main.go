// Command bench measures the figures of the design and prints each beside its target. `make bench` runs it;
// docs/benchmarks.md says what every row is and how to read it.
//
// Readers may rely on this: all figures of a table come from one run; what is compared was measured in turns,
// and the median of the turns is shown; and the server that is measured is the one that is shipped, with
// encryption, signatures, policies and the trail at work.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == referenceArgument {
		exit(serveReference(os.Args[2:]))
	}
	b := &bench{}
	var only string
	flag.StringVar(&b.binary, "sealtable", "bin/sealtable", "the program to measure")
	flag.StringVar(&b.dir, "dir", ".", "a directory on the disk to measure; it is left as it was")
	flag.StringVar(&only, "run", "", "measure only the groups whose name this regular expression matches: "+
		groupNames())
	flag.IntVar(&b.rounds, "rounds", 5, "how many turns each side of a comparison gets")
	flag.DurationVar(&b.turn, "turn", time.Second, "how long a turn lasts")
	flag.IntVar(&b.tables, "tables", 10_000, "how many empty tables the group tables makes")
	flag.StringVar(&b.profile, "profile", "", "write CPU profiles of the server under load into this "+
		"directory")
	flag.Parse()
	exit(b.run(only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench is one run.
type bench struct {
	binary  string
	dir     string
	rounds  int
	turn    time.Duration
	tables  int
	profile string
	results results

	getCost, putCost float64 // CPU of a whole request in microseconds, once measured
}

// group is figures that are measured together.
type group struct {
	name string
	run  func(*bench) error
}

func groups() []group {
	return []group{
		{"requests", (*bench).requests},
		{"keys", (*bench).keys},
		{"decisions", (*bench).decisions},
		{"items", (*bench).items},
		{"store", (*bench).store},
		{"start", (*bench).start},
		{"tables", (*bench).manyTables},
		{"binary", (*bench).size},
	}
}

func groupNames() string {
	names := ""
	for _, g := range groups() {
		names += " " + g.name
	}
	return names[1:]
}

func (b *bench) run(only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range groups() {
		if !wanted.MatchString(g.name) {
			continue
		}
		begin := time.Now()
		fmt.Fprintf(os.Stderr, "measuring %s ", g.name)
		if err := g.run(b); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.name, err))
		}
		fmt.Fprintf(os.Stderr, "(%.0f s)\n", time.Since(begin).Seconds())
	}
	b.results.print(os.Stdout)
	return errors.Join(errs...)
}

// workDir makes a directory on the disk to be measured.
func (b *bench) workDir() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(b.dir, ".bench-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// size measures the binary.
func (b *bench) size() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.results.atMost("size of the binary", "MB", 45, float64(info.Size())/1e6)
	return nil
}
