package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTags: tags come with the table or later, and each key has one value.
func TestTags(t *testing.T) {
	w := newWorld(t)
	const table = `"arn:aws:dynamodb:eu-west-1:123456789012:table/plain"`
	w.must("CreateTable", strings.TrimSuffix(plainTable, "}")+`,"Tags":[{"Key":"b","Value":"1"}]}`)
	ask := func(more string) string { return `{"ResourceArn":` + table + more + `}` }
	tags := func(from, to int) string {
		var all []string
		for i := from; i < to; i++ {
			all = append(all, fmt.Sprintf(`{"Key":"k%02d","Value":"v"}`, i))
		}
		return `,"Tags":[` + strings.Join(all, ",") + `]`
	}
	w.answers([]answered{
		{"from the creation", "ListTagsOfResource", ask(""), `{"Tags":[{"Key":"b","Value":"1"}]}`},
		{"more", "TagResource", ask(`,"Tags":[{"Key":"a","Value":""},{"Key":"b","Value":"2"}]`), ``},
		{"both", "ListTagsOfResource", ask(""), `{"Tags":[{"Key":"a","Value":""},{"Key":"b","Value":"2"}]}`},
		{"fewer", "UntagResource", ask(`,"TagKeys":["b","none"]`), ``},
		{"one", "ListTagsOfResource", ask(""), `{"Tags":[{"Key":"a","Value":""}]}`},
		{"up to 50", "TagResource", ask(tags(0, 49)), ``},
	})
	const resource = "Invalid TableArn: Invalid ResourceArn provided as input "
	w.refusals([]refused{
		{"51", "TagResource", ask(tags(49, 50)), validation, "Number of Tags exceed the current limit for the provided ResourceArn"},
		{"none to add", "TagResource", ask(`,"Tags":[]`), validation, "Atleast one Tag needs to be provided as Input."},
		{"none to take", "UntagResource", ask(`,"TagKeys":[]`), validation, "Atleast one Tag Key needs to be provided as Input."},
		{"reserved", "TagResource", ask(`,"Tags":[{"Key":"aws:x","Value":""}]`), validation,
			"Tag Key cannot be prefixed with aws:, Key: aws:x"},
		{"empty key", "TagResource", ask(`,"Tags":[{"Key":"","Value":""}]`), validation, "The Tag Key provided is invalid, Key: "},
		{"long key", "TagResource", ask(`,"Tags":[{"Key":"` + strings.Repeat("k", 129) + `","Value":""}]`), validation,
			"The Tag Key provided is invalid, Key: " + strings.Repeat("k", 129)},
		{"long value", "TagResource", ask(`,"Tags":[{"Key":"k","Value":"` + strings.Repeat("v", 257) + `"}]`), validation,
			"The Tag Value provided is invalid, Value: " + strings.Repeat("v", 257)},
		{"key that is none", "TagResource", ask(`,"Tags":[{"Key":"a,b","Value":""}]`), validation,
			"The Tag Key provided is invalid, Key: a,b"},
		{"value that is none", "TagResource", ask(`,"Tags":[{"Key":"a","Value":"100%"}]`), validation,
			"The Tag Value provided is invalid, Value: 100%"},
		{"no key", "TagResource", ask(`,"Tags":[{"Value":""}]`), validation, "The Tag Key provided is invalid, Key: null"},
		{"no value", "TagResource", ask(`,"Tags":[{"Key":"a"}]`), validation, "The Tag Value provided is invalid, Value: null"},
		{"reserved in capitals", "TagResource", ask(`,"Tags":[{"Key":"AWS:x","Value":""}]`), validation,
			"Tag Key cannot be prefixed with aws:, Key: AWS:x"},
		{"take an empty key", "UntagResource", ask(`,"TagKeys":[""]`), validation, "The Tag Key provided is invalid, Key: "},
		{"other account", "ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:999999999999:table/plain"}`, denied,
			"User: arn:aws:iam::123456789012:root is not authorized to perform: dynamodb:ListTagsOfResource on resource: " +
				"arn:aws:dynamodb:eu-west-1:999999999999:table/plain because no resource-based policy allows the " +
				"dynamodb:ListTagsOfResource action"},
		{"an index", "ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain/index/i"}`, validation,
			parameters + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " +
				"arn:aws:dynamodb:eu-west-1:123456789012:table/plain/index/i"},
		{"another service", "ListTagsOfResource", `{"ResourceArn":"arn:aws:s3:::bucket"}`, validation,
			parameters + "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::bucket"},
		{"no ARN", "ListTagsOfResource", `{"ResourceArn":"plain"}`, validation, parameters + "ARNs must start with 'arn:': plain"},
		{"other region", "ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/plain"}`, validation,
			resource + "arn:aws:dynamodb:us-east-1:123456789012:table/plain"},
		{"no table", "TagResource",
			`{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/nowhere","Tags":[{"Key":"a","Value":""}]}`, absent,
			"Requested resource not found: ResourcArn: arn:aws:dynamodb:eu-west-1:123456789012:table/nowhere not found"},
		{"token", "ListTagsOfResource", ask(`,"NextToken":"x"`), validation, "Invalid NextToken"},
	})
}

