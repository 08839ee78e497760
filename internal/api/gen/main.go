// Command gen writes the shapes of every service from the service models.
//
// Callers may rely on this: the same models give the same bytes, and a model that uses a trait which the
// generator does not know is refused instead of being generated without it.
//
//	go run ./internal/api/gen          writes the packages beside it
//	go run ./internal/api/gen -check   exits 1 when they differ from what it would write
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// service is one model and the package made from it.
type service struct {
	file    string
	pkg     string
	invalid string // the code of validation errors
	// clientSide generates the client's half as well, the writing of inputs and the reading of outputs, for
	// tests, benchmarks and calls to other installations.
	clientSide bool
}

func services() []service {
	return []service{
		{"dynamodb-2012-08-10", "dynamodbapi", "ValidationException", true},
		{"dynamodbstreams-2012-08-10", "dynamodbstreamsapi", "ValidationException", true},
		{"kms-2014-11-01", "kmsapi", "ValidationException", true},
		{"sts-2011-06-15", "stsapi", "ValidationError", false},
		{"iam-2010-05-08", "iamapi", "ValidationError", false},
		{"cloudformation-2010-05-15", "cloudformationapi", "ValidationError", false},
		{"lambda-2015-03-31", "lambdaapi", "ValidationException", false},
		{"account-2021-02-01", "accountapi", "ValidationException", false},
	}
}

func main() {
	root := flag.String("root", ".", "the module's root folder")
	check := flag.Bool("check", false, "write nothing; exit 1 when the generated packages are not up to date")
	flag.Parse()
	base := filepath.Join(*root, "internal", "api")
	files, err := generateAll(filepath.Join(base, "models"))
	if err == nil && *check {
		err = compare(base, files)
	} else if err == nil {
		err = write(base, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// generateAll returns the generated files by their paths below internal/api.
func generateAll(models string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, s := range services() {
		m, err := loadModel(filepath.Join(models, s.file+".json"))
		if err != nil {
			return nil, err
		}
		if err := generate(s, m, files); err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
	}
	return files, nil
}

func write(base string, files map[string][]byte) error {
	stale, err := staleFiles(base, files)
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(filepath.Join(base, path)); err != nil {
			return err
		}
	}
	for _, path := range sortedKeys(files) {
		target := filepath.Join(base, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, files[path]) {
			continue
		}
		if err := os.WriteFile(target, files[path], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare names every generated file that is missing, stale or different.
func compare(base string, files map[string][]byte) error {
	wrong, err := staleFiles(base, files)
	if err != nil {
		return err
	}
	for _, path := range sortedKeys(files) {
		if old, err := os.ReadFile(filepath.Join(base, path)); err != nil || !bytes.Equal(old, files[path]) {
			wrong = append(wrong, path)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not up to date, run make gen: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// staleFiles are generated files that the generator would not write any more.
func staleFiles(base string, files map[string][]byte) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(base, "*", "*_gen.go"))
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, path := range found {
		relative, err := filepath.Rel(base, path)
		if err != nil {
			return nil, err
		}
		if _, ok := files[filepath.ToSlash(relative)]; !ok {
			stale = append(stale, filepath.ToSlash(relative))
		}
	}
	return stale, nil
}
