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
		{"51", "TagResource", ask(tags(49, 50)), validation, parameters + "Too many tags: a resource can have 50 tags at most"},
		{"none to add", "TagResource", ask(`,"Tags":[]`), validation, "Atleast one Tag needs to be provided as Input."},
		{"none to take", "UntagResource", ask(`,"TagKeys":[]`), validation, "Atleast one Tag Key needs to be provided as Input."},
		{"reserved", "TagResource", ask(`,"Tags":[{"Key":"aws:x","Value":""}]`), validation, parameters + "aws: prefixed tag key names are not allowed for external use."},
		{"empty key", "TagResource", ask(`,"Tags":[{"Key":"","Value":""}]`), validation,
			constraint("''", "tags.1.member.key", "Member must have length greater than or equal to 1")},
		{"no ARN", "ListTagsOfResource", `{"ResourceArn":"plain"}`, validation, resource + "plain"},
		{"other region", "ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/plain"}`, validation,
			resource + "arn:aws:dynamodb:us-east-1:123456789012:table/plain"},
		{"no table", "TagResource", `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/nowhere","Tags":[{"Key":"a","Value":""}]}`, absent,
			"Requested resource not found: ResourcArn: arn:aws:dynamodb:eu-west-1:123456789012:table/nowhere not found"},
		{"token", "ListTagsOfResource", ask(`,"NextToken":"x"`), validation, "Invalid NextToken"},
	})
}

// TestWhatIsNotThere: features without an implementation say that they are off, and quotas are those that are enforced.
func TestWhatIsNotThere(t *testing.T) {
	w := newTables(t)
	const exceeded = "com.amazonaws.dynamodb.v20120810#LimitExceededException"
	provisioned := func(name, read, write string) string {
		return `{"TableName":"` + name + `","ProvisionedThroughput":{"ReadCapacityUnits":` + read + `,"WriteCapacityUnits":` + write + `},
			"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`
	}
	w.answers([]answered{
		{"time to live", "DescribeTimeToLive", `{"TableName":"plain"}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`},
		{"backups", "DescribeContinuousBackups", `{"TableName":"plain"}`,
			`{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"DISABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}`},
		{"quotas", "DescribeLimits", `{}`, `{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}`},
	})
	w.must("CreateTable", provisioned("first", "40000", "1"))
	w.must("CreateTable", provisioned("second", "30000", "1"))
	w.refusals([]refused{
		{"time to live of no table", "DescribeTimeToLive", `{"TableName":"nowhere"}`, absent, "Requested resource not found: Table: nowhere not found"},
		{"backups of no table", "DescribeContinuousBackups", `{"TableName":"nowhere"}`, "com.amazonaws.dynamodb.v20120810#TableNotFoundException", "Table not found: nowhere"},
		{"table quota", "CreateTable", provisioned("third", "1", "40001"), exceeded,
			"Subscriber limit exceeded: There is a limit of 40000 read capacity units and 40000 write capacity units per table. Requested: 1 and 40001"},
		{"account quota", "CreateTable", provisioned("third", "10001", "1"), exceeded,
			"Subscriber limit exceeded: There is a limit of 80000 read capacity units and 80000 write capacity units per subscriber. Requested: 80001 and 3"},
		{"account quota on change", "UpdateTable", `{"TableName":"second","ProvisionedThroughput":{"ReadCapacityUnits":40001,"WriteCapacityUnits":1}}`, exceeded,
			"Subscriber limit exceeded: There is a limit of 40000 read capacity units and 40000 write capacity units per table. Requested: 40001 and 1"},
	})
}

// TestTagsOfATableThatComesAndGoes: tags wait until a table is there.
func TestTagsOfATableThatComesAndGoes(t *testing.T) {
	w := newSlowWorld(t, time.Hour)
	w.must("CreateTable", plainTable)
	const body = `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain","Tags":[{"Key":"a","Value":""}]}`
	w.refusals([]refused{{"creating", "TagResource", body, inUse, "Attempt to change a resource which is still in use: Table is being created: plain"}})
	w.advance(time.Hour)
	w.must("TagResource", body)
}
