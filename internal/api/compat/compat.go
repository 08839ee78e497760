// Package compat writes docs/compat.md: which operation of which service works.
//
// Callers may rely on this: every operation of the models is in the page exactly once, whether a service
// mentions it or not. One that no service mentions is refused. A table that names an operation which the
// model does not have, or one twice, is an error, so that the page cannot promise what does not exist.
package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
)

// Status says how far an operation works.
type Status string

// The statuses. A refused operation is answered with HTTP 400 and an error that says so.
const (
	Supported Status = "supported"
	Partial   Status = "partial"
	Refused   Status = "refused"
)

// Support is one line of a service's table.
type Support struct {
	Operation string
	Status    Status
	Missing   string // what does not work, in a few words; required when Status is Partial
}

// Service is the table of one service.
type Service struct {
	Info    api.ServiceInfo
	Support []Support
}

const introduction = `# What works

Every operation of the services that Sealtable speaks, from the service models. This page is generated from the tables in the
source that the server itself answers by; do not edit it.

**supported**: every member of the request is honoured, or refused as AWS refuses it. **partial**: what is missing is refused with
HTTP 400 and a message that names it. **refused**: the operation is answered with HTTP 400. Nothing is ignored in silence.
`

// Append appends the page. The services stand in the given order and their operations by name.
func Append(dst []byte, services []Service) ([]byte, error) {
	tables := make([][]Support, len(services))
	dst = append(dst, introduction...)
	dst = append(dst, "\n| service | API version | supported | partial | refused "+
		"|\n|---|---|---|---|---|\n"...)
	for i, s := range services {
		var err error
		if tables[i], err = s.complete(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Info.Name, err)
		}
		count := map[Status]int{}
		for _, line := range tables[i] {
			count[line.Status]++
		}
		dst = fmt.Appendf(dst, "| [%s](#%s) | %s | %d | %d | %d |\n", s.Info.FullName,
			anchor(s.Info.FullName), s.Info.APIVersion,
			count[Supported], count[Partial], count[Refused])
	}
	for i, s := range services {
		dst = appendTable(dst, s.Info, tables[i])
	}
	return dst, nil
}

// anchor is the fragment that Markdown renderers give a heading.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }

func appendTable(dst []byte, info api.ServiceInfo, table []Support) []byte {
	dst = fmt.Appendf(dst, "\n## %s\n\n| operation | status | missing |\n|---|---|---|\n", info.FullName)
	for _, line := range table {
		dst = fmt.Appendf(dst, "| %s | %s | %s |\n", line.Operation, line.Status, cell(line.Missing))
	}
	return dst
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

// complete checks the table and adds the operations that it does not mention.
func (s Service) complete() ([]Support, error) {
	given := map[string]Support{}
	for _, line := range s.Support {
		if _, twice := given[line.Operation]; twice {
			return nil, fmt.Errorf("%s is listed twice", line.Operation)
		}
		if !slices.Contains([]Status{Supported, Partial, Refused}, line.Status) {
			return nil, fmt.Errorf("%s has the status %q", line.Operation, line.Status)
		}
		if (line.Status == Partial) != (line.Missing != "") && line.Status != Refused {
			return nil, fmt.Errorf("%s: exactly a partial operation says what is missing", line.Operation)
		}
		given[line.Operation] = line
	}
	table := make([]Support, 0, len(s.Info.Operations))
	for _, op := range s.Info.Operations {
		line, ok := given[op.Name]
		if !ok {
			line = Support{Operation: op.Name, Status: Refused}
		}
		delete(given, op.Name)
		table = append(table, line)
	}
	for name := range given {
		return nil, fmt.Errorf("the model has no operation %s", name)
	}
	slices.SortFunc(table, func(a, b Support) int { return strings.Compare(a.Operation, b.Operation) })
	return table, nil
}
