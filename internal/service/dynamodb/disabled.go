package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
)

// disabled is the state of what a table has not.
const disabled = "DISABLED"

func (s *Service) planDescribeContinuousBackups(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeContinuousBackupsInput, needs *auth.Needs,
) (target, error) {
	return s.need(caller, "dynamodb:DescribeContinuousBackups", in.TableName, needs)
}

// describeContinuousBackups answers as for a table whose point-in-time recovery is off: continuous backups
// are ENABLED on every table in DynamoDB ("DescribeContinuousBackups"). This operation has an error of its
// own for a table that is not there.
func describeContinuousBackups(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeContinuousBackupsInput, of target,
) (*dynamodbapi.DescribeContinuousBackupsOutput, error) {
	if of.table == nil {
		return nil, dynamodbapi.TableNotFoundException("Table not found: " + of.name.Table)
	}
	description := &dynamodbapi.ContinuousBackupsDescription{
		ContinuousBackupsStatus: new("ENABLED"),
		PointInTimeRecoveryDescription: &dynamodbapi.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: new(disabled),
		},
	}
	return &dynamodbapi.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: description}, nil
}
