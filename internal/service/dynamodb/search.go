package dynamodb

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

type query struct{ *Service }

// queryRequest is a query that was read from a request.
type queryRequest struct {
	shape     *resultShape
	condition *expression.KeyCondition
}

func (query) names(in *dynamodbapi.QueryInput) (table, index *string) {
	return in.TableName, in.IndexName
}

func (query) capacity(in *dynamodbapi.QueryInput) *string { return in.ReturnConsumedCapacity }

func (query) touches(in *dynamodbapi.QueryInput, t *engine.Table) *touch {
	return &touch{
		leading: queriedPartition(in, t), projection: in.ProjectionExpression,
		names:       in.ExpressionAttributeNames,
		expressions: [2]*string{in.KeyConditionExpression, in.FilterExpression},
		attributes:  slices.Concat(in.AttributesToGet, named(in.QueryFilter), named(in.KeyConditions)),
		selects:     selects(in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName),
	}
}

// queriedPartition is the partition key that a query asks for. Where nobody knows which attribute that is, as
// for a table that is not there, all values that the key condition wants equal count: the query is refused
// then, or its partition is among them.
func queriedPartition(in *dynamodbapi.QueryInput, t *engine.Table) (values []attribute.Value) {
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		"FilterExpression", "KeyConditionExpression")
	condition, err := readKeyCondition(scope, in)
	if err != nil || condition == nil {
		return nil
	}
	hash := partitionOf(t, in.IndexName)
	for _, clause := range condition.Clauses() {
		if clause.Comparison == expression.Equal && (hash == "" || clause.Attribute == hash) {
			values = append(values, clause.Low)
		}
	}
	return values
}

func (o query) run(
	ctx context.Context, in *dynamodbapi.QueryInput, p itemPlan[*queryRequest],
) (*dynamodbapi.QueryOutput, error) {
	t, shape := p.table, p.request.shape
	x, err := o.readIndex(t, in.IndexName, in.ConsistentRead, shape)
	if err != nil {
		return nil, err
	}
	if err := o.limits.admit(t, x, reading); err != nil {
		return nil, err
	}
	page, err := o.queryPage(ctx, t, x, in, shape, p.request.condition)
	if err != nil {
		return nil, lookupRefusal(expressionRefusal(err))
	}
	o.limits.chargePage(t, x, page, api.True(in.ConsistentRead))
	return &dynamodbapi.QueryOutput{
		Items: shape.items(page), Count: new(int64(len(page.Items))),
		ScannedCount:     new(int64(page.Scanned)),
		LastEvaluatedKey: page.LastKey,
		ConsumedCapacity: pageCapacity(in.ReturnConsumedCapacity, in.TableName, x, page,
			api.True(in.ConsistentRead)),
	}, nil
}

// queryPage reads a page of the table or, if x is not nil, of the index.
func (s *Service) queryPage(
	ctx context.Context, t *engine.Table, x *engine.Index, in *dynamodbapi.QueryInput, shape *resultShape,
	condition *expression.KeyCondition,
) (*engine.Page, error) {
	reverse, request := in.ScanIndexForward != nil && !*in.ScanIndexForward, shape.page(in.Limit,
		in.ExclusiveStartKey)
	if x != nil {
		q, err := indexQuery(x, condition)
		if err != nil {
			return nil, err
		}
		if err := shape.checkFilter(x.Keys()); err != nil {
			return nil, err
		}
		q.Reverse = reverse
		q.Page = request
		q.Whole = shape.needsTable(x)
		return s.engine.QueryIndex(ctx, t, x, q)
	}
	q, err := keyQuery(&t.Key, condition)
	if err != nil {
		return nil, err
	}
	if err := shape.checkFilter(t.Key.Attributes()); err != nil {
		return nil, err
	}
	q.Reverse, q.Page = reverse, request
	return s.engine.Query(ctx, t, q)
}

// read checks the request and compiles its expressions.
func (query) read(in *dynamodbapi.QueryInput) (*queryRequest, error) {
	err := checkForms([]parameter{
		{"ProjectionExpression", in.ProjectionExpression != nil},
		{"FilterExpression", in.FilterExpression != nil},
		{"KeyConditionExpression", in.KeyConditionExpression != nil},
	}, []parameter{
		{"AttributesToGet", in.AttributesToGet != nil}, {"QueryFilter", in.QueryFilter != nil},
		{"ConditionalOperator", in.ConditionalOperator != nil},
		// KeyConditions go with the other expressions, though not with an expression in their own place.
		{"KeyConditions", in.KeyConditions != nil && in.KeyConditionExpression != nil},
	})
	if err != nil {
		return nil, err
	}
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		"FilterExpression", "KeyConditionExpression")
	shape, err := readShape(scope, &shaped{
		filter: in.FilterExpression, projection: projected{expression: in.ProjectionExpression,
			attributes: in.AttributesToGet},
		legacyFilter: in.QueryFilter, legacyName: "QueryFilter", operator: in.ConditionalOperator,
		selected: in.Select,
		indexed:  in.IndexName != nil,
	})
	if err != nil {
		return nil, err
	}
	condition, err := readKeyCondition(scope, in)
	if err != nil {
		return nil, expressionRefusal(err)
	}
	if err := scope.Finish(); err != nil {
		return nil, expressionRefusal(err)
	}
	if condition == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be " +
			"specified in the request.")
	}
	return &queryRequest{shape, condition}, nil
}

