package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

// endpointLifetime is for how many minutes clients keep what DescribeEndpoints answers.
const endpointLifetime = 1440

func planDescribeEndpoints(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeEndpointsRequest, needs *auth.Needs,
) (service.None, error) {
	needs.Add(auth.Need{Action: "dynamodb:DescribeEndpoints", Resource: "*"})
	return service.None{}, nil
}

// describeEndpoints names the address that the client used: one endpoint serves every region.
func describeEndpoints(
	_ context.Context, caller *auth.Caller, _ *dynamodbapi.DescribeEndpointsRequest, _ service.None,
) (*dynamodbapi.DescribeEndpointsResponse, error) {
	return &dynamodbapi.DescribeEndpointsResponse{
		Endpoints: []dynamodbapi.Endpoint{{Address: &caller.Host,
			CachePeriodInMinutes: new(int64(endpointLifetime))}},
	}, nil
}
