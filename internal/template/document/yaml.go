package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// shortForms are the tags of intrinsic functions and the names of their long forms.
var shortForms = map[string]string{
	"!Ref":              "Ref",
	"!Condition":        "Condition",
	"!Base64":           "Fn::Base64",
	"!Cidr":             "Fn::Cidr",
	"!FindInMap":        "Fn::FindInMap",
	"!GetAtt":           "Fn::GetAtt",
	"!GetAZs":           "Fn::GetAZs",
	"!If":               "Fn::If",
	"!And":              "Fn::And",
	"!Or":               "Fn::Or",
	"!Not":              "Fn::Not",
	"!Equals":           "Fn::Equals",
	"!ImportValue":      "Fn::ImportValue",
	"!Join":             "Fn::Join",
	"!Select":           "Fn::Select",
	"!Split":            "Fn::Split",
	"!Sub":              "Fn::Sub",
	"!Transform":        "Fn::Transform",
	"!Length":           "Fn::Length",
	"!ToJsonString":     "Fn::ToJsonString",
	"!Contains":         "Fn::Contains",
	"!EachMemberEquals": "Fn::EachMemberEquals",
	"!EachMemberIn":     "Fn::EachMemberIn",
	"!RefAll":           "Fn::RefAll",
	"!ValueOf":          "Fn::ValueOf",
	"!ValueOfAll":       "Fn::ValueOfAll",
}

func (d *Document) parseYAML(body []byte) error {
	root, err := decodeYAML(body)
	if err != nil {
		return yamlError(body, err)
	}
	if root == nil {
		return nil
	}
	r := yamlReader{doc: d}
	d.Root, err = r.node(root, 1)
	return err
}

// decodeYAML returns the root of the only document in a text, nil of an empty one.
func decodeYAML(body []byte) (*yaml.Node, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("invalid UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&more); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return doc.Content[0], nil
}

// yamlError returns CloudFormation's words with the place of the mistake.
func yamlError(body []byte, err error) error {
	if strings.HasPrefix(err.Error(), "yaml: unknown anchor") {
		return refuseAlias(Position{})
	}
	at := locate(body, err)
	return Refuse(at, fmt.Sprintf("Template format error: YAML not well-formed. (%s)", at))
}

func refuseAlias(at Position) error {
	return Refuse(at, "Template error: YAML aliases are not allowed in CloudFormation templates")
}

// locate finds the line at which a text stops being YAML. The library's own line is that of the construct
// around the mistake, so the shortest beginning that fails in the same way is looked for, in texts small
// enough that this costs little.
func locate(body []byte, err error) Position {
	const small = 64 << 10
	line, problem := cutLine(err)
	lines := bytes.SplitAfter(body, []byte("\n"))
	if len(body) <= small {
		line = 1 + sort.Search(len(lines)-1, func(i int) bool {
			_, err := decodeYAML(bytes.Join(lines[:i+1], nil))
			if err == nil {
				return false
			}
			_, same := cutLine(err)
			return same == problem
		})
	}
	line = min(max(line, 1), len(lines))
	text := lines[line-1]
	column := len(text) - len(bytes.TrimLeft(text, " "))
	return Position{line, min(column, len(bytes.TrimRight(text, "\r\n"))) + 1}
}

// cutLine splits "yaml: line 3: problem"; without a line it is the first.
func cutLine(err error) (line int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "yaml: ")
	rest, ok := strings.CutPrefix(problem, "line ")
	if !ok {
		return 1, problem
	}
	number, rest, _ := strings.Cut(rest, ": ")
	if line, err := strconv.Atoi(number); err == nil {
		return line, rest
	}
	return 1, problem
}

// yamlReader makes our tree of the library's. Nodes come from slabs: a template has many, and they live and
// die together.
type yamlReader struct {
	doc  *Document
	slab []Node
}

func (r *yamlReader) newNode(at Position) *Node {
	const slab = 256
	if len(r.slab) == 0 {
		r.slab = make([]Node, slab)
	}
	n := &r.slab[0]
	r.slab = r.slab[1:]
	n.Pos = at
	return n
}

func (r *yamlReader) node(y *yaml.Node, depth int) (*Node, error) {
	at := Position{y.Line, y.Column}
	if depth > MaxDepth {
		return nil, tooDeep(at)
	}
	if y.Kind == yaml.AliasNode {
		return nil, refuseAlias(at)
	}
	name, isShort := shortForms[y.Tag]
	if !isShort {
		return r.plain(y, depth)
	}
	argument, err := r.argument(y, name, depth)
	if err != nil {
		return nil, err
	}
	n := r.newNode(at)
	n.Kind, n.Entries = Map, []Entry{{Key: name, Value: argument, Pos: at}}
	return n, nil
}

// argument returns the argument of a short form. `!GetAtt A.B` becomes [A, B]: the attribute begins after the
// first dot.
func (r *yamlReader) argument(y *yaml.Node, name string, depth int) (*Node, error) {
	if y.Kind != yaml.ScalarNode {
		bare := *y
		bare.Tag = ""
		return r.plain(&bare, depth+1)
	}
	n := r.newNode(Position{y.Line, y.Column})
	n.Kind, n.Text = String, y.Value
	if name != "Fn::GetAtt" {
		return n, nil
	}
	resource, attribute, ok := strings.Cut(n.Text, ".")
	list := &Node{Kind: List, Pos: n.Pos, Items: []*Node{{Kind: String, Text: resource, Pos: n.Pos}}}
	if ok {
		list.Items = append(list.Items, &Node{Kind: String, Text: attribute, Pos: n.Pos})
	}
	return list, nil
}

func (r *yamlReader) plain(y *yaml.Node, depth int) (*Node, error) {
	n := r.newNode(Position{y.Line, y.Column})
	switch y.Kind {
	case yaml.ScalarNode:
		return n, scalar(n, y)
	case yaml.SequenceNode:
		return n, r.list(n, y, depth)
	case yaml.MappingNode:
		return n, r.mapping(n, y, depth)
	}
	return nil, notYAML(n.Pos)
}

func notYAML(at Position) error {
	return Refuse(at, fmt.Sprintf("Template format error: YAML not well-formed. (%s)", at))
}

func (r *yamlReader) list(n *Node, y *yaml.Node, depth int) error {
	if y.Tag != "" && y.Tag != "!!seq" {
		return notYAML(n.Pos)
	}
	n.Kind = List
	n.Items = make([]*Node, 0, len(y.Content))
	for _, content := range y.Content {
		item, err := r.node(content, depth+1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
	return nil
}

func (r *yamlReader) mapping(n *Node, y *yaml.Node, depth int) error {
	if y.Tag != "" && y.Tag != "!!map" {
		return notYAML(n.Pos)
	}
	n.Kind = Map
	n.Entries = make([]Entry, 0, len(y.Content)/2)
	var index entryIndex
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		at := Position{key.Line, key.Column}
		if err := checkKey(key, at); err != nil {
			return err
		}
		value, err := r.node(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if index.put(n, Entry{Key: key.Value, Value: value, Pos: at}) {
			r.doc.warnDuplicate(key.Value, at)
		}
	}
	return nil
}

// checkKey refuses keys that are no plain text: lists, maps, functions, aliases, merges.
func checkKey(key *yaml.Node, at Position) error {
	switch {
	case key.Kind == yaml.AliasNode:
		return refuseAlias(at)
	case key.Tag == "!!merge":
		return Refuse(at, "Template error: YAML merge keys are not allowed in CloudFormation templates")
	case key.Kind != yaml.ScalarNode || !strings.HasPrefix(key.Tag, "!!"):
		return notYAML(at)
	}
	return nil
}
