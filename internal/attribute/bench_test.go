package attribute

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/strictjson"
)

// orderJSON is an item of about 1.1 KB (1.3 KB of JSON) as an application has them, in no order.
func orderJSON() []byte {
	var b strings.Builder
	b.WriteString(
		`{"pk":{"S":"CUSTOMER#0000004711"},"sk":{"S":"ORDER#2026-04-01T12:34:56.789Z"},"total":{"N":"1234.56"},"paid":{"BOOL":true},`,
	)
	b.WriteString(`"note":{"S":"` + strings.Repeat("Leave it with the neighbours. ", 12) + `"},"version":{"N":"17"},`)
	b.WriteString(
		`"address":{"M":{"street":{"S":"Königsallee 1"},"city":{"S":"Düsseldorf"},"zip":{"S":"40212"},"geo":{"L":[{"N":"51.2254"},{"N":"6.7763"}]}}},`,
	)
	b.WriteString(`"tags":{"SS":["gift","fragile","express"]},"lines":{"L":[`)
	for i := range 4 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"M":{"sku":{"S":"SKU-%08d"},"qty":{"N":"%d"},"price":{"N":"%d.99"}}}`, i*7919, i+1, 20*i)
	}
	b.WriteString(`]},"digest":{"B":"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="},"deleted":{"NULL":true},"blob":{"S":"` +
		strings.Repeat("x", 220) + `"}}`)
	return []byte(b.String())
}

func readItem(t testing.TB, json string) Item {
	t.Helper()
	it, err := ReadItem(strictjson.NewReader([]byte(json)), nil)
	if err != nil {
		t.Fatalf("%.200s: %v", json, err)
	}
	return it
}

func BenchmarkReadItem(b *testing.B) {
	json := orderJSON()
	var r strictjson.Reader
	var buf []byte
	b.SetBytes(int64(len(json)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(json)
		it, err := ReadItem(&r, buf[:0])
		if err != nil {
			b.Fatal(err)
		}
		buf = it
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	it := readItem(b, string(orderJSON()))
	buf := it.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = it.AppendJSON(buf[:0])
	}
}

func BenchmarkGet(b *testing.B) {
	it := readItem(b, string(orderJSON()))
	b.ReportAllocs()
	for b.Loop() {
		if it.Get("version") == nil {
			b.Fatal("absent")
		}
	}
}

func BenchmarkSize(b *testing.B) {
	it := readItem(b, string(orderJSON()))
	b.ReportAllocs()
	for b.Loop() {
		it.Size()
	}
}

func BenchmarkCheckItem(b *testing.B) {
	it := readItem(b, string(orderJSON()))
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckItem(it); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	x, _ := ParseNumber([]byte("1234567.89"))
	y, _ := ParseNumber([]byte("-0.1"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Add(x, y); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoAllocations keeps the promise of the package comment.
func TestNoAllocations(t *testing.T) {
	json := orderJSON()
	it := readItem(t, string(json))
	var r strictjson.Reader
	buf, text := make([]byte, 0, 4*len(json)), make([]byte, 0, 4*len(json))
	for name, f := range map[string]func(){
		"ReadItem": func() {
			r.Reset(json)
			if _, err := ReadItem(&r, buf); err != nil {
				t.Error(err)
			}
		},
		"AppendJSON": func() { it.AppendJSON(text) },
		"Get":        func() { it.Get("version") },
		"At":         func() { it.Value().At([]Step{{Name: "lines"}, {Index: 2, IsIndex: true}, {Name: "sku"}}) },
		"Size":       func() { it.Size() },
		"CheckItem":  func() { _ = CheckItem(it) },
		"Compare":    func() { Compare(it.Get("pk"), it.Get("sk")) },
		"AppendKey":  func() { AppendKey(text, it.Get("pk")) },
	} {
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
