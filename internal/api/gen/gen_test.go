package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTheTreeIsUpToDate generates everything in memory and compares it with the packages beside the generator.
func TestTheTreeIsUpToDate(t *testing.T) {
	base := ".."
	files, err := generateAll(filepath.Join(base, "models"))
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(base, files); err != nil {
		t.Error(err)
	}
}

// TestCompareBites changes, removes and adds a file, and expects each to be found.
func TestCompareBites(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{"aapi/read_gen.go": []byte("a"), "aapi/form_gen.go": []byte("b")}
	if err := write(dir, files); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, files); err != nil {
		t.Errorf("just written: %v", err)
	}
	for name, spoil := range map[string]func() error{
		"changed": func() error { return os.WriteFile(filepath.Join(dir, "aapi/read_gen.go"), []byte("x"), 0o600) },
		"removed": func() error { return os.Remove(filepath.Join(dir, "aapi/form_gen.go")) },
		"stale":   func() error { return os.WriteFile(filepath.Join(dir, "aapi/gone_gen.go"), nil, 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if compare(dir, files) == nil {
			t.Errorf("%s: not found", name)
		}
		if err := write(dir, files); err != nil {
			t.Fatal(err)
		}
		if err := compare(dir, files); err != nil {
			t.Errorf("%s: not repaired: %v", name, err)
		}
	}
}

func TestUnknownTraitsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.json")
	text := `{"metadata":{},"operations":{},"shapes":{"A":{"type":"list","member":{"shape":"B"},"flattened":true}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadModel(path); err == nil {
		t.Error("a trait that the generator does not know was ignored")
	}
}

// TestPatterns compares translated patterns with examples, and the matchers without expressions with the expressions.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, yes, no string
	}{
		{`[a-zA-Z0-9_.-]+`, "a.B-9_", ""},
		{`^[a-zA-Z0-9:/_-]+$`, "alias/x", "a b"},
		{`\p{Print}+`, "a b", "\t"},
		{`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`, "a\n𝄞", "\x01"},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/a/", "a"},
		{`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, "v1", "12"},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a-b", "a--b"},
		{`[0-9A-Za-z\.\-_]*(?<!\.)`, "3.1", "3."},
		{`(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`, "systemx", "system.x"},
	} {
		e, err := translate(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if !matches(e, c.yes) || matches(e, c.no) {
			t.Errorf("%s became %+v", c.pattern, e)
		}
	}
}

func matches(e expression, s string) bool {
	whole := regexp.MustCompile(`\A(?:` + e.text + `)\z`).MatchString(s)
	return whole && (e.absent == "" || !regexp.MustCompile(e.absent).MatchString(s))
}
