package e2e

import (
	"strings"
	"testing"
)

// The words for a table whose key the database may not use on its own any more.
const notGranted = "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The ciphertext refers to a customer master key " +
	"that does not exist, does not exist in this region, or you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: " +
	"AccessDeniedException; Request ID: …; Proxy: null)"

// revokeGrants takes away what the database was granted on a key.
func revokeGrants(t *testing.T, b *client, arn string) {
	t.Helper()
	grants := b.call(t, "kms.ListGrants", m{"KeyId": arn})["Grants"].([]any)
	if len(grants) != 1 || at(grants[0].(m), "GranteePrincipal") != "dynamodb.us-east-1.amazonaws.com" {
		t.Fatalf("the grants on the key of one table: %v", grants)
	}
	b.call(t, "kms.RevokeGrant", m{"KeyId": arn, "GrantId": at(grants[0].(m), "GrantId")})
}

func refusesForWantOfGrant(t *testing.T, b *client) {
	t.Helper()
	key := m{"pk": attributeS("p"), "sk": attributeS("001")}
	for operation, more := range map[string]m{"GetItem": {"Key": key}, "PutItem": {"Item": key}, "Scan": {}} {
		more["TableName"] = "lost"
		b.refuse(t, "AccessDeniedException", notGranted, "dynamodb."+operation, more)
	}
}

// TestRevokedGrant takes the database's own grant on a customer key away: nobody reads or writes the table, however much the key's
// policy lets them (P2). A change of key, be it to the same one by its id, makes a grant again.
func TestRevokedGrant(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn := fillLost(t, b)
	revokeGrants(t, b, arn)
	s.advance(t, "6m")
	refusesForWantOfGrant(t, b)
	looksLost(t, b, arn)
	holdsItems(t, b, "beside")
	id := arn[strings.LastIndex(arn, "/")+1:]
	b.call(t, "dynamodb.UpdateTable", m{"TableName": "lost", "SSESpecification": m{"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": id}})
	holdsItems(t, b, "lost")
	looksFound(t, b, arn)
	revokeGrants(t, b, arn)
	s.advance(t, "6m")
	refusesForWantOfGrant(t, b)
	other, _ := b.newKey(t, nil)
	b.call(t, "dynamodb.UpdateTable", m{"TableName": "lost", "SSESpecification": under(other)})
	holdsItems(t, b, "lost")
	looksFound(t, b, other)
	b.call(t, "dynamodb.DeleteTable", m{"TableName": "lost"})
	if left := b.call(t, "kms.ListGrants", m{"KeyId": other})["Grants"].([]any); len(left) != 0 {
		t.Errorf("a deleted table left %v", left)
	}
}

// TestRevokedGrantOverRestart restarts after the grant was revoked: nothing is cached.
func TestRevokedGrantOverRestart(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	b := newClient(s)
	arn := fillLost(t, b)
	revokeGrants(t, b, arn)
	s = s.restart(t)
	b = newClient(s)
	refusesForWantOfGrant(t, b)
	looksLost(t, b, arn)
	holdsItems(t, b, "beside")
}
