package dynamodb

import (
	"context"
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// batchExecuteStatement runs the statements that the caller may run; refused says of the others why not.
func (s *Service) batchExecuteStatement(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.BatchExecuteStatementInput,
	parts []batchedStatement, refused []*auth.DeniedError,
) (*dynamodbapi.BatchExecuteStatementOutput, error) {
	if err := checkMix("BatchExecuteStatement", statementsOf(parts)); err != nil {
		return nil, err
	}
	out, cost := &dynamodbapi.BatchExecuteStatementOutput{
		Responses: make([]dynamodbapi.BatchStatementResponse, len(parts)),
	}, &tally{}
	for i, part := range parts {
		response := &out.Responses[i]
		err := part.refusal
		if err == nil {
			response.TableName = &part.Table
		}
		if refused[i] != nil {
			response.Error = &dynamodbapi.BatchStatementError{Code: new(accessReason),
				Message: new(refused[i].Error())}
			continue
		}
		if err == nil {
			response.Item, err = s.executeInBatch(ctx, caller, &part, cost)
		}
		if err == nil {
			continue
		}
		if response.Error, err = batchError(err, part.onFailure); err != nil {
			return nil, err
		}
	}
	out.ConsumedCapacity = cost.consumed(in.ReturnConsumedCapacity)
	return out, nil
}

// statementsOf are the statements that mean something, nil in the place of the others.
func statementsOf(parts []batchedStatement) []*partiql.Checked {
	statements := make([]*partiql.Checked, len(parts))
	for i := range parts {
		statements[i] = parts[i].Checked
	}
	return statements
}

// accessReason is the code of a statement in a batch that the caller may not run.
const accessReason = "AccessDenied"

// checkMix refuses requests that read and write. Statements that mean nothing are nil.
func checkMix(operation string, statements []*partiql.Checked) error {
	reads, writes := false, false
	for _, statement := range statements {
		if statement != nil {
			reads, writes = reads || statement.Kind.Reads(), writes || !statement.Kind.Reads()
		}
	}
	if reads && writes {
		return invalid("%s API does not support both read and write operations in the same request.",
			operation)
	}
	return nil
}

// executeInBatch runs one statement on its own.
func (s *Service) executeInBatch(
	ctx context.Context, caller *auth.Caller, part *batchedStatement, cost *tally,
) (attribute.Item, error) {
	if part.Kind == partiql.Exists {
		return nil, invalid(existsOutside)
	}
	if err := s.use(ctx, caller, &part.target); err != nil {
		return nil, err
	}
	if part.Kind == partiql.Select {
		return s.selectInBatch(ctx, part.table, part.Checked, api.True(part.given.ConsistentRead), cost)
	}
	item, change, err := s.executeWrite(ctx, part.table, part.Checked)
	if err == nil {
		cost.addCost(part.Table, costOfWrite(part.table, change, 1))
	}
	return item, err
}

// selectInBatch reads one item by its key.
func (s *Service) selectInBatch(
	ctx context.Context, t *engine.Table, statement *partiql.Checked, consistent bool, cost *tally,
) (attribute.Item, error) {
	const incomplete = "Select statements within BatchExecuteStatement must specify the primary key in the " +
		"where clause."
	if statement.Index != "" {
		return nil, invalid(incomplete)
	}
	key, err := statementKey(t, statement, incomplete)
	if err != nil {
		return nil, err
	}
	if err := checkTableOrder(t, statement); err != nil {
		return nil, err
	}
	item, units, err := s.readOne(ctx, t, key, statement, consistent)
	if err == nil {
		cost.add(statement.Table, units)
	}
	return item, err
}

// batchError is why one statement of a batch failed. An error that is not for clients fails the batch.
func batchError(err error, returnItem *string) (*dynamodbapi.BatchStatementError, error) {
	var failed *engine.ConditionError
	if errors.As(err, &failed) {
		return &dynamodbapi.BatchStatementError{
			Code: new(conditionReason), Item: failedItem(failed, returnItem),
			Message: new(conditionFailed),
		}, nil
	}
	var known *api.Error
	if !errors.As(err, &known) || known.Status >= 500 {
		return nil, err
	}
	code := strings.TrimSuffix(known.Code, "Exception")
	if code == "Validation" {
		code = validationReason
	}
	return &dynamodbapi.BatchStatementError{Code: &code, Message: &known.Message}, nil
}
