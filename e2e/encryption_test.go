package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// invalidParameters is what most complaints about parameters begin with.
const invalidParameters = "One or more parameter values were invalid: "

// describedAs holds a table's SSEDescription; nil means that the member is absent.
func describedAs(t *testing.T, b *client, table string, want m) {
	t.Helper()
	compareSSE(t, b.table(t, table), want)
}

func compareSSE(t *testing.T, description m, want m) {
	t.Helper()
	got, present := description["SSEDescription"]
	if want == nil {
		if present {
			t.Errorf("SSEDescription under the AWS owned key: %v", got)
		}
		return
	}
	if diff := cmp.Diff(any(asJSON(want)), got); diff != "" {
		t.Errorf("SSEDescription:\n%s", diff)
	}
}

func enabled(arn string) m { return m{"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": arn} }
func updating(arn string) m {
	return m{"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": arn}
}

// updatingStub is what a change to or from the AWS owned key shows: the key that nobody can see is not named.
func updatingStub() m { return m{"Status": "UPDATING"} }

// TestKindsOfKey selects each kind of key in every way that there is ("SSESpecification" in the API reference).
func TestKindsOfKey(t *testing.T) {
	t.Parallel()
	eachClient(t, testKindsOfKey)
}

func testKindsOfKey(t *testing.T, connect func(s *server) *client) {
	b := connect(startDev(t))
	arn, id := b.newKey(t, nil)
	b.call(t, "kms.CreateAlias", m{"AliasName": "alias/of-table", "TargetKeyId": id})
	b.call(t, "dynamodb.CreateTable", tableInput("first", m{"Enabled": true}))
	managed := at(b.call(t, "kms.DescribeKey", m{"KeyId": "alias/aws/dynamodb"}), "KeyMetadata").(m)
	if managed["KeyManager"] != "AWS" || managed["Description"] != "Default key that protects my DynamoDB data when no other key is defined" {
		t.Errorf("alias/aws/dynamodb: %v", managed)
	}
	for i, c := range []struct {
		sse  m
		want m
	}{
		{nil, nil},
		{m{}, nil},
		{m{"Enabled": false}, nil},
		{m{"Enabled": true}, enabled(managed["Arn"].(string))},
		{m{"Enabled": true, "SSEType": "KMS"}, enabled(managed["Arn"].(string))},
		{m{"SSEType": "KMS"}, enabled(managed["Arn"].(string))},
		{m{"SSEType": "KMS", "KMSMasterKeyId": "alias/aws/dynamodb"}, enabled(managed["Arn"].(string))},
		{under(managed["Arn"].(string)), enabled(managed["Arn"].(string))},
		{under(arn), enabled(arn)},
		{under(id), enabled(arn)},
		{under("alias/of-table"), enabled(arn)},
		{under("arn:aws:kms:us-east-1:123456789012:alias/of-table"), enabled(arn)},
		{m{"SSEType": "KMS", "KMSMasterKeyId": arn}, enabled(arn)},
	} {
		t.Run(fmt.Sprint(c.sse), func(t *testing.T) {
			name := fmt.Sprintf("table-%d", i)
			created := b.call(t, "dynamodb.CreateTable", tableInput(name, c.sse))["TableDescription"].(m)
			compareSSE(t, created, c.want)
			describedAs(t, b, name, c.want)
		})
	}
}

// TestSSESpecificationRules holds each refusal of a wrong SSESpecification, in both operations that take one.
func TestSSESpecificationRules(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	arn, _ := b.newKey(t, nil)
	b.call(t, "dynamodb.CreateTable", tableInput("existing", nil))
	const typeWins = invalidParameters + "SSEType can not be specified if Enabled is false"
	for _, c := range []struct {
		sse     m
		message string
	}{
		{m{"Enabled": true, "KMSMasterKeyId": arn}, invalidParameters + "SSEType KMS is required if KMSMasterKeyId is specified"},
		{m{"KMSMasterKeyId": arn}, invalidParameters + "SSEType KMS is required if KMSMasterKeyId is specified"},
		{m{"Enabled": false, "SSEType": "KMS"}, typeWins},
		{m{"Enabled": false, "SSEType": "AES256"}, typeWins},
		{m{"Enabled": false, "SSEType": "KMS", "KMSMasterKeyId": arn}, typeWins},
		{m{"Enabled": false, "KMSMasterKeyId": arn}, invalidParameters + "KMSMasterKeyId can not be specified if Enabled is false"},
		{m{"Enabled": true, "SSEType": "AES256"}, invalidParameters + "SSEType AES256 is not supported"},
		{m{"SSEType": "kms"}, "1 validation error detected: Value 'kms' at 'sSESpecification.sSEType' failed to satisfy constraint: " +
			"Member must satisfy enum value set: [AES256, KMS]"},
	} {
		t.Run(fmt.Sprint(c.sse), func(t *testing.T) {
			b.refuse(t, "ValidationException", c.message, "dynamodb.CreateTable", tableInput("never", c.sse))
			b.refuse(t, "ValidationException", c.message, "dynamodb.UpdateTable", m{"TableName": "existing", "SSESpecification": c.sse})
		})
	}
	if names := b.call(t, "dynamodb.ListTables", nil)["TableNames"]; !cmp.Equal(names, []any{"existing"}) {
		t.Errorf("a refused request left a table: %v", names)
	}
	describedAs(t, b, "existing", nil)
}

