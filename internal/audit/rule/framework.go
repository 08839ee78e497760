package rule

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/audit"
)

//go:embed frameworks.csv
var frameworksCSV string

//go:embed mappings.csv
var mappingsCSV string

// allMappings reads the two lists: which controls there are, and which rules say something about them.
var allMappings = sync.OnceValue(func() map[string][]audit.Mapping {
	titles := map[string]string{}
	for _, r := range records(frameworksCSV) {
		titles[strings.Join(r[:3], "|")] = r[3]
	}
	out := map[string][]audit.Mapping{}
	for _, r := range records(mappingsCSV) {
		for control := range strings.SplitSeq(r[4], ";") {
			out[r[0]] = append(out[r[0]], audit.Mapping{
				Framework: r[1], Version: r[2], Control: control, Strength: audit.Strength(r[3]),
				Title: titles[r[1]+"|"+r[2]+"|"+control],
			})
		}
	}
	return out
})

// records reads one of the built-in lists; a test holds that they can be read.
func records(text string) [][]string {
	out, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(out) == 0 {
		return nil
	}
	return out[1:]
}

func mappingsOf(id string) []audit.Mapping { return allMappings()[id] }

// Frameworks lists the names of the frameworks that rules are mapped to, with their versions.
func Frameworks() []string {
	var out []string
	for _, mappings := range allMappings() {
		for _, m := range mappings {
			out = append(out, m.Framework+" "+m.Version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FindFramework finds the one framework that a user means: its full name, or the beginning of just one, in
// any case.
func FindFramework(name string) (string, error) {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))
	}
	var fitting []string
	for _, f := range Frameworks() {
		if plain(f) == plain(name) {
			return f, nil
		}
		if strings.Contains(plain(f), plain(name)) {
			fitting = append(fitting, f)
		}
	}
	if len(fitting) == 1 {
		return fitting[0], nil
	}
	return "", fmt.Errorf("%q is not one framework; there are: %s", name, strings.Join(Frameworks(), ", "))
}
