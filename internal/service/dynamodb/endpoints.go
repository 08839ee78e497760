package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
)

// endpointLifetime is for how many minutes clients keep what DescribeEndpoints answers.
const endpointLifetime = 1440

func describeEndpointsAccess(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeEndpointsRequest, needs *auth.Needs,
) error {
	needs.Add(auth.Need{Action: "dynamodb:DescribeEndpoints", Resource: "*"})
	return nil
}

// describeEndpoints names the address that the client used: one endpoint serves every region.
func describeEndpoints(
	_ context.Context, caller *auth.Caller, _ *dynamodbapi.DescribeEndpointsRequest,
) (*dynamodbapi.DescribeEndpointsResponse, error) {
	return &dynamodbapi.DescribeEndpointsResponse{
		Endpoints: []dynamodbapi.Endpoint{{Address: &caller.Host,
			CachePeriodInMinutes: pointer(int64(endpointLifetime))}},
	}, nil
}
