package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindGroupPolicies() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.PutGroupPolicy(), identity.Group,
			func(in *iamapi.PutGroupPolicyRequest) *string { return in.GroupName },
			func(in *iamapi.PutGroupPolicyRequest, c *call) {
				c.noteInline(in.PolicyName, in.PolicyDocument)
			},
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.PutGroupPolicyRequest) (*iamapi.PutGroupPolicyOutput, error) {
				return &iamapi.PutGroupPolicyOutput{}, s.directory.PutInline(ctx, p, *in.PolicyName,
					*in.PolicyDocument)
			}),
		onPrincipal(s, iamapi.GetGroupPolicy(), identity.Group,
			func(in *iamapi.GetGroupPolicyRequest) *string { return in.GroupName },
			nil, getGroupPolicy),
		onPrincipal(s, iamapi.DeleteGroupPolicy(), identity.Group,
			func(in *iamapi.DeleteGroupPolicyRequest) *string { return in.GroupName },
			func(in *iamapi.DeleteGroupPolicyRequest, c *call) { c.noteInline(in.PolicyName, nil) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DeleteGroupPolicyRequest) (*iamapi.DeleteGroupPolicyOutput, error) {
				return &iamapi.DeleteGroupPolicyOutput{}, s.directory.DeleteInline(ctx, p, *in.PolicyName)
			}),
		onPrincipal(s, iamapi.ListGroupPolicies(), identity.Group,
			func(in *iamapi.ListGroupPoliciesRequest) *string { return in.GroupName },
			nil, listGroupPolicies),
		onPrincipal(s, iamapi.AttachGroupPolicy(), identity.Group,
			func(in *iamapi.AttachGroupPolicyRequest) *string { return in.GroupName },
			func(in *iamapi.AttachGroupPolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.AttachGroupPolicyRequest) (*iamapi.AttachGroupPolicyOutput, error) {
				return &iamapi.AttachGroupPolicyOutput{}, s.directory.Attach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.DetachGroupPolicy(), identity.Group,
			func(in *iamapi.DetachGroupPolicyRequest) *string { return in.GroupName },
			func(in *iamapi.DetachGroupPolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DetachGroupPolicyRequest) (*iamapi.DetachGroupPolicyOutput, error) {
				return &iamapi.DetachGroupPolicyOutput{}, s.directory.Detach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.ListAttachedGroupPolicies(), identity.Group,
			func(in *iamapi.ListAttachedGroupPoliciesRequest) *string { return in.GroupName }, nil,
			listAttachedGroupPolicies),
	}
}

func getGroupPolicy(
	_ context.Context, p *identity.Principal, in *iamapi.GetGroupPolicyRequest,
) (*iamapi.GetGroupPolicyResponse, error) {
	own, err := p.InlinePolicy(*in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetGroupPolicyResponse{
		GroupName: new(p.Name), PolicyName: new(own.Name), PolicyDocument: encoded(own.Document.Text),
	}, nil
}

func listGroupPolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListGroupPoliciesRequest,
) (*iamapi.ListGroupPoliciesResponse, error) {
	list, err := inlineNames(p, in.Marker, in.MaxItems)
	return &iamapi.ListGroupPoliciesResponse{PolicyNames: list.items, IsTruncated: list.truncated,
		Marker: list.marker}, err
}

func listAttachedGroupPolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListAttachedGroupPoliciesRequest,
) (*iamapi.ListAttachedGroupPoliciesResponse, error) {
	list, err := attachedTo(p, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedGroupPoliciesResponse{
		AttachedPolicies: each(list.items, attachedPolicy), IsTruncated: list.truncated, Marker: list.marker,
	}, err
}
