package template

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// The names of AWS's own transforms.
const (
	LanguageExtensions = "AWS::LanguageExtensions"
	Serverless         = "AWS::Serverless-2016-10-31"
	Include            = "AWS::Include"
)

// A Transform makes a document without the macro of another.
type Transform func(*document.Document) (*document.Document, error)

// Transformers are the transforms that a caller offers.
type Transformers struct {
	// Named holds the transforms that a template can declare at its top, by name.
	Named map[string]Transform
	// Include reads the snippet that AWS::Include names by its Location; nil refuses it.
	Include func(location string) (*Node, error)
}

// Process runs the nested transforms of a document, then the declared ones in order, and returns the document
// without transforms. A document that declares none is returned as it is. Failures read as those of change
// sets do: "Transform X failed with: …".
func Process(doc *document.Document, transformers Transformers) (*document.Document, error) {
	names, err := Transforms(doc)
	if err != nil {
		return nil, err
	}
	if err := checkLanguage(doc, names); err != nil {
		return nil, err
	}
	root, err := transformers.include(doc.Root)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 && root == doc.Root {
		return doc, nil
	}
	out := &document.Document{Root: root, Format: doc.Format, Warnings: doc.Warnings}
	for _, name := range names {
		if out, err = transformers.run(name, out); err != nil {
			return nil, err
		}
	}
	out.Root = out.Root.Without("Transform")
	return out, nil
}

func (t Transformers) run(name string, doc *document.Document) (*document.Document, error) {
	if name == Include {
		return t.includeTop(doc)
	}
	transform := t.Named[name]
	if transform == nil {
		return nil, refuse(doc.Root.Get("Transform").Pos, "No transform named %s found.", name)
	}
	out, err := transform(doc)
	if err != nil {
		return nil, failed(name, err)
	}
	return out, nil
}

func failed(name string, err error) error {
	at := Position{}
	if ours, ok := err.(*Error); ok {
		at = ours.Pos
	}
	return refuse(at, "Transform %s failed with: %s", name, err)
}

// includeTop runs {Transform: {Name: AWS::Include, Parameters: {Location: …}}}: the snippet's sections are
// added.
func (t Transformers) includeTop(doc *document.Document) (*document.Document, error) {
	n := doc.Root.Get("Transform")
	items := []*Node{n}
	if n.Is(document.List) {
		items = n.Items
	}
	root := doc.Root
	for _, item := range items {
		if item.Get("Name") == nil || item.Get("Name").Text != Include {
			continue
		}
		snippet, err := t.snippet(item)
		if err != nil {
			return nil, err
		}
		for _, e := range snippet.Entries {
			root = root.With(e.Key, e.Value)
		}
	}
	return &document.Document{Root: root, Format: doc.Format, Warnings: doc.Warnings}, nil
}

// include replaces every Fn::Transform in a tree, the inner ones first. One beside other members adds the
// members of its snippet.
func (t Transformers) include(n *Node) (*Node, error) {
	var failure error
	out := n.Rewrite(func(n *Node) *Node {
		if failure != nil || !n.Has("Fn::Transform") {
			return n
		}
		snippet, err := t.snippet(n.Get("Fn::Transform"))
		if err != nil {
			failure = err
			return n
		}
		if len(n.Entries) == 1 {
			return snippet
		}
		merged := n.Without("Fn::Transform")
		for _, e := range snippet.Entries {
			merged = merged.With(e.Key, e.Value)
		}
		rewritten, err := t.include(merged)
		if err != nil {
			failure = err
			return n
		}
		return rewritten
	})
	return out, failure
}

func (t Transformers) snippet(n *Node) (*Node, error) {
	name := n.Get("Name")
	if !name.Is(document.String) {
		return nil, refuse(n.Pos, "Key Name of transform definition must be a string.")
	}
	if name.Text != Include {
		return nil, refuse(n.Pos, "No transform named %s found.", name.Text)
	}
	location := n.Get("Parameters").Get("Location")
	if !location.Is(document.String) || t.Include == nil {
		return nil, refuse(n.Pos, "Transform %s failed with: The value associated with \"Location\" must "+
			"be the URL of "+
			"an object that can be read.", Include)
	}
	snippet, err := t.Include(location.Text)
	if err != nil {
		return nil, failed(Include, err)
	}
	return snippet, nil
}

// checkLanguage refuses functions that are only there with AWS::LanguageExtensions.
func checkLanguage(doc *document.Document, transforms []string) error {
	for _, name := range transforms {
		if name == LanguageExtensions {
			return nil
		}
	}
	var failure error
	doc.Root.Rewrite(func(n *Node) *Node {
		if n.Kind == document.Map && failure == nil {
			for _, e := range n.Entries {
				if isExtension(e.Key) {
					failure = templateError(e.Pos, "%s is only available with the transform %s", e.Key,
						LanguageExtensions)
				}
			}
		}
		return n
	})
	return failure
}

func isExtension(name string) bool {
	return name == "Fn::Length" || name == "Fn::ToJsonString" || strings.HasPrefix(name, "Fn::ForEach::")
}
