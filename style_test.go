package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The limits of STYLE.md.
const (
	maxFunctionLines = 70
	maxFileLines     = 600
	maxColumns       = 110
	maxTestColumns   = 140
	tabColumns       = 4
)

// A complaint is one breach of STYLE.md, with its place.
type complaint string

// checkStyle returns what is wrong with one file. Generated files keep only the rules about names.
func checkStyle(name string, source []byte) []complaint {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		return []complaint{complaint(err.Error())}
	}
	found := checkNames(name, file)
	if ast.IsGenerated(file) {
		return found
	}
	if lines := bytes.Count(source, []byte("\n")); lines > maxFileLines {
		found = append(found, complaint(fmt.Sprintf("%s has %d lines; %d is the limit", name, lines, maxFileLines)))
	}
	found = append(found, checkFunctions(files, file)...)
	if wide.MatchString(name) {
		return found
	}
	found = append(found, checkStatements(files, file)...)
	return append(found, checkWidth(files, file, name, source)...)
}

func checkNames(name string, file *ast.File) []complaint {
	var found []complaint
	switch file.Name.Name {
	case "util", "utils", "common", "helpers", "helper", "models", "manager", "types", "misc":
		found = append(found, complaint(name+": the package name "+file.Name.Name+" says nothing"))
	}
	if regexp.MustCompile(`_(phase|ext|extra|new|old|v)\d*(_test)?\.go$`).MatchString(path.Base(name)) {
		found = append(found, complaint(name+": the file name records history"))
	}
	return found
}

func checkFunctions(files *token.FileSet, file *ast.File) []complaint {
	var found []complaint
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		at := files.Position(function.Pos())
		if lines := files.Position(function.End()).Line - at.Line + 1; lines > maxFunctionLines {
			found = append(found, complaint(fmt.Sprintf("%s: %s has %d lines; %d is the limit", at, function.Name.Name, lines,
				maxFunctionLines)))
		}
		if function.Name.Name == "init" && function.Recv == nil {
			found = append(found, complaint(fmt.Sprintf("%s: no init functions", at)))
		}
	}
	return found
}

// checkStatements holds two rules: an if header declares with := or assigns err or ok, and three assignments
// are three lines.
func checkStatements(files *token.FileSet, file *ast.File) []complaint {
	var found []complaint
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			if n.Init != nil && !fitsHeader(n.Init) {
				found = append(found, complaint(fmt.Sprintf(
					"%s: an if header declares with := or assigns err or ok", files.Position(n.Pos()))))
			}
		case *ast.AssignStmt:
			if len(n.Lhs) >= 3 && len(n.Lhs) == len(n.Rhs) && !isSwap(n) {
				found = append(found, complaint(fmt.Sprintf(
					"%s: three assignments are three lines", files.Position(n.Pos()))))
			}
		}
		return true
	})
	return found
}

func fitsHeader(statement ast.Stmt) bool {
	assign, ok := statement.(*ast.AssignStmt)
	if !ok {
		return false
	}
	if assign.Tok == token.DEFINE {
		return true
	}
	return slices.ContainsFunc(assign.Lhs, func(e ast.Expr) bool {
		name, ok := e.(*ast.Ident)
		return ok && (name.Name == "err" || name.Name == "ok")
	})
}

// isSwap reports whether an assignment reads one of the names that it sets, so that it can't be three lines.
func isSwap(assign *ast.AssignStmt) bool {
	set := map[string]bool{}
	for _, e := range assign.Lhs {
		set[types.ExprString(e)] = true
	}
	reads := false
	for _, e := range assign.Rhs {
		ast.Inspect(e, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok && set[types.ExprString(e)] {
				reads = true
			}
			return !reads
		})
	}
	return reads
}

// wide are the places that do not keep to the newer rules yet: width and statements. The list only shrinks.
var wide = regexp.MustCompile(`^(e2e/|internal/service/dynamodb/.*_test\.go)`)

// checkWidth leaves out raw strings, and strings without a blank such as hexadecimal vectors: what they hold
// has a form of its own.
func checkWidth(files *token.FileSet, file *ast.File, name string, source []byte) []complaint {
	limit := maxColumns
	if strings.HasSuffix(name, "_test.go") {
		limit = maxTestColumns
	}
	raw := literalLines(files, file)
	var found []complaint
	number := 0
	for line := range strings.Lines(string(source)) {
		number++
		columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) + strings.Count(line, "\t")*(tabColumns-1)
		if columns > limit && !raw[number] {
			found = append(found, complaint(fmt.Sprintf("%s:%d has %d columns; %d is the limit", name, number, columns, limit)))
		}
	}
	return found
}

func literalLines(files *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if ok && (literal.Value[0] == '`' || len(literal.Value) > 60 && !strings.Contains(literal.Value, " ")) {
			for line := files.Position(literal.Pos()).Line; line <= files.Position(literal.End()).Line; line++ {
				lines[line] = true
			}
		}
		return true
	})
	return lines
}

func TestStyle(t *testing.T) {
	documented := map[string]bool{}
	eachGoFile(t, func(name string) {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checkStyle(name, source) {
			t.Error(c)
		}
		if !strings.HasSuffix(name, "_test.go") {
			documented[path.Dir(name)] = documented[path.Dir(name)] || hasPackageComment(name, source)
		}
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

func hasPackageComment(name string, source []byte) bool {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments|parser.PackageClauseOnly)
	return err == nil && file.Doc != nil
}

// TestStyleBites feeds the checker files that it must refuse.
func TestStyleBites(t *testing.T) {
	long := "package x\nfunc f() {\n" + strings.Repeat("\n", maxFunctionLines) + "}\n"
	for name, source := range map[string]string{
		"util/a.go":     "package util\n",
		"x/a_phase2.go": "package x\n",
		"x/long.go":     long,
		"x/huge.go":     "package x\n" + strings.Repeat("\n", maxFileLines),
		"x/init.go":     "package x\nfunc init() {}\n",
		"x/broken.go":   "package",
		"x/wide.go":     "package x\n\n// " + strings.Repeat("x", maxColumns) + "\n",
		"x/header.go":   "package x\n\nfunc f(a, b int) {\n\tif a = b; a > 0 {\n\t}\n}\n",
		"x/tuple.go":    "package x\n\nfunc f(a, b, c int) {\n\ta, b, c = 1, 2, 3\n}\n",
	} {
		if len(checkStyle(name, []byte(source))) == 0 {
			t.Errorf("%s passed", name)
		}
	}
	if found := checkStyle("x/fine.go", []byte("package x\n\nfunc f() {}\n")); len(found) > 0 {
		t.Errorf("a fine file was refused: %v", found)
	}
}
