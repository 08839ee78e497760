package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func accept(document string) error {
	r := NewReader([]byte(document))
	if _, err := r.ReadRaw(); err != nil {
		return err
	}
	return r.End()
}

// TestConformance follows the grammar of RFC 8259, section by section.
func TestConformance(t *testing.T) {
	for _, document := range []string{
		`null`, `true`, `false`, ` null `, "\t\n\r null\t\n\r ", `{}`, `[]`, `{ }`, `[ ]`, `""`, `0`, // sections 2 and 3
		`{"a":1}`, `{"a":1,"b":2}`, `{ "a" : 1 , "b" : { } }`, `{"":0}`, `{"a":1,"a":2}`, // 4
		`[1]`, `[1,2]`, `[ 1 , [ ] , { } , "x" , null ]`, // 5
		`-0`, `0`, `10`, `-1`, `0.0`, `1.50`, `1e5`, `1E5`, `1e+5`, `1e-05`, `0e0`, `-0.0e-0`, `123456789012345678901234567890`,
		// 6
		`"\"\\\/\b\f\n\r\t"`, `"\u0000\u00e9\uD83D\uDE00"`, "\"\u007f\u00a0é😀\u2028\"", `"\uFFFF"`,
		`"aaaaaaaaaaaaaaaaaaaaaaaa\u0041"`, // 7
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	} {
		if err := accept(document); err != nil {
			t.Errorf("%.80q: %v", document, err)
		}
	}
	for _, document := range []string{
		``, ` `, `nul`, `NULL`, `True`, `truee`, `nulll`, `null null`, "\v1", "\u00a01", "\ufeff1", `/**/1`, `undefined`, `NaN`,
		`Infinity`, `-Infinity`,
		`{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{"a":1,,"b":2}`, `{a:1}`, `{'a':1}`, `{1:1}`,
		`{"a"::1}`, `{"a":1]`, `{"a":1}}`, `{null:1}`,
		`[`, `]`, `[1,]`, `[,1]`, `[1 2]`, `[1,,2]`, `[1}`, `[1]]`, `[,]`, `[:]`,
		`+1`, `01`, `-`, `-a`, `1.`, `.5`, `1.e5`, `1e`, `1e+`, `0x1`, `1_0`, `--1`, `00`, `-01`, `1e1.5`, `１`, `1a`,
		`"`, `"a`, `"\"`, `"\a"`, `"\u"`, `"\u123"`, `"\u123g"`, `"\U0041"`, `"\x41"`, `'a'`, "\"\n\"", "\"\t\"", "\"\x00\"",
		"\"\x1f\"", "\"aaaaaaaa\x1f\"", `"\`,
		"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\\n\xff\"",
		"\"aaaaaaaaa\xffaaaaaaaaa\"",
		`"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800\u0041"`, `"\ud800a"`, `"\udc00\ud800"`, `"\ud83d\u"`, "{\"\xff\":1}",
		`{"\ud800":1}`,
		strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), strings.Repeat(`{"a":`,
			MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1),
	} {
		var syntax *SyntaxError
		if err := accept(document); !errors.As(err, &syntax) || syntax.Offset > len(document) || syntax.Reason == "" {
			t.Errorf("%.80q: %v", document, err)
		}
	}
}

// TestStrings reads strings of every length around the eight bytes that are looked at together, with one odd byte at each place.
func TestStrings(t *testing.T) {
	for length := range 27 {
		for at := range length {
			for _, odd := range []string{`\\`, `\"`, `\n`, `é`, `\u0001`, `😀`, "\x7f", " "} {
				text := strings.Repeat("a", at) + odd + strings.Repeat("b", length-at-1)
				var want string
				if err := json.Unmarshal([]byte(`"`+text+`"`), &want); err != nil {
					t.Fatal(err)
				}
				got, err := NewReader([]byte(`"` + text + `"`)).ReadString()
				if err != nil || string(got) != want {
					t.Fatalf("%s reads as %q, %v", text, got, err)
				}
				var again string
				if err := json.Unmarshal(AppendString(nil, want), &again); err != nil || again != want {
					t.Fatalf("%q is written %s", want, AppendString(nil, want))
				}
			}
			for _, c := range []byte{0, 1, 0x1f, '"'} {
				text := []byte(strings.Repeat("a", length) + `"`)
				text[at] = c
				if err := accept(`"` + string(text)); err == nil {
					t.Fatalf("%q is accepted", text)
				}
			}
		}
	}
}

