package dynamodb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/partiql"
)

// readTransaction parses and checks the statements of a transaction.
func readTransaction(in *dynamodbapi.ExecuteTransactionInput) ([]*partiql.Checked, error) {
	statements := make([]*partiql.Checked, len(in.TransactStatements))
	for i := range in.TransactStatements {
		var err error
		if statements[i], err = readStatement(in.TransactStatements[i].Statement,
			in.TransactStatements[i].Parameters); err != nil {
			return nil, inTransaction(i, err)
		}
	}
	return statements, checkMix("ExecuteTransaction", statements)
}

// inTransaction says which statement of a transaction a refusal is about.
func inTransaction(i int, err error) error {
	var known *api.Error
	if !errors.As(err, &known) || known.Code != "ValidationException" {
		return err
	}
	named := *known
	named.Message = fmt.Sprintf("Validation failed in TransactStatements[%d]: %s", i, known.Message)
	return &named
}

func (s *Service) executeTransaction(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.ExecuteTransactionInput,
	plan []plannedStatement,
) (*dynamodbapi.ExecuteTransactionOutput, error) {
	tables := make([]*engine.Table, len(plan))
	for i := range plan {
		tables[i] = plan[i].table
		if err := s.use(ctx, caller, &plan[i].target); err != nil {
			return nil, err
		}
	}
	if plan[0].Kind.Reads() {
		return s.readTogether(ctx, in, plan, tables)
	}
	return s.writeTogether(ctx, caller, in, plan, tables)
}

// readTogether reads one item for each statement, as they were at one moment.
func (s *Service) readTogether(
	ctx context.Context, in *dynamodbapi.ExecuteTransactionInput, statements []plannedStatement,
	tables []*engine.Table,
) (*dynamodbapi.ExecuteTransactionOutput, error) {
	places := make([]engine.Place, len(statements))
	for i, statement := range statements {
		key, err := transactedKey(tables[i], statement.Checked)
		if err == nil {
			places[i], err = engine.PlaceOf(tables[i], key)
		}
		if err != nil {
			return nil, inTransaction(i, lookupRefusal(err))
		}
	}
	items, err := s.getTogether(ctx, tables, places)
	if err != nil {
		return nil, err
	}
	cost, responses := &tally{}, make([]dynamodbapi.ItemResponse, len(items))
	for i, item := range items {
		cost.add(statements[i].Table, transactionFactor*readUnits(item.Size(), true))
		responses[i].Item = statements[i].Columns.Apply(item)
	}
	return &dynamodbapi.ExecuteTransactionOutput{
		ConsumedCapacity: cost.consumedReads(in.ReturnConsumedCapacity), Responses: responses,
	}, nil
}

// transactedKey is the key that a SELECT in a transaction reads. It demands the key and nothing else.
func transactedKey(t *engine.Table, statement *partiql.Checked) (attribute.Item, error) {
	const incomplete = "Select statements within ExecuteTransaction must specify the primary key in the " +
		"where clause."
	if statement.Index != "" {
		return nil, invalid("Reads on indices are not supported within transactions.")
	}
	key, err := statementKey(t, statement, incomplete)
	if err == nil && !statement.DemandsOnly(keyNames(t)...) {
		err = invalid(incomplete)
	}
	if err == nil {
		err = checkTableOrder(t, statement)
	}
	return key, err
}

func keyNames(t *engine.Table) []string { return definedNames(t.Key.Attributes()) }

// writeTogether does all writes or none.
func (s *Service) writeTogether(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.ExecuteTransactionInput,
	statements []plannedStatement, tables []*engine.Table,
) (*dynamodbapi.ExecuteTransactionOutput, error) {
	plan := make([]plannedWrite, len(statements))
	writes := make([]engine.Write,
		len(statements))
	misfits := make([]error, len(statements))
	for i, statement := range statements {
		w, err := planTransacted(tables[i], statement.Checked)
		if err != nil {
			return nil, inTransaction(i, err)
		}
		plan[i] = plannedWrite{called: statement.Table, returnItem: statement.onFailure}
		if writes[i], err = w.build(tables[i]); err != nil {
			misfits[i] = w.word(err)
			if isFault(err) {
				return nil, misfits[i]
			}
		}
	}
	if err := cancelMisfits(misfits); err != nil {
		return nil, err
	}
	if err := s.limits.admitTogether(tables, writing); err != nil {
		return nil, err
	}
	changes, repeated, err := s.engine.Transact(ctx, readStatementsToken(caller, in), writes)
	if err != nil {
		return nil, cancellation(err, plan)
	}
	s.limits.chargeTogether(tables, changes, repeated)
	return &dynamodbapi.ExecuteTransactionOutput{
		ConsumedCapacity: transactionCost(in.ReturnConsumedCapacity, plan, tables, changes, repeated),
		Responses:        make([]dynamodbapi.ItemResponse, len(statements)),
	}, nil
}

// planTransacted is planStatement for a statement of a transaction, which gives nothing back.
func planTransacted(t *engine.Table, statement *partiql.Checked) (*statementWrite, error) {
	switch {
	case statement.Returning != partiql.Nothing:
		return nil, invalid("RETURNING clause is not supported within transactions.")
	case statement.Kind != partiql.Exists:
		return planStatement(t, statement)
	case statement.Index != "":
		return nil, invalid("Operations on indices are not supported in transactions")
	case statement.DemandsOnly(keyNames(t)...):
		return nil, invalid(incompleteCheck)
	}
	key, err := statementKey(t, statement, incompleteCheck)
	return &statementWrite{statement: statement, key: key}, err
}

// readStatementsToken is the ClientRequestToken; nil when there is none.
func readStatementsToken(caller *auth.Caller, in *dynamodbapi.ExecuteTransactionInput) *engine.Token {
	if in.ClientRequestToken == nil {
		return nil
	}
	f := fingerprint{sha256.New()}
	f.part([]byte("ExecuteTransaction"))
	for i := range in.TransactStatements {
		f.statement(in.TransactStatements[i].Statement, in.TransactStatements[i].Parameters)
	}
	return &engine.Token{
		Owner: caller.Account + "/" + caller.Region, Name: *in.ClientRequestToken,
		Fingerprint: [sha256.Size]byte(f.h.Sum(nil)),
	}
}
