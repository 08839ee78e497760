package policy

import "github.com/sealtable/sealtable/internal/strictjson"

// RenamePrincipals is a document in which users, roles and sessions have the names that rename gives them in
// Principal and NotPrincipal elements. All else stays as it is, to the byte: the same name in a condition or
// a resource is no principal. rename gives back the names that are to stay. A text that is no policy stays as
// it is.
func RenamePrincipals(text string, rename func(name string) string) string {
	w := renamer{text: text, reader: strictjson.NewReader([]byte(text)), rename: rename}
	if err := w.document(); err != nil {
		return text
	}
	return string(append(w.out, text[w.copied:]...))
}

// renamer copies a document up to each name, and writes the new name in its place.
type renamer struct {
	text   string
	reader *strictjson.Reader
	rename func(string) string
	out    []byte
	copied int
}

func (w *renamer) document() error {
	return eachMember(w.reader, func(name string) error {
		if name == "Statement" {
			return oneOrMore(w.reader, strictjson.Object, w.statement)
		}
		return w.skip()
	})
}

func (w *renamer) statement() error {
	return eachMember(w.reader, func(name string) error {
		if (name == "Principal" || name == "NotPrincipal") && w.reader.Kind() == strictjson.Object {
			return eachMember(w.reader, w.principals)
		}
		return w.skip()
	})
}

func (w *renamer) principals(kind string) error {
	if kind != "AWS" {
		return w.skip()
	}
	return oneOrMore(w.reader, strictjson.String, w.name)
}

func (w *renamer) skip() error {
	_, err := w.reader.ReadRaw()
	return err
}

func (w *renamer) name() error {
	if w.reader.Kind() != strictjson.String {
		return w.skip()
	}
	start := w.reader.Offset()
	raw, err := w.reader.ReadRaw()
	if err != nil {
		return err
	}
	name, err := strictjson.NewReader(raw).ReadString()
	if err != nil {
		return err
	}
	next := w.rename(string(name))
	if next == string(name) {
		return nil
	}
	w.out = strictjson.AppendString(append(w.out, w.text[w.copied:start]...), next)
	w.copied = w.reader.Offset()
	return nil
}
