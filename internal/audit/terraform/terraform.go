// Package terraform reads what Terraform configurations and plans declare of tables and keys.
//
// Callers may rely on this: nothing is run and nothing outside the given directories is read; variables have
// their defaults and the values of *.tfvars files, and each choice that a variable makes is evaluated on its
// own; what depends on something that is only known after an apply is unknown, never a guess; time and memory
// are bounded whatever the files hold, and a file that can't be parsed is named.
package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// The bounds of what is read and evaluated.
const (
	MaxFile      = 4 << 20 // bytes of one file
	maxFiles     = 500     // of one directory
	maxDepth     = 8       // of modules in modules
	maxInstances = 256     // of one resource with count or for_each
	maxCases     = 24      // evaluations of one configuration
	maxBlocks    = 20_000  // resources that are evaluated in one case
)

// OwnAccount stands for the account in which a template is deployed, which no template knows.
const OwnAccount = "111111111111"

// directory is the parsed files of one module.
type directory struct {
	path   string
	bodies []*hclsyntax.Body
	lines  map[string][]string // of each file, for comments
	broken []string
}

// loader parses each directory once.
type loader struct {
	parsed  map[string]*directory
	overlay map[string]string // texts that stand for those of files
}

func (l *loader) load(path string) (*directory, error) {
	path = filepath.Clean(path)
	if d := l.parsed[path]; d != nil {
		return d, nil
	}
	names, err := filepath.Glob(filepath.Join(escapeGlob(path), "*.tf"))
	if err != nil {
		return nil, err
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("the directory holds %d files; %d is the limit", len(names), maxFiles)
	}
	d := &directory{path: path, lines: map[string][]string{}}
	for _, name := range names {
		if err := d.add(name, l.overlay); err != nil {
			d.broken = append(d.broken, err.Error())
		}
	}
	l.parsed[path] = d
	return d, nil
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func readBounded(name string, overlay map[string]string) ([]byte, error) {
	if text, ok := overlay[name]; ok {
		return []byte(text), nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("%s: %d bytes; %d is the limit", name, info.Size(), MaxFile)
	}
	return os.ReadFile(name)
}

func (d *directory) add(name string, overlay map[string]string) error {
	text, err := readBounded(name, overlay)
	if err != nil {
		return err
	}
	if deep(text) {
		return fmt.Errorf("%s: brackets are nested too deeply", name)
	}
	file, diagnostics := hclsyntax.ParseConfig(text, name, hcl.Pos{Line: 1, Column: 1})
	if diagnostics.HasErrors() {
		return fmt.Errorf("%s", firstLine(diagnostics.Error()))
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		d.bodies = append(d.bodies, body)
		d.lines[name] = strings.Split(string(text), "\n")
	}
	return nil
}

// maxNesting bounds brackets, since parsers recur on them.
const maxNesting = 400

// deep reports whether brackets are nested so deeply that only a hostile file would do so. Text in strings
// counts too, which does no harm.
func deep(text []byte) bool {
	depth := 0
	for _, c := range text {
		switch c {
		case '{', '[', '(':
			depth++
			if depth > maxNesting {
				return true
			}
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
	}
	return false
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// blocks are all blocks of a type.
func (d *directory) blocks(kind string) []*hclsyntax.Block {
	var out []*hclsyntax.Block
	for _, body := range d.bodies {
		for _, b := range body.Blocks {
			if b.Type == kind {
				out = append(out, b)
			}
		}
	}
	return out
}

// Modules lists the directories that configurations among these call as local modules: they are evaluated
// with their callers' arguments, not on their own.
func Modules(paths []string) map[string]bool {
	out := map[string]bool{}
	l := &loader{parsed: map[string]*directory{}}
	for _, path := range paths {
		d, err := l.load(path)
		if err != nil {
			continue
		}
		for _, b := range d.blocks("module") {
			if source, ok := localSource(d, b); ok {
				out[source] = true
			}
		}
	}
	return out
}

// localSource is the directory of a module that is called by a relative path.
func localSource(d *directory, b *hclsyntax.Block) (string, bool) {
	attribute := b.Body.Attributes["source"]
	if attribute == nil {
		return "", false
	}
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.Type() != cty.String || !value.IsKnown() || value.IsNull() {
		return "", false
	}
	source := value.AsString()
	if !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../") {
		return "", false
	}
	return filepath.Clean(filepath.Join(d.path, source)), true
}

// Read evaluates the configuration in a directory once for each choice that its variables make. The first set
// is what it does by default.
//
// Overlay holds texts that stand for those of files, by their paths; it may be nil.
func Read(path string, overlay map[string]string) ([]*fact.Set, fact.Template) {
	out := fact.Template{Path: path, Format: "terraform"}
	l := &loader{parsed: map[string]*directory{}, overlay: overlay}
	root, err := l.load(path)
	if err != nil {
		out.Problem = &fact.Problem{Kind: fact.Failed, Action: "reading the template", Message: err.Error()}
		return nil, out
	}
	if len(root.broken) > 0 {
		out.Problem = &fact.Problem{
			Kind: fact.Failed, Action: "reading the template", Message: strings.Join(root.broken, "; "),
		}
	}
	var sets []*fact.Set
	for _, c := range casesOf(root) {
		m := &module{loader: l, directory: root, inputs: c.values, budget: new(int), root: root}
		*m.budget = maxBlocks
		m.set = &fact.Set{Account: OwnAccount, Source: path, Case: c.when, Default: c.byDefault}
		m.evaluate(0)
		m.state(path)
		sets = append(sets, m.set)
		out.Notes = append(out.Notes, m.notes...)
	}
	slices.Sort(out.Notes)
	out.Notes = slices.Compact(out.Notes)
	if len(sets) > 0 {
		out.Tables, out.Keys = len(sets[0].Tables), len(sets[0].Keys)
	}
	return sets, out
}

// oneCase is one choice of variables.
type oneCase struct {
	values    map[string]cty.Value
	when      string
	byDefault bool
}

// casesOf flips each variable that is a choice: true and false, given and null. Others keep their defaults.
func casesOf(root *directory) []oneCase {
	values := defaults(root)
	maps := []oneCase{{values: values, when: "the defaults", byDefault: true}}
	for _, b := range root.blocks("variable") {
		if len(b.Labels) != 1 || len(maps) >= maxCases {
			continue
		}
		name := b.Labels[0]
		for _, other := range alternatives(b, values[name]) {
			flipped := map[string]cty.Value{}
			for k, v := range values {
				flipped[k] = v
			}
			flipped[name] = other
			maps = append(maps, oneCase{values: flipped, when: "var." + name + " = " + shown(other)})
		}
	}
	return maps
}

func shown(v cty.Value) string {
	switch {
	case !v.IsKnown():
		return "some value"
	case v.IsNull():
		return "null"
	case v.Type() == cty.Bool && v.True():
		return "true"
	case v.Type() == cty.Bool:
		return "false"
	}
	return "another value"
}

func alternatives(b *hclsyntax.Block, value cty.Value) []cty.Value {
	isBool := value.Type() == cty.Bool || typeName(b) == "bool"
	switch {
	case isBool && !value.IsKnown():
		return []cty.Value{cty.True, cty.False}
	case isBool && !value.IsNull():
		return []cty.Value{value.Not()}
	case value.IsKnown() && value.IsNull():
		return []cty.Value{cty.UnknownVal(cty.String)}
	}
	return nil
}

func typeName(b *hclsyntax.Block) string {
	if a := b.Body.Attributes["type"]; a != nil {
		return hcl.ExprAsKeyword(a.Expr)
	}
	return ""
}

// defaults are the values of the root's variables: the defaults, and what terraform.tfvars and *.auto.tfvars
// say.
func defaults(root *directory) map[string]cty.Value {
	out := map[string]cty.Value{}
	for _, b := range root.blocks("variable") {
		if len(b.Labels) != 1 {
			continue
		}
		out[b.Labels[0]] = cty.DynamicVal
		if a := b.Body.Attributes["default"]; a != nil {
			if v, diagnostics := a.Expr.Value(nil); !diagnostics.HasErrors() {
				out[b.Labels[0]] = v
			}
		}
	}
	files := []string{filepath.Join(root.path, "terraform.tfvars")}
	if more, err := filepath.Glob(filepath.Join(escapeGlob(root.path), "*.auto.tfvars")); err == nil {
		files = append(files, more...)
	}
	for _, name := range files {
		for k, v := range tfvars(name) {
			if _, declared := out[k]; declared {
				out[k] = v
			}
		}
	}
	return out
}

func tfvars(name string) map[string]cty.Value {
	info, err := os.Stat(name)
	if err != nil || info.Size() > MaxFile {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil || deep(text) {
		return nil
	}
	file, diagnostics := hclsyntax.ParseConfig(text, name, hcl.Pos{Line: 1, Column: 1})
	if diagnostics.HasErrors() {
		return nil
	}
	attributes, _ := file.Body.JustAttributes()
	out := map[string]cty.Value{}
	for k, a := range attributes {
		if v, diagnostics := a.Expr.Value(nil); !diagnostics.HasErrors() {
			out[k] = v
		}
	}
	return out
}
