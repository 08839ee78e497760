package attribute

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGolden reads vectors that never change: the bytes are on disk. Each line is JSON, hexadecimal, size.
func TestGolden(t *testing.T) {
	file, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	vectors := 0
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		vectors++
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 {
			t.Fatalf("%s: not three fields", line)
		}
		want, err := hex.DecodeString(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		it := readItem(t, fields[0])
		if !bytes.Equal(it, want) {
			t.Errorf("%s\n got %x\nwant %x", fields[0], []byte(it), want)
		}
		if got := string(Item(want).AppendJSON(nil)); got != fields[0] {
			t.Errorf("%x is written %s, want %s", want, got, fields[0])
		}
		if got := fmt.Sprint(Item(want).Size()); got != fields[2] {
			t.Errorf("%s has size %s, want %s", fields[0], got, fields[2])
		}
		if err := CheckItem(want); err != nil {
			t.Errorf("%s: %v", fields[0], err)
		}
	}
	if vectors < 10 {
		t.Errorf("only %d vectors", vectors)
	}
}

// TestWorkedExample keeps the example of docs/format/item.md true.
func TestWorkedExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/format/item.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(page), "## Example")
	if !ok {
		t.Fatal("the page has no example")
	}
	_, example, _ = strings.Cut(example, "```json\n")
	json, example, _ := strings.Cut(example, "\n```")
	_, example, _ = strings.Cut(example, "```\n")
	listing, _, _ := strings.Cut(example, "\n```")
	var dump strings.Builder
	for line := range strings.Lines(listing) {
		bytes, _, _ := strings.Cut(line, "  ")
		dump.WriteString(strings.ReplaceAll(bytes, " ", ""))
	}
	if got := hex.EncodeToString(readItem(t, json)); got != dump.String() {
		t.Errorf("%s is\n%s, the page says\n%s", json, got, dump.String())
	}
}

func TestCheckRefuses(t *testing.T) {
	for name, b := range map[string]string{
		"nothing":                    "",
		"another version":            "2600",
		"no tag":                     "10",
		"unknown tag":                "1b00",
		"a value that is no item":    "1178",
		"no count":                   "16",
		"count not minimal":          "168000",
		"count too long":             "1680808080808000",
		"count above entries":        "1601",
		"count below entries":        "1600017802117a",
		"bytes behind":               "160000",
		"entry cut":                  "1601017803117a",
		"length not minimal":         "160181007802117a",
		"name not UTF-8":             "160101ff02117a",
		"names out of order":         "1602017902117a017802117a",
		"name twice":                 "1602017802117a017802117a",
		"empty value":                "1601017800",
		"string not UTF-8":           "160101780211ff",
		"boolean 2":                  "160101780214 02",
		"boolean without payload":    "160101780114",
		"null with payload":          "16010178021500",
		"number without bytes":       "160101780112",
		"number ends with zeros":     "1601017804 12c10201",
		"number starts with zeros":   "1601017804 12c10102",
		"number with pair 100":       "1601017803 12c165",
		"negative without end":       "1601017803 123efd",
		"negative zero":              "1601017803 127fff",
		"39 digits":                  "1601017816 12d3" + strings.Repeat("0c", 19) + "0c",
		"empty set":                  "160101780218 00",
		"set members out of order":   "16010178081802 021179 021178",
		"set member twice":           "16010178081802 021178 021178",
		"set member of another type": "16010178051801 0212c1",
		"set member is a set":        "16010178051801 021800",
		"list element cut":           "16010178041701 0511",
		"nested too deep":            hex.EncodeToString(deep(33)),
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(b, " ", ""))
		if err != nil {
			t.Fatal(name, err)
		}
		if CheckItem(raw) == nil {
			t.Errorf("%s: %x is accepted", name, raw)
		}
		touch(raw)
	}
	if err := CheckItem(deep(32)); err != nil {
		t.Errorf("32 levels: %v", err)
	}
}

// deep is an item of n maps.
func deep(n int) Item {
	it := Item{M.tag(), 0}
	for range n - 1 {
		var b Builder
		b.Set("", it.Value())
		it = b.Item()
	}
	return it
}

// touch calls every accessor. None may panic, whatever the bytes.
func touch(b []byte) {
	v := Value(b)
	_ = v.Text()
	_ = v.Bool()
	_ = v.Number().String()
	_ = v.Len()
	_ = v.Size()
	_ = v.Depth()
	_ = v.Index(1)
	_ = v.Item().Get("x")
	_, _ = v.At([]Step{{Name: "x"}, {Index: 1, IsIndex: true}}), v.Contains(String("x"))
	_, _ = AppendJSON(nil, v), Item(v).AppendJSON(nil)
	_, _ = Compare(v, String("x")), Equal(v, v)
	_, _ = Union(v, v), Difference(v, Value{SS.tag(), 1, 2, S.tag(), 'x'})
	_, _ = AppendKey(nil, v), AppendKeyPart(nil, v)
	_, _ = v.Number().Int64()
	tree := Item(v).Tree()
	_ = tree.Set([]Step{{Name: "x"}, {Name: "y"}}, Null())
	_ = tree.Remove([]Step{{Name: "x"}, {Index: 0, IsIndex: true}})
	_, _ = tree.Item(), tree.Get([]Step{{Name: "x"}})
	for _, kind := range []Kind{S, N, B} {
		_, _ = ReadKey(kind, b)
	}
}

func FuzzCheckItem(f *testing.F) {
	f.Add([]byte(readItem(f, string(orderJSON()))))
	f.Add([]byte(deep(32)))
	f.Add([]byte{0x16, 1, 1, 'x', 3, 0x12, 0xc1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		touch(b)
		if CheckItem(b) != nil {
			return
		}
		again, err := ReadItem(strictReader(Item(b).AppendJSON(nil)), nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is accepted but reads as %x, %v", b, []byte(again), err)
		}
	})
}
