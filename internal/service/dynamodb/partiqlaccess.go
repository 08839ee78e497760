package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// statementRequest is what policies see of the statements of a request that share an action and a table or
// index ("IAM security policies with PartiQL for DynamoDB").
type statementRequest struct {
	action, table, index string // the table's ARN, and the name of the index if there is one
	statements           []requestedStatement
	enclosing            string // the operation around the statements, empty where they stand for themselves
	capacity             *string
}

type requestedStatement struct {
	*partiql.Checked
	onFailure *string // ReturnValuesOnConditionCheckFailure
}

// consumedCapacity is ReturnConsumedCapacity, as condition keys ask for it.
func (r *statementRequest) consumedCapacity() *string { return r.capacity }

// touches implements toucher. Where nobody knows which attribute is the partition key, the request comes to
// nothing.
func (r *statementRequest) touches(c *conditionKeys, visit func(*touch)) {
	var hash []engine.KeyAttribute
	if t := c.schema(); t != nil && r.index == "" {
		hash = t.Key.Attributes()[:1]
	} else if t != nil {
		if x := t.Index(r.index); x != nil {
			hash = x.Hash
		}
	}
	for _, statement := range r.statements {
		visit(statement.touch(hash, r.index, r.enclosing))
	}
}

// touch is what a statement does with the hash attributes of its table or index.
func (s requestedStatement) touch(hash []engine.KeyAttribute, index, enclosing string) *touch {
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
		return pointer("ALL_OLD")
	case partiql.AllNew:
		return pointer("ALL_NEW")
	case partiql.ModifiedOld:
		return pointer("UPDATED_OLD")
	case partiql.ModifiedNew:
		return pointer("UPDATED_NEW")
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

// statementNeeds collects the permissions that the statements of one request need.
type statementNeeds struct {
	service   *Service
	caller    *auth.Caller
	enclosing string
	capacity  *string
	requests  []*statementRequest
	tables    []string
}

// add adds what one statement needs.
func (n *statementNeeds) add(statement *partiql.Checked, onFailure *string) error {
	table, err := n.service.resource(n.caller, &statement.Table)
	if err != nil {
		return err
	}
	n.tables = append(n.tables, statement.Table)
	action, requested := statementAction(statement.Kind), requestedStatement{statement, onFailure}
	for _, r := range n.requests {
		if r.action == action && r.table == table && r.index == statement.Index {
			r.statements = append(r.statements, requested)
			return nil
		}
	}
	n.requests = append(n.requests, &statementRequest{action, table, statement.Index,
		[]requestedStatement{requested}, n.enclosing, n.capacity})
	return nil
}

// ask adds the permissions to the needs of the call.
func (n *statementNeeds) ask(needs *auth.Needs) {
	for _, r := range n.requests {
		resource := r.table
		if r.index != "" {
			resource = indexARN(r.table, r.index)
		}
		n.service.add(n.caller, r.action, resource, r, needs).table = r.table
	}
	needs.Note("tableNames", distinct(n.tables))
}

func (s *Service) executeStatementAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ExecuteStatementInput, needs *auth.Needs,
) error {
	statement, err := readStatement(in.Statement, in.Parameters)
	if err != nil {
		return err
	}
	n := &statementNeeds{service: s, caller: caller, capacity: in.ReturnConsumedCapacity}
	if err := n.add(statement, in.ReturnValuesOnConditionCheckFailure); err != nil {
		return err
	}
	n.ask(needs)
	return nil
}

// batchedStatement is one statement of a batch: what it means, or why it means nothing.
type batchedStatement struct {
	given   *dynamodbapi.BatchStatementRequest
	checked *partiql.Checked // nil if it means nothing
	refusal error
}

// planStatements reads the statements. The batch as a whole needs nothing: the statements are permitted one
// by one. It notes the tables of those that mean something.
func planStatements(
	_ context.Context, _ *auth.Caller, in *dynamodbapi.BatchExecuteStatementInput, needs *auth.Needs,
) ([]batchedStatement, error) {
	var tables []string
	parts := make([]batchedStatement, len(in.Statements))
	for i := range in.Statements {
		given := &in.Statements[i]
		parts[i].given = given
		parts[i].checked, parts[i].refusal = readStatement(given.Statement, given.Parameters)
		if parts[i].refusal == nil {
			tables = append(tables, parts[i].checked.Table)
		}
	}
	needs.Note("tableNames", distinct(tables))
	return parts, nil
}

// needStatement needs the permissions of one statement, if it means something. A statement whose table cannot
// be named reaches none, and is refused when it is run.
func (s *Service) needStatement(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.BatchExecuteStatementInput,
	part batchedStatement, needs *auth.Needs,
) error {
	if part.refusal != nil {
		return nil
	}
	if _, err := tableName(caller, &part.checked.Table); err != nil {
		return nil
	}
	n := &statementNeeds{service: s, caller: caller, capacity: in.ReturnConsumedCapacity}
	if err := n.add(part.checked, part.given.ReturnValuesOnConditionCheckFailure); err != nil {
		return err
	}
	n.ask(needs)
	return nil
}

func (s *Service) executeTransactionAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ExecuteTransactionInput, needs *auth.Needs,
) error {
	statements, err := readTransaction(in)
	if err != nil {
		return err
	}
	n := &statementNeeds{service: s, caller: caller, enclosing: "ExecuteTransaction",
		capacity: in.ReturnConsumedCapacity}
	for i, statement := range statements {
		if err := n.add(statement, in.TransactStatements[i].ReturnValuesOnConditionCheckFailure); err != nil {
			return inTransaction(i, err)
		}
	}
	n.ask(needs)
	return nil
}
