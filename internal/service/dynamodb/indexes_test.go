package dynamodb_test

import (
	"strconv"
	"strings"
	"testing"
)

// scoresTable has one index of each kind: local with some attributes and with keys alone, global with everything, with keys alone,
// and with a key of several attributes.
const scoresTable = `{"TableName":"scores","BillingMode":"PAY_PER_REQUEST",
	"AttributeDefinitions":[{"AttributeName":"user","AttributeType":"S"},{"AttributeName":"game","AttributeType":"S"},
		{"AttributeName":"top","AttributeType":"N"},{"AttributeName":"won","AttributeType":"S"}],
	"KeySchema":[{"AttributeName":"user","KeyType":"HASH"},{"AttributeName":"game","KeyType":"RANGE"}],
	"LocalSecondaryIndexes":[
		{"IndexName":"byTop","KeySchema":[{"AttributeName":"user","KeyType":"HASH"},{"AttributeName":"top","KeyType":"RANGE"}],
			"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["note"]}},
		{"IndexName":"byWon","KeySchema":[{"AttributeName":"user","KeyType":"HASH"},{"AttributeName":"won","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],
	"GlobalSecondaryIndexes":[
		{"IndexName":"games","KeySchema":[{"AttributeName":"game","KeyType":"HASH"},{"AttributeName":"top","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}},
		{"IndexName":"winners","KeySchema":[{"AttributeName":"won","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"}},
		{"IndexName":"wide","KeySchema":[{"AttributeName":"won","KeyType":"HASH"},{"AttributeName":"game","KeyType":"HASH"},
			{"AttributeName":"user","KeyType":"RANGE"},{"AttributeName":"top","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]}`

// newScores is a world with that table and these items.
func newScores(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.must("CreateTable", scoresTable)
	for _, item := range []string{
		`"user":{"S":"ann"},"game":{"S":"chess"},"top":{"N":"30"},"won":{"S":"yes"},"note":{"S":"n1"},"extra":{"S":"o1"}`,
		`"user":{"S":"ann"},"game":{"S":"go"},"top":{"N":"4"},"won":{"S":"no"},"note":{"S":"n2"},"extra":{"S":"o2"}`,
		`"user":{"S":"ann"},"game":{"S":"hex"},"note":{"S":"n3"},"extra":{"S":"o3"}`,
		`"user":{"S":"bob"},"game":{"S":"chess"},"top":{"N":"30"},"won":{"S":"yes"}`,
		`"user":{"S":"cid"},"game":{"S":"chess"},"top":{"N":"-1"},"won":{"S":"yes"}`,
	} {
		w.must("PutItem", `{"TableName":"scores","Item":{`+item+`}}`)
	}
	return w
}

// found is the answer with these items of the attributes that show who is meant.
func found(scanned int, more string, items ...string) string {
	shown := make([]string, len(items))
	for i, item := range items {
		user, game, _ := strings.Cut(item, "/")
		shown[i] = `{"user":{"S":"` + user + `"},"game":{"S":"` + game + `"}}`
	}
	return `{"Items":[` + strings.Join(shown, ",") + `],"Count":` + strconv.Itoa(len(items)) + `,"ScannedCount":` + strconv.Itoa(scanned) +
		more + `}`
}

func queryIndex(index, condition, values, more string) string {
	if more == "" || !strings.Contains(more, "ProjectionExpression") && !strings.Contains(more, "Select") {
		more += `,"ProjectionExpression":"#u,game"`
	}
	return `{"TableName":"scores","IndexName":"` + index + `","KeyConditionExpression":"` + condition +
		`","ExpressionAttributeNames":{"#u":"user"},"ExpressionAttributeValues":{` + values + `}` + more + `}`
}

