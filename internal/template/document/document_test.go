package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestParse runs testdata/parse. "parse" prints the tree as JSON, with warnings; "places" prints the place of
// every node; \t and \0 in the input stand for the characters.
func TestParse(t *testing.T) {
	datadriven.RunTest(t, "testdata/parse", func(t *testing.T, d *datadriven.TestData) string {
		input := strings.NewReplacer(`\t`, "\t", `\0`, "\x00", `\xff`, "\xff").Replace(d.Input)
		doc, err := Parse([]byte(input))
		if err != nil {
			return err.Error() + "\n"
		}
		var out strings.Builder
		for _, w := range doc.Warnings {
			fmt.Fprintf(&out, "warning: %s: %s\n", w.Pos, w.Message)
		}
		if d.Cmd == "places" {
			places(&out, "", doc.Root)
			return out.String()
		}
		return out.String() + string(doc.Root.AppendJSON(nil)) + "\n"
	})
}

func places(out *strings.Builder, path string, n *Node) {
	fmt.Fprintf(out, "%d:%d %s %s\n", n.Pos.Line, n.Pos.Column, n.Kind, path)
	for i, item := range n.Items {
		places(out, fmt.Sprintf("%s/%d", path, i), item)
	}
	for _, e := range n.Entries {
		places(out, fmt.Sprintf("%s/%s@%d:%d", path, e.Key, e.Pos.Line, e.Pos.Column), e.Value)
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"json nesting":            {strings.Repeat(`{"a":`, 5000), "nested deeper than 100 levels"},
		"yaml nesting":            {"x: " + strings.Repeat(`[`, 5000) + strings.Repeat("]", 5000), "nested deeper than 100 levels"},
		"yaml nesting beyond all": {"x: " + strings.Repeat(`{a: `, 20000), "YAML not well-formed"},
		"too large":               {"a: " + strings.Repeat("x", MaxBytes), "Member must have length less than or equal to 1048576"},
		"bomb":                    {"a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n", "YAML aliases are not allowed"},
		"bomb in a key":           {"a: &a x\n? *a\n: b\n", "YAML aliases are not allowed"},
	} {
		_, err := Parse([]byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v, want %q", name, err, c.want)
		}
	}
}

func TestDeepestIsAccepted(t *testing.T) {
	body := strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth)
	if _, err := Parse([]byte(body)); err != nil {
		t.Error(err)
	}
}

func TestRefusalOfLargeBodyIsShort(t *testing.T) {
	err := Fits(bytes.Repeat([]byte("é"), MaxInlineBytes), MaxInlineBytes)
	if err == nil || len(err.Error()) > 2000 {
		t.Errorf("got %d bytes", len(err.Error()))
	}
}

// TestJSONRoundTrip holds that what is rendered reads back as the same tree, from JSON and, since JSON is
// YAML, from YAML.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawMap(t, 3)
		text := n.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		doc, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !Equal(n, doc.Root) {
			t.Fatalf("%s became %s", text, doc.Root.AppendJSON(nil))
		}
	})
}

func drawMap(t *rapid.T, depth int) *Node {
	n := &Node{Kind: Map}
	for _, key := range rapid.SliceOfNDistinct(rapid.String(), 0, 4, rapid.ID[string]).Draw(t, "keys") {
		n.Entries = append(n.Entries, Entry{Key: key, Value: drawNode(t, depth)})
	}
	return n
}

func drawNode(t *rapid.T, depth int) *Node {
	switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
	case kind == 0 && depth > 0:
		return drawMap(t, depth-1)
	case kind == 1 && depth > 0:
		list := &Node{Kind: List}
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			list.Items = append(list.Items, drawNode(t, depth-1))
		}
		return list
	case kind == 2:
		return NewBool(rapid.Bool().Draw(t, "bool"))
	case kind == 3:
		return From(rapid.Int().Draw(t, "int"))
	}
	return NewString(rapid.String().Draw(t, "string"))
}

// TestRewriteShares holds that a rewriting that changes nothing returns the same tree.
func TestRewriteShares(t *testing.T) {
	n := NewMap("a", []string{"b"}, "c", NewMap("d", 1))
	if n.Rewrite(func(n *Node) *Node { return n }) != n {
		t.Error("a copy was made")
	}
	out := n.Rewrite(func(n *Node) *Node {
		if n.Is(String) {
			return NewString("x")
		}
		return n
	})
	if got := string(out.AppendJSON(nil)); got != `{"a":["x"],"c":{"d":1}}` || out.Get("c") != n.Get("c") {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: b", "{\"a\": [1, 2.5e3, \"\\u00e9\", null, true]}", "a: !Sub 'x'\nb: !GetAtt A.B.C\n",
		"a: &x [1]\nb: *x", "? [a]\n: b", "a: |\n  b\n\tc", "<<: {a: b}", "a: 0x1F\nb: 017\nc: 1_0.5e-3\n--- \n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := Parse(body)
		if err != nil {
			ours, ok := err.(*Error)
			if !ok || ours.Message == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		text := doc.Root.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("%q became %q, which is not JSON", body, text)
		}
		if _, err := Parse(text); err != nil && !strings.Contains(err.Error(), "nested deeper") {
			t.Fatalf("%q became %q: %v", body, text, err)
		}
	})
}

func largeTemplate(size int) []byte {
	var b bytes.Buffer
	b.WriteString("Resources:\n")
	for i := 0; b.Len() < size-600; i++ {
		fmt.Fprintf(&b, `  Table%d:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${AWS::StackName}-table-%d"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - AttributeName: id
          AttributeType: S
      KeySchema:
        - {AttributeName: id, KeyType: HASH}
      SSESpecification:
        SSEEnabled: true
        SSEType: KMS
        KMSMasterKeyId: !GetAtt Key.Arn
`, i, i)
	}
	return b.Bytes()
}

func BenchmarkParseYAML1MB(b *testing.B) { benchmarkParse(b, largeTemplate(MaxBytes)) }

func BenchmarkParseJSON1MB(b *testing.B) {
	doc, err := Parse(largeTemplate(MaxBytes))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkParse(b, doc.Root.AppendJSON(nil))
}

func benchmarkParse(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}
