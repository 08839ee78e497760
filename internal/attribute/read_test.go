package attribute

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/strictjson"
	"pgregory.net/rapid"
)

// nested is a value of n maps or lists around a string.
func nested(n int, list bool) string {
	if list {
		return strings.Repeat(`{"L":[`, n) + `{"S":""}` + strings.Repeat(`]}`, n)
	}
	return strings.Repeat(`{"M":{"a":`, n) + `{"S":""}` + strings.Repeat(`}}`, n)
}

func quoted(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(format, (i*7919)%n))
	}
	return strings.Join(parts, ",")
}

// TestReadValue lists what is accepted, and how it is written again.
func TestReadValue(t *testing.T) {
	for json, want := range map[string]string{
		`{"S":""}`:                          ``,
		`{"S":"a\u0000\"\\\/\b\t\u00e9😀é"}`: `{"S":"a\u0000\"\\/\u0008\té😀é"}`,
		` { "N" : "+1.50" } `:               `{"N":"1.5"}`,
		`{"B":""}`:                          ``,
		`{"B":"AAE="}`:                      ``,
		`{"BOOL":true}`:                     ``,
		`{"BOOL":false}`:                    ``,
		`{"NULL":true}`:                     ``,
		`{"S":null,"N":"1","M":null}`:       `{"N":"1"}`,
		`{"M":{}}`:                          ``,
		`{"L":[]}`:                          ``,
		`{"M":{"b":{"L":[{"S":"x"}]},"a":{"N":"0"},"":{"S":"y"},"aa":{"NULL":true}}}`: `{"M":{"":{"S":"y"},"a":{"N":"0"},"aa":{"NULL":true},"b":{"L":[{"S":"x"}]}}}`,
		`{"SS":["b","","a"]}`:                                   `{"SS":["","a","b"]}`,
		`{"NS":["10","-1","9e0","1.0"]}`:                        `{"NS":["-1","1","9","10"]}`,
		`{"BS":["AQ==","","AAE="]}`:                             `{"BS":["","AAE=","AQ=="]}`,
		nested(31, false):                                       ``,
		nested(31, true):                                        ``,
		`{"S":"` + strings.Repeat("é", 20000) + `"}`:            ``,
		`{"SS":[` + quoted(3000, `"%05d"`) + `]}`:               `{"SS":[` + sortedQuoted(3000, `"%05d"`) + `]}`,
		`{"M":{` + quoted(300, `"%03d":{"N":"7"}`) + `}}`:       `{"M":{` + sortedQuoted(300, `"%03d":{"N":"7"}`) + `}}`,
		`{"L":[` + quoted(200, `{"N":"%d"}`) + `]}`:             ``,
		`{"M":{"` + strings.Repeat("n", 65535) + `":{"S":""}}}`: ``,
	} {
		v, err := ReadValue(strictjson.NewReader([]byte(json)), []byte("before")[:3])
		if err != nil {
			t.Errorf("%.200s: %v", json, err)
			continue
		}
		if want == "" {
			want = json
		}
		if got := string(AppendJSON(nil, v)); got != want {
			t.Errorf("%.200s is written %.300s", json, got)
		}
		if err := check(v, 0); err != nil {
			t.Errorf("%.200s: %v", json, err)
		}
	}
}

func sortedQuoted(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(format, i))
	}
	return strings.Join(parts, ",")
}

