package dynamodb

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// disabled is the state of what a table has not.
const disabled = "DISABLED"

func (s *Service) describeContinuousBackupsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeContinuousBackupsInput, needs *auth.Needs,
) error {
	return s.need(caller, "dynamodb:DescribeContinuousBackups", in.TableName, needs)
}

// describeContinuousBackups says what is so: there are none. This operation has an error of its own for a
// table that is not there.
func (s *Service) describeContinuousBackups(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeContinuousBackupsInput,
) (*dynamodbapi.DescribeContinuousBackupsOutput, error) {
	if _, err := s.find(caller, in.TableName); errors.Is(err, engine.ErrNoTable) {
		name, _ := tableName(caller, in.TableName)
		return nil, dynamodbapi.TableNotFoundException("Table not found: " + name.Table)
	}
	description := &dynamodbapi.ContinuousBackupsDescription{
		ContinuousBackupsStatus: pointer(disabled),
		PointInTimeRecoveryDescription: &dynamodbapi.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: pointer(disabled),
		},
	}
	return &dynamodbapi.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: description}, nil
}
