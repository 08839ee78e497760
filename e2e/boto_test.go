package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// m is a JSON object.
type m = map[string]any

// boto is a process in which boto3 makes calls, one at a time.
type boto struct {
	server *server
	region string
	key    accessKey
	token  string // of a session
	in     io.Writer
	out    *bufio.Scanner
	stderr *transcript
}

// answer is what boto3 gave back.
type answer struct {
	OK      m
	Code    string
	Message string
	Status  int
	More    m // what else the model says an error has
}

// newBoto starts Python with boto3, or skips the test where they are not installed.
func newBoto(t *testing.T, s *server) *boto {
	t.Helper()
	if exec.Command("python3", "-c", "import boto3").Run() != nil {
		t.Skip("boto3 is not installed: this test is skipped (scripts/setup.sh installs it)")
	}
	command := exec.Command("python3", filepath.Join("testdata", "boto.py"), s.endpoint)
	command.Env = clientEnvironment(s)
	b := &boto{server: s, region: s.region, key: s.key, stderr: &transcript{}}
	command.Stderr = b.stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // Python ends at the end of its input
		_ = command.Wait()
	})
	b.in, b.out = in, bufio.NewScanner(out)
	b.out.Buffer(nil, 64<<20)
	return b
}

// clientEnvironment is for clients that take their credentials from the environment.
func clientEnvironment(s *server) []string {
	return cleanEnvironment("AWS_ACCESS_KEY_ID="+s.key.id, "AWS_SECRET_ACCESS_KEY="+s.key.secret, "AWS_REGION="+s.region,
		"AWS_DEFAULT_REGION="+s.region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true")
}

// as is the same process with other credentials.
func (b *boto) as(id, secret string) *boto {
	other := *b
	other.key, other.token = accessKey{id, secret}, ""
	return &other
}

// inSession is the same process with the credentials that STS gave.
func (b *boto) inSession(credentials m) *boto {
	other := b.as(credentials["AccessKeyId"].(string), credentials["SecretAccessKey"].(string))
	other.token = credentials["SessionToken"].(string)
	return other
}

// inRegion is the same process for another region.
func (b *boto) inRegion(region string) *boto {
	other := *b
	other.region = region
	return &other
}

// try makes a call. The operation is "service.operation", as boto3 names it.
func (b *boto) try(t *testing.T, operation string, parameters m, how ...string) answer {
	t.Helper()
	service, operation, _ := strings.Cut(operation, ".")
	if parameters == nil {
		parameters = m{}
	}
	call := m{"service": service, "operation": operation, "region": b.region, "id": b.key.id, "secret": b.key.secret,
		"token": b.token, "parameters": parameters, "how": strings.Join(how, "")}
	line, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("boto3: %v\n%s", err, b.stderr)
	}
	if !b.out.Scan() {
		t.Fatalf("boto3 gave no answer to %s: %v\n%s", operation, b.out.Err(), b.stderr)
	}
	var a answer
	if err := json.Unmarshal(b.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// call makes a call that must succeed.
func (b *boto) call(t *testing.T, operation string, parameters m, how ...string) m {
	t.Helper()
	a := b.try(t, operation, parameters, how...)
	if a.Code != "" {
		t.Fatalf("%s %v: %s: %s", operation, parameters, a.Code, a.Message)
	}
	return a.OK
}

// refuse makes a call that must be refused with this code and exactly this message, request ids aside.
func (b *boto) refuse(t *testing.T, code, message, operation string, parameters m, how ...string) answer {
	t.Helper()
	a := b.try(t, operation, parameters, how...)
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

func binaryValue(b []byte) m { return m{"$bytes": base64.StdEncoding.EncodeToString(b)} }

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
func (b *boto) newKey(t *testing.T, more m) (arn, id string) {
	t.Helper()
	metadata := b.call(t, "kms.create_key", more)["KeyMetadata"].(m)
	return metadata["Arn"].(string), metadata["KeyId"].(string)
}

// table describes a table.
func (b *boto) table(t *testing.T, name string) m {
	t.Helper()
	return b.call(t, "dynamodb.describe_table", m{"TableName": name})["Table"].(m)
}

// asJSON is what a value becomes on its way through JSON.
func asJSON(v m) m {
	text, _ := json.Marshal(v)
	out := m{}
	_ = json.Unmarshal(text, &out)
	return out
}
