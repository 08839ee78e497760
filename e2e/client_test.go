package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// m is a JSON object. Bytes are base64 in it, and times are seconds since 1970, as in the JSON protocol.
type m = map[string]any

// client makes calls of AWS's services as one principal in one region. Most tests use that of newClient, which is always there and
// knows every operation; that of newBoto shows that boto3, as it is installed, gets along with the server.
type client struct {
	server *server
	region string
	key    accessKey
	token  string // of a session
	via    interface {
		// ask makes a call. The operation is "service.Operation" in AWS's words; how is empty, "paginate" (all pages as one), "wait"
		// (operation is a waiter's name) or "unchecked" (with nothing in between that checks the parameters).
		ask(t *testing.T, c *client, operation string, parameters m, how string) answer
	}
}

// answer is what came of a call.
type answer struct {
	OK      m
	Code    string
	Message string
	Status  int
	More    m      // what else an error has
	TooOld  string // for what the client is too old, so that there was no call
	Unread  string // what the client did not read of the answer, since it is too old
}

// eachClient runs a test by Go, and once more by boto3 where it is installed.
func eachClient(t *testing.T, test func(t *testing.T, connect func(s *server) *client)) {
	t.Run("Go", func(t *testing.T) {
		t.Parallel()
		test(t, newClient)
	})
	t.Run("boto3", func(t *testing.T) {
		t.Parallel()
		needBoto(t)
		test(t, func(s *server) *client { return newBoto(t, s) })
	})
}

// as is the same client with other credentials.
func (c *client) as(id, secret string) *client {
	other := *c
	other.key, other.token = accessKey{id, secret}, ""
	return &other
}

// inSession is the same client with the credentials that STS gave.
func (c *client) inSession(credentials m) *client {
	other := c.as(credentials["AccessKeyId"].(string), credentials["SecretAccessKey"].(string))
	other.token = credentials["SessionToken"].(string)
	return other
}

// inRegion is the same client for another region.
func (c *client) inRegion(region string) *client {
	other := *c
	other.region = region
	return &other
}

// try makes a call, and skips the test where the client is too old for it.
func (c *client) try(t *testing.T, operation string, parameters m, how ...string) answer {
	t.Helper()
	if parameters == nil {
		parameters = m{}
	}
	a := c.via.ask(t, c, operation, parameters, strings.Join(how, ""))
	if a.TooOld != "" {
		t.Skipf("the rest of this test is skipped: %s", a.TooOld)
	}
	return a
}

// call makes a call that must succeed.
func (c *client) call(t *testing.T, operation string, parameters m, how ...string) m {
	t.Helper()
	a := c.try(t, operation, parameters, how...)
	if a.Code != "" {
		t.Fatalf("%s %v: %s: %s", operation, parameters, a.Code, a.Message)
	}
	return a.OK
}

// refuse makes a call that must be refused with this code and exactly this message, request ids aside.
func (c *client) refuse(t *testing.T, code, message, operation string, parameters m, how ...string) answer {
	t.Helper()
	a := c.try(t, operation, parameters, how...)
	if got := withoutRequestID(a.Message); a.Code != code || got != message {
		t.Errorf("%s %v:\n got  %s: %s\n want %s: %s", operation, parameters, a.Code, got, code, message)
	}
	if a.Code != "" && (a.Status < 400 || a.Status >= 500) {
		t.Errorf("%s: HTTP status %d", operation, a.Status)
	}
	return a
}

func withoutRequestID(message string) string {
	return regexp.MustCompile(`Request ID: [0-9a-f-]{36}`).ReplaceAllString(message, "Request ID: …")
}

// at walks into a JSON object by names.
func at(object m, path string) any {
	var value any = object
	for name := range strings.SplitSeq(path, ".") {
		inner, ok := value.(m)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

func binaryValue(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// S, N and B are attribute values.
func attributeS(s string) m { return m{"S": s} }
func attributeN(n string) m { return m{"N": n} }
func attributeB(b []byte) m { return m{"B": binaryValue(b)} }

// tableInput asks for a table with the partition key pk and the sort key sk, both strings.
func tableInput(name string, sse m) m {
	in := m{"TableName": name, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []m{{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}},
		"KeySchema":            []m{{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}}}
	if sse != nil {
		in["SSESpecification"] = sse
	}
	return in
}

// under asks for the table to be under a key.
func under(key string) m { return m{"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key} }

// newKey makes a KMS key and returns its ARN and id.
func (c *client) newKey(t *testing.T, more m) (arn, id string) {
	t.Helper()
	metadata := c.call(t, "kms.CreateKey", more)["KeyMetadata"].(m)
	return metadata["Arn"].(string), metadata["KeyId"].(string)
}

// table describes a table.
func (c *client) table(t *testing.T, name string) m {
	t.Helper()
	return c.call(t, "dynamodb.DescribeTable", m{"TableName": name})["Table"].(m)
}

// asJSON is what a value becomes on its way through JSON.
func asJSON(v any) m {
	text, _ := json.Marshal(v)
	out := m{}
	_ = json.NewDecoder(bytes.NewReader(text)).Decode(&out)
	return out
}
