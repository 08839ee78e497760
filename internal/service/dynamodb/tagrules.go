package dynamodb

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
)

// Lengths of tags, in characters ("Tagging restrictions in DynamoDB").
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// checkAddedTags refuses tags of TagResource that break a rule.
func checkAddedTags(in *dynamodbapi.TagResourceInput) error {
	if in.Tags != nil && len(in.Tags) == 0 {
		return invalid("Atleast one Tag needs to be provided as Input.")
	}
	return checkTags(in.Tags)
}

// checkNewTags refuses tags that come with a table and break a rule.
func checkNewTags(in *dynamodbapi.CreateTableInput) error { return checkTags(in.Tags) }

// checkTagKeys refuses keys of UntagResource that no tag can have.
func checkTagKeys(in *dynamodbapi.UntagResourceInput) error {
	switch {
	case in.TagKeys != nil && len(in.TagKeys) == 0:
		return invalid("Atleast one Tag Key needs to be provided as Input.")
	case len(in.TagKeys) > maxTags:
		return tooManyTags()
	}
	for _, key := range in.TagKeys {
		if !isTagText(key, 1, maxTagKey) {
			return invalid("The Tag Key provided is invalid, Key: %s", key)
		}
	}
	return nil
}

func tooManyTags() error {
	return invalid("Number of Tags exceed the current limit for the provided ResourceArn")
}

// checkTags refuses tags that break a rule, the first that does.
func checkTags(tags []dynamodbapi.Tag) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		key := api.Text(tag.Key)
		switch {
		case tag.Key == nil:
			return invalid("The Tag Key provided is invalid, Key: null")
		case strings.HasPrefix(strings.ToLower(key), reservedPrefix):
			return invalid("Tag Key cannot be prefixed with aws:, Key: %s", key)
		case !isTagText(key, 1, maxTagKey):
			return invalid("The Tag Key provided is invalid, Key: %s", key)
		case tag.Value == nil:
			return invalid("The Tag Value provided is invalid, Value: null")
		case !isTagText(*tag.Value, 0, maxTagValue):
			return invalid("The Tag Value provided is invalid, Value: %s", *tag.Value)
		case seen[key]:
			return invalid("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", key)
		}
		seen[key] = true
	}
	if len(tags) > maxTags {
		return tooManyTags()
	}
	return nil
}

// isTagText says whether a key or value of a tag has a length between two bounds and is of letters of any
// script, digits, spaces and a few marks.
func isTagText(s string, least, most int) bool {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.Is(unicode.Mn, c) &&
			!unicode.Is(unicode.Mc, c) && !unicode.Is(unicode.Z, c) &&
			!strings.ContainsRune("_.:/=+-@", c) {
			return false
		}
	}
	return true
}