// readKeyCondition compiles the key condition in either form; nil when there is none.
func readKeyCondition(scope *expression.Scope, in *dynamodbapi.QueryInput) (*expression.KeyCondition, error) {
	switch {
	case in.KeyConditionExpression != nil && in.IndexName != nil:
		return scope.IndexKeyCondition(*in.KeyConditionExpression)
	case in.KeyConditionExpression != nil:
		return scope.KeyCondition(*in.KeyConditionExpression)
	case in.KeyConditions != nil:
		return expression.LegacyKeyConditions(legacyConditions(in.KeyConditions))
	}
	return nil, nil
}

type scan struct{ *Service }

// scanRequest is a scan that was read from a request.
type scanRequest struct {
	shape *resultShape
	share engine.Scan
}

func (scan) names(in *dynamodbapi.ScanInput) (table, index *string) {
	return in.TableName, in.IndexName
}

func (scan) capacity(in *dynamodbapi.ScanInput) *string { return in.ReturnConsumedCapacity }

func (scan) touches(in *dynamodbapi.ScanInput, _ *engine.Table) *touch {
	return &touch{
		projection: in.ProjectionExpression, expressions: [2]*string{in.FilterExpression},
		names:      in.ExpressionAttributeNames,
		attributes: slices.Concat(in.AttributesToGet, named(in.ScanFilter)),
		selects:    selects(in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName),
	}
}

// read checks the request and compiles its expressions.
func (scan) read(in *dynamodbapi.ScanInput) (*scanRequest, error) {
	shape, err := checkScan(in)
	if err != nil {
		return nil, err
	}
	share, err := readSegment(in.Segment, in.TotalSegments)
	return &scanRequest{shape, share}, err
}

func (o scan) run(
	ctx context.Context, in *dynamodbapi.ScanInput, p itemPlan[*scanRequest],
) (*dynamodbapi.ScanOutput, error) {
	t, shape, share := p.table, p.request.shape, p.request.share
	x, err := o.readIndex(t, in.IndexName, in.ConsistentRead, shape)
	if err != nil {
		return nil, err
	}
	share.Page = shape.page(in.Limit, in.ExclusiveStartKey)
	if err := o.limits.admit(t, x, reading); err != nil {
		return nil, err
	}
	page, err := o.scanPage(ctx, t, x, share, shape)
	if err != nil {
		return nil, scanRefusal(expressionRefusal(err), &share)
	}
	o.limits.chargePage(t, x, page, api.True(in.ConsistentRead))
	return &dynamodbapi.ScanOutput{
		Items: shape.items(page), Count: new(int64(len(page.Items))),
		ScannedCount:     new(int64(page.Scanned)),
		LastEvaluatedKey: page.LastKey,
		ConsumedCapacity: pageCapacity(in.ReturnConsumedCapacity, in.TableName, x, page,
			api.True(in.ConsistentRead)),
	}, nil
}

// scanPage reads a page of the table or, if x is not nil, of the index.
func (s *Service) scanPage(
	ctx context.Context, t *engine.Table, x *engine.Index, request engine.Scan, shape *resultShape,
) (*engine.Page, error) {
	if x != nil {
		return s.engine.ScanIndex(ctx, t, x, request, shape.needsTable(x))
	}
	return s.engine.Scan(ctx, t, request)
}

func checkScan(in *dynamodbapi.ScanInput) (*resultShape, error) {
	err := checkForms([]parameter{
		{"ProjectionExpression", in.ProjectionExpression != nil},
		{"FilterExpression", in.FilterExpression != nil},
	}, []parameter{
		{"AttributesToGet", in.AttributesToGet != nil}, {"ScanFilter", in.ScanFilter != nil},
		{"ConditionalOperator", in.ConditionalOperator != nil},
	})
	if err != nil {
		return nil, err
	}
	scope := expression.NewScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		"FilterExpression")
	shape, err := readShape(scope, &shaped{
		filter: in.FilterExpression, projection: projected{expression: in.ProjectionExpression,
			attributes: in.AttributesToGet},
		legacyFilter: in.ScanFilter, operator: in.ConditionalOperator, selected: in.Select,
		indexed: in.IndexName != nil,
	})
	if err != nil {
		return nil, err
	}
	return shape, expressionRefusal(scope.Finish())
}

// readSegment reads the share of a parallel scan.
func readSegment(segment, total *int64) (engine.Scan, error) {
	switch {
	case segment == nil && total == nil:
		return engine.Scan{}, nil
	case segment == nil:
		return engine.Scan{}, invalid("The Segment parameter is required but was not present in the " +
			"request when parameter TotalSegments is present")
	case total == nil:
		return engine.Scan{}, invalid("The TotalSegments parameter is required but was not present in the " +
			"request when Segment parameter is present")
	case *segment >= *total:
		return engine.Scan{}, invalid("The Segment parameter is zero-based and must be less than parameter "+
			"TotalSegments: Segment: %d is not less than TotalSegments: %d", *segment, *total)
	}
	return engine.Scan{Segment: int(*segment), Total: int(*total)}, nil
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
			q.Comparison = comparison(clause.Comparison)
			q.Low = clause.Low
			q.High = clause.High
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
