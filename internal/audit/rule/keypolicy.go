package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

func policyChecks() []check {
	policies := []fact.Need{fact.NeedKeys, fact.NeedKeyPolicy}
	return []check{
		{rule: openKeyRule(), needs: policies, key: withPolicy(decideOpenKey)},
		{rule: viaServiceRule(), needs: policies, key: withPolicy(decideViaService)},
		{rule: separationRule(), needs: policies, key: withPolicy(decideSeparation)},
		{rule: lockoutRule(), needs: policies, key: withPolicy(decideLockout)},
		{rule: grantRule(), needs: []fact.Need{fact.NeedKeys, fact.NeedGrants}, key: decideGrants},
		{rule: crossAccountRule(), needs: policies, key: withPolicy(decideCrossAccount)},
	}
}

// withPolicy gives a rule the key's parsed policy, and says what there is to say where there is none.
func withPolicy(decide func(*scene, *fact.Key, *policy.Policy) verdict) func(*scene, *fact.Key) verdict {
	return func(s *scene, k *fact.Key) verdict {
		if k.State == fact.KeyNotFound || k.Policy.Read && k.Policy.Value == "" {
			return notApplicable("The key has no policy of its own to look at.")
		}
		if v, ok := missing(k.Policy); !ok {
			return v
		}
		p, err := policy.Parse([]byte(k.Policy.Value), policy.Key)
		if err != nil {
			return verdict{status: audit.Error, message: "The key's policy can't be read: " + err.Error(),
				remedy: "Look at it with aws kms get-key-policy."}
		}
		return decide(s, k, p)
	}
}

// keyUses are the actions that reveal data, or let somebody else in.
func keyUses() []string {
	return []string{
		"kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:CreateGrant",
		"kms:PutKeyPolicy",
		"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:Sign", "kms:GenerateMac", "kms:DeriveSharedSecret",
		"kms:ReplicateKey",
	}
}

func openKeyRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-010", Title: "The key is not usable by everybody", Severity: audit.Critical,
		Why: "A policy that names everybody without a condition on the account lets any AWS account " +
			"use the key.",
		FailsWhen: "The evaluator finds a request of an unknown account that the key's policy allows, " +
			"whatever values the caller chooses.",
		Remedy: "Name principals, or add kms:CallerAccount, aws:PrincipalOrgID or the like with " +
			"StringEquals.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-services.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html#kms-5",
		},
		Mappings: mappingsOf("KMS-010"),
	}
}

func decideOpenKey(_ *scene, k *fact.Key, _ *policy.Policy) verdict {
	action, err := exposed(k.Policy.Value, policy.Key, k.ARN, ownerOf(k), stranger(), keyUses())
	switch {
	case err != nil:
		return verdict{status: audit.Error, message: "Who may use the key could not be found out: " +
			err.Error() + ".",
			remedy: "Make the policy simpler."}
	case action == "":
		return pass("No account that the policy does not name may use the key.")
	}
	return failure("Any AWS account may call "+action+" with the key.",
		"Name principals in the key's policy, or add a condition on kms:CallerAccount; then put the policy.",
		kmsCommand(k.Region, "put-key-policy", k.ARN, "--policy-name", "default", "--policy",
			"file://policy.json"))
}

func ownerOf(k *fact.Key) string {
	if a := accountOf(k.ARN); a != "" {
		return a
	}
	return k.Account
}

func viaServiceRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-011", Title: "The key of tables is used through DynamoDB only", Severity: audit.Low,
		Why: "A key that is only there for tables need not be usable with kms:Decrypt directly; a " +
			"kms:ViaService of " +
			"another region lets nobody use the table.",
		FailsWhen: "A principal that the key's policy names may call kms:Decrypt directly, or " +
			"kms:ViaService names DynamoDB of another region.",
		Remedy: "Add the condition kms:ViaService = dynamodb.REGION.amazonaws.com to the statement.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-customer-cmk-policy",
		},
		Mappings: mappingsOf("KMS-011"),
	}
}

func decideViaService(s *scene, k *fact.Key, p *policy.Policy) verdict {
	tables := s.set.TablesUnder(k)
	if len(tables) == 0 {
		return notApplicable("No table of the region is under the key.")
	}
	if wrong := wrongServices(k); len(wrong) > 0 {
		return failure("kms:ViaService names "+strings.Join(wrong, ", ")+", and the key is of "+k.Region+".",
			"Name dynamodb."+k.Region+".amazonaws.com there.",
			kmsCommand(k.Region, "put-key-policy", k.ARN, "--policy-name", "default", "--policy",
				"file://policy.json"))
	}
	var direct []string
	for _, who := range namedPrincipals(p) {
		context := request{"kms:calleraccount": {who.Account}, "aws:principalaccount": {who.Account},
			"aws:principalarn": {who.ARN}}
		if !isRoot(who.ARN) && allows(p, k, who, "kms:Decrypt", context) {
			direct = append(direct, who.ARN)
		}
	}
	if len(direct) > 0 {
		return failure("May decrypt with the key directly, not through DynamoDB alone: "+strings.Join(direct,
			", ")+".",
			"Add the condition kms:ViaService = dynamodb."+k.Region+".amazonaws.com to the statement.",
			kmsCommand(k.Region, "put-key-policy", k.ARN, "--policy-name", "default", "--policy",
				"file://policy.json"))
	}
	return pass("The principals that the policy names use the key through DynamoDB.")
}