func TestTyped(t *testing.T) {
	for document, want := range map[string]string{
		`1`: "", `-9223372036854775808`: "", `9223372036854775808`: "byte 0: found 0 where a Long was expected",
		`1.0`:  "byte 0: found 0 where a Long was expected",
		` 1.0`: "byte 1: found 0 where a Long was expected",
		`1e2`:  "byte 0: found 0 where a Long was expected", `"1"`: "byte 0: found \" where a Long was expected",
		`[`:     "byte 0: found [ where a Long was expected",
		` true`: "byte 1: found t where a Long was expected", ``: "malformed JSON at byte 0: a value is missing",
		`-`: "malformed JSON at byte 1: a number needs a digit",
	} {
		got := ""
		if _, err := NewReader([]byte(document)).ReadInt(64); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s as a Long: %q, want %q", document, got, want)
		}
	}
	var wrong *TypeError
	if _, err := NewReader([]byte(`2147483648`)).ReadInt(32); !errors.As(err, &wrong) || wrong.Want != "Integer" ||
		wrong.Text != "2147483648" {
		t.Errorf("an Integer of 33 bits: %v", err)
	}
	if _, err := NewReader([]byte(`1e999`)).ReadFloat(); !errors.As(err, &wrong) || wrong.Want != "Double" {
		t.Errorf("a Double of 1e999: %v", err)
	}
	if f, err := NewReader([]byte(` -1.5e1`)).ReadFloat(); err != nil || f != -15 {
		t.Errorf("-1.5e1 is %v, %v", f, err)
	}
}

// TestReused: a Reader that is Reset remembers nothing but its memory, and the result of ReadString lives until the next.
func TestReused(t *testing.T) {
	var r Reader
	r.Reset([]byte(`[["a\n`))
	if _, err := r.ReadRaw(); err == nil {
		t.Fatal("cut JSON is accepted")
	}
	r.Reset([]byte(`{"a\u0062":"c\td","e":[]}`))
	if err := r.BeginObject(); err != nil || r.Depth() != 1 {
		t.Fatal(err, r.Depth())
	}
	if name, ok, err := r.NextName(); string(name) != "ab" || !ok || err != nil {
		t.Fatalf("%q, %v, %v", name, ok, err)
	}
	if s, err := r.ReadString(); string(s) != "c\td" || err != nil {
		t.Fatalf("%q, %v", s, err)
	}
	if _, ok, err := r.NextName(); !ok || err != nil || r.BeginArray() != nil {
		t.Fatal(ok, err)
	}
	if ok, err := r.NextElement(); ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, ok, err := r.NextName(); ok || err != nil || r.End() != nil || r.Depth() != 0 {
		t.Fatal(ok, err)
	}
}

func TestAppend(t *testing.T) {
	out := AppendName([]byte{'{'}, "a\"")
	out = AppendBase64(out, []byte{0, 1})
	out = AppendName(out, "b")
	out = AppendFloat(out, 1e21)
	if want := `{"a\"":"AAE=","b":1000000000000000000000`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
	if got := string(AppendString(nil,
		[]byte("\x00\x1f\"\\\n\r\t\b\x7fé/<"))); got != `"\u0000\u001f\"\\\n\r\t\u0008`+"\x7f"+`é/<"` {
		t.Errorf("got %s", got)
	}
}

func TestNoAllocations(t *testing.T) {
	document := []byte(`{"Name":"` + strings.Repeat("x", 100) + `","List":[1,2.5,true,null,{"a":"é"}],"Escaped":"a\n\u00e9"}`)
	var r Reader
	text := strings.Repeat("y", 50) + "\n\"é"
	dst := make([]byte, 0, 256)
	for name, f := range map[string]func(){
		"reading": func() {
			r.Reset(document)
			if _, err := r.ReadRaw(); err != nil {
				t.Error(err)
			}
		},
		"writing a string": func() { AppendString(dst, text) },
		"writing bytes":    func() { AppendString(dst, document) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// FuzzReader compares with encoding/json, which takes invalid UTF-8, lone surrogates and 10,000 levels. Nothing else may differ.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"x\u00e9",null,true,{}]}`, `"\ud83d\ude00"`, ` [ ] `, `"\ud800"`, "\"\xff\"",
		`[1,]`, `{"a":1,}`, `01`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		err := accept(string(document))
		valid := json.Valid(document)
		var syntax *SyntaxError
		switch {
		case err == nil && !valid:
			t.Errorf("%q is accepted", document)
		case err != nil && !errors.As(err, &syntax):
			t.Errorf("%q: %v", document, err)
		case err != nil && valid && !allowed(syntax.Reason, document):
			t.Errorf("%q is refused: %v", document, err)
		case err == nil && !utf8.Valid(document):
			t.Errorf("%q is not UTF-8", document)
		case err == nil:
			sameStrings(t, document)
		}
	})
}

func allowed(reason string, document []byte) bool {
	switch reason {
	case "a string is not valid UTF-8":
		return !utf8.Valid(document)
	case "a surrogate has no partner":
		return strings.Contains(strings.ToLower(string(document)), `\ud`)
	}
	return reason == "nested too deep" && strings.Count(string(document), "[")+strings.Count(string(document), "{") > MaxDepth
}

// sameStrings compares the value of a document that is one string.
func sameStrings(t *testing.T, document []byte) {
	var want string
	r := NewReader(document)
	if r.Kind() != String || json.Unmarshal(document, &want) != nil {
		return
	}
	if got, err := r.ReadString(); err != nil || string(got) != want {
		t.Errorf("%q reads as %q, %v", document, got, err)
	}
}