// TestIndexQueries: an index is read in its own order, by its own key, and gives what it holds.
func TestIndexQueries(t *testing.T) {
	w := newScores(t)
	const ann, chess, yes = `":u":{"S":"ann"}`, `":g":{"S":"chess"}`, `":w":{"S":"yes"}`
	keys := func(user, game, more string) string {
		return `,"LastEvaluatedKey":{"user":{"S":"` + user + `"},"game":{"S":"` + game + `"}` + more + `}`
	}
	w.answers([]answered{
		{"local", "Query", queryIndex("byTop", "#u = :u", ann, ""), found(2, "", "ann/go", "ann/chess")},
		{"local backwards", "Query", queryIndex("byTop", "#u = :u", ann, `,"ScanIndexForward":false`), found(2, "", "ann/chess", "ann/go")},
		{"local, consistent", "Query", queryIndex("byTop", "#u = :u AND top > :n", ann+`,":n":{"N":"5"}`, `,"ConsistentRead":true`),
			found(1, "", "ann/chess")},
		{"local gives what it holds", "Query",
			queryIndex("byTop", "#u = :u AND top = :n", ann+`,":n":{"N":"30"}`, `,"Select":"ALL_PROJECTED_ATTRIBUTES"`),
			`{"Items":[{"user":{"S":"ann"},"game":{"S":"chess"},"top":{"N":"30"},"note":{"S":"n1"}}],"Count":1,"ScannedCount":1}`},
		{"local fetches the rest", "Query",
			queryIndex("byTop", "#u = :u AND top = :n", ann+`,":n":{"N":"30"}`,
				`,"ProjectionExpression":"extra,game","ReturnConsumedCapacity":"INDEXES"`),
			`{"Items":[{"extra":{"S":"o1"},"game":{"S":"chess"}}],"Count":1,"ScannedCount":1,"ConsumedCapacity":{"TableName":"scores","CapacityUnits":1,
				"Table":{"CapacityUnits":0.5},"LocalSecondaryIndexes":{"byTop":{"CapacityUnits":0.5}}}}`},
		{"local fetches everything", "Query", queryIndex("byWon", "#u = :u AND won = :w", ann+`,`+yes, `,"Select":"ALL_ATTRIBUTES"`),
			`{"Items":[{"user":{"S":"ann"},"game":{"S":"chess"},"top":{"N":"30"},"won":{"S":"yes"},"note":{"S":"n1"},"extra":{"S":"o1"}}],"Count":1,"ScannedCount":1}`},
		{"global", "Query", queryIndex("games", "game = :g", chess, `,"ReturnConsumedCapacity":"INDEXES"`),
			found(3, `,"ConsumedCapacity":{"TableName":"scores",
			"CapacityUnits":0.5,"Table":{"CapacityUnits":0},"GlobalSecondaryIndexes":{"games":{"CapacityUnits":0.5}}}`, "cid/chess",
				"ann/chess", "bob/chess")},
		{"equal keys stay apart", "Query", queryIndex("games", "game = :g AND top = :n", chess+`,":n":{"N":"30"}`, ""),
			found(2, "", "ann/chess", "bob/chess")},
		{"page", "Query", queryIndex("games", "game = :g", chess, `,"Limit":2`),
			found(2, keys("ann", "chess", `,"top":{"N":"30"}`), "cid/chess", "ann/chess")},
		{"next page, between equal keys", "Query",
			queryIndex("games", "game = :g", chess, `,"ExclusiveStartKey":{"user":{"S":"ann"},"game":{"S":"chess"},"top":{"N":"30"}}`),
			found(1, "", "bob/chess")},
		{"filter on the table's key", "Query",
			queryIndex("winners", "won = :w", yes+`,`+chess+`,":u":{"S":"bob"}`, `,"FilterExpression":"#u = :u AND game = :g"`),
			found(3, "", "bob/chess")},
		{"filter sees what the index holds", "Query",
			queryIndex("winners", "won = :w", yes, `,"FilterExpression":"attribute_exists(note)"`), found(3, "")},
		{"several attributes, hash alone", "Query", queryIndex("wide", "game = :g AND won = :w", chess+`,`+yes, ""),
			found(3, "", "ann/chess", "bob/chess", "cid/chess")},
		{"and a range", "Query", queryIndex("wide", "game = :g AND won = :w AND #u > :u", chess+`,`+yes+`,`+ann, ""),
			found(2, "", "bob/chess", "cid/chess")},
		{"and two", "Query", queryIndex("wide", "game = :g AND won = :w AND #u = :u AND top BETWEEN :a AND :b",
			chess+`,`+yes+`,`+ann+`,":a":{"N":"0"},":b":{"N":"30"}`, ""),
			found(1, "", "ann/chess")},
		{"legacy", "Query",
			`{"TableName":"scores","IndexName":"games","AttributesToGet":["user","game"],"KeyConditions":{"game":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"chess"}]},
			"top":{"ComparisonOperator":"LT","AttributeValueList":[{"N":"0"}]}}}`, found(1, "", "cid/chess")},
		{"scan", "Scan", `{"TableName":"scores","IndexName":"winners","Select":"COUNT"}`, `{"Count":4,"ScannedCount":4}`},
		{"scan is sparse", "Scan", `{"TableName":"scores","IndexName":"byTop","Select":"COUNT","ConsistentRead":true}`,
			`{"Count":4,"ScannedCount":4}`},
		{"scan fetches", "Scan",
			`{"TableName":"scores","IndexName":"byTop","ProjectionExpression":"extra","FilterExpression":"attribute_exists(extra)"}`,
			`{"Items":[{"extra":{"S":"o2"}},{"extra":{"S":"o1"}}],"Count":2,"ScannedCount":4}`},
		{"default is what is projected", "Scan",
			`{"TableName":"scores","IndexName":"winners","FilterExpression":"won = :w","ExpressionAttributeValues":{":w":{"S":"no"}}}`,
			`{"Items":[{"user":{"S":"ann"},"game":{"S":"go"},"won":{"S":"no"}}],"Count":1,"ScannedCount":4}`},
	})
}

