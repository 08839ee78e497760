package instance

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// service answers calls of a function, and keeps them.
type service struct {
	mu    sync.Mutex
	calls []string
}

func (s *service) serve(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		target := r.Header.Get("X-Amz-Target")
		if target == "" {
			target = r.Method + " " + r.URL.RequestURI()
		}
		s.mu.Lock()
		s.calls = append(s.calls, target+" "+string(body))
		s.mu.Unlock()
		w.Header().Set("X-Amzn-Requestid", "REQUEST")
		status, answer := reply(target, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
}

func reply(target, body string) (int, string) {
	switch {
	case strings.HasSuffix(target, ".GetItem"):
		return 200, `{"Item":{"id":{"S":"1"},"n":{"N":"1.5"},"b":{"B":"AAE="},"l":{"L":[{"NULL":true}]}}}`
	case strings.HasSuffix(target, ".Query"):
		if strings.Contains(body, "ExclusiveStartKey") {
			return 200, `{"Items":[{"id":{"S":"2"}}],"Count":1}`
		}
		return 200, `{"Items":[{"id":{"S":"1"}}],"Count":1,"LastEvaluatedKey":{"id":{"S":"1"}}}`
	case strings.HasSuffix(target, ".Decrypt"):
		return 200, `{"Plaintext":"c2VjcmV0","KeyId":"k"}`
	case strings.HasSuffix(target, ".DeleteItem"):
		return 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}`
	case strings.HasPrefix(target, "POST /2015"):
		return 200, `{"called":true}`
	case strings.HasPrefix(target, "POST /"):
		return 200,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:x</Arn>` +
				`<Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	}
	return 200, `{}`
}

const usesSDK = `
import boto3, json
from decimal import Decimal
from botocore.exceptions import ClientError
from boto3.dynamodb.conditions import Key, Attr

def handler(event, context):
    client = boto3.client("dynamodb")
    out = []
    out.append(client.put_item(TableName="t", Item={"id": {"S": "1"}, "b": {"B": b"\x00\x01"}})["ResponseMetadata"]["HTTPStatusCode"])
    item = client.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"]
    out.append([item["n"], item["b"]["B"] == b"\x00\x01"])
    table = boto3.resource("dynamodb", region_name="eu-west-1").Table("t")
    item = table.get_item(Key={"id": "1"})["Item"]
    out.append([item["n"] == Decimal("1.5"), bytes(item["b"]) == b"\x00\x01", item["l"]])
    table.query(KeyConditionExpression=Key("id").eq("1") & Key("at").between(1, 2),
                FilterExpression=Attr("a.b[0]").exists() | ~Attr("c").is_in([Decimal("1"), {"x"}]))
    pages = client.get_paginator("query").paginate(TableName="t", KeyConditionExpression="id = :i")
    out.append([i["id"]["S"] for page in pages for i in page["Items"]])
    try:
        client.delete_item(TableName="t", Key={"id": {"S": "1"}})
    except client.exceptions.ConditionalCheckFailedException as error:
        out.append([error.response["Error"]["Code"], str(error), isinstance(error, ClientError)])
    out.append(boto3.client("kms").decrypt(CiphertextBlob=b"x")["Plaintext"] == b"secret")
    out.append(boto3.client("sts").get_caller_identity()["Arn"])
    out.append(json.load(boto3.client("lambda").invoke(FunctionName="g", Payload=b"{}")["Payload"]))
    with table.batch_writer() as batch:
        for number in range(26):
            batch.put_item(Item={"id": str(number)})
    return out
`

// TestSDK runs a function with the boto3 that this host gives it: its own, or the one that is put beside functions.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	s := &service{}
	w.serve = s.serve
	i, log := w.start("python3.13", "index.py", usesSDK, long)
	r := w.invoke(i, `{}`)
	const want = `[200, [{"N": "1.5"}, true], [true, true, [null]], ["1", "2"], ["ConditionalCheckFailedException", "An error occurred ` +
		`(ConditionalCheckFailedException) when calling the DeleteItem operation: The conditional request failed", true], true, "arn:x", ` +
		`{"called": true}]`
	if string(r.Payload) != want {
		t.Fatalf("\n got %s\nwant %s\n%s", r.Payload, want, log.text())
	}
	s.check(t, "DynamoDB_20120810.PutItem", `{"TableName":"t","Item":{"id":{"S":"1"},"b":{"B":"AAE="}}}`)
	s.check(t, "DynamoDB_20120810.Query", `{"TableName":"t","KeyConditionExpression":"(#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2)",`+
		`"FilterExpression":"(attribute_exists(#n2.#n3[0]) OR (NOT #n4 IN (:v3, :v4)))","ExpressionAttributeNames":`+
		`{"#n0":"id","#n1":"at","#n2":"a","#n3":"b","#n4":"c"},"ExpressionAttributeValues":{":v0":{"S":"1"},":v1":{"N":"1"},`+
		`":v2":{"N":"2"},":v3":{"N":"1"},":v4":{"SS":["x"]}}}`)
}

// check looks for a call whose body is equal as JSON, save for the order of conditions' placeholders.
func (s *service) check(t *testing.T, target, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.calls {
		name, body, _ := strings.Cut(call, " ")
		if name == target && sameJSON(body, want) {
			return
		}
	}
	t.Errorf("no call of %s with\n%s\nin\n%s", target, want, strings.Join(s.calls, "\n"))
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	first, _ := json.Marshal(x)
	second, _ := json.Marshal(y)
	return string(first) == string(second)
}
