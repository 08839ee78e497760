package dynamodb_test

import (
	"strings"
	"testing"
)

// TestSelectFromIndexes: what a SELECT gives of an index.
func TestSelectFromIndexes(t *testing.T) {
	w := newScores(t)
	scores := func(keys ...string) string {
		all := make([]string, len(keys))
		for i, key := range keys {
			user, game, _ := strings.Cut(key, " ")
			all[i] = `{"user":{"S":"` + user + `"},"game":{"S":"` + game + `"}}`
		}
		return items(all...)
	}
	from := func(index, rest string) string {
		return statement(`SELECT "user", game FROM "scores"."`+index+`" `+rest, "", "")
	}
	w.answers([]answered{
		{"a global index", "ExecuteStatement", from("games", "WHERE game='chess' AND top > 0"), scores("ann chess", "bob chess")},
		{"backwards", "ExecuteStatement", from("games", "WHERE game='chess' ORDER BY top DESC"), scores("bob chess", "ann chess", "cid chess")},
		{"by partition", "ExecuteStatement", from("games", "WHERE game IN ['go', 'chess'] AND top < 20 ORDER BY game"), scores("cid chess", "ann go")},
		{"its key with a condition on the table's", "ExecuteStatement", from("games", "WHERE game='chess' AND \"user\"='bob'"), scores("bob chess")},
		{"the whole of an index", "ExecuteStatement", from("winners", "WHERE \"user\"='cid'"), scores("cid chess")},
		{"what it holds", "ExecuteStatement", statement(`SELECT * FROM "scores"."winners" WHERE won='no'`, "", `,"ReturnConsumedCapacity":"INDEXES"`),
			`{"Items":[{"user":{"S":"ann"},"game":{"S":"go"},"won":{"S":"no"}}],"ConsumedCapacity":{"TableName":"scores","CapacityUnits":0.5,
				"Table":{"CapacityUnits":0},"GlobalSecondaryIndexes":{"winners":{"CapacityUnits":0.5}}}}`},
		{"several key attributes", "ExecuteStatement", from("wide", "WHERE won='yes' AND game IN ['chess', 'go'] AND \"user\"='bob' AND top > 1 ORDER BY game"), scores("bob chess")},
		{"some of several key attributes", "ExecuteStatement", from("wide", "WHERE won='no'"), scores("ann go")},
		{"a local index", "ExecuteStatement", from("byTop", "WHERE \"user\"='ann' AND top >= 4 ORDER BY top DESC"), scores("ann chess", "ann go")},
		{"a local index, consistently", "ExecuteStatement", statement(`SELECT * FROM "scores"."byTop" WHERE "user"='ann' AND top=4`, "", `,"ConsistentRead":true`),
			items(`{"user":{"S":"ann"},"game":{"S":"go"},"top":{"N":"4"},"note":{"S":"n2"}}`)},
		{"what a local index does not hold", "ExecuteStatement", statement(`SELECT extra FROM "scores"."byWon" WHERE "user"='ann' AND extra <> 'o1'`, "", ""), items(`{"extra":{"S":"o2"}}`)},
	})
	if got := strings.Join(w.pages(`SELECT * FROM "scores"."games" WHERE game IN ['chess','go']`, `,"Limit":2`), "|"); strings.Count(got, "|") != 2 {
		t.Errorf("pages of an index: %q", got)
	}
	w.refusals([]refused{
		{"no such index", "ExecuteStatement", from("nothing_like_it", ""), validation, "The table does not have the specified index"},
		{"no such index, consistently", "ExecuteStatement", statement(`SELECT * FROM "scores"."x"`, "", `,"ConsistentRead":true`), validation, "The table does not have the specified index"},
		{"a global index, consistently", "ExecuteStatement", statement(`SELECT * FROM "scores"."games"`, "", `,"ConsistentRead":true`), validation, "Strongly consistent read is not supported on Global Secondary Indexes"},
		{"what a global index does not hold", "ExecuteStatement", statement(`SELECT note, won, extra, note[0] FROM "scores"."winners"`, "", ""), validation,
			"One or more parameter values were invalid: Global secondary index winners does not project [note, extra]"},
		{"a key of another type", "ExecuteStatement", from("games", "WHERE game=1"), validation, "Key attribute's data type should match its data type in table's schema"},
		{"a key of an index that does not fit", "ExecuteStatement", statement(`INSERT INTO scores VALUE {'user':'x','game':'y','top':'z'}`, "", ""), validation,
			"One or more parameter values were invalid: Type mismatch for Index Key top Expected: N Actual: S IndexName: byTop"},
		{"a key of an index that does not fit any more", "ExecuteStatement", statement(`UPDATE scores SET top='z' WHERE "user"='bob' AND game='chess'`, "", ""), validation,
			"The update expression attempted to update the secondary index key to unsupported type"},
		{"an item too large", "ExecuteStatement", statement(`INSERT INTO scores VALUE {'user':'x','game':'y','v':?}`, `{"S":"`+strings.Repeat("v", 400<<10)+`"}`, ""), validation,
			"Item size has exceeded the maximum allowed size"},
		{"an update too large", "ExecuteStatement", statement(`UPDATE scores SET v=? WHERE "user"='bob' AND game='chess'`, `{"S":"`+strings.Repeat("v", 400<<10)+`"}`, ""), validation,
			"Item size to update has exceeded the maximum allowed size"},
		{"an empty key", "ExecuteStatement", statement(`SELECT * FROM scores WHERE "user"='' AND game='chess'`, "", ""), validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: user"},
		{"order by the table's key", "ExecuteStatement", from("winners", "WHERE won='yes' ORDER BY game"), validation, "Attribute game in ORDER BY clause must be part of the primary key"},
		{"order without all hash attributes", "ExecuteStatement", from("wide", "WHERE won='yes' ORDER BY top"), validation, "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."},
	})
	w.answers([]answered{{"a write that counts in indexes", "ExecuteStatement",
		statement(`UPDATE scores SET won='no' WHERE "user"='bob' AND game='chess'`, "", `,"ReturnConsumedCapacity":"TOTAL"`), `{"Items":[],"ConsumedCapacity":{"TableName":"scores","CapacityUnits":8}}`}})
}