// TestIndexScansInSegments: segments of an index are disjoint and complete, and pages go on where they stopped.
func TestIndexScansInSegments(t *testing.T) {
	w := newScores(t)
	seen := map[string]int{}
	for segment := range 3 {
		start := ""
		for {
			answer := w.must("Scan", `{"TableName":"scores","IndexName":"games","Limit":1,"Segment":`+strconv.Itoa(segment)+
				`,"TotalSegments":3`+start+`}`)
			page := decode(t, answer).(map[string]any)
			for _, item := range page["Items"].([]any) {
				of := item.(map[string]any)
				seen[of["user"].(map[string]any)["S"].(string)+"/"+of["game"].(map[string]any)["S"].(string)]++
			}
			if page["LastEvaluatedKey"] == nil {
				break
			}
			start = `,"ExclusiveStartKey":` +
				string(answer[strings.Index(string(answer), `"LastEvaluatedKey":`)+len(`"LastEvaluatedKey":`):])
			start = start[:strings.Index(start, "}}")+2]
		}
	}
	if len(seen) != 4 || seen["ann/chess"] != 1 || seen["ann/go"] != 1 || seen["bob/chess"] != 1 || seen["cid/chess"] != 1 {
		t.Errorf("seen %v", seen)
	}
}

// TestRefusedIndexReads: what a query or scan of an index may not say.
func TestRefusedIndexReads(t *testing.T) {
	w := newScores(t)
	const chess, yes = `":g":{"S":"chess"}`, `":w":{"S":"yes"}`
	query := func(index, condition, values, more string) string {
		return `{"TableName":"scores","IndexName":"` + index + `","KeyConditionExpression":"` + condition +
			`","ExpressionAttributeValues":{` + values + `}` + more + `}`
	}
	w.refusals([]refused{
		{"no such index", "Query", query("none", "game = :g", chess, ""), validation, "The table does not have the specified index: none"},
		{"no such index to scan", "Scan", `{"TableName":"scores","IndexName":"none"}`, validation,
			"The table does not have the specified index: none"},
		{"consistent", "Query", query("games", "game = :g", chess, `,"ConsistentRead":true`), validation,
			"Consistent reads are not supported on global secondary indexes"},
		{"consistent scan", "Scan", `{"TableName":"scores","IndexName":"games","ConsistentRead":true}`, validation,
			"Consistent reads are not supported on global secondary indexes"},
		{"all of what is not there", "Query", query("winners", "won = :w", yes, `,"Select":"ALL_ATTRIBUTES"`), validation,
			"One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index winners " +
				"because its projection type is not ALL"},
		{"some of it", "Query", query("winners", "won = :w", yes, `,"ProjectionExpression":"note,extra,won"`), validation,
			"One or more parameter values were invalid: Global secondary index winners does not project [extra, note]"},
		{"the table's key", "Query", query("games", "won = :w", yes, ""), validation, "Query condition missed key schema element: game"},
		{"another attribute", "Query", query("games", "game = :g AND won = :w", chess+","+yes, ""), validation,
			"Query condition missed key schema element: top"},
		{"no range", "Query", query("winners", "won = :w AND top = :w", yes, ""), validation, "Query key condition not supported"},
		{"hash compared", "Query", query("games", "game > :g", chess, ""), validation, "Query key condition not supported"},
		{"wrong type", "Query", query("games", "game = :g AND top = :w", chess+","+yes, ""), validation,
			"One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"part of the hash", "Query", query("wide", "won = :w", yes, ""), validation, "Query condition missed key schema element: game"},
		{"range out of order", "Query", query("wide", "won = :w AND game = :g AND top = :n", yes+","+chess+`,":n":{"N":"1"}`, ""),
			validation, "Query condition missed key schema element: user"},
		{"range behind a comparison", "Query",
			`{"TableName":"scores","IndexName":"wide","KeyConditionExpression":"won = :w AND game = :g AND #u > :w AND top = :n",
			"ExpressionAttributeNames":{"#u":"user"},"ExpressionAttributeValues":{` + yes + "," + chess + `,":n":{"N":"1"}}}`, validation,
			"Query key condition not supported"},
		{"too many conditions", "Query", query("winners", "won = :w AND a = :w AND b = :w", yes, ""), validation,
			"Conditions can be of length 1 or 2 only"},
		{"filter", "Query", query("games", "game = :g", chess, `,"FilterExpression":"top = :g"`), validation,
			"Filter Expression can only contain non-primary key attributes: Primary key attribute: top"},
		{"start key of the table", "Query",
			query("games", "game = :g", chess, `,"ExclusiveStartKey":{"user":{"S":"ann"},"game":{"S":"chess"}}`), validation,
			"The provided starting key is invalid"},
		{"start key elsewhere", "Query",
			query("games", "game = :g", chess, `,"ExclusiveStartKey":{"user":{"S":"ann"},"game":{"S":"go"},"top":{"N":"4"}}`), validation,
			"The provided starting key is outside query boundaries based on provided conditions"},
		{"start key outside", "Query", query("games", "game = :g AND top > :n", chess+`,":n":{"N":"30"}`,
			`,"ExclusiveStartKey":{"user":{"S":"ann"},"game":{"S":"chess"},"top":{"N":"4"}}`), validation,
			"The provided starting key does not match the range key predicate"},
		{"start key of a scan", "Scan",
			`{"TableName":"scores","IndexName":"games","ExclusiveStartKey":{"user":{"S":"ann"},"game":{"S":"chess"},"top":{"S":"4"}}}`,
			validation,
			"The provided starting key is invalid: The provided key element does not match the schema"},
		{"projection and all projected", "Scan",
			`{"TableName":"scores","IndexName":"games","Select":"ALL_PROJECTED_ATTRIBUTES","ProjectionExpression":"note"}`, validation,
			"Cannot specify the ProjectionExpression when choosing to get ALL_PROJECTED_ATTRIBUTES"},
	})
}
