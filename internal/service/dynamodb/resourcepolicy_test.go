package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	plainARN   = "arn:aws:dynamodb:eu-west-1:123456789012:table/plain"
	stranger   = "111122223333"
	noPolicyOf = "Resource-based policy not found for the provided ResourceArn: "
	noDocument = "com.amazonaws.dynamodb.v20120810#PolicyNotFoundException"
)

// policyOf is a policy of one statement.
func policyOf(effect, principal, actions string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":%q,"Principal":%s,"Action":%s,"Resource":%q}]}`, effect,
		principal, actions, plainARN)
}

// putPolicy is the body of a PutResourcePolicy.
func putPolicy(document, more string) string {
	text, _ := json.Marshal(document)
	return `{"ResourceArn":"` + plainARN + `","Policy":` + string(text) + more + `}`
}

// revision is the RevisionId in an answer.
func revision(t *testing.T, answer []byte) string {
	t.Helper()
	id, _ := decode(t, answer).(map[string]any)["RevisionId"].(string)
	return id
}

// TestResourcePolicies: a table has a policy or none, and each change of it has a revision.
func TestResourcePolicies(t *testing.T) {
	w := newTables(t)
	const ask = `{"ResourceArn":"` + plainARN + `"`
	w.refusals([]refused{{"none yet", "GetResourcePolicy", ask + `}`, noDocument, noPolicyOf + plainARN}})
	w.answers([]answered{{"take none away", "DeleteResourcePolicy", ask + `}`, `{}`}})
	first := policyOf("Allow", `{"AWS":"`+stranger+`"}`, `["dynamodb:GetItem"]`)
	r1 := revision(t, w.must("PutResourcePolicy", putPolicy(first, `,"ExpectedRevisionId":"NO_POLICY"`)))
	same := ` {"Statement":{"Resource":"` + plainARN + `","Action":"dynamodb:GetItem", "Principal":{"AWS":["arn:aws:iam::` + stranger +
		`:root"]},"Effect":"Allow","Sid":"one"},
		"Version":"2012-10-17"}`
	if again := revision(t, w.must("PutResourcePolicy", putPolicy(same, ""))); again != r1 {
		t.Errorf("the same policy in other words has revision %s, not %s", again, r1)
	}
	w.answers([]answered{{"as it was put", "GetResourcePolicy", ask + `}`, `{"RevisionId":"` + r1 + `","Policy":` + quoted(first) + `}`}})
	second := policyOf("Allow", `{"AWS":"`+stranger+`"}`, `["dynamodb:PutItem"]`)
	stale := func(expected string) string {
		return noPolicyOf + "Requested update for policy with revision id " + expected +
			", but the policy associated to target table plain has revision id " + r1 + "."
	}
	w.refusals([]refused{
		{"another revision", "PutResourcePolicy", putPolicy(second, `,"ExpectedRevisionId":"7"`), noDocument, stale("7")},
		{"no revision", "PutResourcePolicy", putPolicy(second, `,"ExpectedRevisionId":"NO_POLICY"`), noDocument,
			noPolicyOf + "Requested policy update expecting none to be present for table plain, but a policy exists with revision id " +
				r1 + "."},
		{"take another away", "DeleteResourcePolicy", ask + `,"ExpectedRevisionId":"7"}`, noDocument, stale("7")},
	})
	r2 := revision(t, w.must("PutResourcePolicy", putPolicy(second, `,"ExpectedRevisionId":"`+r1+`"`)))
	w.restart()
	if taken := revision(t, w.must("DeleteResourcePolicy", ask+`,"ExpectedRevisionId":"`+r2+`"}`)); r2 <= r1 || taken != r2 {
		t.Errorf("revisions %s, %s, and %s was taken away", r1, r2, taken)
	}
	w.refusals([]refused{
		{"gone", "GetResourcePolicy", ask + `}`, noDocument, noPolicyOf + plainARN},
		{"take the gone away", "DeleteResourcePolicy", ask + `,"ExpectedRevisionId":"` + r2 + `"}`, noDocument, noPolicyOf + plainARN},
		{"replace the gone", "PutResourcePolicy", putPolicy(first, `,"ExpectedRevisionId":"`+r2+`"`), noDocument,
			noPolicyOf + "Requested update for policy with revision id " + r2 + ", but no policy is associated to target table plain."},
	})
	if r3 := revision(t, w.must("PutResourcePolicy", putPolicy(first, ""))); r3 <= r2 {
		t.Errorf("revision %s follows %s", r3, r2)
	}
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// TestRefusedPolicies: what is no policy of a table is refused, and leaves the one that is there.
func TestRefusedPolicies(t *testing.T) {
	w := newTables(t)
	w.must("PutResourcePolicy", putPolicy(policyOf("Deny", `{"AWS":"`+stranger+`"}`, `"dynamodb:Scan"`), ""))
	before := string(w.must("GetResourcePolicy", `{"ResourceArn":"`+plainARN+`"}`))
	me := `{"AWS":"123456789012"}`
	allow := policyOf("Allow", me, `"dynamodb:GetItem"`)
	wrong := parameters + "Invalid policy document: "
	const unbounded = "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure " +
		"least-privilege form of access"
	everybody := func(condition string) string {
		return strings.Replace(policyOf("Allow", `"*"`, `"dynamodb:GetItem"`), `"Sid":"one"`, `"Condition":`+condition, 1)
	}
	cases := []refused{
		{"too long", "", allow + strings.Repeat(" ", 20481-len(allow)), validation,
			parameters + "Maximum policy size of 20480 bytes exceeded"},
		{"empty", "", "", validation, wrong + "This policy contains invalid Json"},
		{"no JSON", "", "{not json", validation, wrong + "This policy contains invalid Json"},
		{"a list", "", "[]", validation, wrong + "This policy contains invalid Json"},
		{"null", "", "null", validation, wrong + "This text appears not to be a policy"},
		{"no statement", "", `{"Version":"2012-10-17","Statement":[]}`, validation,
			wrong + "Could not parse the policy: Statement is empty!"},
		{"empty statement", "", `{"Statement":[{}]}`, validation, wrong + "Missing required field Effect"},
		{"no principal", "", strings.Replace(allow, `"Principal":`+me+`,`, "", 1), validation, wrong + "Missing required field Principal"},
		{"no action", "", strings.Replace(allow, `"Action":"dynamodb:GetItem",`, "", 1), validation,
			wrong + "Missing required field Action"},
		{"no resource", "", strings.Replace(allow, `,"Resource":"`+plainARN+`"`, "", 1), validation,
			wrong + "Missing required field Resource"},
		{"names twice", "", `{"Statement":[` + inner(allow) + `,` + inner(allow) + `]}`, validation,
			wrong + "The Statement Ids in the policy are not unique"},
		{"actions", "", policyOf("Allow", me, `["dynamodb:GetRecords","dynamodb:GetItem","dynamodb:CreateTable","s3:GetObject"]`),
			validation,
			wrong + `The following action names are invalid: "dynamodb:GetRecords", "dynamodb:CreateTable", "s3:GetObject"`},
		{"nobody", "", policyOf("Allow", `{"AWS":"arn:aws:iam::123456789012:user/nobody"}`, `"dynamodb:GetItem"`), validation,
			parameters + "Invalid principal in policy document."},
		{"no principal at all", "", policyOf("Allow", `{"AWS":"somebody"}`, `"dynamodb:GetItem"`), validation,
			parameters + "Invalid principal in policy document."},
		{"service", "", policyOf("Allow", `{"Service":"lambda.amazonaws.com"}`, `"dynamodb:GetItem"`), validation,
			wrong + "Policy contains invalid service principal"},
		{"everybody", "", policyOf("Allow", `"*"`, `"dynamodb:GetItem"`), validation, unbounded},
		{"every AWS principal", "", policyOf("Allow", `{"AWS":["*","123456789012"]}`, `"dynamodb:GetItem"`), validation, unbounded},
		{"everybody on any network", "", everybody(`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`), validation, unbounded},
		{"everybody but some", "", everybody(`{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}`), validation, unbounded},
		{"everybody over TLS", "", everybody(`{"Bool":{"aws:SecureTransport":"true"}}`), validation, unbounded},
	}
	for i := range cases {
		cases[i].operation, cases[i].body = "PutResourcePolicy", putPolicy(cases[i].body, "")
	}
	w.refusals(cases)
	if after := string(w.must("GetResourcePolicy", `{"ResourceArn":"`+plainARN+`"}`)); after != before {
		t.Errorf("a refused policy changed %s to %s", before, after)
	}
	w.must("PutResourcePolicy", putPolicy(allow+strings.Repeat(" ", 20480-len(allow)), ""))
	w.must("PutResourcePolicy", putPolicy(everybody(`{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}`), ""))
	w.must("PutResourcePolicy", putPolicy(policyOf("Allow", me, `["dynamodb:*","dynamodb:Get*"]`), ""))
}

// inner is the statement of a policy that has one.
func inner(document string) string {
	_, statement, _ := strings.Cut(document, `"Statement":[`)
	return strings.TrimSuffix(statement, "]}")
}

// TestPoliciesByARN: only a table's own account sees to its policy, by the table's ARN.
func TestPoliciesByARN(t *testing.T) {
	w := newTables(t)
	get := func(arn string) string { return `{"ResourceArn":"` + arn + `"}` }
	nowhere := strings.Replace(plainARN, "plain", "nowhere", 1)
	w.refusals([]refused{
		{"no ARN", "GetResourcePolicy", get("plain"), validation, parameters + "ARNs must start with 'arn:': plain"},
		{"other service", "GetResourcePolicy", get("arn:aws:s3:::b"), validation,
			parameters + "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::b"},
		{"other region", "GetResourcePolicy", get(strings.Replace(plainARN, "eu-west-1", "us-east-1", 1)), validation,
			parameters + "Invalid resource Arn: " + strings.Replace(plainARN, "eu-west-1", "us-east-1", 1)},
		{"other partition", "GetResourcePolicy", get(strings.Replace(plainARN, "aws", "aws-cn", 1)), validation,
			parameters + "Invalid resource Arn: " + strings.Replace(plainARN, "aws", "aws-cn", 1)},
		{"index", "DeleteResourcePolicy", get(plainARN + "/index/i"), validation,
			parameters + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " + plainARN +
				"/index/i"},
		{"stream of no table", "GetResourcePolicy", get(nowhere + "/stream/2026-01-02T03:04:05.678"), absent,
			"Requested resource not found: Stream: " + nowhere + "/stream/2026-01-02T03:04:05.678 not found"},
		{"no such stream", "GetResourcePolicy", get(plainARN + "/stream/2026-01-02T03:04:05.678"), absent,
			"Requested resource not found: Stream: " + plainARN + "/stream/2026-01-02T03:04:05.678 not found"},
		{"no table", "PutResourcePolicy",
			strings.Replace(putPolicy(policyOf("Allow", `{"AWS":"123456789012"}`, `"dynamodb:*"`), ""), plainARN, nowhere, 1), absent,
			"Requested resource not found: Table: nowhere not found"},
		{"no table to read", "GetResourcePolicy", get(nowhere), absent, "Requested resource not found: Table: nowhere not found"},
		{"no revision", "DeleteResourcePolicy", `{"ResourceArn":"` + plainARN + `","ExpectedRevisionId":""}`, validation,
			constraint("''", "expectedRevisionId", "Member must have length greater than or equal to 1")},
	})
	w.must("PutResourcePolicy", putPolicy(policyOf("Allow", `{"AWS":"`+stranger+`"}`, `"dynamodb:*"`), ""))
	const foreign = "This action is only supported by accounts that match the resource owner’s account."
	w.as(stranger).refusals([]refused{
		{"get from outside", "GetResourcePolicy", get(plainARN), validation, foreign},
		{"put from outside", "PutResourcePolicy", putPolicy(`{}`, ""), validation, foreign},
		{"delete from outside", "DeleteResourcePolicy", get(plainARN), validation, foreign},
	})
}

// TestAccessAcrossAccounts: a policy lets callers of another account do what may be done from there, and nothing else.
func TestAccessAcrossAccounts(t *testing.T) {
	w := newTables(t)
	guest := w.as(stranger)
	byARN := `{"TableName":"` + plainARN + `"`
	item := byARN + `,"Item":{"pk":{"S":"a"}}}`
	no := func(action string) string {
		return "User: arn:aws:iam::" + stranger + ":root is not authorized to perform: dynamodb:" + action + " on resource: " + plainARN +
			" because no resource-based policy allows the dynamodb:" + action + " action"
	}
	guest.refusals([]refused{{"without a policy", "PutItem", item, denied, no("PutItem")}})
	w.must("PutResourcePolicy", putPolicy(policyOf("Allow", `{"AWS":"`+stranger+`"}`,
		`["dynamodb:PutItem","dynamodb:BatchGetItem","dynamodb:DescribeTable","dynamodb:TagResource","dynamodb:DescribeTimeToLive"]`), ""))
	guest.answers([]answered{
		{"put", "PutItem", item, `{}`},
		{"batch", "BatchGetItem", `{"RequestItems":{"` + plainARN + `":{"Keys":[{"pk":{"S":"a"}}]}}}`,
			`{"Responses":{"` + plainARN + `":[{"pk":{"S":"a"}}]},"UnprocessedKeys":{}}`},
		{"transaction", "TransactWriteItems", `{"TransactItems":[{"Put":` + item + `}]}`, `{}`},
		{"tag", "TagResource", `{"ResourceArn":"` + plainARN + `","Tags":[{"Key":"a","Value":"b"}]}`, ``},
	})
	guest.must("DescribeTable", byARN+`}`)
	guest.refusals([]refused{
		{"read", "GetItem", byARN + `,"Key":{"pk":{"S":"a"}}}`, denied, no("GetItem")},
		{"never from outside", "DescribeTimeToLive", byARN + `}`, denied, no("DescribeTimeToLive")},
		{"by name it is another table", "PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`, absent, "Requested resource not found"},
		{"another table", "PutItem", strings.ReplaceAll(item, "plain", "sorted"), denied,
			strings.ReplaceAll(no("PutItem"), "plain", "sorted")},
	})
	w.as("999999999999").refusals([]refused{{"another account", "PutItem", item, denied,
		strings.ReplaceAll(no("PutItem"), stranger, "999999999999")}})
	w.must("DeleteResourcePolicy", `{"ResourceArn":"`+plainARN+`"}`)
	guest.refusals([]refused{{"taken away", "PutItem", item, denied, no("PutItem")}})
}

// TestPoliciesDenyTheirOwn: a deny counts for the root user too, who can still take the policy away.
func TestPoliciesDenyTheirOwn(t *testing.T) {
	w := newTables(t)
	deny := policyOf("Deny", `"*"`, `"dynamodb:*"`)
	const lockout = "The new resource policy will not allow you to update the resource policy in the future."
	w.refusals([]refused{
		{"locks out", "PutResourcePolicy", putPolicy(deny, ""), denied, lockout},
		{"locks out, not confirmed", "PutResourcePolicy", putPolicy(deny, `,"ConfirmRemoveSelfResourceAccess":false`), denied, lockout},
	})
	w.must("PutResourcePolicy", putPolicy(deny, `,"ConfirmRemoveSelfResourceAccess":true`))
	w.restart()
	w.refusals([]refused{{"denied", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`, denied,
		"User: arn:aws:iam::123456789012:root is not authorized to perform: dynamodb:GetItem on resource: " + plainARN +
			" with an explicit deny in a resource-based policy"}})
	w.must("DeleteResourcePolicy", `{"ResourceArn":"`+plainARN+`"}`)
	w.must("GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`)
}

// TestPolicyFromTheStart: a table can come with its policy, which goes with it.
func TestPolicyFromTheStart(t *testing.T) {
	w := newWorld(t)
	create := func(policy string) string {
		return strings.TrimSuffix(plainTable, "}") + `,"ResourcePolicy":` + quoted(policy) + `}`
	}
	w.refusals([]refused{{"no policy", "CreateTable", create("{"), validation,
		parameters + "Invalid policy document: This policy contains invalid Json"}})
	w.must("CreateTable", create(policyOf("Allow", `{"AWS":"`+stranger+`"}`, `"dynamodb:*"`)))
	byARN := `{"TableName":"` + plainARN + `"}`
	w.as(stranger).must("Scan", byARN)
	w.as(stranger).must("DeleteTable", byARN)
	w.must("CreateTable", plainTable)
	if status, answer := w.as(stranger).call("Scan", byARN); status != http.StatusBadRequest {
		t.Errorf("the policy of a table that is gone lets in to the next of its name: %s", answer)
	}
}

// TestPolicyPause: where changes take time to be seen, a policy is left alone for a while after one.
func TestPolicyPause(t *testing.T) {
	w := newSlowWorld(t, time.Second)
	w.must("CreateTable", plainTable)
	w.refusals([]refused{{"creating", "GetResourcePolicy", `{"ResourceArn":"` + plainARN + `"}`, absent,
		"Requested resource not found: Table: plain not found"}})
	w.advance(time.Minute)
	one := putPolicy(policyOf("Allow", `{"AWS":"123456789012"}`, `"dynamodb:GetItem"`), "")
	two := strings.Replace(one, "GetItem", "PutItem", 1)
	w.must("PutResourcePolicy", one)
	w.must("PutResourcePolicy", one)
	status, answer := w.call("PutResourcePolicy", two)
	if status != http.StatusBadRequest || !strings.Contains(string(answer), "#ThrottlingException") ||
		!strings.Contains(string(answer), "Resource-based policy for table plain modified within the previous 15000 milliseconds. Please "+
			"try again after 20") {
		t.Errorf("%d %s", status, answer)
	}
	w.advance(16 * time.Second)
	w.must("PutResourcePolicy", two)
}
