package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The limits of STYLE.md.
const (
	maxFunctionLines = 70
	maxFileLines     = 600
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
	return append(found, checkFunctions(files, file)...)
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
			found = append(found, complaint(fmt.Sprintf("%s: %s has %d lines; %d is the limit", at, function.Name.Name, lines, maxFunctionLines)))
		}
		if function.Name.Name == "init" && function.Recv == nil {
			found = append(found, complaint(fmt.Sprintf("%s: no init functions", at)))
		}
	}
	return found
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
	} {
		if len(checkStyle(name, []byte(source))) == 0 {
			t.Errorf("%s passed", name)
		}
	}
	if found := checkStyle("x/fine.go", []byte("package x\n\nfunc f() {}\n")); len(found) > 0 {
		t.Errorf("a fine file was refused: %v", found)
	}
}
