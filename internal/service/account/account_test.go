package account

import (
	"context"
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/api/accountapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

func list(t *testing.T, in *accountapi.ListRegionsRequest) *accountapi.ListRegionsResponse {
	t.Helper()
	out, err := listRegions(context.Background(), nil, in, service.None{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRegionsAreListedOnce, whatever the size of a page, and only those that are asked for.
func TestRegionsAreListedOnce(t *testing.T) {
	var all []string
	for _, r := range list(t, &accountapi.ListRegionsRequest{}).Regions {
		all = append(all, *r.RegionName)
		if !arn.IsRegion(*r.RegionName) {
			t.Errorf("%s is no region", *r.RegionName)
		}
	}
	if len(all) != 34 || !slices.IsSorted(all) || !slices.Contains(all, "us-east-1") {
		t.Errorf("%d regions: %v", len(all), all)
	}
	for most := int64(1); most <= 50; most += 7 {
		var paged []string
		in := &accountapi.ListRegionsRequest{MaxResults: &most}
		for {
			out := list(t, in)
			for _, r := range out.Regions {
				paged = append(paged, *r.RegionName)
			}
			in.NextToken = out.NextToken
			if in.NextToken == nil {
				break
			}
		}
		if !slices.Equal(paged, all) {
			t.Errorf("by %d: %v", most, paged)
		}
	}
	standard := list(t, &accountapi.ListRegionsRequest{RegionOptStatusContains: []string{byDefault}})
	none := list(t, &accountapi.ListRegionsRequest{RegionOptStatusContains: []string{"DISABLED"}})
	if len(standard.Regions) != 17 || none.Regions == nil || len(none.Regions) != 0 {
		t.Errorf("%d by default, %v disabled", len(standard.Regions), none.Regions)
	}
	for _, token := range []string{"bWFycy0x", "%", "x"} {
		if _, err := listRegions(context.Background(), nil, &accountapi.ListRegionsRequest{NextToken: &token}, service.None{}); err == nil {
			t.Errorf("the token %q was taken", token)
		}
	}
}

func TestOptStatus(t *testing.T) {
	for name, want := range map[string]string{"us-east-1": byDefault, "ap-east-2": optedIn, "mars-1": ""} {
		out, err := optStatus(context.Background(), nil, &accountapi.GetRegionOptStatusRequest{RegionName: &name}, service.None{})
		if (err == nil) != (want != "") || err == nil && *out.RegionOptStatus != want {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func TestNeeds(t *testing.T) {
	var needs auth.Needs
	_, _ = planned[accountapi.ListRegionsRequest]("ListRegions")(context.Background(), &auth.Caller{Account: "123456789012"}, nil, &needs)
	if got := needs.All(); len(got) != 1 || got[0].Action != "account:ListRegions" ||
		got[0].Resource != "arn:aws:account::123456789012:account" {
		t.Errorf("%+v", got)
	}
}
