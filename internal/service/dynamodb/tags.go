package dynamodb

import (
	"context"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// Rules of tags ("Tagging restrictions in DynamoDB").
const (
	maxTags        = 50
	reservedPrefix = "aws:"
)

// addTags gives a table's tags with more of them added; a key that is there already gets the new value.
func addTags(current map[string]string, more []dynamodbapi.Tag) (map[string]string, error) {
	tags := map[string]string{}
	maps.Copy(tags, current)
	for _, tag := range more {
		tags[*tag.Key] = *tag.Value
	}
	if len(tags) > maxTags {
		return nil, tooManyTags()
	}
	return tags, nil
}

// taggedName is resourceName with the words of requests for tags for an ARN of another region.
func taggedName(caller *auth.Caller, given *string) (engine.Name, error) {
	if a, ok := arn.Parse(*given); ok && a.Service == "dynamodb" && a.Region != caller.Region {
		return engine.Name{}, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", *given)
	}
	return resourceName(caller, given)
}

// tagged is the plan of a request that names a table by ResourceArn.
type tagged struct {
	target
	given string
}

// needTagged is need for requests that name a table by ResourceArn. It gives the condition keys back.
func (s *Service) needTagged(
	caller *auth.Caller, action string, given *string, needs *auth.Needs,
) (tagged, *conditionKeys, error) {
	name, err := taggedName(caller, given)
	if err != nil {
		return tagged{}, nil, err
	}
	needs.Note("resourceArn", *given)
	of := tagged{s.targetOf(name), *given}
	return of, s.needOn(caller, action, &of.target, "", needs), nil
}

// there is the table, or the refusal of requests for tags.
func (of *tagged) there() (*engine.Table, error) {
	if of.table == nil {
		return nil, notFound("Requested resource not found: ResourcArn: %s not found", of.given)
	}
	return of.table, nil
}

func (s *Service) planTagResource(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.TagResourceInput, needs *auth.Needs,
) (tagged, error) {
	of, c, err := s.needTagged(caller, "dynamodb:TagResource", in.ResourceArn, needs)
	if err == nil {
		c.tags = tagMap(in.Tags)
	}
	return of, err
}

func (s *Service) planUntagResource(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UntagResourceInput, needs *auth.Needs,
) (tagged, error) {
	of, c, err := s.needTagged(caller, "dynamodb:UntagResource", in.ResourceArn, needs)
	if err == nil {
		c.tagKeys = in.TagKeys
	}
	return of, err
}

func (s *Service) planListTags(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ListTagsOfResourceInput, needs *auth.Needs,
) (tagged, error) {
	of, _, err := s.needTagged(caller, "dynamodb:ListTagsOfResource", in.ResourceArn, needs)
	return of, err
}

// tagMap is the tags of a request by their keys. A key that comes twice is refused later, whoever asks.
func tagMap(tags []dynamodbapi.Tag) map[string]string {
	byKey := make(map[string]string, len(tags))
	for _, t := range tags {
		byKey[*t.Key] = *t.Value
	}
	return byKey
}

func (s *Service) tagResource(
	ctx context.Context, _ *auth.Caller, in *dynamodbapi.TagResourceInput, of tagged,
) (*dynamodbapi.TagResourceOutput, error) {
	err := s.changeTags(ctx, of, func(t *engine.Table) (err error) {
		t.Tags, err = addTags(t.Tags, in.Tags)
		return err
	})
	return &dynamodbapi.TagResourceOutput{}, err
}

func (s *Service) untagResource(
	ctx context.Context, _ *auth.Caller, in *dynamodbapi.UntagResourceInput, of tagged,
) (*dynamodbapi.UntagResourceOutput, error) {
	err := s.changeTags(ctx, of, func(t *engine.Table) error {
		for _, key := range in.TagKeys {
			delete(t.Tags, key)
		}
		return nil
	})
	return &dynamodbapi.UntagResourceOutput{}, err
}

// changeTags changes the tags of a table that is neither on its way in nor out.
func (s *Service) changeTags(
	ctx context.Context, of tagged, change func(*engine.Table) error,
) error {
	t, err := of.there()
	if err != nil {
		return err
	}
	now := s.clock.Now()
	_, err = s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if err := sameTable(next, t); err != nil {
			return err
		}
		switch status(next, now) {
		case "CREATING", "DELETING":
			return tableBusy(next, now)
		}
		return change(next)
	})
	return refusal(err)
}

// listTags gives all tags at once, so it gives out no NextToken and knows none.
func (s *Service) listTags(
	_ context.Context, _ *auth.Caller, in *dynamodbapi.ListTagsOfResourceInput, of tagged,
) (*dynamodbapi.ListTagsOfResourceOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("Invalid NextToken")
	}
	t, err := of.there()
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ListTagsOfResourceOutput{Tags: []dynamodbapi.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, dynamodbapi.Tag{Key: &key, Value: new(t.Tags[key])})
	}
	return out, nil
}
