package source

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

const listRegionsAction = "account:ListRegions"

// maxRegionPages bounds what a confused endpoint can make us read: 50 regions come on each page.
const maxRegionPages = 20

// listRegions asks the account which regions it has. Only a disabled region is skipped: those that are being
// enabled or disabled may hold tables.
func (l *Live) listRegions(ctx context.Context, config aws.Config) ([]fact.Region, error) {
	client := account.NewFromConfig(config, func(o *account.Options) {
		o.Region = l.home
		if e := l.endpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	var out []fact.Region
	input := &account.ListRegionsInput{MaxResults: aws.Int32(50)}
	for range maxRegionPages {
		page, err := client.ListRegions(ctx, input)
		if err != nil {
			return nil, err
		}
		for i := range page.Regions {
			region, err := regionOf(&page.Regions[i])
			if err != nil {
				return nil, err
			}
			out = append(out, region)
		}
		if aws.ToString(page.NextToken) != "" {
			input.NextToken = page.NextToken
			continue
		}
		if len(out) == 0 {
			return nil, errors.New("the answer lists no region")
		}
		return out, nil
	}
	return nil, errors.New("the answer does not end")
}

func regionOf(r *types.Region) (fact.Region, error) {
	name := aws.ToString(r.RegionName)
	if !validRegion(name) {
		return fact.Region{}, errors.New("the answer holds something else than names of regions")
	}
	if r.RegionOptStatus == types.RegionOptStatusDisabled {
		return fact.Region{Name: name, Outcome: fact.RegionSkipped, Note: "not enabled for the account"}, nil
	}
	return fact.Region{Name: name, Outcome: fact.RegionAudited}, nil
}

// validRegion keeps from host names what does not belong there.
func validRegion(name string) bool {
	return len(name) <= 32 && regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]+$`).MatchString(name)
}

// builtInRegions are the regions of the partition that home is in, as the SDK's endpoints list them for
// DynamoDB.
func builtInRegions(home string) []string {
	switch partitionOf(home) {
	case "aws":
		return slices.Concat(defaultRegions(), optInRegions())
	case "aws-cn":
		return []string{"cn-north-1", "cn-northwest-1"}
	case "aws-us-gov":
		return []string{"us-gov-east-1", "us-gov-west-1"}
	}
	return []string{home}
}

// defaultRegions are those that every account has ("AWS Regions", AWS Account Management reference guide).
func defaultRegions() []string {
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
		"ap-southeast-2", "ca-central-1",
		"eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
		"us-east-2", "us-west-1", "us-west-2",
	}
}

// optInRegions are those that an account has once it has enabled them.
func optInRegions() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4",
		"ap-southeast-5", "ap-southeast-6",
		"ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1",
		"me-central-1", "me-south-1", "mx-central-1",
	}
}

func isOptIn(region string) bool { return slices.Contains(optInRegions(), region) }

func partitionOf(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
		{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-",
			"aws-iso-f"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}
