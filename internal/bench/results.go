package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"text/tabwriter"
)

// figure is one row: what was measured, and what it should be at least or at most.
type figure struct {
	name, unit       string
	bound            string // "at least", "at most", or empty where there is no target
	target, measured float64
}

type results struct{ figures []figure }

func (r *results) atLeast(name, unit string, target, measured float64) {
	r.figures = append(r.figures, figure{name, unit, "at least", target, measured})
}

func (r *results) atMost(name, unit string, target, measured float64) {
	r.figures = append(r.figures, figure{name, unit, "at most", target, measured})
}

// note adds a figure without a target.
func (r *results) note(name, unit string, measured float64) {
	r.figures = append(r.figures, figure{name: name, unit: unit, measured: measured})
}

// ratio is how far the target is reached: 1 is just so, more is better.
func (f figure) ratio() float64 {
	if f.bound == "at least" {
		return f.measured / f.target
	}
	return f.target / max(f.measured, 1e-9)
}

func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "%s/%s, %d CPUs, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		runtime.Version())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\ttarget\tmeasured\tratio\treached")
	for _, f := range r.figures {
		if f.bound == "" {
			fmt.Fprintf(table, "%s\t\t%s\t\t\n", f.name, show(f.measured, f.unit))
			continue
		}
		reached := "yes"
		if f.ratio() < 1 {
			reached = "NO"
		}
		fmt.Fprintf(table, "%s\t%s %s\t%s\t%s\t%s\n", f.name, f.bound, show(f.target, f.unit),
			show(f.measured, f.unit), showRatio(f.ratio()), reached)
	}
	_ = table.Flush()
}

func showRatio(ratio float64) string {
	if ratio > 99 {
		return ">99"
	}
	return fmt.Sprintf("%.2f", ratio)
}

func show(value float64, unit string) string {
	digits := 2
	switch {
	case value >= 100 || value == float64(int64(value)):
		digits = 0
	case value >= 10:
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + unit
}
