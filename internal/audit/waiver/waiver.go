// Package waiver mutes findings that somebody decided to live with.
//
// Callers may rely on this: a waiver without a reason and a day on which it ends is refused; an expired one
// mutes nothing, and one that fits nothing is warned of, so that a forgotten waiver never hides a new fault;
// only failing findings are muted, never an ERROR.
package waiver

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sealtable/sealtable/internal/audit"
)

// Waiver is one entry of a file of waivers. Rule, Resource, Account and Region may hold * and ?; empty ones
// fit all.
type Waiver struct {
	Rule     string
	Resource string
	Account  string
	Region   string
	Tag      string // KEY or KEY=VALUE of the table
	Reason   string
	Expires  time.Time
	Approver string
	Source   string // file:line
}

// maxFile bounds how much of a file is read.
const maxFile = 4 << 20

// Read reads a file of waivers: a list of them under `waivers`.
func Read(name string, r io.Reader) ([]Waiver, error) {
	var document yaml.Node
	err := yaml.NewDecoder(io.LimitReader(r, maxFile)).Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	list, err := entries(&document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []Waiver
	for _, node := range list {
		w, err := parse(node)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, node.Line, err)
		}
		w.Source = fmt.Sprintf("%s:%d", name, node.Line)
		out = append(out, w)
	}
	return out, nil
}

func entries(document *yaml.Node) ([]*yaml.Node, error) {
	shape := errors.New("a file of waivers is one list, under the name waivers")
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, shape
	}
	top := document.Content[0]
	if len(top.Content) != 2 || top.Content[0].Value != "waivers" ||
		top.Content[1].Kind != yaml.SequenceNode {
		return nil, shape
	}
	return top.Content[1].Content, nil
}

func parse(node *yaml.Node) (Waiver, error) {
	var w Waiver
	if node.Kind != yaml.MappingNode {
		return w, errors.New("a waiver is a mapping")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if err := w.set(node.Content[i].Value, node.Content[i+1].Value); err != nil {
			return w, err
		}
	}
	switch {
	case w.Rule == "":
		return w, errors.New("a waiver names a rule")
	case strings.TrimSpace(w.Reason) == "":
		return w, errors.New("a waiver has a reason")
	case w.Expires.IsZero():
		return w, errors.New("a waiver has a day on which it ends: expires: YYYY-MM-DD")
	}
	return w, nil
}

func (w *Waiver) set(name, value string) error {
	for member, place := range map[string]*string{
		"rule": &w.Rule, "resource": &w.Resource, "account": &w.Account, "region": &w.Region, "tag": &w.Tag,
		"reason":   &w.Reason,
		"approver": &w.Approver,
	} {
		if member == name {
			*place = value
			if _, err := path.Match(value, ""); err != nil && name != "reason" {
				return fmt.Errorf("%s: %q is not a pattern", name, value)
			}
			return nil
		}
	}
	if name != "expires" {
		return fmt.Errorf("a waiver has no member %q", name)
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, value); err == nil {
			if layout == time.DateOnly {
				at = at.AddDate(0, 0, 1) // it ends with the day
			}
			w.Expires = at
			return nil
		}
	}
	return fmt.Errorf("expires: %q is not a day: write YYYY-MM-DD", value)
}

// Apply mutes what waivers and the suppressions of templates name, adds warnings to the report and counts
// anew.
func Apply(r *audit.Report, waivers []Waiver, now time.Time) {
	tags := tagsOf(r)
	for i := range r.Findings {
		muteInline(&r.Findings[i])
	}
	for i := range waivers {
		w := &waivers[i]
		if !now.Before(w.Expires) {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the waiver of %s expired on %s and mutes "+
				"nothing", w.Source, w.Rule,
				w.Expires.Add(-time.Second).UTC().Format(time.DateOnly)))
			continue
		}
		used := false
		for j := range r.Findings {
			f := &r.Findings[j]
			if (f.Status == audit.Fail || f.Status == audit.Conditional || f.Status == audit.Muted) &&
				w.fits(f, tags) {
				expires := w.Expires
				f.Mute(&audit.Waiver{Reason: w.Reason, Expires: &expires, Approver: w.Approver,
					Source: w.Source})
				used = true
			}
		}
		if !used {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the waiver of %s fits no failing finding",
				w.Source, w.Rule))
		}
	}
	r.Sort()
	r.Summarise()
}

func tagsOf(r *audit.Report) map[audit.Subject]map[string]string {
	out := map[audit.Subject]map[string]string{}
	for i := range r.Tables {
		out[audit.SubjectOfTable(&r.Tables[i])] = r.Tables[i].Tags.Value
	}
	return out
}

func (w *Waiver) fits(f *audit.Finding, tags map[audit.Subject]map[string]string) bool {
	about := &f.Resource
	return fits(w.Rule, f.Rule) && fits(w.Account, about.Account) && fits(w.Region, about.Region) &&
		(w.Tag == "" || tagged(w.Tag, tags[audit.SubjectOf(about)])) &&
		(w.Resource == "" || fits(w.Resource, about.Table) || fits(w.Resource, about.Key) || fits(w.Resource,
			about.ARN) ||
			fits(w.Resource, about.Address) || fits(w.Resource, about.File))
}

// fits matches * and ? over anything but "/", as shells do; an ARN is matched as a whole when it is written
// as a whole.
func fits(pattern, value string) bool {
	if pattern == "" || pattern == value {
		return true
	}
	ok, err := path.Match(pattern, value)
	return err == nil && ok && value != ""
}

func tagged(want string, tags map[string]string) bool {
	key, value, hasValue := strings.Cut(want, "=")
	got, ok := tags[key]
	return ok && (!hasValue || fits(value, got))
}
