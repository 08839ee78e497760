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

// tagged finds the table whose ARN a request for tags names.
func (s *Service) tagged(caller *auth.Caller, given *string) (*engine.Table, error) {
	name, err := taggedName(caller, given)
	if err != nil {
		return nil, err
	}
	t, err := s.engine.Table(name)
	if err != nil {
		return nil, notFound("Requested resource not found: ResourcArn: %s not found", *given)
	}
	return t, nil
}

// taggedName is resourceName with the words of requests for tags for an ARN of another region.
func taggedName(caller *auth.Caller, given *string) (engine.Name, error) {
	if a, ok := arn.Parse(*given); ok && a.Service == "dynamodb" && a.Region != caller.Region {
		return engine.Name{}, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", *given)
	}
	return resourceName(caller, given)
}

// needTagged is need for requests that name a table by ResourceArn.
func (s *Service) needTagged(
	caller *auth.Caller, action string, given *string, needs *auth.Needs,
) (*conditionKeys, error) {
	name, err := taggedName(caller, given)
	if err != nil {
		return nil, err
	}
	needs.Note("resourceArn", *given)
	return s.add(caller, action, tableARN(name), nil, needs), nil
}

func (s *Service) tagResourceAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.TagResourceInput, needs *auth.Needs,
) error {
	c, err := s.needTagged(caller, "dynamodb:TagResource", in.ResourceArn, needs)
	if err == nil {
		c.tags = tagMap(in.Tags)
	}
	return err
}

func (s *Service) untagResourceAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UntagResourceInput, needs *auth.Needs,
) error {
	c, err := s.needTagged(caller, "dynamodb:UntagResource", in.ResourceArn, needs)
	if err == nil {
		c.tagKeys = in.TagKeys
	}
	return err
}

func (s *Service) listTagsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ListTagsOfResourceInput, needs *auth.Needs,
) error {
	_, err := s.needTagged(caller, "dynamodb:ListTagsOfResource", in.ResourceArn, needs)
	return err
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
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.TagResourceInput,
) (*dynamodbapi.TagResourceOutput, error) {
	err := s.changeTags(ctx, caller, in.ResourceArn, func(t *engine.Table) (err error) {
		t.Tags, err = addTags(t.Tags, in.Tags)
		return err
	})
	return &dynamodbapi.TagResourceOutput{}, err
}

func (s *Service) untagResource(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.UntagResourceInput,
) (*dynamodbapi.UntagResourceOutput, error) {
	err := s.changeTags(ctx, caller, in.ResourceArn, func(t *engine.Table) error {
		for _, key := range in.TagKeys {
			delete(t.Tags, key)
		}
		return nil
	})
	return &dynamodbapi.UntagResourceOutput{}, err
}

// changeTags changes the tags of a table that is neither on its way in nor out.
func (s *Service) changeTags(
	ctx context.Context, caller *auth.Caller, given *string, change func(*engine.Table) error,
) error {
	t, err := s.tagged(caller, given)
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
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ListTagsOfResourceInput,
) (*dynamodbapi.ListTagsOfResourceOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("Invalid NextToken")
	}
	t, err := s.tagged(caller, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &dynamodbapi.ListTagsOfResourceOutput{Tags: []dynamodbapi.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, dynamodbapi.Tag{Key: &key, Value: pointer(t.Tags[key])})
	}
	return out, nil
}
