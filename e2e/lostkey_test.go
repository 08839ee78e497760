package e2e

import (
	"fmt"
	"testing"
	"time"
)

// A keyLoss is one way in which a table's key can become unusable.
type keyLoss struct {
	name          string
	lose, recover func(t *testing.T, b *client, arn string)
	problem       string // what the database says, before the key's ARN
	reason        string // after it
}

func keyLosses() []keyLoss {
	enable := func(t *testing.T, b *client, arn string) { b.call(t, "kms.EnableKey", m{"KeyId": arn}) }
	return []keyLoss{
		{
			name:    "disabled",
			lose:    func(t *testing.T, b *client, arn string) { b.call(t, "kms.DisableKey", m{"KeyId": arn}) },
			recover: enable,
			problem: "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: ",
			reason:  " is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException; Request ID: …; Proxy: null)",
		},
		{
			name: "pending deletion",
			lose: func(t *testing.T, b *client, arn string) { b.call(t, "kms.ScheduleKeyDeletion", m{"KeyId": arn}) },
			recover: func(t *testing.T, b *client, arn string) {
				b.call(t, "kms.CancelKeyDeletion", m{"KeyId": arn})
				refusesItems(t, b, "lost", keyLosses()[0].text(arn)) // it is disabled now, and no table is back
				enable(t, b, arn)
			},
			problem: "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: ",
			reason:  " is pending deletion. (Service: AWSKMS; Status Code: 400; Error Code: KMSInvalidStateException; Request ID: …; Proxy: null)",
		},
	}
}

func (l keyLoss) text(arn string) string { return l.problem + arn + l.reason }

const itemsOfLost = 25

// fillLost makes a table under a key, one beside it under another, and items in both.
func fillLost(t *testing.T, b *client) (arn string) {
	t.Helper()
	arn, _ = b.newKey(t, nil)
	other, _ := b.newKey(t, nil)
	lost := tableInput("lost", under(arn))
	lost["GlobalSecondaryIndexes"] = []m{{"IndexName": "by-sk", "KeySchema": keyed("sk", "pk"), "Projection": m{"ProjectionType": "ALL"}}}
	b.call(t, "dynamodb.CreateTable", lost)
	b.call(t, "dynamodb.CreateTable", tableInput("beside", under(other)))
	for i := range itemsOfLost {
		item := m{"pk": attributeS("p"), "sk": attributeS(fmt.Sprintf("%03d", i)), "n": attributeN(fmt.Sprint(i))}
		b.call(t, "dynamodb.PutItem", m{"TableName": "lost", "Item": item})
		b.call(t, "dynamodb.PutItem", m{"TableName": "beside", "Item": item})
	}
	return arn
}

