package dynamodb

import (
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// shaped is what queries and scans have in common: filter and projection in either form, and Select.
type shaped struct {
	filter       *string
	projection   projected
	legacyFilter map[string]dynamodbapi.Condition
	legacyName   string // of the member of legacyFilter, where it must not name key attributes
	operator     *string
	selected     *string
	indexed      bool // an index is read, not the table
}

// resultShape is what a query or scan does with the items that it reads.
type resultShape struct {
	filter     *expression.Condition
	filterName string // in refusals of key attributes
	projection *expression.Projection
	countOnly  bool
	all        bool // ALL_ATTRIBUTES
}

func readShape(scope *expression.Scope, given *shaped) (*resultShape, error) {
	shape := &resultShape{filterName: "Filter Expression"}
	if err := shape.selectItems(given); err != nil {
		return nil, err
	}
	var err error
	if given.legacyFilter != nil || given.operator != nil {
		shape.filterName = given.legacyName
		if shape.filter, err = expression.LegacyFilter(legacyConditions(given.legacyFilter),
			api.Text(given.operator)); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	if given.filter != nil {
		if shape.filter, err = scope.Filter(*given.filter); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	shape.projection, err = given.projection.within(scope)
	return shape, err
}

// selectItems applies Select, which must agree with whether there is a projection.
func (r *resultShape) selectItems(given *shaped) error {
	if given.selected == nil {
		return nil
	}
	what, p := "", &given.projection
	switch *given.selected {
	case "SPECIFIC_ATTRIBUTES":
		if p.expression == nil && p.attributes == nil {
			return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get " +
				"SPECIFIC_ATTRIBUTES")
		}
		return nil
	case "ALL_PROJECTED_ATTRIBUTES":
		if !given.indexed {
			return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
		}
		what = "ALL_PROJECTED_ATTRIBUTES"
	case "COUNT":
		r.countOnly, what = true, "only the Count"
	case "ALL_ATTRIBUTES":
		r.all, what = true, "ALL_ATTRIBUTES"
	}
	switch {
	case p.expression != nil:
		return invalid("Cannot specify the ProjectionExpression when choosing to get %s", what)
	case p.attributes != nil:
		return invalid("Cannot specify the AttributesToGet when choosing to get %s", what)
	}
	return nil
}

// checkFilter keeps key attributes out of a query's filter: they belong into the key condition.
func (r *resultShape) checkFilter(keys []engine.KeyAttribute) error {
	if r.filter == nil {
		return nil
	}
	for _, attribute := range keys {
		if slices.Contains(r.filter.Attributes(), attribute.Name) {
			return invalid("%s can only contain non-primary key attributes: Primary key attribute: %s",
				r.filterName, attribute.Name)
		}
	}
	return nil
}

func (r *resultShape) page(limit *int64, start attribute.Item) engine.PageRequest {
	p := engine.PageRequest{Start: start}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if r.filter != nil {
		p.Filter = r.filter.Holds
	}
	return p
}

// items are the page's items as the request wants them; an empty list is a list.
func (r *resultShape) items(page *engine.Page) []attribute.Item {
	if r.countOnly {
		return nil
	}
	if page.Items == nil {
		return []attribute.Item{}
	}
	if r.projection != nil {
		for i, item := range page.Items {
			page.Items[i] = r.projection.Apply(item)
		}
	}
	return page.Items
}
