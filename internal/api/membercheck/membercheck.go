// Package membercheck finds members of inputs that a service forgot.
//
// Callers may rely on this: when Check returns no findings, then every member of every input that the service
// takes, at any depth, is read somewhere in the service's own non-test source through a value of that
// member's own structure, or it is listed as unsupported, in which case the service refuses it at run time
// (api.RefuseUnsupported). A member of the same name in another structure does not count, and neither does
// writing to a member.
//
// What it cannot see: that the code which reads a member runs for the operation in question. A structure that
// two operations share is checked once for both. And it does not follow values into other packages, so a
// member that only they read, such as through a generic function of another package whose result type is
// inferred, must be selected in the service.
package membercheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
)

// Config names what to check. Folders are relative to the test's own.
type Config struct {
	Service    string // the folder of the service package
	Shapes     string // the folder of the generated package
	ShapesPath string // its import path
	Operations []api.OperationInfo
	// Served are the operations that the service answers.
	Served []string
	// Unsupported are the members that it refuses, by operation, as dotted paths. A path covers what is below
	// it.
	Unsupported map[string][]string
}

// Finding is a member that is neither read nor refused, or an entry of Unsupported that is wrong.
type Finding struct {
	Operation string
	Member    string // the dotted path
	Problem   string
}

func (f Finding) String() string { return f.Operation + ": " + f.Member + " " + f.Problem }

// Check returns the findings in the order of the operations and members.
func Check(c Config) ([]Finding, error) {
	files := token.NewFileSet()
	shapes, err := checkShapes(files, c)
	if err != nil {
		return nil, err
	}
	selected, err := selections(files, c, shapes)
	if err != nil {
		return nil, err
	}
	check := &checker{shapes: shapes, selected: selected}
	for _, name := range slices.Sorted(slices.Values(c.Served)) {
		at := slices.IndexFunc(c.Operations, func(op api.OperationInfo) bool { return op.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("no operation is called %s", name)
		}
		check.operation(name, c.Operations[at].Input, c.Unsupported[name])
	}
	for name := range c.Unsupported {
		if !slices.Contains(c.Served, name) {
			check.findings = append(check.findings,
				Finding{name, "", "is not served, and yet has unsupported members"})
		}
	}
	return check.findings, nil
}

// parse reads the non-test Go files of a folder that keep accepts.
func parse(files *token.FileSet, dir string, keep func(name string) bool) ([]*ast.File, error) {
	var parsed []*ast.File
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || !keep(filepath.Base(path)) {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
	}
	if len(parsed) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
	}
	return parsed, nil
}

// checkShapes checks the types of the generated structures alone; what they import is left unknown.
func checkShapes(files *token.FileSet, c Config) (*types.Package, error) {
	parsed, err := parse(files, c.Shapes, func(name string) bool {
		return strings.HasPrefix(name, "shapes") || strings.HasPrefix(name, "operations")
	})
	if err != nil {
		return nil, err
	}
	config := types.Config{Importer: strangers{}, Error: func(error) {}, IgnoreFuncBodies: true}
	shapes, _ := config.Check(c.ShapesPath, files, parsed, nil)
	return shapes, nil
}

// strangers imports every package as an empty one, so that a check needs no compiled dependencies: their
// types stay unknown, which only matters to a value that reaches the service through them.
type strangers struct {
	known *types.Package
}

func (s strangers) Import(path string) (*types.Package, error) {
	if s.known != nil && path == s.known.Path() {
		return s.known, nil
	}
	empty := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	empty.MarkComplete()
	return empty, nil
}

// member is a field of a generated structure.
type member struct {
	shape, field string
}

// selections are the members that the service reads.
func selections(files *token.FileSet, c Config, shapes *types.Package) (map[member]bool, error) {
	parsed, err := parse(files, c.Service, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: strangers{shapes}, Error: func(error) {}}
	_, _ = config.Check("service", files, parsed, info)
	written := assigned(parsed)
	selected := map[member]bool{}
	for expression, selection := range info.Selections {
		named := namedOf(selection.Recv())
		if selection.Kind() != types.FieldVal || named == nil || named.Obj().Pkg() != shapes ||
			written[expression] {
			continue
		}
		selected[member{named.Obj().Name(), expression.Sel.Name}] = true
	}
	return selected, nil
}

// assigned are the selectors that are written to.
func assigned(parsed []*ast.File) map[*ast.SelectorExpr]bool {
	written := map[*ast.SelectorExpr]bool{}
	for _, file := range parsed {
		ast.Inspect(file, func(n ast.Node) bool {
			if assignment, ok := n.(*ast.AssignStmt); ok {
				for _, left := range assignment.Lhs {
					if selector, ok := left.(*ast.SelectorExpr); ok {
						written[selector] = true
					}
				}
			}
			return true
		})
	}
	return written
}

func namedOf(t types.Type) *types.Named {
	if pointer, ok := t.(*types.Pointer); ok {
		t = pointer.Elem()
	}
	named, _ := t.(*types.Named)
	return named
}

type checker struct {
	shapes   *types.Package
	selected map[member]bool
	findings []Finding
}

func (k *checker) operation(name, input string, unsupported []string) {
	used := map[string]bool{}
	k.structure(name, "", input, unsupported, used, map[string]bool{})
	for _, path := range unsupported {
		if !used[path] {
			k.findings = append(k.findings,
				Finding{name, path, "is listed as unsupported, but there is no such member"})
		}
	}
}

// structure checks the members of one structure, which is reached by path.
func (k *checker) structure(
	operation, path, shape string, unsupported []string, used, above map[string]bool,
) {
	object := k.shapes.Scope().Lookup(shape)
	if object == nil || above[shape] {
		return
	}
	fields, ok := object.Type().Underlying().(*types.Struct)
	if !ok {
		return
	}
	above[shape] = true
	defer delete(above, shape)
	for field := range fields.Fields() {
		memberPath := strings.TrimPrefix(path+"."+field.Name(), ".")
		if slices.Contains(unsupported, memberPath) {
			used[memberPath] = true
			continue
		}
		if !k.selected[member{shape, field.Name()}] {
			k.findings = append(k.findings,
				Finding{operation, memberPath, "is neither read nor listed as unsupported"})
			continue
		}
		if nested := k.nested(field.Type()); nested != "" {
			k.structure(operation, memberPath, nested, unsupported, used, above)
		}
	}
}

// nested is the generated structure inside a field's type, if there is one.
func (k *checker) nested(t types.Type) string {
	for {
		switch u := t.(type) {
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		case *types.Map:
			t = u.Elem()
		case *types.Named:
			if u.Obj().Pkg() == k.shapes {
				return u.Obj().Name()
			}
			return ""
		default:
			return ""
		}
	}
}
