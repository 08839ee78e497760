package expression

import (
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Update is a compiled UpdateExpression.
type Update struct{}

var errUnfinished = errors.New("update expressions are not available yet")

// Update compiles an UpdateExpression.
func (s *Scope) Update(text string) (*Update, error) { return nil, errUnfinished }

// Apply makes the item that follows current.
func (u *Update) Apply(current, key attribute.Item) (next attribute.Item, touched *Projection, err error) {
	return nil, nil, errUnfinished
}

// Attributes are the names of the top-level attributes that the update writes to.
func (u *Update) Attributes() []string { return nil }
