package dynamodb_test

import (
	"fmt"
	"testing"
	"time"
)

func TestTimeToLive(t *testing.T) {
	w := newSlowWorld(t, time.Minute)
	w.must("CreateTable", plainTable)
	spec := func(name string, enabled bool) string {
		return fmt.Sprintf(`{"TableName":"plain","TimeToLiveSpecification":{"AttributeName":%q,"Enabled":%t}}`, name, enabled)
	}
	state := func(name, want string) {
		t.Helper()
		w.answers([]answered{{name, "DescribeTimeToLive", `{"TableName":"plain"}`, `{"TimeToLiveDescription":{` + want + `}}`}})
	}
	w.refusals([]refused{
		{"while the table is created", "UpdateTimeToLive", spec("until", true), inUse,
			"Attempt to change a resource which is still in use: Table is being created: plain"},
		{"of no table", "UpdateTimeToLive", `{"TableName":"nowhere","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`,
			absent, "Requested resource not found: Table: nowhere not found"},
		{"without a specification", "UpdateTimeToLive", `{"TableName":"plain"}`, validation,
			"1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member must not be null"},
		{"without an attribute", "UpdateTimeToLive", `{"TableName":"plain","TimeToLiveSpecification":{"Enabled":true}}`, validation,
			"1 validation error detected: Value null at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member " +
				"must not be null"},
		{"with an empty attribute", "UpdateTimeToLive", spec("", true), validation,
			"1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member must " +
				"have length greater than or equal to 1"},
	})
	w.advance(time.Minute)
	w.refusals([]refused{{"disabled twice", "UpdateTimeToLive", spec("until", false), validation, "TimeToLive is already disabled"}})
	w.answers([]answered{{"enabled", "UpdateTimeToLive", spec("until", true),
		`{"TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`}})
	state("enabling", `"TimeToLiveStatus":"ENABLING","AttributeName":"until"`)
	w.refusals([]refused{{"at once again", "UpdateTimeToLive", spec("until", false), validation,
		"Time to live has been modified multiple times within a fixed interval"}})
	w.advance(time.Minute)
	state("enabled", `"TimeToLiveStatus":"ENABLED","AttributeName":"until"`)
	w.advance(time.Hour)
	w.refusals([]refused{
		{"enabled twice", "UpdateTimeToLive", spec("until", true), validation, "TimeToLive is already enabled"},
		{"another attribute", "UpdateTimeToLive", spec("ends", true), validation,
			"TimeToLive is active on a different AttributeName: current AttributeName is until"},
		{"disabling another attribute", "UpdateTimeToLive", spec("ends", false), validation,
			"TimeToLive is active on a different AttributeName: current AttributeName is until"},
	})
	w.must("UpdateTimeToLive", spec("until", false))
	state("disabling", `"TimeToLiveStatus":"DISABLING","AttributeName":"until"`)
	w.advance(time.Hour)
	state("disabled", `"TimeToLiveStatus":"DISABLED"`)
	w.must("UpdateTimeToLive", spec("ends", true))
	state("another attribute then", `"TimeToLiveStatus":"ENABLING","AttributeName":"ends"`)
}

// TestItemsGoByTheClock: moving the clock returns when what expired is gone, also from indexes; until then reads show it.
func TestItemsGoByTheClock(t *testing.T) {
	w := newTables(t)
	w.must("CreateTable",
		`{"TableName":"indexed","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
		{"AttributeName":"g","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"GlobalSecondaryIndexes":[{"IndexName":"by-g",
		"KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]}`)
	now := time.Now().Unix()
	const many = 350 // more than one round takes away
	for i := range many {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"indexed","Item":{"pk":{"S":"k%d"},"g":{"S":"one"},"until":{"N":"%d"}}}`, i, now+30))
	}
	w.must("PutItem", fmt.Sprintf(`{"TableName":"indexed","Item":{"pk":{"S":"stays"},"g":{"S":"one"},"until":{"N":"%d"}}}`, now+7200))
	w.must("UpdateTimeToLive", `{"TableName":"indexed","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`)
	count := func(more string) any {
		t.Helper()
		return decode(t, w.must("Query",
			`{"TableName":"indexed","IndexName":"by-g","Select":"COUNT","KeyConditionExpression":"g = :g","ExpressionAttributeValues":{":g":{"S":"one"}}`+more+`}`)).(map[string]any)["Count"]
	}
	if n := fmt.Sprint(count("")); n != fmt.Sprint(many+1) {
		t.Fatalf("%s items before", n)
	}
	w.advance(31 * time.Second)
	if n := fmt.Sprint(count("")); n != "1" {
		t.Errorf("%s items are left", n)
	}
	w.restart()
	w.advance(31 * time.Second) // the clock is the machine's again
	w.answers([]answered{{"what stays", "Scan", `{"TableName":"indexed","Select":"COUNT"}`, `{"Count":1,"ScannedCount":1}`}})
}