func wrongServices(k *fact.Key) []string {
	if k.Region == "" {
		return nil
	}
	var out []string
	for _, st := range statementsOf(k.Policy.Value) {
		for _, keys := range st.Condition {
			for key, values := range keys {
				for _, v := range values {
					if strings.EqualFold(key, "kms:ViaService") && strings.HasPrefix(v, "dynamodb.") &&
						!strings.Contains(v, "*") && v != "dynamodb."+k.Region+".amazonaws.com" {
						out = append(out, v)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// namedPrincipals are the users, roles and accounts that a policy names.
func namedPrincipals(p *policy.Policy) []policy.Principal {
	var out []policy.Principal
	for _, name := range p.Principals() {
		if accountID.MatchString(name) {
			name = "arn:aws:iam::" + name + ":root"
		}
		a, ok := arn.Parse(name)
		if !ok || a.Account == "" {
			continue
		}
		who := policy.Principal{Account: a.Account, ARN: name}
		if role, is := strings.CutPrefix(a.Resource, "role/"); is {
			who.RoleARN = name
			who.ARN = "arn:" + a.Partition + ":sts::" + a.Account + ":assumed-role/" +
				role[strings.LastIndex(role, "/")+1:] + "/audit"
		}
		out = append(out, who)
	}
	return out
}

func isRoot(name string) bool { return strings.HasSuffix(name, ":root") }

// allows reports whether the key's policy alone lets a principal do something: what the account is delegated
// does not count.
func allows(p *policy.Policy, k *fact.Key, who policy.Principal, action string, context request) bool {
	return policy.Decide(
		&policy.Request{Principal: who, Action: action, Resource: k.ARN, Context: context},
		&policy.Policies{OnResource: p, ResourceAccount: ownerOf(k), Gate: true,
			Unrestricted: isRoot(who.ARN)},
	).Allowed
}

func separationRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-012", Title: "Nobody both administers and uses the key", Severity: audit.Medium,
		Why: "Who may change a key's policy should not be who reads the data, so that neither can " +
			"do harm alone.",
		FailsWhen: "The key's policy lets one principal, the root user aside, call kms:Decrypt and also " +
			"kms:PutKeyPolicy or kms:ScheduleKeyDeletion.",
		Remedy: "Name different roles in the statements for administrators and for users.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
		},
		Mappings: mappingsOf("KMS-012"),
	}
}

func decideSeparation(_ *scene, k *fact.Key, p *policy.Policy) verdict {
	var both []string
	for _, who := range namedPrincipals(p) {
		context := request{
			"kms:calleraccount": {who.Account}, "aws:principalaccount": {who.Account},
			"aws:principalarn": {who.ARN},
			"kms:viaservice":   {"dynamodb." + k.Region + ".amazonaws.com"},
		}
		if isRoot(who.ARN) || !allows(p, k, who, "kms:Decrypt", context) {
			continue
		}
		delete(context, "kms:viaservice")
		if allows(p, k, who, "kms:PutKeyPolicy", context) || allows(p, k, who, "kms:ScheduleKeyDeletion",
			context) {
			both = append(both, nameOf(who))
		}
	}
	if len(both) > 0 {
		return failure("May administer the key and decrypt with it: "+strings.Join(both, ", ")+".",
			"Name different roles in the statements for administrators and for users.",
			kmsCommand(k.Region, "put-key-policy", k.ARN, "--policy-name", "default", "--policy",
				"file://policy.json"))
	}
	return pass("Nobody whom the policy names both administers and uses the key.")
}

func nameOf(who policy.Principal) string {
	if who.RoleARN != "" {
		return who.RoleARN
	}
	return who.ARN
}

func lockoutRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-013", Title: "Somebody can change the key's policy", Severity: audit.High,
		Why: "A key whose policy nobody can change any more can only be given up with all data " +
			"under it, or mended by AWS.",
		FailsWhen: "The account is not delegated kms:PutKeyPolicy, and no principal that exists is named " +
			"for it.",
		Remedy: "Keep the statement that lets the account's root user do everything. Once it has come " +
			"to this, only AWS Support helps.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam",
		},
		Mappings: mappingsOf("KMS-013"),
	}
}

