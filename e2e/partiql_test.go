package e2e

import (
	"fmt"
	"testing"
)

// music is the table of DynamoDB's guide to PartiQL.
func music() m {
	return m{"TableName": "Music", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []m{{"AttributeName": "Artist", "AttributeType": "S"}, {"AttributeName": "SongTitle", "AttributeType": "S"}},
		"KeySchema":            []m{{"AttributeName": "Artist", "KeyType": "HASH"}, {"AttributeName": "SongTitle", "KeyType": "RANGE"}}}
}

// TestStatements runs the statements of DynamoDB's guide to PartiQL.
func TestStatements(t *testing.T) {
	t.Parallel()
	eachClient(t, testStatements)
}

func testStatements(t *testing.T, connect func(s *server) *client) {
	b := connect(startDev(t))
	b.call(t, "dynamodb.CreateTable", music())
	const rocks = ` WHERE Artist='Acme Band' AND SongTitle='PartiQL Rocks'`
	run := func(statement string, parameters ...m) []any {
		t.Helper()
		in := m{"Statement": statement}
		if parameters != nil {
			in["Parameters"] = parameters
		}
		return b.call(t, "dynamodb.ExecuteStatement", in)["Items"].([]any)
	}
	want := func(items []any, wanted ...m) {
		t.Helper()
		if got, want := fmt.Sprint(items), fmt.Sprint(asJSON(m{"all": wanted})["all"]); got != want && len(items)+len(wanted) > 0 {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	insert := `INSERT INTO "Music" value {'Artist' : 'Acme Band','SongTitle' : 'PartiQL Rocks'}`
	want(run(insert))
	b.refuse(t, "DuplicateItemException", "Duplicate primary key exists in table", "dynamodb.ExecuteStatement", m{"Statement": insert})
	want(run(`UPDATE "Music" SET AwardsWon=1 SET AwardDetail={'Grammys':[2020, 2018]}` + rocks))
	run(`UPDATE "Music" SET AwardDetail.Grammys =list_append(AwardDetail.Grammys,[2016])` + rocks)
	run(`UPDATE "Music" REMOVE AwardDetail.Grammys[2]` + rocks)
	run(`UPDATE "Music" SET AwardDetail.BillBoard=[2020]` + rocks)
	run(`UPDATE "Music" SET BandMembers =<<'member1', 'member2'>>` + rocks)
	want(run(`UPDATE "Music" SET BandMembers =set_add(BandMembers, <<'newbandmember'>>)`+rocks+` RETURNING MODIFIED NEW *`),
		m{"BandMembers": m{"SS": []string{"member1", "member2", "newbandmember"}}})
	want(run(`SELECT AwardDetail.Grammys[0], AwardsWon FROM Music`+rocks+` AND size(BandMembers) > 2 AND Awards IS MISSING`),
		m{"AwardsWon": attributeN("1"), "Grammys[0]": attributeN("2020")})
	want(run(`SELECT SongTitle FROM Music WHERE Artist IN [?, ?] AND begins_with(SongTitle, ?)`, attributeS("Acme Band"), attributeS("x"), attributeS("Parti")),
		m{"SongTitle": attributeS("PartiQL Rocks")})
	testManyStatements(t, b)
	if got := run(`DELETE FROM "Music"` + rocks + ` RETURNING ALL OLD *`); len(got) != 1 {
		t.Errorf("deleted %v", got)
	}
	want(run(`SELECT * FROM Music` + rocks))
}

// testManyStatements runs batches, transactions and pages.
func testManyStatements(t *testing.T, b *client) {
	t.Helper()
	var statements []m
	for i := range 25 {
		statements = append(statements, m{"Statement": "INSERT INTO Music VALUE {'Artist': 'No One', 'SongTitle': ?, 'n': ?}",
			"Parameters": []m{attributeS(fmt.Sprintf("song %02d", i)), attributeN(fmt.Sprint(i))}})
	}
	if got := b.call(t, "dynamodb.BatchExecuteStatement", m{"Statements": statements})["Responses"].([]any); len(got) != 25 || at(got[24].(m), "Error") != nil {
		t.Errorf("a batch answers %v", got)
	}
	again := b.call(t, "dynamodb.BatchExecuteStatement", m{"Statements": statements[:1]})["Responses"].([]any)
	if at(again[0].(m), "Error.Code") != "DuplicateItem" {
		t.Errorf("a batch answers %v", again)
	}
	check := m{"Statement": "EXISTS(SELECT * FROM Music WHERE Artist='No One' AND SongTitle='song 01' AND Awards IS MISSING)"}
	raise := m{"Statement": "UPDATE Music SET n = n + 100 WHERE Artist='No One' AND SongTitle='song 02'"}
	b.call(t, "dynamodb.ExecuteTransaction", m{"TransactStatements": []m{check, raise}})
	b.refuse(t, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]",
		"dynamodb.ExecuteTransaction", m{"TransactStatements": []m{raise, {"Statement": "UPDATE Music SET n=0 WHERE Artist='Nobody' AND SongTitle='x'"}}})
	in, seen, sum := m{"Statement": "SELECT n FROM Music WHERE Artist='No One' ORDER BY SongTitle DESC", "Limit": 7}, 0, 0
	for pages := 1; ; pages++ {
		page := b.call(t, "dynamodb.ExecuteStatement", in)
		for _, item := range page["Items"].([]any) {
			n := 0
			_, _ = fmt.Sscan(at(item.(m), "n.N").(string), &n)
			seen, sum = seen+1, sum+n
		}
		if in["NextToken"] = page["NextToken"]; in["NextToken"] == nil {
			if pages != 4 || seen != 25 || sum != 24*25/2+100 {
				t.Errorf("%d pages of %d items, which add up to %d", pages, seen, sum)
			}
			return
		}
	}
}

// TestStatementsUnderPolicies: policies say who may run which statements, and how.
func TestStatementsUnderPolicies(t *testing.T) {
	t.Parallel()
	root := newClient(startServe(t, t.TempDir()))
	root.call(t, "dynamodb.CreateTable", music())
	const table = inAccount + "Music"
	alice := root.newUser(t, "alice", document(t, m{"Action": "dynamodb:PartiQLSelect", "Resource": table}, m{"Action": "dynamodb:PartiQLInsert", "Resource": table},
		m{"Effect": "Deny", "Action": "dynamodb:PartiQLSelect", "Resource": table, "Condition": m{"Bool": m{"dynamodb:FullTableScan": []string{"true"}}}},
		m{"Effect": "Deny", "Action": "dynamodb:PartiQLInsert", "Resource": table, "Condition": m{"StringEquals": m{"dynamodb:EnclosingOperation": []string{"ExecuteTransaction"}}}}))
	const who = "arn:aws:iam::123456789012:user/alice"
	denied := func(action string) string {
		return "User: " + who + " is not authorized to perform: " + action + " on resource: " + table + " with an explicit deny in an identity-based policy"
	}
	insert := m{"Statement": "INSERT INTO Music VALUE {'Artist':'a','SongTitle':'b'}"}
	alice.call(t, "dynamodb.ExecuteStatement", insert)
	alice.call(t, "dynamodb.ExecuteStatement", m{"Statement": "SELECT * FROM Music WHERE Artist='a'"})
	alice.refuse(t, "AccessDeniedException", denied("dynamodb:PartiQLSelect"), "dynamodb.ExecuteStatement", m{"Statement": "SELECT * FROM Music"})
	alice.refuse(t, "AccessDeniedException", denied("dynamodb:PartiQLInsert"), "dynamodb.ExecuteTransaction", m{"TransactStatements": []m{insert}})
	deletion := m{"Statement": "DELETE FROM Music WHERE Artist='a' AND SongTitle='b'"}
	for operation, in := range map[string]m{"ExecuteStatement": deletion, "ExecuteTransaction": {"TransactStatements": []m{deletion}}} {
		alice.refuse(t, "AccessDeniedException", deniedTo(who, "dynamodb:PartiQLDelete", table), "dynamodb."+operation, in)
	}
	other := m{"Statement": "INSERT INTO Music VALUE {'Artist':'a','SongTitle':'c'}"}
	batch := alice.call(t, "dynamodb.BatchExecuteStatement", m{"Statements": []m{deletion, other}})["Responses"].([]any)
	if refused := batch[0].(m); at(refused, "Error.Code") != "AccessDenied" || at(refused, "Error.Message") != deniedTo(who, "dynamodb:PartiQLDelete", table) {
		t.Errorf("a batch answers %v", refused)
	}
	if permitted := batch[1].(m); at(permitted, "Error") != nil || permitted["TableName"] != "Music" {
		t.Errorf("a batch answers %v", batch[1])
	}
	if got := root.call(t, "dynamodb.ExecuteStatement", m{"Statement": "SELECT * FROM Music"})["Items"].([]any); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// TestStatementsNeedTheKey: no statement goes around the key of its table.
func TestStatementsNeedTheKey(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	arn, _ := b.newKey(t, nil)
	in := music()
	in["SSESpecification"] = under(arn)
	b.call(t, "dynamodb.CreateTable", in)
	const whole = "SELECT * FROM Music WHERE Artist='a' AND SongTitle='b'"
	b.call(t, "dynamodb.ExecuteStatement", m{"Statement": "INSERT INTO Music VALUE {'Artist':'a','SongTitle':'b'}"})
	b.call(t, "kms.DisableKey", m{"KeyId": arn})
	s.advance(t, "6m")
	text := keyLosses()[0].text(arn)
	for _, statement := range []string{whole, "SELECT * FROM Music", "SELECT * FROM Music WHERE Artist IN ['a','b']", "INSERT INTO Music VALUE {'Artist':'x','SongTitle':'y'}",
		"UPDATE Music SET x=1 WHERE Artist='a' AND SongTitle='b'", "DELETE FROM Music WHERE Artist='a' AND SongTitle='b'"} {
		b.refuse(t, "ValidationException", text, "dynamodb.ExecuteStatement", m{"Statement": statement})
		b.refuse(t, "ValidationException", text, "dynamodb.ExecuteTransaction", m{"TransactStatements": []m{{"Statement": statement}}})
		answer := b.call(t, "dynamodb.BatchExecuteStatement", m{"Statements": []m{{"Statement": statement}}})["Responses"].([]any)[0].(m)
		if code, message := at(answer, "Error.Code"), at(answer, "Error.Message"); code != "ValidationError" || withoutRequestID(fmt.Sprint(message)) != text || answer["Item"] != nil {
			t.Errorf("%s in a batch: %v", statement, answer)
		}
	}
	b.call(t, "kms.EnableKey", m{"KeyId": arn})
	if got := b.call(t, "dynamodb.ExecuteStatement", m{"Statement": whole})["Items"].([]any); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
