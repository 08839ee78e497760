package dynamodb

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// readStatement parses and checks a statement with its parameters.
func readStatement(text *string, parameters []attribute.Value) (*partiql.Checked, error) {
	parsed, err := partiql.Parse(*text)
	if err != nil {
		return nil, statementRefusal(err)
	}
	checked, err := parsed.Check(parameters)
	return checked, statementRefusal(err)
}

// statementRefusal words what is wrong with a statement, or with a value in it.
func statementRefusal(err error) error {
	var wrong *partiql.Error
	var value *attribute.ValidationError
	switch {
	case errors.As(err, &wrong):
		return invalid("%s", wrong.Message)
	case errors.As(err, &value):
		return invalid("%s", value.Message)
	}
	return expressionRefusal(err)
}

const existsOutside = "EXISTS can only be used in ExecuteTransaction write requests."

func (s *Service) executeStatement(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.ExecuteStatementInput, p plannedStatement,
) (*dynamodbapi.ExecuteStatementOutput, error) {
	switch {
	case p.Kind == partiql.Exists:
		return nil, invalid(existsOutside)
	case p.Kind != partiql.Select && in.NextToken != nil:
		return nil, invalid(invalidToken)
	}
	if err := s.use(ctx, caller, &p.target); err != nil {
		return nil, err
	}
	if p.Kind == partiql.Select {
		return s.executeSelect(ctx, p.table, p.Checked, in)
	}
	item, change, err := s.executeWrite(ctx, p.table, p.Checked)
	if err != nil {
		return nil, writeRefusal(err, p.onFailure, statementRefusal)
	}
	out := &dynamodbapi.ExecuteStatementOutput{
		ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, &p.Table, p.table, change),
		Items:            []attribute.Item{},
	}
	if item != nil {
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// executeWrite runs a statement that writes. item is what RETURNING asks for. An *engine.ConditionError is
// passed on as it is; other errors are worded.
func (s *Service) executeWrite(
	ctx context.Context, t *engine.Table, statement *partiql.Checked,
) (item attribute.Item, change engine.Change, err error) {
	w, err := planStatement(t, statement)
	if err != nil {
		return nil, change, err
	}
	write, err := w.build(t)
	if err != nil {
		return nil, change, w.word(err)
	}
	if err := s.limits.admit(t, nil, writing); err != nil {
		return nil, change, err
	}
	changes, err := s.engine.Batch(ctx, []engine.Write{write})
	var failed *engine.ConditionError
	switch {
	case errors.Is(err, errDuplicateItem):
		return nil, change, dynamodbapi.DuplicateItemException(duplicateItem)
	case errors.As(err, &failed):
		s.limits.chargeWrite(t, change, err, 1)
		return nil, change, failed
	case err != nil:
		return nil, change, w.word(expressionRefusal(err))
	}
	s.limits.chargeWrite(t, changes[0], nil, 1)
	return w.returned(changes[0]), changes[0], nil
}
