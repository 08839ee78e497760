package api_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/api/lambdaapi"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/attribute"
)

func TestXMLResponses(t *testing.T) {
	when := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later := when.Add(1500 * time.Millisecond)
	for name, c := range map[string]struct{ got, want string }{
		"a result": {
			string(stsapi.AssumeRole().AppendXML(nil, &stsapi.AssumeRoleResponse{
				Credentials:      &stsapi.Credentials{AccessKeyId: new("ASIA"), Expiration: &when},
				PackedPolicySize: new(int64(6)),
			}, "id")),
			`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
				`<AccessKeyId>ASIA</AccessKeyId><Expiration>2026-03-01T12:00:00Z</Expiration></Credentials>` +
				`<PackedPolicySize>6</PackedPolicySize></AssumeRoleResult>` +
				`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></AssumeRoleResponse>`,
		},
		"no result": {
			string(iamapi.DeleteRole().AppendXML(nil, nil, "id")),
			`<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` +
				`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteRoleResponse>`,
		},
		"lists, escapes and fractions of seconds": {
			string((&iamapi.Role{
				CreateDate: &later, Description: new("a<b>&\"\r\n\x00"), Tags: []iamapi.Tag{{Key: new("k")}, {}},
			}).AppendXML(nil)),
			"<CreateDate>2026-03-01T12:00:01.500Z</CreateDate><Description>a&lt;b&gt;&amp;&quot;&#xD;&#xA;\uFFFD</Description>" +
				"<Tags><member><Key>k</Key></member><member></member></Tags>",
		},
		"a map and an empty list": {
			string((&iamapi.GetAccountSummaryResponse{SummaryMap: map[string]int64{"Users": 2, "Roles": 1}}).AppendXML(nil)) +
				string((&iamapi.Role{Tags: []iamapi.Tag{}}).AppendXML(nil)),
			`<SummaryMap><entry><key>Roles</key><value>1</value></entry><entry><key>Users</key><value>2</value></entry></SummaryMap>` +
				`<Tags></Tags>`,
		},
		"an error": {
			string(api.XMLError(nil, "ns", "id", iamapi.NoSuchEntityException("no <role>"))),
			`<ErrorResponse xmlns="ns"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;role&gt;</Message></Error>` +
				`<RequestId>id</RequestId></ErrorResponse>`,
		},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, c.got, c.want)
		}
	}
}

// TestXMLEscapeReadsBack lets another parser read what was escaped.
func TestXMLEscapeReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[\t\r\n -~é€𝄞]*`).Draw(t, "s")
		decoder := xml.NewDecoder(strings.NewReader("<a>" + string(api.XMLEscape(nil, s)) + "</a>"))
		var got strings.Builder
		for {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := token.(xml.CharData); ok {
				got.Write(text)
			}
		}
		if got.String() != s {
			t.Fatalf("%q became %q", s, got.String())
		}
	})
}

func TestEmptyBodies(t *testing.T) {
	if got := kmsapi.CreateAlias().Append(nil, &kmsapi.CreateAliasOutput{}); len(got) > 0 {
		t.Errorf("CreateAlias answers %s; clients expect nothing", got)
	}
	if got := kmsapi.DescribeKey().Append(nil, &kmsapi.DescribeKeyResponse{}); string(got) != "{}" {
		t.Errorf("DescribeKey answers %s", got)
	}
}

