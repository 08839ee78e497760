package partiql

import (
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a statement can nest. It is far above what an item can hold, and far below what a
// stack can.
const maxDepth = 128

// parser makes a Statement of a text. The first error stays; behind it every token is of kind end, so that
// all loops end.
type parser struct {
	lexer      lexer
	cur        token
	depth      int
	parameters int
	err        *Error
}

// Parse reads one statement, which may end with a semicolon.
func Parse(source string) (*Statement, error) {
	p := &parser{lexer: lexer{text: source}}
	p.cur = p.lexer.next()
	if !utf8.ValidString(source) {
		p.fail("invalid character")
	}
	s := p.statement()
	p.acceptSymbol(";")
	if p.cur.kind != end {
		p.fail("Unexpected token after expression")
	}
	if p.err != nil {
		return nil, p.err
	}
	s.parameters = p.parameters
	return s, nil
}

// fail refuses the statement as malformed.
func (p *parser) fail(format string, args ...any) { p.failWith(malformed(format, args...)) }

func (p *parser) failWith(err *Error) {
	if p.err == nil {
		p.err = err
		p.cur.kind, p.lexer.at = end, len(p.lexer.text)
	}
}

func (p *parser) text() string { return p.lexer.text[p.cur.start:p.cur.end] }

func (p *parser) advance() {
	if p.err == nil {
		p.cur = p.lexer.next()
	}
}

// peek is the token behind the current one.
func (p *parser) peek() token {
	ahead := p.lexer
	return ahead.next()
}

func (p *parser) isSymbol(s string) bool { return p.cur.kind == symbol && p.text() == s }

func (p *parser) acceptSymbol(s string) bool {
	if !p.isSymbol(s) {
		return false
	}
	p.advance()
	return true
}

// expectSymbol reads a symbol. name is what the refusal calls it.
func (p *parser) expectSymbol(s, name string) {
	if !p.acceptSymbol(s) {
		p.fail("Expected %s", name)
	}
}

// isWord says whether the current token is that keyword, in whatever case.
func (p *parser) isWord(keyword string) bool {
	return p.cur.kind == word && strings.EqualFold(p.text(), keyword)
}

func (p *parser) acceptWord(keyword string) bool {
	if !p.isWord(keyword) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expectWord(keyword string) {
	if !p.acceptWord(keyword) {
		p.fail("Expected %s", keyword)
	}
}

// nest goes one level deeper, and says whether that is still allowed. Whoever calls it calls rise.
func (p *parser) nest() bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail("The statement is nested too deep")
	}
	return p.err == nil
}

func (p *parser) rise() { p.depth-- }

func (p *parser) statement() *Statement {
	switch {
	case p.acceptWord("SELECT"):
		return p.selects()
	case p.acceptWord("INSERT"):
		return p.inserts()
	case p.acceptWord("UPDATE"):
		return p.updates()
	case p.acceptWord("DELETE"):
		return p.deletes()
	case p.isWord("EXISTS"):
		return p.exists()
	}
	p.fail("Expected data manipulation")
	return nil
}

// exists reads EXISTS(SELECT ...).
func (p *parser) exists() *Statement {
	p.advance()
	p.expectSymbol("(", "LEFT_PAREN")
	p.expectWord("SELECT")
	s := p.selects()
	s.Kind = Exists
	p.expectSymbol(")", "RIGHT_PAREN")
	return s
}

func (p *parser) selects() *Statement {
	s := &Statement{Kind: Select}
	if !p.acceptSymbol("*") {
		for more := true; more; more = p.acceptSymbol(",") {
			if p.isSymbol("*") {
				p.fail("Other expressions may not be present in the select list when '*' is used without " +
					"dot notation.")
			}
			s.columns = append(s.columns, p.sum())
		}
	} else if p.isSymbol(",") {
		p.fail("Other expressions may not be present in the select list when '*' is used without dot " +
			"notation.")
	}
	if !p.acceptWord("FROM") {
		p.fail("Expected FROM after select list")
	}
	p.source(s)
	p.filter(s)
	if p.acceptWord("ORDER") {
		p.expectWord("BY")
		p.ordering(s)
	}
	p.refuseClauses()
	return s
}

