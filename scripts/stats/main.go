// Command stats prints what can be counted of the style of a tree: lengths of functions and files, widths of
// lines, headers of if statements that assign, and words of comments. Run it before and after a large change:
//
//	go run ./scripts/stats [DIR]
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// counted are words whose share of the words of comments says how a code base speaks.
var counted = []string{"returns", "reports", "says", "behind"}

type stats struct {
	functions, files, widths []int
	headers                  int
	words                    int
	seen                     map[string]int
}

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	s := &stats{seen: map[string]int{}}
	if err := filepath.WalkDir(dir, s.visit); err != nil {
		fmt.Fprintln(os.Stderr, "stats:", err)
		os.Exit(1)
	}
	s.print()
}

func (s *stats) visit(name string, d fs.DirEntry, err error) error {
	if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return err
	}
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil || ast.IsGenerated(file) {
		return err
	}
	s.files = append(s.files, strings.Count(string(source), "\n"))
	for line := range strings.Lines(string(source)) {
		s.widths = append(s.widths, len([]rune(strings.TrimSuffix(line, "\n")))+3*strings.Count(line, "\t"))
	}
	s.countDeclarations(files, file)
	s.countWords(file)
	return nil
}

func (s *stats) countDeclarations(files *token.FileSet, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.functions = append(s.functions, files.Position(n.End()).Line-files.Position(n.Pos()).Line+1)
		case *ast.IfStmt:
			if assign, ok := n.Init.(*ast.AssignStmt); ok && assign.Tok != token.DEFINE {
				s.headers++
			}
		}
		return true
	})
}

func (s *stats) countWords(file *ast.File) {
	for _, group := range file.Comments {
		for _, word := range strings.Fields(group.Text()) {
			s.words++
			s.seen[strings.ToLower(strings.Trim(word, ".,:;()"))]++
		}
	}
}

func (s *stats) print() {
	fmt.Printf("files      %d, lines median %d, p90 %d, max %d\n", len(s.files),
		quantile(s.files, 50), quantile(s.files, 90), quantile(s.files, 100))
	fmt.Printf("functions  %d, lines median %d, p95 %d, max %d\n", len(s.functions),
		quantile(s.functions, 50), quantile(s.functions, 95), quantile(s.functions, 100))
	fmt.Printf("columns    p95 %d, p99 %d, max %d\n", quantile(s.widths, 95), quantile(s.widths, 99),
		quantile(s.widths, 100))
	fmt.Printf("if headers that assign without declaring: %d\n", s.headers)
	for _, word := range counted {
		fmt.Printf("%-8s %5.1f per thousand words of comments\n", word,
			1000*float64(s.seen[word])/float64(max(s.words, 1)))
	}
}

func quantile(values []int, percent int) int {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)*percent/100]
}
