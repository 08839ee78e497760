// Package files finds templates among files and gives what they declare.
//
// Callers may rely on this: a file that can't be parsed is an ERROR that names it, and hides no other; files
// that are no templates are passed over in silence, unless they were named; what is read of one file, and how
// deep directories are, is bounded.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/cloudformation"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/terraform"
)

// Standard is the name that stands for standard input.
const Standard = "-"

// maxTemplate is CloudFormation's quota for the body of a template; maxPlan bounds plans.
const (
	maxTemplate = 1_000_000
	maxPlan     = 64 << 20
	maxPaths    = 100_000
)

// ErrNone says that no template was found where somebody looked for some.
var ErrNone = errors.New("no template was found")

// Source reads templates. It implements audit.Source.
type Source struct {
	templates []one
	overlay   map[string]string
}

// With is the source of one template of these, as if a file of it held another text. Of Terraform it is all
// configurations, since a file can be a part of several.
func (s *Source) With(path, text string) *Source {
	for _, t := range s.templates {
		if t.path == path && !t.directory {
			t.text, t.named = []byte(text), true
			return &Source{templates: []one{t}}
		}
	}
	out := &Source{overlay: map[string]string{path: text}}
	for _, t := range s.templates {
		if t.directory {
			out.templates = append(out.templates, t)
		}
	}
	return out
}

// one is a template to read: a file, or a directory of Terraform.
type one struct {
	path      string
	directory bool
	named     bool // by the caller
	text      []byte
}

// Find looks for templates in files and directories; Standard reads one from input.
func Find(paths []string, input io.Reader) (*Source, error) {
	s := &Source{}
	var terraformDirectories []string
	for _, path := range paths {
		if path == Standard {
			text, err := io.ReadAll(io.LimitReader(input, maxPlan+1))
			if err != nil {
				return nil, err
			}
			s.templates = append(s.templates, one{path: "standard input", named: true, text: text})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if strings.HasSuffix(path, ".tf") {
				terraformDirectories = append(terraformDirectories, filepath.Dir(path))
				continue
			}
			s.templates = append(s.templates, one{path: path, named: true})
			continue
		}
		found, err := s.walk(path)
		if err != nil {
			return nil, err
		}
		terraformDirectories = append(terraformDirectories, found...)
	}
	s.addDirectories(terraformDirectories)
	if len(s.templates) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNone, strings.Join(paths, ", "))
	}
	return s, nil
}

// addDirectories leaves out the modules that others call.
func (s *Source) addDirectories(paths []string) {
	slices.Sort(paths)
	paths = slices.Compact(paths)
	called := terraform.Modules(paths)
	roots := 0
	for _, path := range paths {
		if !called[filepath.Clean(path)] {
			s.templates = append(s.templates, one{path: path, directory: true})
			roots++
		}
	}
	if roots == 0 && len(paths) > 0 { // modules that call each other in a circle
		s.templates = append(s.templates, one{path: paths[0], directory: true})
	}
}

// walk finds the files below a directory that may be templates, and the directories that hold Terraform.
func (s *Source) walk(root string) (terraformDirectories []string, err error) {
	n := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		if n > maxPaths {
			return fmt.Errorf("%s holds more than %d files", root, maxPaths)
		}
		name := d.Name()
		switch {
		case d.IsDir() && path != root && (name[0] == '.' || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !d.Type().IsRegular():
		case strings.HasSuffix(name, ".tf"):
			terraformDirectories = append(terraformDirectories, filepath.Dir(path))
		case isCandidate(name):
			s.templates = append(s.templates, one{path: path})
		}
		return nil
	})
	return terraformDirectories, err
}

func isCandidate(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".template"},
		strings.ToLower(filepath.Ext(name)))
}

// Read implements audit.Source.
func (s *Source) Read(ctx context.Context, sink audit.Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, t := range s.templates {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			sets, template, found := t.read(s.overlay)
			if found {
				sink.Cases(sets)
				sink.Template(template)
			}
			return nil
		})
	}
	return group.Wait()
}

// Declared gives the tables of all templates as they are by default.
func (s *Source) Declared() []*fact.Table {
	var out []*fact.Table
	for _, t := range s.templates {
		sets, _, _ := t.read(s.overlay)
		for _, set := range sets {
			if set.Default {
				out = append(out, set.Tables...)
			}
		}
	}
	return out
}

// read gives what a template declares; found is false for a file that is none.
func (t *one) read(overlay map[string]string) (sets []*fact.Set, out fact.Template, found bool) {
	if t.directory {
		sets, out = terraform.Read(t.path, overlay)
		return sets, out, true
	}
	text, err := t.content()
	if err != nil {
		return nil, t.failed(err), true
	}
	plan := bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && terraform.IsPlan(text)
	switch {
	case plan:
		set, err := terraform.ReadPlan(t.path, text)
		if err != nil {
			return nil, t.failed(err), true
		}
		out = fact.Template{Path: t.path, Format: "terraform-plan", Tables: len(set.Tables),
			Keys: len(set.Keys)}
		return []*fact.Set{set}, out, true
	case !t.named && !cloudformation.IsTemplate(text):
		return nil, out, false
	case len(text) > maxTemplate:
		return nil, t.failed(fmt.Errorf("%d bytes; a template has at most %d", len(text), maxTemplate)), true
	}
	sets, out = cloudformation.Read(t.path, text)
	return sets, out, true
}

// content reads a file. Of a large one that nobody named, only as much as tells whether it is a template.
func (t *one) content() ([]byte, error) {
	if t.text != nil {
		if len(t.text) > maxPlan {
			return nil, fmt.Errorf("more than %d bytes", maxPlan)
		}
		return t.text, nil
	}
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPlan+1))
	if err == nil && len(text) > maxPlan {
		err = fmt.Errorf("more than %d bytes", maxPlan)
	}
	return text, err
}

func (t *one) failed(err error) fact.Template {
	return fact.Template{Path: t.path, Format: "unknown", Problem: &fact.Problem{
		Kind: fact.Failed, Action: "reading the template", Message: err.Error(),
	}}
}