func TestStreamRecords(t *testing.T) {
	var b attribute.Builder
	b.Set("pk", attribute.String("x"))
	out := &dynamodbstreamsapi.GetRecordsOutput{Records: []dynamodbstreamsapi.Record{{
		EventID: new("1"), Dynamodb: &dynamodbstreamsapi.StreamRecord{Keys: b.Item(), SizeBytes: new(int64(3))},
	}}}
	want := `{"Records":[{"dynamodb":{"Keys":{"pk":{"S":"x"}},"SizeBytes":3},"eventID":"1"}]}`
	if got := string(dynamodbstreamsapi.GetRecords().Append(nil, out)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestErrors(t *testing.T) {
	var b attribute.Builder
	b.Set("pk", attribute.String("x"))
	for _, c := range []struct {
		err    *api.Error
		code   string
		status int
		detail string
	}{
		{dynamodbapi.ConditionalCheckFailedException("m", b.Item()), "ConditionalCheckFailedException", 400, `,"Item":{"pk":{"S":"x"}}`},
		{dynamodbapi.ConditionalCheckFailedException("m", nil), "ConditionalCheckFailedException", 400, ``},
		{
			dynamodbapi.TransactionCanceledException("m", []dynamodbapi.CancellationReason{{Code: new("None")}}),
			"TransactionCanceledException", 400, `,"CancellationReasons":[{"Code":"None"}]`,
		},
		{dynamodbapi.InternalServerError("m"), "InternalServerError", 500, ``},
		{kmsapi.KMSInternalException("m"), "KMSInternalException", 500, ``},
		{iamapi.NoSuchEntityException("m"), "NoSuchEntity", 404, ``},
		{lambdaapi.ResourceNotFoundException("m"), "ResourceNotFoundException", 404, `,"Type":"User"`},
		{lambdaapi.ServiceException("m"), "ServiceException", 500, `,"Type":"Service"`},
	} {
		detail := `{"message":"m"`
		if c.err.Detail != nil {
			detail = string(c.err.Detail([]byte(detail)))
		}
		detail = strings.TrimPrefix(detail, `{"message":"m"`)
		if c.err.Code != c.code || c.err.Status != c.status || detail != c.detail || c.err.Message != "m" {
			t.Errorf("%s: code %s, status %d, detail %s", c.code, c.err.Code, c.err.Status, detail)
		}
	}
}

func TestBindings(t *testing.T) {
	invoke := lambdaapi.Invoke()
	in := new(lambdaapi.InvocationRequest)
	for _, p := range invoke.HTTP.Params {
		if err := invoke.HTTP.Set(in, p, []string{"v " + p.Name}); err != nil {
			t.Error(err)
		}
	}
	invoke.HTTP.ReadBody(in, []byte("raw"))
	if *in.FunctionName != "v FunctionName" || *in.Qualifier != "v Qualifier" || string(in.Payload) != "raw" {
		t.Errorf("got %q %q %q", *in.FunctionName, *in.Qualifier, in.Payload)
	}
	if err := invoke.HTTP.Set(in, api.Param{Member: "Payload", Name: "x"}, []string{""}); err == nil {
		t.Error("a member of the body was set by a parameter")
	}
	out := &lambdaapi.InvocationResponse{
		ExecutedVersion: new("$LATEST"), StatusCode: new(int64(202)), Payload: []byte("raw"), LogResult: nil,
	}
	var headers []string
	invoke.HTTP.Headers(out, func(name, value string) { headers = append(headers, name+": "+value) })
	if got := strings.Join(headers, ","); got != "X-Amz-Executed-Version: $LATEST" {
		t.Errorf("headers %s", got)
	}
	if invoke.HTTP.StatusOf(out) != 202 || string(invoke.Append(nil, out)) != "raw" || !invoke.HTTP.Raw {
		t.Error("the payload or the status is wrong")
	}
	if invoke.Read != nil || lambdaapi.GetFunction().Read != nil || lambdaapi.CreateFunction().Read == nil {
		t.Error("an operation reads a body that it has not, or has not a body that it needs")
	}
	if b := lambdaapi.GetLayerVersionByArn().HTTP; b.Path != "/2018-10-31/layers" || b.Query != "find=LayerVersion" || b.Status != 200 {
		t.Errorf("GetLayerVersionByArn is bound to %s?%s %d", b.Path, b.Query, b.Status)
	}
	versions := lambdaapi.ListVersionsByFunction()
	list := new(lambdaapi.ListVersionsByFunctionRequest)
	err := versions.HTTP.Set(list, api.Param{Member: "MaxItems", Name: "MaxItems", In: api.InQuery}, []string{"ten"})
	if err == nil || !strings.Contains(err.Error(), "MaxItems") {
		t.Errorf("a wrong number: %v", err)
	}
}

func TestDescriptions(t *testing.T) {
	d := dynamodbapi.Describe()
	if d.Name != "dynamodb" || d.TargetPrefix != "DynamoDB_20120810" || d.JSONVersion != "1.0" || len(d.Operations) != 57 {
		t.Errorf("got %+v", d)
	}
	for _, op := range d.Operations {
		if op.Name == "GetItem" && strings.Join(op.Members(), " ") !=
			"AttributesToGet ConsistentRead ExpressionAttributeNames Key ProjectionExpression ReturnConsumedCapacity TableName" {
			t.Errorf("the members of GetItem are %v", op.Members())
		}
	}
}

func TestRefuseUnsupported(t *testing.T) {
	present := []string{"GlobalSecondaryIndexes", "GlobalSecondaryIndexes.OnDemandThroughput.MaxReadRequestUnits", "TableName"}
	if err := api.RefuseUnsupported("ValidationException", present, []string{"Table", "Stream"}); err != nil {
		t.Errorf("refused: %v", err)
	}
	err := api.RefuseUnsupported("ValidationException", present, []string{"GlobalSecondaryIndexes.OnDemandThroughput"})
	want := "ValidationException: Unsupported member GlobalSecondaryIndexes.OnDemandThroughput.MaxReadRequestUnits"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
