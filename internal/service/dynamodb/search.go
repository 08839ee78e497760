package dynamodb

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

func (s *Service) query(ctx context.Context, caller *auth.Caller, in *dynamodbapi.QueryInput) (*dynamodbapi.QueryOutput, error) {
	if in.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	condition, err := scope.KeyCondition(*in.KeyConditionExpression)
	if err != nil {
		return nil, expressionRefusal(err)
	}
	shape, err := readShape(scope, in.FilterExpression, in.ProjectionExpression, in.Select)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	q, err := keyQuery(&t.Key, condition)
	if err != nil {
		return nil, err
	}
	if err := shape.checkFilter(&t.Key); err != nil {
		return nil, err
	}
	q.Reverse = in.ScanIndexForward != nil && !*in.ScanIndexForward
	q.Page = shape.page(in.Limit, in.ExclusiveStartKey)
	page, err := s.engine.Query(ctx, t, q)
	if err != nil {
		return nil, searchRefusal(err)
	}
	out := &dynamodbapi.QueryOutput{
		Items: shape.items(page), Count: pointer(int64(len(page.Items))), ScannedCount: pointer(int64(page.Scanned)),
		LastEvaluatedKey: page.LastKey,
	}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, t, readUnits(page.Size, isTrue(in.ConsistentRead)))
	}
	return out, nil
}

func (s *Service) scan(ctx context.Context, caller *auth.Caller, in *dynamodbapi.ScanInput) (*dynamodbapi.ScanOutput, error) {
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	shape, err := readShape(scope, in.FilterExpression, in.ProjectionExpression, in.Select)
	if err != nil {
		return nil, err
	}
	request, err := readSegment(in.Segment, in.TotalSegments)
	if err != nil {
		return nil, err
	}
	t, err := s.use(ctx, caller, in.TableName)
	if err != nil {
		return nil, err
	}
	request.Page = shape.page(in.Limit, in.ExclusiveStartKey)
	page, err := s.engine.Scan(ctx, t, request)
	if err != nil {
		return nil, searchRefusal(err)
	}
	out := &dynamodbapi.ScanOutput{
		Items: shape.items(page), Count: pointer(int64(len(page.Items))), ScannedCount: pointer(int64(page.Scanned)),
		LastEvaluatedKey: page.LastKey,
	}
	if wantsCapacity(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = capacity(in.ReturnConsumedCapacity, t, readUnits(page.Size, isTrue(in.ConsistentRead)))
	}
	return out, nil
}

// readSegment reads the share of a parallel scan.
func readSegment(segment, total *int64) (engine.Scan, error) {
	switch {
	case segment == nil && total == nil:
		return engine.Scan{}, nil
	case segment == nil:
		return engine.Scan{}, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case total == nil:
		return engine.Scan{}, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case *segment >= *total:
		return engine.Scan{}, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *segment, *total)
	}
	return engine.Scan{Segment: int(*segment), Total: int(*total)}, nil
}

// resultShape is what a query or scan does with the items that it reads.
type resultShape struct {
	filter     *expression.Condition
	projection *expression.Projection
	countOnly  bool
}

func readShape(scope *expression.Scope, filter, projection, selected *string) (*resultShape, error) {
	shape := &resultShape{}
	var err error
	if filter != nil {
		if shape.filter, err = scope.Filter(*filter); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	if projection != nil {
		if shape.projection, err = scope.Projection(*projection); err != nil {
			return nil, expressionRefusal(err)
		}
	}
	if err := scope.Finish(); err != nil {
		return nil, expressionRefusal(err)
	}
	return shape, shape.selectItems(selected, projection != nil)
}

// selectItems applies Select, which must agree with whether there is a projection.
func (r *resultShape) selectItems(selected *string, projected bool) error {
	if selected == nil {
		return nil
	}
	switch *selected {
	case "SPECIFIC_ATTRIBUTES":
		if !projected {
			return invalidParameter("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
		return nil
	case "ALL_PROJECTED_ATTRIBUTES":
		return invalidParameter("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case "COUNT":
		r.countOnly = true
	}
	if projected {
		return invalid("Cannot specify the ProjectionExpression when choosing to get %s", map[bool]string{true: "only the Count", false: "ALL_ATTRIBUTES"}[r.countOnly])
	}
	return nil
}

// checkFilter keeps key attributes out of a query's filter: they belong into the key condition.
func (r *resultShape) checkFilter(key *engine.KeySchema) error {
	if r.filter == nil {
		return nil
	}
	for _, attribute := range key.Attributes() {
		if slices.Contains(r.filter.Attributes(), attribute.Name) {
			return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", attribute.Name)
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

// keyQuery fits a key condition to the table's key.
func keyQuery(key *engine.KeySchema, condition *expression.KeyCondition) (engine.Query, error) {
	var q engine.Query
	clauses := condition.Clauses()
	for _, clause := range clauses {
		switch {
		case clause.Attribute == key.Hash.Name:
			if clause.Comparison != expression.Equal {
				return q, invalid("Query key condition not supported")
			}
			q.Hash = clause.Low
		case key.Range != nil && clause.Attribute == key.Range.Name:
			q.Comparison, q.Low, q.High = comparison(clause.Comparison), clause.Low, clause.High
		case len(clauses) > len(key.Attributes()):
			return q, invalid("Query key condition not supported")
		}
	}
	if q.Hash == nil {
		return q, invalid("Query condition missed key schema element: %s", key.Hash.Name)
	}
	if len(clauses) == 2 && q.Comparison == engine.Any {
		return q, invalid("Query condition missed key schema element: %s", key.Range.Name)
	}
	return q, checkOperands(key, &q)
}

func comparison(c expression.Comparison) engine.Comparison {
	switch c {
	case expression.Equal:
		return engine.Equal
	case expression.Less:
		return engine.Less
	case expression.LessOrEqual:
		return engine.LessOrEqual
	case expression.Greater:
		return engine.Greater
	case expression.GreaterOrEqual:
		return engine.GreaterOrEqual
	case expression.Between:
		return engine.Between
	}
	return engine.BeginsWith
}

// checkOperands refuses operands of another type than the key's.
func checkOperands(key *engine.KeySchema, q *engine.Query) error {
	if q.Hash.Kind() != key.Hash.Kind {
		return invalidParameter("Condition parameter type does not match schema type")
	}
	for _, operand := range []attribute.Value{q.Low, q.High} {
		if operand != nil && operand.Kind() != key.Range.Kind {
			return invalidParameter("Condition parameter type does not match schema type")
		}
	}
	return nil
}

func searchRefusal(err error) error { return refusal(expressionRefusal(err)) }
