// Package account answers the part of AWS's Account Management API that tools ask before they look into every
// region.
//
// Callers may rely on this: the regions are those of AWS's main partition when this was built, each of which
// is there without being asked for, so that none is DISABLED; requests signed for regions that came later are
// answered all the same.
package account

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/accountapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	byDefault = "ENABLED_BY_DEFAULT"
	optedIn   = "ENABLED"
	// pageSize is how many regions an answer has at most, as ListRegions allows for MaxResults.
	pageSize = 50
)

// region is a region and how it came to be there ("Enable or disable AWS Regions in your account").
type region struct{ name, status string }

func regions() []region {
	const standard = "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 " +
		"ap-southeast-2 " +
		"ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 " +
		"us-west-1 us-west-2"
	const optIn = "af-south-1 ap-east-1 ap-east-2 ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 " +
		"ap-southeast-6 ap-southeast-7 ca-west-1 eu-central-2 eu-south-1 eu-south-2 il-central-1 " +
		"me-central-1 me-south-1 mx-central-1"
	var all []region
	for _, name := range strings.Fields(standard) {
		all = append(all, region{name, byDefault})
	}
	for _, name := range strings.Fields(optIn) {
		all = append(all, region{name, optedIn})
	}
	slices.SortFunc(all, func(a, b region) int { return strings.Compare(a.name, b.name) })
	return all
}

// New returns the service's operation table.
func New(path *service.Path) *service.Table {
	return service.NewTable("account", path,
		service.Bind(accountapi.ListRegions(), planned[accountapi.ListRegionsRequest]("ListRegions"),
			listRegions).Without("AccountId"),
		service.Bind(accountapi.GetRegionOptStatus(),
			planned[accountapi.GetRegionOptStatusRequest]("GetRegionOptStatus"),
			optStatus).Without("AccountId"),
	)
}

// planned is the plan of an operation on the caller's account.
func planned[In any](action string) service.Plan[In, service.None] {
	return func(_ context.Context, caller *auth.Caller, _ *In, needs *auth.Needs) (service.None, error) {
		needs.Add(auth.Need{Action: "account:" + action,
			Resource: arn.New("account", "", caller.Account, "account").String()})
		return service.None{}, nil
	}
}

func listRegions(
	_ context.Context, _ *auth.Caller, in *accountapi.ListRegionsRequest, _ service.None,
) (*accountapi.ListRegionsResponse, error) {
	after, err := base64.RawURLEncoding.DecodeString(api.Text(in.NextToken))
	if err != nil || len(after) > 0 && !arn.IsRegion(after) {
		return nil, invalid("The NextToken is not one of this operation.")
	}
	most := pageSize
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	out := &accountapi.ListRegionsResponse{Regions: []accountapi.Region{}}
	for _, r := range regions() {
		wanted := len(in.RegionOptStatusContains) == 0 ||
			slices.Contains(in.RegionOptStatusContains, r.status)
		if r.name <= string(after) || !wanted {
			continue
		}
		if len(out.Regions) == most {
			last := *out.Regions[most-1].RegionName
			token := base64.RawURLEncoding.EncodeToString([]byte(last))
			out.NextToken = &token
			break
		}
		out.Regions = append(out.Regions, accountapi.Region{RegionName: &r.name, RegionOptStatus: &r.status})
	}
	return out, nil
}

func optStatus(
	_ context.Context, _ *auth.Caller, in *accountapi.GetRegionOptStatusRequest, _ service.None,
) (*accountapi.GetRegionOptStatusResponse, error) {
	for _, r := range regions() {
		if r.name == *in.RegionName {
			return &accountapi.GetRegionOptStatusResponse{RegionName: &r.name,
				RegionOptStatus: &r.status}, nil
		}
	}
	return nil, invalid("There is no region " + *in.RegionName + ".")
}

func invalid(message string) *api.Error {
	return &api.Error{Code: "ValidationException", Message: message}
}
