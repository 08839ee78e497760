package document

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// The limits of CloudFormation, "Understand CloudFormation quotas" in the user guide. MaxDepth is ours:
// nothing that CloudFormation can run is nested deeper.
const (
	MaxInlineBytes = 51200
	MaxBytes       = 1 << 20
	MaxDepth       = 100
)

// A Format is the language of a template's text.
type Format uint8

// The formats.
const (
	JSON Format = iota
	YAML
)

// A Document is the text of a template as a tree.
type Document struct {
	Root   *Node // a Map
	Format Format
	// Warnings are what CloudFormation takes in silence and a person would want to know, in the order of the
	// text.
	Warnings []Warning
}

// A Warning names a place and what is strange about it.
type Warning struct {
	Message string
	Pos     Position
}

// Parse returns the tree of a template's text. The text is JSON when its first character is a brace, else
// YAML. Limits on the size are the caller's, by Fits; Parse itself refuses only more than MaxBytes.
func Parse(body []byte) (*Document, error) {
	if err := Fits(body, MaxBytes); err != nil {
		return nil, err
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	doc := &Document{Format: YAML}
	var err error
	if text := bytes.TrimLeft(body, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		doc.Format = JSON
		err = doc.parseJSON(body)
	} else {
		err = doc.parseYAML(body)
	}
	if err != nil {
		return nil, err
	}
	if !doc.Root.Is(Map) {
		return nil, Refuse(Position{}, "Template format error: unsupported structure.")
	}
	return doc, nil
}

// Fits returns an error when a body is larger than the limit, in bytes.
func Fits(body []byte, limit int) error {
	if len(body) <= limit {
		return nil
	}
	return Refuse(Position{}, fmt.Sprintf("1 validation error detected: Value '%s' at 'templateBody' failed "+
		"to satisfy constraint: Member must have length less than or equal to %d", shortened(body), limit))
}

// shortened keeps a refusal from carrying megabytes.
func shortened(body []byte) string {
	const most = 1024
	if len(body) <= most {
		return string(body)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(body[cut]) {
		cut--
	}
	return string(body[:cut]) + "..."
}

func (d *Document) warnDuplicate(key string, at Position) {
	message := fmt.Sprintf("Key %q is given twice; the last one counts", key)
	d.Warnings = append(d.Warnings, Warning{Message: message, Pos: at})
}

// entryIndex finds duplicate keys: by looking along short maps, by an index of long ones.
type entryIndex struct {
	long map[string]int
}

const longMap = 16

// put adds an entry, or replaces the one with the same key, and reports whether there was one.
func (x *entryIndex) put(n *Node, e Entry) (twice bool) {
	if at := x.find(n, e.Key); at >= 0 {
		n.Entries[at] = e
		return true
	}
	n.Entries = append(n.Entries, e)
	if x.long != nil {
		x.long[e.Key] = len(n.Entries) - 1
	}
	return false
}

func (x *entryIndex) find(n *Node, key string) int {
	if x.long == nil && len(n.Entries) >= longMap {
		x.long = make(map[string]int, 4*longMap)
		for i := range n.Entries {
			x.long[n.Entries[i].Key] = i
		}
	}
	if x.long != nil {
		if at, ok := x.long[key]; ok {
			return at
		}
		return -1
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return i
		}
	}
	return -1
}
