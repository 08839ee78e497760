package expression

import (
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Error says that an expression, or the placeholders given with it, break a rule of DynamoDB. Message is DynamoDB's own text, for a
// ValidationException. It may quote the expression and values of the request, so it goes to the client who sent them and to no log.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Condition is a compiled ConditionExpression or FilterExpression.
type Condition struct{ attributes []string }

// KeyCondition is a compiled KeyConditionExpression.
type KeyCondition struct{ clauses []KeyClause }

// Projection is a compiled ProjectionExpression.
type Projection struct{ attributes []string }

// Update is a compiled UpdateExpression.
type Update struct{ attributes []string }

// Comparison is the operator of a KeyClause.
type Comparison uint8

// What a key condition can ask of a key attribute.
const (
	Equal Comparison = iota + 1
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	BeginsWith
)

// KeyClause is what a key condition asks of one attribute. High is nil unless Comparison is Between.
type KeyClause struct {
	Attribute  string
	Comparison Comparison
	Low, High  attribute.Value
}

// Scope is the placeholders of one request, shared by all its expressions; it remembers which were used.
type Scope struct {
	names  map[string]string
	values attribute.Item
}

// NewScope takes ExpressionAttributeNames and ExpressionAttributeValues; nil is none. members are the expressions that the
// operation knows, named as in its request: Finish quotes them when there are placeholders and no expression. Without members,
// Finish words it by the placeholders alone.
func NewScope(names map[string]string, values attribute.Item, members ...string) *Scope {
	return &Scope{names: names, values: values}
}

var errUnfinished = errors.New("expressions are not available yet")

// Condition compiles a ConditionExpression.
func (s *Scope) Condition(text string) (*Condition, error) { return nil, errUnfinished }

// Filter compiles a FilterExpression.
func (s *Scope) Filter(text string) (*Condition, error) { return nil, errUnfinished }

// KeyCondition compiles a KeyConditionExpression.
func (s *Scope) KeyCondition(text string) (*KeyCondition, error) { return nil, errUnfinished }

// Projection compiles a ProjectionExpression.
func (s *Scope) Projection(text string) (*Projection, error) { return nil, errUnfinished }

// Update compiles an UpdateExpression.
func (s *Scope) Update(text string) (*Update, error) { return nil, errUnfinished }

// Finish says, after all expressions of the request, whether placeholders were given in vain.
func (s *Scope) Finish() error { return nil }

// Holds says whether the condition is true of the item; nil is no item.
func (c *Condition) Holds(item attribute.Item) (bool, error) { return false, errUnfinished }

// Attributes are the names of the top-level attributes that the condition looks at, each once.
func (c *Condition) Attributes() []string { return c.attributes }

// Clauses are one or two, of different attributes, in the order of the text.
func (k *KeyCondition) Clauses() []KeyClause { return k.clauses }

// Apply makes an item of what the projection selects. The projection of nil is nil.
func (p *Projection) Apply(item attribute.Item) attribute.Item { return nil }

// Attributes are the names of the top-level attributes that the projection selects from, each once.
func (p *Projection) Attributes() []string { return p.attributes }

// Apply makes the item that follows current. Without a current item (nil) the update begins with the key alone. touched selects, from
// current or from next, what the update wrote to, for the ReturnValues UPDATED_OLD and UPDATED_NEW.
func (u *Update) Apply(current, key attribute.Item) (next attribute.Item, touched *Projection, err error) {
	return nil, nil, errUnfinished
}

// Attributes are the names of the top-level attributes that the update writes to, each once.
func (u *Update) Attributes() []string { return u.attributes }
