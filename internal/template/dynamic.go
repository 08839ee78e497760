package template

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// A DynamicReference is one {{resolve:service:reference}} in a text ("Get values stored in other services
// using dynamic references" in the user guide).
type DynamicReference struct {
	Service, Reference string
}

// dynamicReferences cuts a text into what lies between its references and the references: texts has one more
// member.
func dynamicReferences(text string) (texts []string, references []DynamicReference) {
	const start, end = "{{resolve:", "}}"
	rest := text
	done := 0
	for from := 0; ; {
		i := strings.Index(rest[from:], start)
		if i < 0 {
			return append(texts, rest[done:]), references
		}
		begin := from + i
		length := strings.Index(rest[begin:], end)
		if length < 0 {
			return append(texts, rest[done:]), references
		}
		service, reference, ok := strings.Cut(rest[begin+len(start):begin+length], ":")
		from = begin + length + len(end)
		if !ok || service != "ssm" && service != "ssm-secure" && service != "secretsmanager" {
			continue
		}
		texts = append(texts, rest[done:begin])
		references = append(references, DynamicReference{service, reference})
		done = from
	}
}

// DynamicReferencesIn returns the references in a tree, in the order of the text.
func DynamicReferencesIn(n *Node) []DynamicReference {
	var all []DynamicReference
	n.Rewrite(func(n *Node) *Node {
		if n.Is(document.String) && strings.Contains(n.Text, "{{resolve:") {
			_, references := dynamicReferences(n.Text)
			all = append(all, references...)
		}
		return n
	})
	return all
}

// dynamic replaces the references in a text.
func (e *Evaluator) dynamic(n *Node) (*Node, error) {
	if e.env.DynamicReferences == nil || !strings.Contains(n.Text, "{{resolve:") {
		return n, nil
	}
	texts, references := dynamicReferences(n.Text)
	var b strings.Builder
	b.WriteString(texts[0])
	for i, r := range references {
		value, err := e.env.DynamicReferences.Resolve(r.Service, r.Reference)
		if err != nil {
			return nil, err
		}
		b.WriteString(value)
		b.WriteString(texts[i+1])
	}
	return e.newText(b.String(), n.Pos)
}
