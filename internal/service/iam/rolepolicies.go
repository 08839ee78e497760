package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindRolePolicies() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.PutRolePolicy(), identity.Role,
			func(in *iamapi.PutRolePolicyRequest) *string { return in.RoleName },
			func(in *iamapi.PutRolePolicyRequest, c *call) { c.noteInline(in.PolicyName, in.PolicyDocument) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.PutRolePolicyRequest) (*iamapi.PutRolePolicyOutput, error) {
				return &iamapi.PutRolePolicyOutput{}, s.directory.PutInline(ctx, p, *in.PolicyName,
					*in.PolicyDocument)
			}),
		onPrincipal(s, iamapi.GetRolePolicy(), identity.Role,
			func(in *iamapi.GetRolePolicyRequest) *string { return in.RoleName },
			nil, getRolePolicy),
		onPrincipal(s, iamapi.DeleteRolePolicy(), identity.Role,
			func(in *iamapi.DeleteRolePolicyRequest) *string { return in.RoleName },
			func(in *iamapi.DeleteRolePolicyRequest, c *call) { c.noteInline(in.PolicyName, nil) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DeleteRolePolicyRequest) (*iamapi.DeleteRolePolicyOutput, error) {
				return &iamapi.DeleteRolePolicyOutput{}, s.directory.DeleteInline(ctx, p, *in.PolicyName)
			}),
		onPrincipal(s, iamapi.ListRolePolicies(), identity.Role,
			func(in *iamapi.ListRolePoliciesRequest) *string { return in.RoleName },
			nil, listRolePolicies),
		onPrincipal(s, iamapi.AttachRolePolicy(), identity.Role,
			func(in *iamapi.AttachRolePolicyRequest) *string { return in.RoleName },
			func(in *iamapi.AttachRolePolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.AttachRolePolicyRequest) (*iamapi.AttachRolePolicyOutput, error) {
				return &iamapi.AttachRolePolicyOutput{}, s.directory.Attach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.DetachRolePolicy(), identity.Role,
			func(in *iamapi.DetachRolePolicyRequest) *string { return in.RoleName },
			func(in *iamapi.DetachRolePolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DetachRolePolicyRequest) (*iamapi.DetachRolePolicyOutput, error) {
				return &iamapi.DetachRolePolicyOutput{}, s.directory.Detach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.ListAttachedRolePolicies(), identity.Role,
			func(in *iamapi.ListAttachedRolePoliciesRequest) *string { return in.RoleName }, nil,
			listAttachedRolePolicies),
	}
}

func getRolePolicy(
	_ context.Context, p *identity.Principal, in *iamapi.GetRolePolicyRequest,
) (*iamapi.GetRolePolicyResponse, error) {
	own, err := p.InlinePolicy(*in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetRolePolicyResponse{
		RoleName: new(p.Name), PolicyName: new(own.Name), PolicyDocument: encoded(own.Document.Text),
	}, nil
}

func listRolePolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListRolePoliciesRequest,
) (*iamapi.ListRolePoliciesResponse, error) {
	list, err := inlineNames(p, in.Marker, in.MaxItems)
	return &iamapi.ListRolePoliciesResponse{PolicyNames: list.items, IsTruncated: list.truncated,
		Marker: list.marker}, err
}

func listAttachedRolePolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListAttachedRolePoliciesRequest,
) (*iamapi.ListAttachedRolePoliciesResponse, error) {
	list, err := attachedTo(p, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedRolePoliciesResponse{
		AttachedPolicies: each(list.items, attachedPolicy), IsTruncated: list.truncated, Marker: list.marker,
	}, err
}
