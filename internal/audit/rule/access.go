package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

func accessChecks() []check {
	return []check{
		{rule: tablePolicyRule(), needs: []fact.Need{fact.NeedPolicies}, table: decideTablePolicy},
		{rule: callerRule(), needs: []fact.Need{fact.NeedPrincipals, fact.NeedKeys, fact.NeedKeyPolicy},
			table: decideCallers},
	}
}

func tablePolicyRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-017", Title: "The table's policy lets no unknown account in", Severity: audit.High,
		Why: "A resource policy can open a table to everybody, past all identity policies of the " +
			"account.",
		FailsWhen: "The evaluator finds a request of an unknown account that the table's policy allows, " +
			"or it names an account that is not trusted.",
		Remedy: "Name principals of known accounts, or delete the policy.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html",
		},
		Mappings: mappingsOf("DDB-017"),
	}
}

// tableUses are the actions that show or change data, or let somebody else in.
func tableUses() []string {
	return []string{
		"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:UpdateItem",
		"dynamodb:DeleteItem",
		"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLSelect", "dynamodb:DeleteTable",
		"dynamodb:UpdateTable",
		"dynamodb:PutResourcePolicy", "dynamodb:CreateBackup", "dynamodb:ExportTableToPointInTime",
	}
}

func decideTablePolicy(s *scene, t *fact.Table) verdict {
	v, ok := missing(t.Policy)
	switch {
	case !ok:
		return v
	case t.Policy.Value == "":
		return pass("The table has no policy of its own.")
	}
	p, err := policy.Parse([]byte(t.Policy.Value), policy.Resource)
	if err != nil {
		return verdict{status: audit.Error, message: "The table's policy can't be read: " + err.Error(),
			remedy: "Look at it."}
	}
	repairs := awsCommand("dynamodb", "delete-resource-policy", "--region", t.Region, "--resource-arn", t.ARN)
	suspects := append([]policy.Principal{stranger()}, namedPrincipals(p)...)
	for i, who := range suspects {
		if who.Account == t.Account || slices.Contains(s.parameters.TrustedAccounts, who.Account) {
			continue
		}
		action, err := exposed(t.Policy.Value, policy.Resource, t.ARN, t.Account, who, tableUses())
		switch {
		case err != nil:
			return verdict{status: audit.Error, message: "Who may use the table could not be found out: " +
				err.Error() + ".",
				remedy: "Make the policy simpler."}
		case action != "" && i == 0:
			return failure("Any AWS account may call "+action+".",
				"Name principals in the policy, or delete it.", repairs).
				as(audit.Critical)
		case action != "":
			return failure(nameOf(who)+", of an account that is not trusted, may call "+action+".",
				"Take it out of the policy, or trust the account with --trusted-account.", repairs)
		}
	}
	return pass("The table's policy lets no unknown account in.")
}

func callerRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-020", Title: "Everybody who may use the table may use its key", Severity: audit.High,
		Why: "DynamoDB uses the key as the caller. Who may read the table and not decrypt with its " +
			"key gets AccessDenied.",
		FailsWhen: "A user or role may read or write the table by its policies, and may not call " +
			"kms:Decrypt through DynamoDB.",
		Remedy: "Allow kms:Decrypt on the key, with kms:ViaService, to the callers; or let the key's " +
			"policy allow it to the account's callers.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz",
		},
		Mappings: mappingsOf("DDB-020"),
	}
}

func decideCallers(s *scene, t *fact.Table) verdict {
	if t.KeyClass != fact.Customer {
		return notApplicable("The table is not under a customer managed key of its account.")
	}
	if v, ok := missing(s.set.Principals); !ok {
		return v
	}
	key := s.set.Key(t.Key.ARN)
	if key == nil {
		key = t.Key
	}
	if v, ok := missing(key.Policy); !ok {
		return v
	}
	without := Callers(s.set.Principals.Value, t, key)
	if len(without) == 0 {
		return pass("Everybody of the account who may use the table may use its key.")
	}
	shown := without
	if len(shown) > 5 {
		shown = append(shown[:5:5], fmt.Sprintf("%d others", len(without)-5))
	}
	return failure("May use the table and not its key: "+strings.Join(shown, ", ")+".",
		"Allow them kms:Decrypt on the key. A statement that lets all callers of the account in through "+
			"DynamoDB is in docs/keys.md.",
		awsCommand("iam", "put-role-policy", "--role-name", "ROLE", "--policy-name", "table-key",
			"--policy-document",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"`+key.ARN+`"}]}`))
}

// Callers lists the principals that may use a table and not its key. The key must have its policy.
func Callers(principals []fact.Principal, t *fact.Table, key *fact.Key) []string {
	keyPolicy, err := policy.Parse([]byte(key.Policy.Value), policy.Key)
	if err != nil {
		return nil
	}
	var out []string
	for i := range principals {
		p := &principals[i]
		if usesTable(p, t) && !usesKey(p, t, key, keyPolicy) {
			out = append(out, p.ARN)
		}
	}
	return out
}

func usesTable(p *fact.Principal, t *fact.Table) bool {
	who, own := identity(p)
	own.ResourceAccount = t.Account
	for _, action := range []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem",
		"dynamodb:UpdateItem"} {
		d := policy.Decide(&policy.Request{
			Principal: who, Action: action, Resource: t.ARN,
			Context: request{"aws:principalaccount": {who.Account}},
		}, &own)
		if d.Allowed {
			return true
		}
	}
	return false
}

// usesKey decides as DynamoDB does when the principal reads the table: through the service, with the table's
// encryption context.
func usesKey(p *fact.Principal, t *fact.Table, key *fact.Key, keyPolicy *policy.Policy) bool {
	who, all := identity(p)
	all.OnResource = keyPolicy
	all.ResourceAccount = ownerOf(key)
	all.Gate = true
	return policy.Decide(&policy.Request{
		Principal: who, Action: "kms:Decrypt", Resource: key.ARN, Context: request{
			"kms:viaservice": {"dynamodb." + t.Region + ".amazonaws.com"}, "kms:calleraccount": {who.Account},
			"aws:principalaccount": {who.Account}, "aws:principalarn": {nameOf(who)},
			"kms:encryptioncontext:aws:dynamodb:tablename":    {t.Name},
			"kms:encryptioncontext:aws:dynamodb:subscriberid": {t.Account},
			"kms:encryptioncontextkeys": {"aws:dynamodb:tableName",
				"aws:dynamodb:subscriberId"},
		},
	}, &all).Allowed
}

// identity is a principal as the evaluator takes it. A policy that can't be read allows nothing.
func identity(p *fact.Principal) (policy.Principal, policy.Policies) {
	a, _ := arn.Parse(p.ARN)
	who := policy.Principal{Account: a.Account, ARN: p.ARN, UserID: p.ID}
	if role, is := strings.CutPrefix(a.Resource, "role/"); is {
		who.RoleARN = p.ARN
		who.ARN = "arn:" + a.Partition + ":sts::" + a.Account + ":assumed-role/" +
			role[strings.LastIndex(role, "/")+1:] + "/audit"
	}
	var own policy.Policies
	for _, text := range p.Policies {
		if parsed, err := policy.Parse([]byte(text), policy.Identity); err == nil {
			own.Identity = append(own.Identity, policy.Attached{Policy: parsed})
		}
	}
	if p.Boundary != "" {
		if parsed, err := policy.Parse([]byte(p.Boundary), policy.Identity); err == nil {
			own.Boundary = parsed
		}
	}
	return who, own
}
