package iam

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindPolicies() []service.Bound {
	return []service.Bound{
		onNew(iamapi.CreatePolicy(), func(account string, in *iamapi.CreatePolicyRequest) string {
			return identity.PolicyARN(account, pathOf(in.Path), *in.PolicyName)
		}, describeNewPolicy, s.createPolicy),
		onPolicy(s, iamapi.GetPolicy(), func(in *iamapi.GetPolicyRequest) *string { return in.PolicyArn },
			nil,
			func(_ context.Context, caller *auth.Caller, p *identity.Policy,
				_ *iamapi.GetPolicyRequest) (*iamapi.GetPolicyResponse, error) {
				return &iamapi.GetPolicyResponse{Policy: s.policy(caller.Account, p)}, nil
			}),
		onAccount(iamapi.ListPolicies(), s.listPolicies),
		onPolicy(s, iamapi.DeletePolicy(), func(in *iamapi.DeletePolicyRequest) *string {
			return in.PolicyArn
		}, nil,
			func(ctx context.Context, _ *auth.Caller, p *identity.Policy,
				_ *iamapi.DeletePolicyRequest) (*iamapi.DeletePolicyOutput, error) {
				return &iamapi.DeletePolicyOutput{}, s.directory.DeletePolicy(ctx, p)
			}),
		onPolicy(s, iamapi.ListEntitiesForPolicy(), func(in *iamapi.ListEntitiesForPolicyRequest) *string {
			return in.PolicyArn
		}, nil,
			s.entitiesOfPolicy),
	}
}

func describeNewPolicy(in *iamapi.CreatePolicyRequest, c *call) {
	c.setRequest(readTags(in.Tags))
	c.needs.Note("policyName", *in.PolicyName)
	c.needs.Note("policyDocument", *in.PolicyDocument)
}

