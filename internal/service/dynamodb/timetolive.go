package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// expiryPause is how long after one change of a table's time to live the next one is refused
// ("UpdateTimeToLive": it can take up to one hour for the change to fully process; any additional call during
// this hour is a ValidationException).
const expiryPause = time.Hour

func (s *Service) planDescribeTimeToLive(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeTimeToLiveInput, needs *auth.Needs,
) (target, error) {
	return s.need(caller, "dynamodb:DescribeTimeToLive", in.TableName, needs)
}

func (s *Service) describeTimeToLive(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.DescribeTimeToLiveInput, of target,
) (*dynamodbapi.DescribeTimeToLiveOutput, error) {
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	d := &dynamodbapi.TimeToLiveDescription{TimeToLiveStatus: new(expiryStatus(&t.Expiry, s.clock.Now()))}
	if *d.TimeToLiveStatus != disabled {
		d.AttributeName = &t.Expiry.Attribute
	}
	return &dynamodbapi.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

// expiryStatus is a table's TimeToLiveStatus at a moment.
func expiryStatus(x *engine.Expiry, now time.Time) string {
	settled := !now.Before(x.SettlesAt)
	switch {
	case x.Enabled && settled:
		return "ENABLED"
	case x.Enabled:
		return "ENABLING"
	case settled:
		return disabled
	}
	return "DISABLING"
}

func (s *Service) planUpdateTimeToLive(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateTimeToLiveInput, needs *auth.Needs,
) (target, error) {
	needs.Note("timeToLiveSpecification", map[string]any{
		"attributeName": *in.TimeToLiveSpecification.AttributeName,
		"enabled":       *in.TimeToLiveSpecification.Enabled,
	})
	return s.need(caller, "dynamodb:UpdateTimeToLive", in.TableName, needs)
}

func (s *Service) updateTimeToLive(
	ctx context.Context, _ *auth.Caller, in *dynamodbapi.UpdateTimeToLiveInput, of target,
) (*dynamodbapi.UpdateTimeToLiveOutput, error) {
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	if err := s.keys.Wake(ctx, t); err != nil && s.takesItems(t) {
		return nil, keyServiceRefusal(err) // DynamoDB refuses it as it refuses calls on items
	}
	spec, now := in.TimeToLiveSpecification, s.clock.Now()
	_, err = s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if err := sameTable(next, t); err != nil {
			return err
		}
		switch status(next, now) {
		case "CREATING", "UPDATING", "DELETING", "ARCHIVED":
			return tableBusy(next, now)
		}
		return s.changeExpiry(next, *spec.AttributeName, *spec.Enabled, now)
	})
	if errors.Is(err, engine.ErrNoTable) {
		return nil, notFound("Requested resource not found: Table: %s not found", t.Name.Table)
	}
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

func (s *Service) changeExpiry(t *engine.Table, name string, enable bool, now time.Time) error {
	x := &t.Expiry
	switch {
	case !x.Changed.IsZero() && now.Before(x.Changed.Add(expiryPause)):
		return invalid("Time to live has been modified multiple times within a fixed interval")
	case enable && x.Enabled && x.Attribute == name:
		return invalid("TimeToLive is already enabled")
	case x.Enabled && x.Attribute != name:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s",
			x.Attribute)
	case !enable && !x.Enabled:
		return invalid("TimeToLive is already disabled")
	case enable:
		t.EnableExpiry(name, now, now.Add(s.transition))
	default:
		t.DisableExpiry(now, now.Add(s.transition))
	}
	return nil
}
