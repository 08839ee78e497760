package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// plantSpread makes a table under a kind of key whose items are written down in more places than their own: in indexes, in a stream,
// in the order of their expiry and in the tokens of transactions. They come by every way that writes.
func plantSpread(t *testing.T, r *raw, c *canaries, kind string, sse m) {
	t.Helper()
	name := func(place string) string { return c.plant(kind + " spread " + place) }
	table, global, local, expires := name("table name"), name("index name"), name("local index name"), name("expiry attribute name")
	in := m{"TableName": table, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keyed("pk", "sk"),
		"AttributeDefinitions": []m{{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
			{"AttributeName": "gk", "AttributeType": "S"}, {"AttributeName": "lk", "AttributeType": "S"}},
		"GlobalSecondaryIndexes": []m{{"IndexName": global, "KeySchema": keyed("gk", "sk"), "Projection": m{"ProjectionType": "ALL"}}},
		"LocalSecondaryIndexes":  []m{{"IndexName": local, "KeySchema": keyed("pk", "lk"), "Projection": m{"ProjectionType": "ALL"}}},
		"StreamSpecification":    m{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
	if sse != nil {
		in["SSESpecification"] = sse
	}
	r.call(t, "dynamodb.CreateTable", in)
	r.call(t, "dynamodb.UpdateTimeToLive", m{"TableName": table, "TimeToLiveSpecification": m{"AttributeName": expires, "Enabled": true}})
	item := func(way string) m {
		out := m{expires: attributeN("4000000000")}
		for _, attribute := range []string{"pk", "sk", "gk", "lk", "text"} {
			out[attribute] = attributeS(name(attribute + " by " + way))
		}
		return out
	}
	keyOf := func(item m) m { return m{"pk": item["pk"], "sk": item["sk"]} }
	put := item("PutItem")
	r.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": put})
	r.call(t, "dynamodb.UpdateItem", m{"TableName": table, "Key": keyOf(put), "UpdateExpression": "SET gk = :g, note = :n",
		"ExpressionAttributeValues": m{":g": attributeS(name("gk by UpdateItem")), ":n": attributeS(name("note by UpdateItem"))}})
	r.call(t, "dynamodb.DeleteItem", m{"TableName": table, "Key": keyOf(put)})
	r.call(t, "dynamodb.BatchWriteItem", m{"RequestItems": m{table: []m{{"PutRequest": m{"Item": item("BatchWriteItem")}}}}})
	r.call(t, "dynamodb.TransactWriteItems", m{"ClientRequestToken": name("token")[:36],
		"TransactItems": []m{{"Put": m{"TableName": table, "Item": item("TransactWriteItems")}}}})
	statement := fmt.Sprintf(`INSERT INTO "%s" VALUE {'pk':'%s','sk':'%s','gk':'%s','lk':?}`, table,
		name("pk by statement"), name("sk by statement"), name("gk by statement"))
	r.call(t, "dynamodb.ExecuteStatement", m{"Statement": statement, "Parameters": []m{attributeS(name("lk by statement"))}})
	if got := r.call(t, "dynamodb.Scan", m{"TableName": table, "IndexName": global}); got["Count"] != 3.0 {
		t.Errorf("the index holds %v items", got["Count"])
	}
}

// checkTrail reads the trail of a stopped installation: what names a table may stand there, what its items hold may not (P9).
func checkTrail(t *testing.T, c *canaries, s *server) {
	t.Helper()
	out, code := run(t, "trail", "--data", s.data(), "--config", s.config())
	if code != 0 || !strings.Contains(out, `"ExecuteStatement"`) || !strings.Contains(out, `"TransactWriteItems"`) {
		t.Fatalf("exit code %d, %d bytes of trail", code, len(out))
	}
	for place, canary := range c.places {
		if strings.HasSuffix(place, "table name") && !strings.Contains(out, fmt.Sprintf("%x", canary)) {
			t.Errorf("the trail does not show the %s: what else it holds would not be found", place)
		}
		if strings.Contains(place, "name") || strings.Contains(place, "token") {
			continue
		}
		for _, form := range []string{fmt.Sprintf("%x", canary), base64.StdEncoding.EncodeToString(canary)} {
			if strings.Contains(out, form) {
				t.Errorf("the trail shows the %s", place)
			}
		}
	}
}
