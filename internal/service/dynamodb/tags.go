package dynamodb

import (
	"maps"
	"strings"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
)

// Rules of tags ("Tagging restrictions in DynamoDB").
const (
	maxTags        = 50
	reservedPrefix = "aws:"
)

// addTags gives a table's tags with more of them added; a key that is there already gets the new value.
func addTags(current map[string]string, more []dynamodbapi.Tag) (map[string]string, error) {
	tags, seen := map[string]string{}, map[string]bool{}
	maps.Copy(tags, current)
	for _, tag := range more {
		switch {
		case strings.HasPrefix(strings.ToLower(*tag.Key), reservedPrefix):
			return nil, invalidParameter("aws: prefixed tag key names are not allowed for external use.")
		case seen[*tag.Key]:
			return nil, invalidParameter("Duplicate tag keys are not allowed: %s", *tag.Key)
		}
		seen[*tag.Key] = true
		tags[*tag.Key] = *tag.Value
	}
	if len(tags) > maxTags {
		return nil, invalidParameter("Too many tags: a resource can have %d tags at most", maxTags)
	}
	return tags, nil
}
