package arn

import "testing"

// Regions are those of all partitions in botocore's partitions.json, and one that may come.
func TestRegions(t *testing.T) {
	for _, name := range []string{
		"us-east-1", "us-west-2", "eu-central-2", "ap-southeast-7", "ap-northeast-3", "mx-central-1", "il-central-1", "ca-west-1",
		"sa-west-1",
		"cn-northwest-1", "us-gov-west-1", "us-iso-east-1", "us-isob-west-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1",
	} {
		if !IsRegion(name) || !IsRegion([]byte(name)) {
			t.Errorf("%s is a region", name)
		}
	}
	for _, name := range []string{
		"", "mars-1", "mars-east-1", "us-east", "us-east-", "us-east-0", "us-east-10", "us-east-1a", "useast-1", "us--east-1", "us-east--1",
		"-us-east-1", "us-up-1", "us-ea-1", "u-east-1", "us-gov-1", "gov-west-1", "us east-1", "af ap-east-1", "us-east north-1",
		"US-EAST-1",
		"aws-global", "local", "localhost", "ddblocal", "us-gov-us-east-1", "eu-west-1\x00",
	} {
		if IsRegion(name) {
			t.Errorf("%q is no region", name)
		}
	}
}
