package server

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/account"
)

// TestAccountOverREST asks for regions with AWS's own client, as root, as somebody without permission, and for another region than
// the one that the service is in.
func TestAccountOverREST(t *testing.T) {
	w := newTwoAccounts(t)
	client := func(who aws.Credentials, region string) *account.Client {
		return account.New(account.Options{Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(who.AccessKeyID, who.SecretAccessKey, "")})
	}
	out, err := client(w.a, "us-east-1").ListRegions(t.Context(), &account.ListRegionsInput{MaxResults: aws.Int32(2)})
	if err != nil || len(out.Regions) != 2 || out.NextToken == nil || *out.Regions[0].RegionName != "af-south-1" {
		t.Errorf("%+v, %v", out, err)
	}
	status, err := client(w.a, "us-east-1").GetRegionOptStatus(t.Context(),
		&account.GetRegionOptStatusInput{RegionName: aws.String("us-east-1")})
	if err != nil || status.RegionOptStatus != "ENABLED_BY_DEFAULT" {
		t.Errorf("%+v, %v", status, err)
	}
	user := w.newUser("nobody", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}`)
	for want, call := range map[string]func() error{
		"AccessDeniedException": func() error {
			_, err := client(user, "us-east-1").ListRegions(t.Context(), &account.ListRegionsInput{})
			return err
		},
		"Credential should be scoped to a valid region, not 'eu-west-1'": func() error {
			_, err := client(w.a, "eu-west-1").ListRegions(t.Context(), &account.ListRegionsInput{})
			return err
		},
		"ValidationException": func() error {
			_, err := client(w.a, "us-east-1").GetRegionOptStatus(t.Context(),
				&account.GetRegionOptStatusInput{RegionName: aws.String("mars-1")})
			return err
		},
		"AccountId": func() error {
			_, err := client(w.a, "us-east-1").ListRegions(t.Context(), &account.ListRegionsInput{AccountId: aws.String("111122223333")})
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
