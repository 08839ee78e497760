package dynamodb

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// plannedStatement is a statement that was read from a request, with the table that it names.
type plannedStatement struct {
	*partiql.Checked
	target
	onFailure *string // ReturnValuesOnConditionCheckFailure
}

// statementRequest is what policies see of the statements of a request that share an action and a table or
// index ("IAM security policies with PartiQL for DynamoDB").
type statementRequest struct {
	action, arn, index string // the table's ARN, and the name of the index if there is one
	statements         []plannedStatement
	enclosing          string // the operation around the statements, empty where they stand for themselves
	returnsCapacity    *string
}

func (r *statementRequest) capacity(*conditionKeys) *string { return r.returnsCapacity }

// touches implements touching. Where nobody knows which attribute is the partition key, the request comes to
// nothing.
func (r *statementRequest) touches(c *conditionKeys, visit func(*touch)) {
	var hash []engine.KeyAttribute
	if c.table != nil && r.index == "" {
		hash = c.table.Key.Attributes()[:1]
	} else if c.table != nil {
		if x := c.table.Index(r.index); x != nil {
			hash = x.Hash
		}
	}
	for i := range r.statements {
		visit(r.statements[i].touch(hash, r.index, r.enclosing))
	}
}

// touch is what a statement does with the hash attributes of its table or index.
func (s *plannedStatement) touch(hash []engine.KeyAttribute, index, enclosing string) *touch {
	t := &touch{item: s.Item, attributes: s.Attributes(), enclosing: enclosing, scans: len(hash) == 0}
	for _, key := range hash {
		values, bounded := s.Partitions(key.Name)
		t.leading, t.scans = append(t.leading, values...), t.scans ||
			!bounded
		if s.Equality(key.Name) != nil {
			// Of conditions that contradict each other, a write locks the item of the first.
			t.leading = append(t.leading, s.Equality(key.Name))
		}
	}
	if s.Kind != partiql.Select && s.Kind != partiql.Exists {
		t.returns = returns(returningName(s.Returning), s.onFailure)
		return t
	}
	t.statement, t.selects = true, everything
	switch {
	case s.Columns != nil:
		t.selects = specific
	case index != "":
		t.selects = "ALL_PROJECTED_ATTRIBUTES"
	}
	return t
}

// returningName is RETURNING as ReturnValues has it.
func returningName(r partiql.Returning) *string {
	switch r {
	case partiql.AllOld:
		return new("ALL_OLD")
	case partiql.AllNew:
		return new("ALL_NEW")
	case partiql.ModifiedOld:
		return new("UPDATED_OLD")
	case partiql.ModifiedNew:
		return new("UPDATED_NEW")
	}
	return nil
}

func statementAction(kind partiql.Kind) string {
	switch kind {
	case partiql.Insert:
		return "dynamodb:PartiQLInsert"
	case partiql.Update:
		return "dynamodb:PartiQLUpdate"
	case partiql.Delete:
		return "dynamodb:PartiQLDelete"
	}
	return "dynamodb:PartiQLSelect"
}

// needStatements adds the permissions that the statements of a request need.
func (a asking) needStatements(statements []plannedStatement, enclosing string, capacity *string) {
	var requests []*statementRequest
	tables := make([]string, len(statements))
	for i, p := range statements {
		tables[i] = p.Table
		action := statementAction(p.Kind)
		at := slices.IndexFunc(requests, func(r *statementRequest) bool {
			return r.action == action && r.arn == p.arn && r.index == p.Index
		})
		if at < 0 {
			at = len(requests)
			requests = append(requests, &statementRequest{action: action, arn: p.arn, index: p.Index,
				enclosing: enclosing, returnsCapacity: capacity})
		}
		requests[at].statements = append(requests[at].statements, p)
	}
	for _, r := range requests {
		a.need(r.action, &r.statements[0].target, r.index, r)
	}
	a.note(tables)
}

func (s *Service) planExecuteStatement(
	caller *auth.Caller, in *dynamodbapi.ExecuteStatementInput, ask asking,
) (p plannedStatement, err error) {
	if p.Checked, err = readStatement(in.Statement, in.Parameters); err != nil {
		return p, err
	}
	p.onFailure = in.ReturnValuesOnConditionCheckFailure
	if p.target, err = s.target(caller, &p.Table); err != nil {
		return p, err
	}
	ask.needStatements([]plannedStatement{p}, "", in.ReturnConsumedCapacity)
	return p, nil
}

// batchedStatement is one statement of a batch: what it means, or why it means nothing.
type batchedStatement struct {
	plannedStatement // whose Checked is nil if it means nothing
	given            *dynamodbapi.BatchStatementRequest
	refusal          error
}

// planStatements reads the statements. The batch as a whole needs nothing: the statements are permitted one
// by one. It notes the tables of those that mean something.
func (s *Service) planStatements(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.BatchExecuteStatementInput, needs *auth.Needs,
) ([]batchedStatement, error) {
	var tables []string
	parts := make([]batchedStatement, len(in.Statements))
	for i := range in.Statements {
		part := &parts[i]
		part.given = &in.Statements[i]
		part.Checked, part.refusal = readStatement(part.given.Statement, part.given.Parameters)
		if part.refusal != nil {
			continue
		}
		part.onFailure = part.given.ReturnValuesOnConditionCheckFailure
		tables = append(tables, part.Table)
		if t, err := s.target(caller, &part.Table); err == nil {
			part.target = t
		}
	}
	needs.Note("tableNames", distinct(tables))
	return parts, nil
}

// needStatement needs the permissions of one statement, if it means something. A statement whose table cannot
// be named has no target, reaches none, and is refused when it is run.
func (s *Service) needStatement(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.BatchExecuteStatementInput,
	part batchedStatement, needs *auth.Needs,
) error {
	if part.refusal == nil && part.arn != "" {
		asking{s, caller, needs}.needStatements([]plannedStatement{part.plannedStatement}, "",
			in.ReturnConsumedCapacity)
	}
	return nil
}

func (s *Service) planExecuteTransaction(
	caller *auth.Caller, in *dynamodbapi.ExecuteTransactionInput, ask asking,
) ([]plannedStatement, error) {
	statements, err := readTransaction(in)
	if err != nil {
		return nil, err
	}
	plan := make([]plannedStatement, len(statements))
	for i, statement := range statements {
		plan[i] = plannedStatement{Checked: statement,
			onFailure: in.TransactStatements[i].ReturnValuesOnConditionCheckFailure}
		if plan[i].target, err = s.target(caller, &statement.Table); err != nil {
			return nil, inTransaction(i, err)
		}
	}
	ask.needStatements(plan, "ExecuteTransaction", in.ReturnConsumedCapacity)
	return plan, nil
}
