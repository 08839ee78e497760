package dynamodb

import (
	"github.com/sealtable/sealtable/internal/expression"
)

// projected is what reads of single items have in common: the projection in either form, and the names that
// it may use.
type projected struct {
	expression *string
	names      map[string]string
	attributes []string // AttributesToGet
}

// compile compiles the projection; nil is the whole item.
func (p *projected) compile() (*expression.Projection, error) {
	if p.expression == nil && p.names == nil && p.attributes == nil {
		return nil, nil
	}
	err := checkForms([]parameter{{"ProjectionExpression", p.expression != nil}},
		[]parameter{{"AttributesToGet", p.attributes != nil}})
	if err != nil {
		return nil, err
	}
	scope := expression.NewScope(p.names, nil)
	projection, err := p.within(scope)
	if err != nil {
		return nil, err
	}
	return projection, expressionRefusal(scope.Finish())
}

// within compiles the projection with placeholders that it may share with others.
func (p *projected) within(scope *expression.Scope) (projection *expression.Projection, err error) {
	switch {
	case p.expression != nil:
		projection, err = scope.Projection(*p.expression)
	case p.attributes != nil:
		projection, err = expression.AttributesToGet(p.attributes)
	}
	return projection, expressionRefusal(err)
}