// TestReadValueInvalid has DynamoDB's own texts. The Reader must stand behind the value afterwards.
func TestReadValueInvalid(t *testing.T) {
	const empty = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
	const many = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
	const prefix = "One or more parameter values were invalid: "
	const deep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
	for json, want := range map[string]string{
		`{}`:                        empty,
		`{"S":null}`:                empty,
		`{"X":"a"}`:                 empty,
		`{"s":"a"}`:                 empty,
		`{"M":{"a":{}}}`:            empty,
		`{"L":[{"S":"a"},{}]}`:      empty,
		`{"S":"a","N":"1"}`:         many,
		`{"S":"a","S":"b"}`:         many,
		`{"NULL":true,"BOOL":true}`: many,
		`{"NULL":false}`:            prefix + "Null attribute value types must have the value of true",
		`{"SS":[]}`:                 prefix + "An string set  may not be empty",
		`{"NS":[]}`:                 prefix + "An number set  may not be empty",
		`{"BS":[]}`:                 prefix + "Binary sets should not be empty",
		`{"SS":["a","b","a"]}`:      prefix + "Input collection [a, b, a] contains duplicates.",
		`{"NS":["1","2","1.0"]}`:    "Input collection contains duplicates",
		`{"BS":["Yg==","Yg=="]}`:    prefix + "Input collection [Yg==, Yg==]of type BS contains duplicates.",
		`{"N":""}`:                  "The parameter cannot be converted to a numeric value",
		`{"N":"b"}`:                 "The parameter cannot be converted to a numeric value: b",
		`{"NS":["1","x"]}`:          "The parameter cannot be converted to a numeric value: x",
		nested(32, false):           deep,
		nested(32, true):            deep,
		nested(50, true):            deep,
		`{"M":{"` + strings.Repeat("n", 65536) + `":{"S":""}}}`: "Attribute name is too large, must be less than 65536 bytes",
	} {
		r := strictjson.NewReader([]byte(`[` + json + ` , {"S":"next"}]`))
		if err := r.BeginArray(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.NextElement(); err != nil {
			t.Fatal(err)
		}
		v, err := ReadValue(r, nil)
		var validation *ValidationError
		if !errors.As(err, &validation) || validation.Message != want {
			t.Errorf("%.100s: %v, %v; want %s", json, v, err, want)
			continue
		}
		if more, err := r.NextElement(); !more || err != nil {
			t.Errorf("%.100s: the Reader does not stand behind it: %v", json, err)
		}
		if next, err := ReadValue(r, nil); err != nil || string(next.Text()) != "next" {
			t.Errorf("%.100s: cannot go on: %v", json, err)
		}
	}
}

func TestReadValueUnreadable(t *testing.T) {
	for json, want := range map[string]string{
		`{"B":"AAE"}`: "*attribute.SerializationError Base64 encoded length is expected a multiple of 4 bytes but " +
			"found: 3",
		`{"B":"AA*="}`:         "*attribute.SerializationError Invalid Base64 character",
		`{"B":"AAF="}`:         "*attribute.SerializationError Invalid Base64 character",
		`{"B":"A==="}`:         "*attribute.SerializationError Invalid Base64 character",
		`{"B":"===="}`:         "*attribute.SerializationError Invalid Base64 character",
		`{"B":"AA\r\n\r\n=="}`: "*attribute.SerializationError Invalid Base64 character",
		`{"B":"AA==AA=="}`:     "*attribute.SerializationError Invalid Base64 character",
		`{"B":"-_-_"}`:         "*attribute.SerializationError Invalid Base64 character",
		`{"BS":["AA==","A"]}`: "*attribute.SerializationError Base64 encoded length is expected a multiple of 4 bytes but " +
			"found: 1",
		`{"M":{"a":{"S":""},"a":{"S":""}}}`: "*attribute.SerializationError A map names an attribute more than once",
		`{"S":1}`:                           "*strictjson.TypeError byte 5: found 0 where a String was expected",
		`{"N":1}`:                           "*strictjson.TypeError byte 5: found 0 where a String was expected",
		`{"BOOL":"true"}`:                   "*strictjson.TypeError byte 8: found \" where a Boolean was expected",
		`{"NULL":"no"}`:                     "*strictjson.TypeError byte 8: found \" where a Boolean was expected",
		`{"SS":"a"}`:                        "*strictjson.TypeError byte 6: found \" where a List was expected",
		`{"SS":[1]}`:                        "*strictjson.TypeError byte 7: found 0 where a String was expected",
		`{"SS":[null]}`:                     "*strictjson.TypeError byte 7: found n where a String was expected",
		`{"M":[]}`:                          "*strictjson.TypeError byte 5: found [ where a Map was expected",
		`{"L":{}}`:                          "*strictjson.TypeError byte 5: found { where a List was expected",
		`"a"`:                               "*strictjson.TypeError byte 0: found \" where a Structure was expected",
		`null`:                              "*attribute.ValidationError " + textNoType,
		`{"B":1}`:                           "*strictjson.TypeError byte 5: found 0 where a Blob was expected",
		`{"S":"a"`: "*strictjson.SyntaxError malformed JSON at byte 8: expected a comma or the end of the " +
			"object or array",
		`{"S":"a","N":"1"`: "*strictjson.SyntaxError malformed JSON at byte 16: expected a comma or the end of the object or array",
		`{"S":"\ud800"}`:   "*strictjson.SyntaxError malformed JSON at byte 6: a surrogate has no partner",
		nested(100, true):  "*strictjson.SyntaxError malformed JSON at byte 384: nested too deep",
	} {
		v, err := ReadValue(strictjson.NewReader([]byte(json)), nil)
		if got := fmt.Sprintf("%T %v", err, err); got != want {
			t.Errorf("%.100s: %v, %s; want %s", json, v, got, want)
		}
	}
}

func TestReadItem(t *testing.T) {
	if it := readItem(t, `{}`); it == nil || it.Len() != 0 || CheckItem(it) != nil {
		t.Errorf("an empty item is %v", it)
	}
	if it := readItem(t, `{"a":`+nested(31, false)+`}`); it.CheckNesting() != nil || CheckItem(it) != nil {
		t.Error("31 maps around a value are refused")
	}
	if _, err := ReadItem(strictjson.NewReader([]byte(`{"a":`+nested(32, false)+`}`)), nil); err == nil ||
		err.Error() != textNested {
		t.Errorf("32 maps around a value: %v", err)
	}
	tree := readItem(t, `{"a":`+nested(31, false)+`}`).Tree()
	if err := tree.Set([]Step{{Name: "b"}}, NewList(tree.Get([]Step{{Name: "a"}}))); err != nil {
		t.Fatal(err)
	}
	if err := tree.Item().CheckNesting(); err == nil || err.Error() != textNested {
		t.Errorf("an item nested too deep by an update: %v", err)
	}
}

// valueJSON draws values in JSON.
func valueJSON(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kinds := 8
		if depth == 0 {
			kinds = 6
		}
		small := rapid.StringMatching(`[a-zé"\\]{0,3}`)
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return `{"S":` + string(strictjson.AppendString(nil, rapid.String().Draw(t, "S"))) + `}`
		case 1:
			return fmt.Sprintf(`{"N":"%d"}`, rapid.Int().Draw(t, "N"))
		case 2:
			return `{"B":` + string(strictjson.AppendBase64(nil, rapid.SliceOf(rapid.Byte()).Draw(t, "B"))) + `}`
		case 3:
			return fmt.Sprintf(`{"BOOL":%v}`, rapid.Bool().Draw(t, "BOOL"))
		case 4:
			return `{"NULL":true}`
		case 5:
			members := rapid.SliceOfNDistinct(small, 1, 50, rapid.ID).Draw(t, "SS")
			out := []byte(`{"SS":[`)
			for i, member := range members {
				if i > 0 {
					out = append(out, ',')
				}
				out = strictjson.AppendString(out, member)
			}
			return string(out) + `]}`
		case 6:
			return `{"L":[` + strings.Join(rapid.SliceOfN(valueJSON(depth-1), 0, 5).Draw(t, "L"), ",") + `]}`
		}
		return `{"M":` + string(mapJSON(t, depth-1)) + `}`
	})
}

