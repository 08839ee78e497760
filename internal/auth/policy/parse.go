package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/strictjson"
)

// Kind is where a policy is attached, which decides what elements it must have.
type Kind int

// The kinds of policy.
const (
	Identity Kind = iota // attached to a principal: no Principal element
	Resource             // attached to a resource: with a Principal element, and Resource
	// a KMS key policy: as Resource, but a statement without Resource is legal and never matches
	Key
	Trust // who may assume a role: with a Principal element, no Resource
)

// Problem says what is wrong with a policy document, so that services can answer in their own words.
type Problem int

// The problems there are.
const (
	Syntax           Problem = iota // not JSON, or elements that the policy language does not have
	NoPrincipal                     // a statement lacks the Principal that its kind needs
	InvalidPrincipal                // a principal that cannot exist
	NoResource                      // a statement lacks its Resource
	// a condition that also matches requests without the key; see checkSetOperator
	OverPermissive
	HasPrincipal // a statement has a Principal, which its kind forbids
	HasResource  // a statement has a Resource, which its kind forbids
)

// ParseError says why a document is not a policy of its kind.
type ParseError struct {
	Problem Problem
	Detail  string
}

func (e *ParseError) Error() string { return "policy: " + e.Detail }

func syntaxError(format string, args ...any) error {
	return &ParseError{Problem: Syntax, Detail: fmt.Sprintf(format, args...)}
}

const (
	oldVersion = "2008-10-17"
	newVersion = "2012-10-17"
)

// Parse compiles a policy document. Errors are *ParseError. How long a document may be is for the caller to
// say.
func Parse(text []byte, kind Kind) (*Policy, error) {
	r := strictjson.NewReader(text)
	var raw document
	if err := raw.read(r); err != nil {
		return nil, asSyntax(err)
	}
	if err := r.End(); err != nil {
		return nil, asSyntax(err)
	}
	p := &Policy{Version: raw.version, ID: raw.id}
	if p.Version == "" {
		p.Version = oldVersion
	}
	if p.Version != oldVersion && p.Version != newVersion {
		return nil, syntaxError("version %q is unknown", p.Version)
	}
	if len(raw.statements) == 0 {
		return nil, syntaxError("there is no statement")
	}
	if err := raw.checkSids(kind); err != nil {
		return nil, err
	}
	for i := range raw.statements {
		s, err := raw.statements[i].compile(kind, p.Version == newVersion)
		if err != nil {
			return nil, err
		}
		p.Statements = append(p.Statements, s)
	}
	return p, nil
}

// checkSids keeps IAM's rules for policies that IAM stores: letters and digits, and none twice ("IAM JSON
// policy elements: Sid"). Other services allow more.
func (d *document) checkSids(kind Kind) error {
	if kind != Identity && kind != Trust {
		return nil
	}
	seen := map[string]bool{}
	for i := range d.statements {
		sid := d.statements[i].sid
		if strings.IndexFunc(sid, func(c rune) bool { return !isAlphanumeric(c) }) >= 0 {
			return syntaxError("statement IDs (SID) must be alpha-numeric, not %q", sid)
		}
		if sid != "" && seen[sid] {
			return syntaxError("statement IDs (SID) in a single policy must be unique; %q is not", sid)
		}
		seen[sid] = true
	}
	return nil
}