func decideLockout(s *scene, k *fact.Key, p *policy.Policy) verdict {
	owner := ownerOf(k)
	root := policy.Principal{Account: owner, ARN: "arn:aws:iam::" + owner + ":root"}
	if allows(p, k, root, "kms:PutKeyPolicy", request{"kms:calleraccount": {owner},
		"aws:principalaccount": {owner}}) {
		return pass("The policy delegates to the account.")
	}
	var gone []string
	for _, who := range namedPrincipals(p) {
		context := request{"kms:calleraccount": {who.Account}, "aws:principalaccount": {who.Account},
			"aws:principalarn": {who.ARN}}
		switch {
		case !allows(p, k, who, "kms:PutKeyPolicy", context):
		case s.isGone(nameOf(who)):
			gone = append(gone, nameOf(who))
		default:
			return pass("%s may change the policy.", nameOf(who))
		}
	}
	message := "The policy lets nobody change it."
	if len(gone) > 0 {
		message = "The policy lets only principals change it that do not exist any more: " +
			strings.Join(gone, ", ") + "."
	}
	return failure(message, "Make a new key, move the tables to it while this one works, and ask AWS "+
		"Support about this one.")
}

// isGone reports whether a principal of the account is known not to exist.
func (s *scene) isGone(name string) bool {
	if !s.set.Principals.Read || accountOf(name) != s.set.Account {
		return false
	}
	return !slices.ContainsFunc(s.set.Principals.Value, func(p fact.Principal) bool { return p.ARN == name })
}

func crossAccountRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-019", Title: "No unknown account is let in by name", Severity: audit.Medium,
		Why: "Another account decides itself who of its people uses the key.",
		FailsWhen: "The key's policy allows something to a principal of an account that --trusted-account " +
			"does not name.",
		Remedy: "Take the account out of the policy, or name it with --trusted-account.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html",
		},
		Mappings: mappingsOf("KMS-019"),
	}
}

func decideCrossAccount(s *scene, k *fact.Key, p *policy.Policy) verdict {
	owner := ownerOf(k)
	var strange []string
	for _, who := range namedPrincipals(p) {
		if who.Account == owner || slices.Contains(s.parameters.TrustedAccounts, who.Account) {
			continue
		}
		action, err := exposed(k.Policy.Value, policy.Key, k.ARN, owner, who, keyUses())
		if err != nil {
			return verdict{status: audit.Error, message: "Who may use the key could not be found out: " +
				err.Error() + ".",
				remedy: "Make the policy simpler."}
		}
		if action != "" {
			strange = append(strange, nameOf(who)+" ("+action+")")
		}
	}
	if len(strange) > 0 {
		return failure("Of accounts that are not trusted, the policy lets in "+strings.Join(strange,
			", ")+".",
			"Take them out of the policy, or trust the account with --trusted-account.",
			kmsCommand(k.Region, "put-key-policy", k.ARN, "--policy-name", "default", "--policy",
				"file://policy.json"))
	}
	return pass("The policy names no unknown account.")
}

// oldGrant is how old a grant without constraint may be that no service made.
const oldGrant = 365 * 24 * time.Hour

func grantRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-014", Title: "No grant is stale or too wide", Severity: audit.Medium,
		Why: "Grants are easily forgotten: no policy shows them.",
		FailsWhen: "A grant is to an unknown account or to somebody who is gone, passes on rights " +
			"(CreateGrant) or is older than a year without a constraint.",
		Remedy: "Revoke it.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/grants.html",
		},
		Mappings: mappingsOf("KMS-014"),
	}
}

func decideGrants(s *scene, k *fact.Key) verdict {
	if v, ok := missing(k.Grants); !ok {
		return v
	}
	var wrong, commands []string
	for i := range k.Grants.Value {
		g := &k.Grants.Value[i]
		if why := s.grantTrouble(k, g); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s to %s (%s)", shortID(g.ID), g.Grantee, why))
			commands = append(commands, kmsCommand(k.Region, "revoke-grant", k.ARN, "--grant-id", g.ID))
		}
	}
	if len(wrong) > 0 {
		return failure("Grants to look at: "+strings.Join(wrong, "; ")+".", "Revoke those that nobody needs.",
			commands...)
	}
	return pass("None of the %d grants is stale or too wide.", len(k.Grants.Value))
}

func (s *scene) grantTrouble(k *fact.Key, g *fact.Grant) string {
	if strings.HasSuffix(g.Grantee, ".amazonaws.com") {
		return "" // a service's own
	}
	account := accountOf(g.Grantee)
	switch {
	case strings.HasPrefix(g.Grantee, "AIDA"), strings.HasPrefix(g.Grantee, "AROA"), s.isGone(g.Grantee) &&
		!isRoot(g.Grantee):
		return "the grantee does not exist any more"
	case account != ownerOf(k) && !slices.Contains(s.parameters.TrustedAccounts, account):
		return "an account that is not trusted"
	case slices.Contains(g.Operations, "CreateGrant"):
		return "may pass its rights on"
	case !g.Constrained && g.Created != nil && s.now.Sub(*g.Created) > oldGrant:
		return "of " + day(*g.Created) + ", without a constraint"
	}
	return ""
}

func shortID(id string) string {
	if len(id) > 12 {
		return id[:12] + "…"
	}
	return id
}