func mapJSON(t *rapid.T, depth int) []byte {
	out := []byte{'{'}
	for _, name := range rapid.SliceOfNDistinct(rapid.StringN(0, 6, -1), 0, 40, rapid.ID).Draw(t, "names") {
		out = strictjson.AppendName(out, name)
		out = append(out, valueJSON(depth).Draw(t, "value")...)
	}
	return append(out, '}')
}

// TestCanonical: what is read is canonical, writes JSON that reads as the same bytes, and all ways to build it agree.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		json := mapJSON(t, 2)
		it, err := ReadItem(strictjson.NewReader(json), nil)
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		if err := CheckItem(it); err != nil {
			t.Fatalf("%s: %x: %v", json, []byte(it), err)
		}
		again, err := ReadItem(strictjson.NewReader(it.AppendJSON(nil)), nil)
		if err != nil || !bytes.Equal(it, again) {
			t.Fatalf("%s reads as %x and then as %x, %v", json, []byte(it), []byte(again), err)
		}
		var builder Builder
		tree, i := Item(nil).Tree(), 0
		for name, value := range it.All() {
			i++
			if !bytes.Equal(it.Get(name), value) {
				t.Fatalf("Get(%q) is %x, not %x", name, []byte(it.Get(name)), []byte(value))
			}
			builder.Set(name, value)
			if err := tree.Set([]Step{{Name: name}}, value); err != nil {
				t.Fatal(err)
			}
		}
		if i != it.Len() || !bytes.Equal(builder.Item(), it) || !bytes.Equal(tree.Item(), it) {
			t.Fatalf("%s: built %x and %x, not %x", json, []byte(builder.Item()), []byte(tree.Item()), []byte(it))
		}
	})
}

func FuzzReadItem(f *testing.F) {
	f.Add(orderJSON())
	f.Add([]byte(`{"a":{"NS":["2","1"]},"a":{"BS":["AA=="]}}`))
	f.Add([]byte(`{"b":{"M":{"x":{"L":[{"NULL":true}]}}},"a":{"S":"\ud83d\ude00"}}`))
	f.Fuzz(func(t *testing.T, json []byte) {
		it, err := ReadItem(strictjson.NewReader(json), nil)
		if err != nil {
			return
		}
		if err := CheckItem(it); err != nil {
			t.Fatalf("%q reads as %x: %v", json, []byte(it), err)
		}
		again, err := ReadItem(strictjson.NewReader(it.AppendJSON(nil)), nil)
		if err != nil || !bytes.Equal(it, again) {
			t.Errorf("%q reads as %x and then as %x, %v", json, []byte(it), []byte(again), err)
		}
		if it.Size() < 0 || it.CheckNesting() != nil {
			t.Errorf("%q has size %d", json, it.Size())
		}
	})
}