func isAlphanumeric(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func asSyntax(err error) error {
	var known *ParseError
	if errors.As(err, &known) {
		return known
	}
	return &ParseError{Problem: Syntax, Detail: err.Error()}
}

// document and the types below are a policy as it is written.
type document struct {
	version, id string
	statements  []rawStatement
}

type rawStatement struct {
	start, end              int // in the document
	sid, effect             string
	principal, notPrincipal *rawPrincipal
	action, notAction       []string
	resource, notResource   []string
	hasResource             bool
	conditions              []rawCondition
}

type rawPrincipal struct{ entries [][2]string }

type rawCondition struct {
	operator, key string
	values        []string
}

func (d *document) read(r *strictjson.Reader) error {
	return eachMember(r, func(name string) (err error) {
		switch name {
		case "Version":
			d.version, err = readText(r)
		case "Id":
			d.id, err = readText(r)
		case "Statement":
			err = d.readStatements(r)
		default:
			err = syntaxError("a policy has no element %q", name)
		}
		return err
	})
}

// readStatements notes where each statement stands, as the policy simulator counts: a lone one from behind
// its brace, one in a list from behind what stands before it.
func (d *document) readStatements(r *strictjson.Reader) error {
	r.Kind() // which leaves white space behind
	start := r.Offset() + 1
	return oneOrMore(r, strictjson.Object, func() error {
		d.statements = append(d.statements, rawStatement{start: start})
		s := &d.statements[len(d.statements)-1]
		err := s.read(r)
		s.end = r.Offset()
		start = s.end
		return err
	})
}

func (s *rawStatement) read(r *strictjson.Reader) error {
	return eachMember(r, func(name string) (err error) {
		switch name {
		case "Sid":
			s.sid, err = readText(r)
		case "Effect":
			s.effect, err = readText(r)
		case "Principal":
			s.principal, err = readPrincipal(r)
		case "NotPrincipal":
			s.notPrincipal, err = readPrincipal(r)
		case "Action":
			s.action, err = readTexts(r, readText)
		case "NotAction":
			s.notAction, err = readTexts(r, readText)
		case "Resource":
			s.hasResource = true
			s.resource, err = readTexts(r, readText)
		case "NotResource":
			s.hasResource = true
			s.notResource, err = readTexts(r, readText)
		case "Condition":
			s.conditions, err = readConditions(r)
		default:
			err = syntaxError("a statement has no element %q", name)
		}
		return err
	})
}

func readPrincipal(r *strictjson.Reader) (*rawPrincipal, error) {
	p := &rawPrincipal{}
	if r.Kind() == strictjson.String {
		text, err := readText(r)
		if err == nil && text != "*" {
			err = &ParseError{Problem: InvalidPrincipal, Detail: "a principal is \"*\" or an object"}
		}
		p.entries = [][2]string{{"AWS", "*"}}
		return p, err
	}
	err := eachMember(r, func(kind string) error {
		names, err := readTexts(r, readText)
		for _, name := range names {
			p.entries = append(p.entries, [2]string{kind, name})
		}
		return err
	})
	return p, err
}

func readConditions(r *strictjson.Reader) ([]rawCondition, error) {
	var conditions []rawCondition
	err := eachMember(r, func(operator string) error {
		return eachMember(r, func(key string) error {
			values, err := readTexts(r, readValue)
			conditions = append(conditions, rawCondition{operator, key, values})
			return err
		})
	})
	return conditions, err
}

// eachMember reads an object and refuses a member that comes twice.
func eachMember(r *strictjson.Reader, read func(name string) error) error {
	if err := r.BeginObject(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for {
		name, ok, err := r.NextName()
		if !ok || err != nil {
			return err
		}
		text := string(name)
		if seen[text] {
			return syntaxError("%q comes twice", text)
		}
		seen[text] = true
		if err := read(text); err != nil {
			return err
		}
	}
}

// oneOrMore reads a value, or a list of them.
func oneOrMore(r *strictjson.Reader, kind strictjson.Kind, read func() error) error {
	if r.Kind() == kind {
		return read()
	}
	if err := r.BeginArray(); err != nil {
		return err
	}
	for {
		if ok, err := r.NextElement(); !ok || err != nil {
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
}

func readTexts(r *strictjson.Reader, readOne func(*strictjson.Reader) (string, error)) ([]string, error) {
	var texts []string
	read := func() error {
		text, err := readOne(r)
		texts = append(texts, text)
		return err
	}
	if r.Kind() != strictjson.Array {
		err := read()
		return texts, err
	}
	err := oneOrMore(r, strictjson.None, read)
	return texts, err
}

func readText(r *strictjson.Reader) (string, error) {
	s, err := r.ReadString()
	return string(s), err
}

// readValue reads a value of a condition, where booleans and numbers need no quotation marks.
func readValue(r *strictjson.Reader) (string, error) {
	switch r.Kind() {
	case strictjson.True, strictjson.False:
		b, err := r.ReadBool()
		return strconv.FormatBool(b), err
	case strictjson.Number:
		n, err := r.ReadNumber("String")
		return string(n), err
	}
	return readText(r)
}