// unusableKeys are keys that no table can be put under, with what DynamoDB says.
func unusableKeys(t *testing.T, b *client) map[string]struct{ key, code, message string } {
	t.Helper()
	const wrapped = "com.amazonaws.services.kms.model."
	tail := func(code string) string {
		return " (Service: AWSKMS; Status Code: 400; Error Code: " + code + "; Request ID: …; Proxy: null)"
	}
	disabled, disabledID := b.newKey(t, nil)
	b.call(t, "kms.CreateAlias", m{"AliasName": "alias/disabled", "TargetKeyId": disabled})
	b.call(t, "kms.DisableKey", m{"KeyId": disabled})
	pending, _ := b.newKey(t, nil)
	b.call(t, "kms.ScheduleKeyDeletion", m{"KeyId": pending, "PendingWindowInDays": 7})
	rsa, _ := b.newKey(t, m{"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"})
	hmac, _ := b.newKey(t, m{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	const wrongKind = "KMS internal error: " + wrapped + "AWSKMSException: EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
	const account = "arn:aws:kms:us-east-1:123456789012:"
	const gone = account + "key/12345678-1234-1234-1234-123456789012"
	disabledText := "KMS key disabled error: " + wrapped + "DisabledException: " + disabled + " is disabled." + tail("DisabledException")
	missing := "KMS validation error: " + wrapped + "NotFoundException: "
	return map[string]struct{ key, code, message string }{
		"disabled, by ARN":   {disabled, "ValidationException", disabledText},
		"disabled, by id":    {disabledID, "ValidationException", disabledText},
		"disabled, by alias": {"alias/disabled", "ValidationException", disabledText},
		"pending deletion": {pending, "ValidationException",
			"KMS validation error: " + wrapped + "KMSInvalidStateException: " + pending + " is pending deletion." + tail("KMSInvalidStateException")},
		"no such ARN": {gone, "ValidationException", missing + "Key '" + gone + "' does not exist" + tail("NotFoundException")},
		"no such id": {"12345678-1234-1234-1234-123456789012", "ValidationException",
			missing + "Key '" + gone + "' does not exist" + tail("NotFoundException")},
		"no such alias": {"alias/none", "ValidationException",
			missing + "Alias " + account + "alias/none is not found." + tail("NotFoundException")},
		"another region": {strings.Replace(gone, "us-east-1", "eu-west-1", 1), "ValidationException",
			missing + "Invalid arn eu-west-1" + tail("NotFoundException")},
		"another account": {strings.Replace(gone, "123456789012", "999999999999", 1), "AccessDeniedException",
			"KMS key access denied error: " + wrapped + "AWSKMSException: User: arn:aws:iam::123456789012:root is not authorized to perform: kms:DescribeKey " +
				"on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy " +
				"explicitly denies access" + tail("AccessDeniedException")},
		// DynamoDB answers 500 here. Sealtable keeps the text and answers 400, so that clients do not try again for minutes.
		"asymmetric": {rsa, "ValidationException", wrongKind + tail("ValidationException")},
		"HMAC":       {hmac, "ValidationException", wrongKind + tail("ValidationException")},
	}
}

// TestUnusableKeys holds each refusal of a key that cannot be used, in both operations; nothing is left or changed.
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	b.call(t, "dynamodb.CreateTable", tableInput("existing", nil))
	for name, c := range unusableKeys(t, b) {
		t.Run(name, func(t *testing.T) {
			b.refuse(t, c.code, c.message, "dynamodb.CreateTable", tableInput("never", under(c.key)))
			b.refuse(t, c.code, c.message, "dynamodb.UpdateTable", m{"TableName": "existing", "SSESpecification": under(c.key)})
		})
	}
	if names := b.call(t, "dynamodb.ListTables", nil)["TableNames"]; !cmp.Equal(names, []any{"existing"}) {
		t.Errorf("a refused request left a table: %v", names)
	}
	describedAs(t, b, "existing", nil)
	arn, _ := b.newKey(t, nil)
	for range 2 { // what was refused did not count against the quota
		b.call(t, "dynamodb.UpdateTable", m{"TableName": "existing", "SSESpecification": under(arn)})
		b.call(t, "dynamodb.UpdateTable", m{"TableName": "existing", "SSESpecification": m{"Enabled": false}})
	}
}

// TestDeniedKeys puts tables under keys whose policies withhold what the database needs.
func TestDeniedKeys(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	for _, action := range []string{"kms:CreateGrant", "kms:GenerateDataKey*", "kms:DescribeKey"} {
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
			{"Effect":"Deny","Principal":{"AWS":"*"},"Action":%q,"Resource":"*"}]}`, action)
		arn, _ := b.newKey(t, m{"Policy": policy})
		a := b.try(t, "dynamodb.CreateTable", tableInput("never", under(arn)))
		want := "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: arn:aws:iam::123456789012:root is not authorized " +
			"to perform: " + strings.TrimSuffix(action, "*") + " on resource: " + arn + " with an explicit deny"
		if a.Code != "AccessDeniedException" || !strings.HasPrefix(a.Message, want) {
			t.Errorf("%s denied:\n got  %s: %s\n want %s …", action, a.Code, a.Message, want)
		}
		b.refuse(t, "ResourceNotFoundException", "Requested resource not found: Table: never not found", "dynamodb.DescribeTable", m{"TableName": "never"})
	}
}

// TestChangesOfKey follows SSEDescription through each change of key, phase by phase.
func TestChangesOfKey(t *testing.T) {
	t.Parallel()
	s := startDev(t, "--transition", "20s")
	b := newClient(s)
	one, _ := b.newKey(t, nil)
	two, _ := b.newKey(t, nil)
	b.call(t, "dynamodb.CreateTable", tableInput("other", m{"Enabled": true}))
	managed := at(b.call(t, "kms.DescribeKey", m{"KeyId": "alias/aws/dynamodb"}), "KeyMetadata.Arn").(string)
	created := b.call(t, "dynamodb.CreateTable", tableInput("walker", nil))["TableDescription"].(m)
	if created["TableStatus"] != "CREATING" {
		t.Errorf("TableStatus of a new table: %v", created["TableStatus"])
	}
	b.refuse(t, "ResourceNotFoundException", "Requested resource not found", "dynamodb.Scan", m{"TableName": "walker"})
	s.advance(t, "20s")
	for _, c := range []struct {
		name               string
		sse                m
		first, second, end m
	}{
		{"owned to customer", under(one), updatingStub(), updating(one), enabled(one)},
		{"customer to customer", under(two), updating(one), updating(two), enabled(two)},
		{"customer to managed", m{"Enabled": true}, updating(two), updating(managed), enabled(managed)},
		{"managed to owned", m{"Enabled": false}, updating(managed), updatingStub(), nil},
	} {
		t.Run(c.name, func(t *testing.T) { followChange(t, s, b, c.sse, c.first, c.second, c.end) })
	}
}

func followChange(t *testing.T, s *server, b *client, sse, first, second, end m) {
	updated := b.call(t, "dynamodb.UpdateTable", m{"TableName": "walker", "SSESpecification": sse})["TableDescription"].(m)
	compareSSE(t, updated, first)
	if updated["TableStatus"] != "ACTIVE" {
		t.Errorf("TableStatus during a change of key: %v", updated["TableStatus"])
	}
	b.refuse(t, "ResourceInUseException", "Attempt to change a resource which is still in use: Table: walker is in the process of being updated.",
		"dynamodb.DeleteTable", m{"TableName": "walker"})
	if a := b.try(t, "dynamodb.UpdateTable", m{"TableName": "walker", "SSESpecification": m{"Enabled": false}}); a.Code != "ResourceInUseException" ||
		!strings.Contains(a.Message, "Server-Side Encryption is still being updated") {
		t.Errorf("a second change meanwhile: %s: %s", a.Code, a.Message)
	}
	b.call(t, "dynamodb.PutItem", m{"TableName": "walker", "Item": m{"pk": attributeS("p"), "sk": attributeS("s")}})
	s.advance(t, "9s")
	describedAs(t, b, "walker", second)
	s.advance(t, "12s")
	describedAs(t, b, "walker", end)
	if got := b.call(t, "dynamodb.Scan", m{"TableName": "walker"}); got["Count"] != float64(1) {
		t.Errorf("after the change there are %v items", got["Count"])
	}
}

// TestChangesThatAreNone holds what is refused as no change, and what is a change although it looks like none.
func TestChangesThatAreNone(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	arn, id := b.newKey(t, nil)
	b.call(t, "kms.CreateAlias", m{"AliasName": "alias/same", "TargetKeyId": id})
	b.call(t, "dynamodb.CreateTable", tableInput("owned", nil))
	b.call(t, "dynamodb.CreateTable", tableInput("customer", under(arn)))
	b.call(t, "dynamodb.CreateTable", tableInput("managed", m{"Enabled": true}))
	managed := at(b.table(t, "managed"), "SSEDescription.KMSMasterKeyArn").(string)
	change := func(table string, sse m) m { return m{"TableName": table, "SSESpecification": sse} }
	const already = invalidParameters + "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change Master Key"
	for _, sse := range []m{{}, {"Enabled": false}} {
		b.refuse(t, "ValidationException", invalidParameters+"Table is already encrypted by default", "dynamodb.UpdateTable", change("owned", sse))
	}
	b.refuse(t, "ValidationException", already, "dynamodb.UpdateTable", change("customer", under(arn)))
	b.refuse(t, "ValidationException", already, "dynamodb.UpdateTable", change("managed", under(managed)))
	alone := change("owned", under(arn))
	alone["TableClass"] = "STANDARD_INFREQUENT_ACCESS"
	b.refuse(t, "ValidationException", invalidParameters+"Server-Side Encryption modification must be the only operation in the request",
		"dynamodb.UpdateTable", alone)
	for _, key := range []string{id, "alias/same"} {
		compareSSE(t, b.call(t, "dynamodb.UpdateTable", change("customer", under(key)))["TableDescription"].(m), updating(arn))
	}
	b.call(t, "dynamodb.UpdateTable", change("managed", m{"Enabled": true}))
	b.call(t, "dynamodb.UpdateTable", change("managed", m{"SSEType": "KMS"}))

	// An alias is resolved once: pointing it elsewhere does not move the table.
	other, _ := b.newKey(t, nil)
	b.call(t, "kms.UpdateAlias", m{"AliasName": "alias/same", "TargetKeyId": other})
	describedAs(t, b, "customer", enabled(arn))
}

// TestQuotaOfChanges counts changes of key in a window of 24 hours.
func TestQuotaOfChanges(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	one, _ := b.newKey(t, nil)
	two, _ := b.newKey(t, nil)
	b.call(t, "dynamodb.CreateTable", tableInput("busy", nil))
	change := func(sse m) answer {
		return b.try(t, "dynamodb.UpdateTable", m{"TableName": "busy", "SSESpecification": sse})
	}
	allowed := func(sse m) {
		t.Helper()
		if a := change(sse); a.Code != "" {
			t.Fatalf("%s: %s", a.Code, a.Message)
		}
	}
	refused := func(sse m, number int) {
		t.Helper()
		a := change(sse)
		const start = "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at 2"
		rest := fmt.Sprintf("After the first 4 change, each subsequent change in the same window can be performed at most once every 21600 seconds. "+
			"Number of updates today: %d. Last change at 2", number)
		if a.Code != "LimitExceededException" || !strings.HasPrefix(a.Message, start) || !strings.Contains(a.Message, rest) {
			t.Errorf("the change after %d: %s: %s", number, a.Code, a.Message)
		}
	}
	for i := range 4 {
		allowed(under([]string{one, two}[i%2]))
	}
	refused(under(one), 4)
	refused(under("alias/none"), 4) // the quota is looked at before the key
	s.advance(t, "5h59m")
	refused(under(one), 4)
	s.advance(t, "2m")
	allowed(under(one))
	refused(under(two), 5)
	allowed(m{"Enabled": false}) // always
	s.advance(t, "18h")
	for i := range 4 {
		allowed(under([]string{one, two}[i%2]))
	}
	refused(under(one), 4)
}