// refusesItems tries every operation on a table's items, and every change of its key.
func refusesItems(t *testing.T, b *client, table, text string) {
	t.Helper()
	key := m{"pk": attributeS("p"), "sk": attributeS("001")}
	for _, c := range []struct {
		operation string
		in        m
	}{
		{"GetItem", m{"TableName": table, "Key": key}},
		{"GetItem", m{"TableName": table, "Key": key, "ConsistentRead": true}},
		{"PutItem", m{"TableName": table, "Item": key}},
		{"UpdateItem", m{"TableName": table, "Key": key, "UpdateExpression": "REMOVE n"}},
		{"DeleteItem", m{"TableName": table, "Key": key}},
		{"Query", m{"TableName": table, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": m{":p": attributeS("p")}}},
		{"Query", m{"TableName": table, "IndexName": "by-sk", "KeyConditionExpression": "sk = :s", "ExpressionAttributeValues": m{":s": attributeS("001")}}},
		{"Scan", m{"TableName": table}},
		{"Scan", m{"TableName": table, "IndexName": "by-sk"}},
		{"BatchGetItem", m{"RequestItems": m{table: m{"Keys": []m{key}}}}},
		{"BatchWriteItem", m{"RequestItems": m{table: []m{{"PutRequest": m{"Item": key}}}}}},
		{"TransactGetItems", m{"TransactItems": []m{{"Get": m{"TableName": table, "Key": key}}}}},
		{"TransactWriteItems", m{"TransactItems": []m{{"Put": m{"TableName": table, "Item": key}}}}},
		{"ExecuteStatement", m{"Statement": "SELECT * FROM " + table}},
		{"UpdateTable", m{"TableName": table, "SSESpecification": m{"Enabled": false}}},
	} {
		b.refuse(t, "ValidationException", text, "dynamodb."+c.operation, c.in)
	}
}

func holdsItems(t *testing.T, b *client, table string) {
	t.Helper()
	got := b.call(t, "dynamodb.Query", m{"TableName": table, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": m{":p": attributeS("p")}})
	items := got["Items"].([]any)
	if len(items) != itemsOfLost {
		t.Fatalf("%s holds %d items instead of %d", table, len(items), itemsOfLost)
	}
	for i, item := range items {
		if at(item.(m), "n.N") != fmt.Sprint(i) {
			t.Errorf("item %d is %v", i, item)
		}
	}
}

// looksLost holds the description of a table whose key is lost, and of the one beside it.
func looksLost(t *testing.T, b *client, arn string) {
	t.Helper()
	table := b.table(t, "lost")
	if table["TableStatus"] != "INACCESSIBLE_ENCRYPTION_CREDENTIALS" {
		t.Errorf("TableStatus: %v", table["TableStatus"])
	}
	sse := table["SSEDescription"].(m)
	since, ok := sse["InaccessibleEncryptionDateTime"].(float64)
	if age := float64(time.Now().Unix()) - since; !ok || age > 120 || age < -7*86400 {
		t.Errorf("InaccessibleEncryptionDateTime: %v", sse["InaccessibleEncryptionDateTime"])
	}
	if sse["Status"] != "ENABLED" || sse["KMSMasterKeyArn"] != arn || table["ArchivalSummary"] != nil {
		t.Errorf("the description of a table whose key is lost: %v", table)
	}
	if beside := b.table(t, "beside"); beside["TableStatus"] != "ACTIVE" {
		t.Errorf("the table beside it is %v", beside["TableStatus"])
	}
}

func looksFound(t *testing.T, b *client, arn string) {
	t.Helper()
	describedAs(t, b, "lost", enabled(arn))
	if status := b.table(t, "lost")["TableStatus"]; status != "ACTIVE" {
		t.Errorf("TableStatus: %v", status)
	}
}

// TestLostKeyWhileRunning takes a table's key away while the server runs: after one key-cache lifetime nobody reads or writes (P2).
func TestLostKeyWhileRunning(t *testing.T) {
	t.Parallel()
	for _, loss := range keyLosses() {
		t.Run(loss.name, func(t *testing.T) {
			t.Parallel()
			s := startDev(t)
			b := newClient(s)
			arn := fillLost(t, b)
			loss.lose(t, b, arn)
			s.advance(t, "6m")
			refusesItems(t, b, "lost", loss.text(arn))
			looksLost(t, b, arn)
			holdsItems(t, b, "beside")
			b.call(t, "dynamodb.UpdateTable", m{"TableName": "lost", "TableClass": "STANDARD_INFREQUENT_ACCESS"})
			looksLost(t, b, arn)
			loss.recover(t, b, arn)
			s.advance(t, "6m")
			holdsItems(t, b, "lost")
			looksFound(t, b, arn)
		})
	}
}

// TestLostKeyOverRestart takes a table's key away and restarts: nothing is cached, nobody reads or writes (P2).
func TestLostKeyOverRestart(t *testing.T) {
	t.Parallel()
	for _, loss := range keyLosses() {
		t.Run(loss.name, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, t.TempDir())
			b := newClient(s)
			arn := fillLost(t, b)
			loss.lose(t, b, arn)
			s = s.restart(t)
			b = newClient(s)
			refusesItems(t, b, "lost", loss.text(arn))
			looksLost(t, b, arn)
			holdsItems(t, b, "beside")
			loss.recover(t, b, arn)
			s = s.restart(t)
			b = newClient(s)
			holdsItems(t, b, "lost")
			looksFound(t, b, arn)
		})
	}
}

// TestLostKeyAfterKill takes the key away and ends the process at once: what lies in the journal stays sealed and comes back.
func TestLostKeyAfterKill(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	b := newClient(s)
	arn := fillLost(t, b)
	keyLosses()[0].lose(t, b, arn)
	for range 2 {
		s.kill()
		s = startServe(t, s.home)
		b = newClient(s)
		refusesItems(t, b, "lost", keyLosses()[0].text(arn))
		holdsItems(t, b, "beside")
	}
	keyLosses()[0].recover(t, b, arn)
	holdsItems(t, b, "lost")
}

// TestArchivedTable leaves a key unusable for seven days.
func TestArchivedTable(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn := fillLost(t, b)
	b.call(t, "kms.DisableKey", m{"KeyId": arn})
	s.advance(t, "6m")
	s.advance(t, "167h")
	looksLost(t, b, arn)
	s.advance(t, "2h")
	table := b.table(t, "lost")
	if table["TableStatus"] != "ARCHIVED" || at(table, "ArchivalSummary.ArchivalReason") != "INACCESSIBLE_ENCRYPTION_CREDENTIALS" ||
		at(table, "ArchivalSummary.ArchivalDateTime") == nil {
		t.Errorf("a table whose key was unusable for seven days: %v", table)
	}
	holdsItems(t, b, "beside")
	if a := b.try(t, "dynamodb.Scan", m{"TableName": "lost"}); a.Status != 400 {
		t.Errorf("scan of an archived table: %+v", a)
	}
	// DynamoDB keeps a backup to restore from. Here the rows stay where they are, and are back with their key.
	b.call(t, "kms.EnableKey", m{"KeyId": arn})
	s.advance(t, "2m")
	holdsItems(t, b, "lost")
	looksFound(t, b, arn)
}

// TestDeletedKey lets a key's deletion come due: its tables can be deleted and nothing else.
func TestDeletedKey(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn := fillLost(t, b)
	b.call(t, "kms.ScheduleKeyDeletion", m{"KeyId": arn, "PendingWindowInDays": 7})
	s.advance(t, "169h")
	b.refuse(t, "NotFoundException", "Key '"+arn+"' does not exist", "kms.DescribeKey", m{"KeyId": arn})
	if a := b.try(t, "dynamodb.Scan", m{"TableName": "lost"}); a.Status != 400 {
		t.Errorf("scan of a table whose key is gone: %+v", a)
	}
	holdsItems(t, b, "beside")
	b.call(t, "dynamodb.DeleteTable", m{"TableName": "lost"})
	b.refuse(t, "ResourceNotFoundException", "Requested resource not found: Table: lost not found", "dynamodb.DescribeTable", m{"TableName": "lost"})
	b.call(t, "dynamodb.CreateTable", tableInput("lost", nil))
	if got := b.call(t, "dynamodb.Scan", m{"TableName": "lost"}); got["Count"] != float64(0) {
		t.Errorf("a new table of an old name holds %v items", got["Count"])
	}
}

// TestKeyPolicyTakenAway takes kms:Decrypt away from everybody by the key's policy.
func TestKeyPolicyTakenAway(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn := fillLost(t, b)
	policy := func(effect string) string {
		return `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
			{"Effect":"` + effect + `","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"*"}]}`
	}
	put := func(effect string) {
		b.call(t, "kms.PutKeyPolicy", m{"KeyId": arn, "PolicyName": "default", "Policy": policy(effect)})
	}
	put("Deny")
	s.advance(t, "6m")
	const want = "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: arn:aws:iam::123456789012:root is not " +
		"authorized to perform: kms:Decrypt on resource: "
	for range 2 {
		a := b.try(t, "dynamodb.Scan", m{"TableName": "lost"})
		if a.Code != "AccessDeniedException" || len(a.Message) < len(want) || a.Message[:len(want)] != want {
			t.Errorf("without kms:Decrypt: %s: %s", a.Code, a.Message)
		}
	}
	holdsItems(t, b, "beside")
	put("Allow")
	s.advance(t, "6m")
	holdsItems(t, b, "lost")
}
