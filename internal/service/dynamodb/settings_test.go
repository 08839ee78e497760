package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// provisionedTable is plainTable with provisioned throughput.
func provisionedTable(read, write int) string {
	return strings.Replace(plainTable, `"BillingMode":"PAY_PER_REQUEST"`,
		fmt.Sprintf(`"ProvisionedThroughput":{"ReadCapacityUnits":%d,"WriteCapacityUnits":%d}`, read, write), 1)
}

func capacityOf(read, write int) string {
	return fmt.Sprintf(`{"TableName":"plain","ProvisionedThroughput":{"ReadCapacityUnits":%d,"WriteCapacityUnits":%d}}`, read, write)
}

// described is one member of a table's description.
func (w *world) described(member string) any {
	w.t.Helper()
	return decode(w.t, w.must("DescribeTable", `{"TableName":"plain"}`)).(map[string]any)["Table"].(map[string]any)[member]
}

func (w *world) expect(member, want string) {
	w.t.Helper()
	got := w.described(member)
	if want == "" && got != nil || want != "" && !equalJSON(got, decode(w.t, []byte(want))) {
		w.t.Errorf("%s is %v, want %s", member, got, want)
	}
}

// TestOneKindOfChange: some changes come alone.
func TestOneKindOfChange(t *testing.T) {
	w := newTables(t)
	update := func(members string) string { return `{"TableName":"plain",` + members + `}` }
	const (
		sse, class, protection = `"SSESpecification":{"Enabled":false}`, `"TableClass":"STANDARD"`, `"DeletionProtectionEnabled":true`
		warm, capacity         = `"WarmThroughput":{"ReadUnitsPerSecond":13000}`,
			`"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`
		limits, mode = `"OnDemandThroughput":{"MaxReadRequestUnits":5}`, `"BillingMode":"PAY_PER_REQUEST"`
	)
	alone := func(what string) string {
		return parameters + what + " modification must be the only operation in the request"
	}
	w.refusals([]refused{
		{"key and class", "UpdateTable", update(sse + "," + class), validation, alone("Server-Side Encryption")},
		{"key and warm throughput", "UpdateTable", update(sse + "," + warm), validation, alone("Server-Side Encryption")},
		{"class and protection", "UpdateTable", update(protection + "," + class), validation, alone("TableClass")},
		{"class and mode", "UpdateTable", update(mode + "," + class), validation, alone("TableClass")},
		{"protection and capacity", "UpdateTable", update(protection + "," + capacity), validation, alone("DeletionProtection")},
		{"warm throughput and capacity", "UpdateTable", update(warm + "," + capacity), validation,
			parameters + "WarmThroughput must be the only operation in the request"},
		{"limits and capacity", "UpdateTable", update(limits + "," + capacity), validation,
			parameters + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"},
		{"limits and protection", "UpdateTable", update(limits + "," + protection), validation,
			parameters + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"},
	})
	w.must("UpdateTable", update(limits+","+mode))
}

// TestOnDemandLimits: limits are set and taken away one by one, and go with the mode.
func TestOnDemandLimits(t *testing.T) {
	w := newWorld(t)
	const outside = parameters + "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range"
	create := func(table, limits string) string {
		return strings.TrimSuffix(table, "}") + `,"OnDemandThroughput":{` + limits + `}}`
	}
	update := func(limits string) string { return `{"TableName":"plain","OnDemandThroughput":{` + limits + `}}` }
	w.refusals([]refused{
		{"provisioned", "CreateTable", create(provisionedTable(1, 1), `"MaxReadRequestUnits":1`), validation,
			parameters + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."},
		{"nothing to take away", "CreateTable", create(plainTable, `"MaxWriteRequestUnits":-1`), validation, outside},
		{"too much", "CreateTable", create(plainTable, `"MaxReadRequestUnits":40001`), exceeded,
			"Subscriber limit exceeded: Requested MaxReadRequestUnits for OnDemandThroughput for table exceeds TableMaxReadCapacityUnits " +
				"of the account in region eu-west-1"},
	})
	w.must("CreateTable", create(plainTable, `"MaxReadRequestUnits":10`))
	w.expect("OnDemandThroughput", `{"MaxReadRequestUnits":10}`)
	w.must("UpdateTable", update(`"MaxWriteRequestUnits":20`))
	w.expect("OnDemandThroughput", `{"MaxReadRequestUnits":10,"MaxWriteRequestUnits":20}`)
	w.refusals([]refused{
		{"none", "UpdateTable", update(`"MaxWriteRequestUnits":0`), validation, outside},
		{"less than none", "UpdateTable", update(`"MaxReadRequestUnits":1,"MaxWriteRequestUnits":-2`), validation, outside},
	})
	w.must("UpdateTable", update(`"MaxReadRequestUnits":-1`))
	w.expect("OnDemandThroughput", `{"MaxWriteRequestUnits":20}`)
	w.must("UpdateTable",
		`{"TableName":"plain","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)
	w.expect("OnDemandThroughput", "")
	w.refusals([]refused{{"of a provisioned table", "UpdateTable", update(`"MaxReadRequestUnits":1`), validation,
		parameters + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"}})
}

// TestWarmThroughput: it is what a table has anyway or more, and never goes down.
func TestWarmThroughput(t *testing.T) {
	w := newSlowWorld(t, time.Minute)
	create := func(table, read string) string {
		return strings.TrimSuffix(table, "}") + `,"WarmThroughput":{"ReadUnitsPerSecond":` + read + `}}`
	}
	update := func(units string) string { return `{"TableName":"plain","WarmThroughput":{` + units + `}}` }
	const lower = parameters + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than "
	w.refusals([]refused{
		{"less than on demand", "CreateTable", create(plainTable, "11999"), validation, lower +
			"initial throughput for OnDemand. See: " +
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"},
		{"less than provisioned", "CreateTable", create(provisionedTable(5, 5), "4"), validation,
			lower + "ReadCapacityUnits of ProvisionedThroughput"},
		{"too much", "CreateTable", create(plainTable, "40001"), exceeded,
			"Subscriber limit exceeded: Requested ReadUnitsPerSecond for WarmThroughput for table exceeds TableMaxReadCapacityUnits of " +
				"the account in region eu-west-1"},
	})
	w.must("CreateTable", create(provisionedTable(5, 7), "6"))
	w.advance(time.Hour)
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":6,"WriteUnitsPerSecond":7,"Status":"ACTIVE"}`)
	w.must("UpdateTable", update(`"ReadUnitsPerSecond":50,"WriteUnitsPerSecond":60`))
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":6,"WriteUnitsPerSecond":7,"Status":"UPDATING"}`)
	w.expect("TableStatus", `"ACTIVE"`)
	w.advance(time.Hour)
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":50,"WriteUnitsPerSecond":60,"Status":"ACTIVE"}`)
	w.refusals([]refused{
		{"less than before", "UpdateTable", update(`"ReadUnitsPerSecond":49`), validation,
			lower + "current WarmThroughput, decreasing WarmThroughput is not supported"},
		{"nothing", "UpdateTable", update(""), validation, parameters + "No ReadUnitsPerSecond or WriteUnitsPerSecond specified for table"},
	})
	for _, capacity := range []string{capacityOf(70, 1), capacityOf(1, 1)} {
		w.must("UpdateTable", capacity)
		w.advance(time.Hour)
	}
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":70,"WriteUnitsPerSecond":60,"Status":"ACTIVE"}`)
	w.must("UpdateTable", `{"TableName":"plain","BillingMode":"PAY_PER_REQUEST"}`)
	w.advance(time.Hour)
	w.must("UpdateTable",
		`{"TableName":"plain","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4000,"Status":"ACTIVE"}`)
}

// TestDecreases: throughput goes down four times a day, and then once an hour; up it goes at any time.
func TestDecreases(t *testing.T) {
	w := newWorld(t)
	w.must("CreateTable", provisionedTable(100, 100))
	w.advance(midnight())
	for i := 1; i <= 4; i++ {
		w.must("UpdateTable", capacityOf(100-i, 100))
	}
	refusal := func(number int) {
		t.Helper()
		status, answer := w.call("UpdateTable", capacityOf(1, 100))
		want := fmt.Sprintf("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the "+
			"first 4 decreases, each subsequent "+
			"decrease in the same UTC day can be performed at most once every 3600 seconds. Number of decreases today: %d. Last "+
			"decrease at ", number)
		if status != 400 || !strings.Contains(string(answer), want) ||
			!strings.Contains(string(answer), "Coordinated Universal Time. Next decrease can be made at ") {
			t.Errorf("%d %s", status, answer)
		}
	}
	refusal(4)
	w.must("UpdateTable", capacityOf(200, 100))
	w.advance(time.Hour)
	w.must("UpdateTable", capacityOf(50, 100))
	refusal(5)
	w.advance(24 * time.Hour)
	for i := 1; i <= 4; i++ {
		w.must("UpdateTable", capacityOf(50-i, 100))
	}
	if today := w.described("ProvisionedThroughput").(map[string]any)["NumberOfDecreasesToday"]; fmt.Sprint(today) != "4" {
		t.Errorf("%v decreases today", today)
	}
}

// midnight is how long it is from now until shortly after the day changes.
func midnight() time.Duration {
	now := time.Now().UTC()
	return now.Truncate(24 * time.Hour).Add(24*time.Hour + time.Minute).Sub(now)
}

// TestQuotasOfChanges: the class changes twice in 30 days, and the mode to on-demand four times in a day.
func TestQuotasOfChanges(t *testing.T) {
	w := newWorld(t)
	w.must("CreateTable", provisionedTable(1, 1))
	class := func(name string) string { return `{"TableName":"plain","TableClass":"` + name + `"}` }
	w.must("UpdateTable", class("STANDARD"))
	w.must("UpdateTable", class("STANDARD_INFREQUENT_ACCESS"))
	w.must("UpdateTable", class("STANDARD_INFREQUENT_ACCESS"))
	w.must("UpdateTable", class("STANDARD"))
	w.refusals([]refused{{"class", "UpdateTable", class("STANDARD_INFREQUENT_ACCESS"), exceeded,
		"Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s)."}})
	w.advance(30 * 24 * time.Hour)
	w.must("UpdateTable", class("STANDARD_INFREQUENT_ACCESS"))
	const onDemand = `{"TableName":"plain","BillingMode":"PAY_PER_REQUEST"}`
	for range 4 {
		w.must("UpdateTable", onDemand)
		w.must("UpdateTable",
			`{"TableName":"plain","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)
	}
	if status, answer := w.call("UpdateTable", onDemand); status != 400 ||
		!strings.Contains(string(answer), "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 1 day(s). "+
			"Last update at ") {
		t.Errorf("%d %s", status, answer)
	}
	w.advance(24 * time.Hour)
	w.must("UpdateTable", onDemand)
}

// TestEndpoints: the endpoint is the address that was asked.
func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	w.answers([]answered{{"the address", "DescribeEndpoints", `{}`,
		`{"Endpoints":[{"Address":"` + strings.TrimPrefix(w.endpoint, "http://") + `","CachePeriodInMinutes":1440}]}`}})
}