// source reads table or table.index.
func (p *parser) source(s *Statement) {
	s.Table = p.name()
	if p.acceptSymbol(".") {
		s.Index = p.name()
	}
	if p.isSymbol(".") {
		p.failWith(refuse("A path may contain at most 2 components in the FROM clause"))
	}
}

// target is source for statements that write.
func (p *parser) target(s *Statement) {
	p.source(s)
	if p.err == nil && s.Index != "" {
		p.failWith(refuse("This operation is not supported on an index"))
	}
}

func (p *parser) filter(s *Statement) {
	if p.acceptWord("WHERE") {
		s.where = p.or()
	}
}

func (p *parser) ordering(s *Statement) {
	for more := true; more; more = p.acceptSymbol(",") {
		o := Order{Attribute: p.name()}
		o.Descending = p.isWord("DESC")
		if o.Descending || p.isWord("ASC") {
			p.advance()
		}
		s.order = append(s.order, o)
	}
}

// refuseClauses names the clauses of PartiQL that DynamoDB does not have, with the line, column and length of
// what follows them.
func (p *parser) refuseClauses() {
	for _, clause := range []string{"LIMIT", "OFFSET", "GROUP", "HAVING"} {
		if p.isWord(clause) {
			p.advance()
			before := p.lexer.text[:p.cur.start]
			line := 1 + strings.Count(before, "\n")
			column := 1 + utf8.RuneCountInString(before[1+strings.LastIndexByte(before, '\n'):])
			p.failWith(refuse("Unsupported clause: %s at %d:%d:%d", clause, line, column,
				p.cur.end-p.cur.start))
		}
	}
}

func (p *parser) inserts() *Statement {
	s := &Statement{Kind: Insert}
	p.expectWord("INTO")
	p.target(s)
	switch {
	case !p.acceptWord("VALUE"):
		p.fail("Unexpected keyword")
	case !p.isSymbol("{"):
		p.fail("Expected tuple after VALUE")
	}
	s.item = p.primary()
	return s
}

func (p *parser) updates() *Statement {
	s := &Statement{Kind: Update}
	p.target(s)
	for {
		if p.acceptWord("SET") {
			p.assignments(s)
		} else if p.acceptWord("REMOVE") {
			s.changes = append(s.changes, change{target: p.path()})
		} else {
			break
		}
	}
	if len(s.changes) == 0 {
		p.fail("Expected data manipulation")
	}
	p.filter(s)
	p.returns(s)
	return s
}

func (p *parser) assignments(s *Statement) {
	for more := true; more; more = p.acceptSymbol(",") {
		c := change{target: p.path()}
		p.expectSymbol("=", "assignment for SET")
		c.value = p.sum()
		s.changes = append(s.changes, c)
	}
}

func (p *parser) deletes() *Statement {
	s := &Statement{Kind: Delete}
	if !p.acceptWord("FROM") {
		p.fail("Expected FROM after DELETE")
	}
	p.target(s)
	p.filter(s)
	p.returns(s)
	return s
}

func (p *parser) returns(s *Statement) {
	if !p.acceptWord("RETURNING") {
		return
	}
	modified := p.isWord("MODIFIED")
	p.advance()
	for r := AllOld; r <= ModifiedNew; r++ {
		words := strings.Fields(r.String())
		if modified == (words[0] == "MODIFIED") && p.isWord(words[1]) {
			s.Returning = r
		}
	}
	if s.Returning == Nothing {
		p.fail("Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.")
	}
	p.advance()
	if !p.acceptSymbol("*") {
		p.fail("Unsupported syntax in RETURNING columns.")
	}
}