// TestWhatIsNotThere: features without an implementation say that they are off, and quotas are those that are enforced.
func TestWhatIsNotThere(t *testing.T) {
	w := newTables(t)
	const refer = " Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
	provisioned := func(name, read, write string) string {
		return `{"TableName":"` + name + `","ProvisionedThroughput":{"ReadCapacityUnits":` + read + `,"WriteCapacityUnits":` + write + `},
			"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`
	}
	w.answers([]answered{
		{"time to live", "DescribeTimeToLive", `{"TableName":"plain"}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`},
		{"backups", "DescribeContinuousBackups", `{"TableName":"plain"}`,
			`{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}`},
		{"quotas", "DescribeLimits", `{}`,
			`{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}`},
	})
	w.must("CreateTable", provisioned("first", "40000", "1"))
	w.must("CreateTable", provisioned("second", "30000", "1"))
	w.refusals([]refused{
		{"time to live of no table", "DescribeTimeToLive", `{"TableName":"nowhere"}`, absent,
			"Requested resource not found: Table: nowhere not found"},
		{"backups of no table", "DescribeContinuousBackups", `{"TableName":"nowhere"}`,
			"com.amazonaws.dynamodb.v20120810#TableNotFoundException", "Table not found: nowhere"},
		{"table quota", "CreateTable", provisioned("third", "1", "40001"), exceeded,
			"The requested WriteCapacityUnits, 40001, is above the per table maximum for the account in eu-west-1. Per table " +
				"maximum: 40000." + refer},
		{"account quota", "CreateTable", provisioned("third", "10001", "1"), exceeded,
			"This request would have caused the ReadCapacityUnits limit to be exceeded for the account in eu-west-1. Current " +
				"ReadCapacityUnits reserved by the account: 70000. " +
				"Limit: 80000. Requested: 10001." + refer},
		{"account quota on change", "UpdateTable",
			`{"TableName":"second","ProvisionedThroughput":{"ReadCapacityUnits":40001,"WriteCapacityUnits":1}}`, exceeded,
			"The requested ReadCapacityUnits, 40001, is above the per table maximum for the account in eu-west-1. Per table " +
				"maximum: 40000." + refer},
	})
}

// TestTagsOfATableThatComesAndGoes: tags wait until a table is there.
func TestTagsOfATableThatComesAndGoes(t *testing.T) {
	w := newSlowWorld(t, time.Hour)
	w.must("CreateTable", plainTable)
	const body = `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain","Tags":[{"Key":"a","Value":""}]}`
	w.refusals([]refused{{"creating", "TagResource", body, inUse,
		"Attempt to change a resource which is still in use: Table is being created: plain"}})
	w.advance(time.Hour)
	w.must("TagResource", body)
}
