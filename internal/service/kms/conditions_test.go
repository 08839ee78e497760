package kms

import (
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/keyring"
)

func TestConditionKeys(t *testing.T) {
	s := newTeller(t)
	key, err := s.service.keys.Create(t.Context(), keyring.NewKey{
		Scope: keyring.Scope{Account: account, Region: "us-east-1"}, Tags: []keyring.Tag{{Key: "Team", Value: "a"}}, MultiRegion: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.service.keys.CreateAlias(t.Context(), key.Scope(), "alias/app", key); err != nil {
		t.Fatal(err)
	}
	c := &conditions{
		key: key, named: "arn:aws:kms:us-east-1:111122223333:alias/app",
		context: keyring.Context{"App": "one", "app": "two", "x": "y"},
	}
	c.setBool("kms:reencryptonsamekey", true)
	c.set("kms:retiringprincipal", "")
	for name, want := range map[string][]string{
		"kms:encryptioncontext:app":       {"one", "two"},
		"kms:encryptioncontext:none":      nil,
		"kms:requestalias":                {"alias/app"},
		"kms:resourcealiases":             {"alias/app"},
		"kms:keyspec":                     {"SYMMETRIC_DEFAULT"},
		"kms:keyusage":                    {"ENCRYPT_DECRYPT"},
		"kms:keyorigin":                   {"AWS_KMS"},
		"kms:multiregion":                 {"true"},
		"kms:multiregionkeytype":          {"PRIMARY"},
		"aws:resourcetag/team":            {"a"},
		"aws:resourcetag/none":            nil,
		"kms:reencryptonsamekey":          {"true"},
		"kms:retiringprincipal":           nil,
		"kms:nothing":                     nil,
		"kms:encryptioncontextkeys":       {"App", "app", "x"},
		"kms:customermasterkeyspec":       {"SYMMETRIC_DEFAULT"},
		"kms:grantisforawsresource":       nil,
		"kms:encryptioncontext:app:extra": nil,
	} {
		got, ok := c.Values(name)
		slices.Sort(got)
		if ok != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, want)
		}
	}
	if _, ok := (&conditions{}).Values("kms:keyspec"); ok {
		t.Error("a request on no key has a key's spec")
	}
}
