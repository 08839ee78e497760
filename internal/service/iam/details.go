package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindAuthorizationDetails() []service.Bound {
	return []service.Bound{onAccount(iamapi.GetAccountAuthorizationDetails(), s.authorizationDetails)}
}

// detail is one entry of the account's authorization details: a principal, or else a managed policy.
type detail struct {
	principal *identity.Principal
	policy    *identity.Policy
}

// authorizationDetails lists users, groups, roles, the account's policies, and those of AWS that are in use,
// in pages over all of them.
func (s *Service) authorizationDetails(
	_ context.Context, account string, in *iamapi.GetAccountAuthorizationDetailsRequest,
) (*iamapi.GetAccountAuthorizationDetailsResponse, error) {
	list, err := pageOf(s.details(account, in.Filter), detail.key, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.GetAccountAuthorizationDetailsResponse{
		UserDetailList: []iamapi.UserDetail{}, GroupDetailList: []iamapi.GroupDetail{},
		RoleDetailList: []iamapi.RoleDetail{},
		Policies:       []iamapi.ManagedPolicyDetail{}, IsTruncated: list.truncated, Marker: list.marker,
	}
	for _, d := range list.items {
		switch {
		case d.policy != nil:
			out.Policies = append(out.Policies, s.policyDetail(account, d.policy))
		case d.principal.Kind == identity.User:
			out.UserDetailList = append(out.UserDetailList, s.userDetail(d.principal))
		case d.principal.Kind == identity.Group:
			out.GroupDetailList = append(out.GroupDetailList, groupDetail(d.principal))
		default:
			out.RoleDetailList = append(out.RoleDetailList, s.roleDetail(d.principal))
		}
	}
	return out, nil
}

// key puts users before groups before roles before policies, and each by name.
func (d detail) key() string {
	if d.policy != nil {
		return "4" + policyKey(d.policy.ARN())
	}
	rank := "1"
	switch d.principal.Kind {
	case identity.Group:
		rank = "2"
	case identity.Role:
		rank = "3"
	}
	return rank + byName(d.principal)
}

func (s *Service) details(account string, filter []string) []detail {
	wants := func(what string) bool { return len(filter) == 0 || slices.Contains(filter, what) }
	var all []detail
	for what, kind := range map[string]identity.Kind{"User": identity.User, "Group": identity.Group,
		"Role": identity.Role} {
		if wants(what) {
			for _, p := range s.directory.List(account, kind, "/") {
				all = append(all, detail{principal: p})
			}
		}
	}
	for _, p := range s.directory.Policies(account, wants("LocalManagedPolicy"), wants("AWSManagedPolicy")) {
		if uses := s.directory.UsesOf(account, p.ARN()); !p.AWSManaged() || uses.Attached+uses.Boundary > 0 {
			all = append(all, detail{policy: p})
		}
	}
	return all
}

func inlineDetails(p *identity.Principal) []iamapi.PolicyDetail {
	return each(p.Inline, func(i identity.Inline) iamapi.PolicyDetail {
		return iamapi.PolicyDetail{PolicyName: new(i.Name), PolicyDocument: encoded(i.Document.Text)}
	})
}

func (s *Service) userDetail(p *identity.Principal) iamapi.UserDetail {
	return iamapi.UserDetail{
		Arn: new(p.ARN()), CreateDate: new(p.Created), Path: new(p.Path), UserId: new(p.ID),
		UserName:                new(p.Name),
		AttachedManagedPolicies: each(p.Attached, attachedPolicy), UserPolicyList: inlineDetails(p),
		GroupList: each(s.directory.GroupsOf(p), func(g *identity.Principal) string {
			return g.Name
		}),
		PermissionsBoundary: boundaryOf(p.Boundary), Tags: tagsOf(p.Tags),
	}
}

func groupDetail(p *identity.Principal) iamapi.GroupDetail {
	return iamapi.GroupDetail{
		Arn: new(p.ARN()), CreateDate: new(p.Created), Path: new(p.Path), GroupId: new(p.ID),
		GroupName:               new(p.Name),
		AttachedManagedPolicies: each(p.Attached, attachedPolicy), GroupPolicyList: inlineDetails(p),
	}
}

func (s *Service) roleDetail(p *identity.Principal) iamapi.RoleDetail {
	r := s.role(p)
	return iamapi.RoleDetail{
		Arn: r.Arn, CreateDate: r.CreateDate, Path: r.Path, RoleId: r.RoleId, RoleName: r.RoleName,
		AssumeRolePolicyDocument: r.AssumeRolePolicyDocument,
		AttachedManagedPolicies:  each(p.Attached, attachedPolicy),
		InstanceProfileList:      []iamapi.InstanceProfile{}, RolePolicyList: inlineDetails(p),
		PermissionsBoundary: r.PermissionsBoundary,
		RoleLastUsed:        r.RoleLastUsed, Tags: r.Tags,
	}
}

func (s *Service) policyDetail(account string, p *identity.Policy) iamapi.ManagedPolicyDetail {
	shown := s.policy(account, p)
	versions := slices.Clone(p.Versions)
	slices.SortFunc(versions, func(a, b identity.Version) int {
		return strings.Compare(newestFirst(a), newestFirst(b))
	})
	return iamapi.ManagedPolicyDetail{
		Arn: shown.Arn, AttachmentCount: shown.AttachmentCount, CreateDate: shown.CreateDate,
		DefaultVersionId: shown.DefaultVersionId,
		Description:      shown.Description, IsAttachable: shown.IsAttachable, Path: shown.Path,
		PolicyId:                      shown.PolicyId,
		PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount, PolicyName: shown.PolicyName,
		UpdateDate: shown.UpdateDate,
		PolicyVersionList: each(versions, func(v identity.Version) iamapi.PolicyVersion {
			shape := version(p, &v)
			shape.Document = encoded(v.Document.Text)
			return *shape
		}),
	}
}