func (s *Service) createPolicy(
	ctx context.Context, account string, in *iamapi.CreatePolicyRequest,
) (*iamapi.CreatePolicyResponse, error) {
	p, err := s.directory.CreatePolicy(ctx, identity.NewPolicy{
		Account: account, Name: *in.PolicyName, Path: pathOf(in.Path), Description: api.Text(in.Description),
		Document: *in.PolicyDocument,
		Tags:     readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreatePolicyResponse{Policy: s.policy(account, p)}, nil
}

func (s *Service) listPolicies(
	_ context.Context, account string, in *iamapi.ListPoliciesRequest,
) (*iamapi.ListPoliciesResponse, error) {
	scope := api.Text(in.Scope)
	all := s.directory.Policies(account, scope != "AWS", scope != "Local")
	all = slices.DeleteFunc(all, func(p *identity.Policy) bool { return !s.listed(account, p, in) })
	list, err := pageOf(all, func(p *identity.Policy) string { return policyKey(p.ARN()) }, in.Marker,
		in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListPoliciesResponse{
		Policies: each(list.items, func(p *identity.Policy) iamapi.Policy {
			return s.listedPolicy(account, p)
		}),
		IsTruncated: list.truncated, Marker: list.marker,
	}, nil
}

// listed says whether ListPolicies is asked for a policy. Asked for those that set boundaries, it gives no
// others; asked for those that give permissions, it leaves out those that do nothing but set boundaries.
func (s *Service) listed(account string, p *identity.Policy, in *iamapi.ListPoliciesRequest) bool {
	uses := s.directory.UsesOf(account, p.ARN())
	used, asked := uses.Attached > 0, true
	switch api.Text(in.PolicyUsageFilter) {
	case "PermissionsBoundary":
		used, asked = uses.Boundary > 0, uses.Boundary > 0
	case "PermissionsPolicy":
		asked = used || uses.Boundary == 0
	}
	return asked && strings.HasPrefix(p.Path, pathOf(in.PathPrefix)) && (used || !api.True(in.OnlyAttached))
}

func (s *Service) entitiesOfPolicy(
	_ context.Context, caller *auth.Caller, p *identity.Policy, in *iamapi.ListEntitiesForPolicyRequest,
) (*iamapi.ListEntitiesForPolicyResponse, error) {
	usage := api.Text(in.PolicyUsageFilter)
	found := s.directory.EntitiesOf(caller.Account, p.ARN(), usage != "PermissionsBoundary",
		usage != "PermissionsPolicy")
	found = slices.DeleteFunc(found, func(e *identity.Principal) bool {
		return !strings.HasPrefix(e.Path, pathOf(in.PathPrefix)) ||
			in.EntityFilter != nil && !strings.EqualFold(*in.EntityFilter, string(e.Kind))
	})
	list, err := pageOf(found, func(e *identity.Principal) string {
		return string(e.Kind) + "\x00" + byName(e)
	}, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListEntitiesForPolicyResponse{
		PolicyGroups: []iamapi.PolicyGroup{}, PolicyRoles: []iamapi.PolicyRole{},
		PolicyUsers: []iamapi.PolicyUser{},
		IsTruncated: list.truncated, Marker: list.marker,
	}
	for _, e := range list.items {
		switch e.Kind {
		case identity.User:
			out.PolicyUsers = append(out.PolicyUsers,
				iamapi.PolicyUser{UserId: new(e.ID), UserName: new(e.Name)})
		case identity.Role:
			out.PolicyRoles = append(out.PolicyRoles,
				iamapi.PolicyRole{RoleId: new(e.ID), RoleName: new(e.Name)})
		case identity.Group:
			out.PolicyGroups = append(out.PolicyGroups,
				iamapi.PolicyGroup{GroupId: new(e.ID), GroupName: new(e.Name)})
		}
	}
	return out, nil
}

func (s *Service) bindVersions() []service.Bound {
	return []service.Bound{
		onPolicy(s, iamapi.CreatePolicyVersion(), func(in *iamapi.CreatePolicyVersionRequest) *string {
			return in.PolicyArn
		},
			func(in *iamapi.CreatePolicyVersionRequest, c *call) {
				c.needs.Note("policyDocument", *in.PolicyDocument)
			},
			s.createVersion),
		onPolicy(s, iamapi.GetPolicyVersion(), func(in *iamapi.GetPolicyVersionRequest) *string {
			return in.PolicyArn
		}, nil, getVersion),
		onPolicy(s, iamapi.ListPolicyVersions(), func(in *iamapi.ListPolicyVersionsRequest) *string {
			return in.PolicyArn
		}, nil, listVersions),
		onPolicy(s, iamapi.SetDefaultPolicyVersion(),
			func(in *iamapi.SetDefaultPolicyVersionRequest) *string { return in.PolicyArn },
			func(in *iamapi.SetDefaultPolicyVersionRequest, c *call) {
				c.needs.Note("versionId", *in.VersionId)
			},
			func(
				ctx context.Context, _ *auth.Caller, p *identity.Policy,
				in *iamapi.SetDefaultPolicyVersionRequest,
			) (*iamapi.SetDefaultPolicyVersionOutput, error) {
				return &iamapi.SetDefaultPolicyVersionOutput{}, s.directory.SetDefaultVersion(ctx, p,
					*in.VersionId)
			}),
		onPolicy(s, iamapi.DeletePolicyVersion(), func(in *iamapi.DeletePolicyVersionRequest) *string {
			return in.PolicyArn
		},
			func(in *iamapi.DeletePolicyVersionRequest, c *call) { c.needs.Note("versionId", *in.VersionId) },
			func(
				ctx context.Context, _ *auth.Caller, p *identity.Policy,
				in *iamapi.DeletePolicyVersionRequest,
			) (*iamapi.DeletePolicyVersionOutput, error) {
				return &iamapi.DeletePolicyVersionOutput{}, s.directory.DeleteVersion(ctx, p, *in.VersionId)
			}),
	}
}

func (s *Service) createVersion(
	ctx context.Context, _ *auth.Caller, p *identity.Policy, in *iamapi.CreatePolicyVersionRequest,
) (*iamapi.CreatePolicyVersionResponse, error) {
	v, err := s.directory.AddVersion(ctx, p, *in.PolicyDocument, api.True(in.SetAsDefault))
	if err != nil {
		return nil, err
	}
	out := version(p, &v)
	out.IsDefaultVersion = new(api.True(in.SetAsDefault))
	return &iamapi.CreatePolicyVersionResponse{PolicyVersion: out}, nil
}

func getVersion(
	_ context.Context, _ *auth.Caller, p *identity.Policy, in *iamapi.GetPolicyVersionRequest,
) (*iamapi.GetPolicyVersionResponse, error) {
	v, err := p.Version(*in.VersionId)
	if err != nil {
		return nil, err
	}
	out := version(p, v)
	out.Document = encoded(v.Document.Text)
	return &iamapi.GetPolicyVersionResponse{PolicyVersion: out}, nil
}

func listVersions(
	_ context.Context, _ *auth.Caller, p *identity.Policy, in *iamapi.ListPolicyVersionsRequest,
) (*iamapi.ListPolicyVersionsResponse, error) {
	list, err := pageOf(slices.Clone(p.Versions), newestFirst, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListPolicyVersionsResponse{
		Versions: each(list.items, func(v identity.Version) iamapi.PolicyVersion {
			return *version(p, &v)
		}),
		IsTruncated: list.truncated, Marker: list.marker,
	}, nil
}

// newestFirst is a key by which v10 comes before v9.
func newestFirst(v identity.Version) string {
	n, _ := strconv.ParseInt(strings.TrimPrefix(v.ID, "v"), 10, 32) // made by this program
	return fmt.Sprintf("%010d", 1<<31-n)
}
