package kms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

// asker is an authorizer that asks each need for all condition keys of the key service, writes down the answers, and allows.
type asker struct{ asked strings.Builder }

func (a *asker) Authorize(_ context.Context, caller *auth.Caller, needs *auth.Needs) error {
	for _, need := range needs.All() {
		fmt.Fprintln(&a.asked, need.Action)
		for _, key := range conditionKeys {
			values, ok := need.Context.Values(strings.ToLower(key))
			if ok {
				values = slices.Clone(values)
				slices.Sort(values)
				fmt.Fprintf(&a.asked, "  %s: %s\n", key, strings.Join(values, " "))
			}
		}
	}
	return nil
}

// conditionKeys are those of "Actions, resources, and condition keys for AWS Key Management Service", without those that the
// authorizer gives (kms:CallerAccount, kms:ViaService) and those of enclaves.
var conditionKeys = []string{
	"aws:RequestTag/Team", "aws:ResourceTag/Team", "aws:TagKeys", "kms:BypassPolicyLockoutSafetyCheck", "kms:CustomerMasterKeySpec",
	"kms:CustomerMasterKeyUsage", "kms:DataKeyPairSpec", "kms:EncryptionAlgorithm", "kms:EncryptionContext:app",
	"kms:EncryptionContext:aws:x", "kms:EncryptionContextKeys", "kms:ExpirationModel", "kms:GrantConstraintType",
	"kms:GrantIsForAWSResource", "kms:GrantOperations", "kms:GranteePrincipal", "kms:KeyAgreementAlgorithm", "kms:KeyOrigin",
	"kms:KeySpec", "kms:KeyUsage", "kms:MacAlgorithm", "kms:MessageType", "kms:MultiRegion", "kms:MultiRegionKeyType",
	"kms:PrimaryRegion", "kms:ReEncryptOnSameKey", "kms:ReplicaRegion", "kms:RequestAlias", "kms:ResourceAliases",
	"kms:RetiringPrincipal", "kms:RotationPeriodInDays", "kms:ScheduleKeyDeletionPendingWindowInDays", "kms:SigningAlgorithm",
	"kms:ValidTo", "kms:WrappingAlgorithm", "kms:WrappingKeySpec",
}

// TestConditionKeysOfOperations runs conditionkeys_test.txt: a call, and the condition keys that its needs have. The answers
// of the calls are left out, save when they refuse. Every key must be there at least once.
func TestConditionKeysOfOperations(t *testing.T) {
	s := newTeller(t)
	a := &asker{}
	s.service.path.Authorizer = a
	var all strings.Builder
	datadriven.RunTest(t, "conditionkeys_test.txt", func(t *testing.T, d *datadriven.TestData) string {
		a.asked.Reset()
		answer := s.run(t, d)
		if !strings.HasPrefix(answer, "{") && answer != "(empty)" {
			fmt.Fprintln(&a.asked, answer)
		}
		all.WriteString(a.asked.String())
		return s.told(a.asked.String())
	})
	for _, key := range conditionKeys {
		if !strings.Contains(all.String(), "  "+key+": ") {
			t.Errorf("no call has %s", key)
		}
	}
}

// TestConditionsDecide: a statement with a condition on a key applies to the request that has the value, and to no other.
func TestConditionsDecide(t *testing.T) {
	c := &conditions{}
	c.set("kms:validto", "1501545599")
	for condition, want := range map[string]bool{
		`{"NumericLessThanEquals":{"kms:ValidTo":"1501545599"}}`:          true,
		`{"NumericLessThan":{"kms:ValidTo":"1501545599"}}`:                false,
		`{"DateLessThan":{"kms:ValidTo":"2017-08-02T00:00:00Z"}}`:         true,
		`{"DateGreaterThan":{"kms:ValidTo":"2017-08-02T00:00:00Z"}}`:      false,
		`{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}}`: false,
	} {
		p, err := policy.Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}}`),
			policy.Identity)
		if err != nil {
			t.Fatal(err)
		}
		r := &policy.Request{Principal: policy.Principal{Account: account}, Action: "kms:ImportKeyMaterial", Context: c}
		d := policy.Decide(r, &policy.Policies{Identity: []policy.Attached{{Policy: p}}, ResourceAccount: account})
		if d.Allowed != want {
			t.Errorf("%s: %v", condition, d.Allowed)
		}
	}
}
