package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindUserPolicies() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.PutUserPolicy(), identity.User,
			func(in *iamapi.PutUserPolicyRequest) *string { return in.UserName },
			func(in *iamapi.PutUserPolicyRequest, c *call) { c.noteInline(in.PolicyName, in.PolicyDocument) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.PutUserPolicyRequest) (*iamapi.PutUserPolicyOutput, error) {
				return &iamapi.PutUserPolicyOutput{}, s.directory.PutInline(ctx, p, *in.PolicyName,
					*in.PolicyDocument)
			}),
		onPrincipal(s, iamapi.GetUserPolicy(), identity.User,
			func(in *iamapi.GetUserPolicyRequest) *string { return in.UserName },
			nil, getUserPolicy),
		onPrincipal(s, iamapi.DeleteUserPolicy(), identity.User,
			func(in *iamapi.DeleteUserPolicyRequest) *string { return in.UserName },
			func(in *iamapi.DeleteUserPolicyRequest, c *call) { c.noteInline(in.PolicyName, nil) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DeleteUserPolicyRequest) (*iamapi.DeleteUserPolicyOutput, error) {
				return &iamapi.DeleteUserPolicyOutput{}, s.directory.DeleteInline(ctx, p, *in.PolicyName)
			}),
		onPrincipal(s, iamapi.ListUserPolicies(), identity.User,
			func(in *iamapi.ListUserPoliciesRequest) *string { return in.UserName },
			nil, listUserPolicies),
		onPrincipal(s, iamapi.AttachUserPolicy(), identity.User,
			func(in *iamapi.AttachUserPolicyRequest) *string { return in.UserName },
			func(in *iamapi.AttachUserPolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.AttachUserPolicyRequest) (*iamapi.AttachUserPolicyOutput, error) {
				return &iamapi.AttachUserPolicyOutput{}, s.directory.Attach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.DetachUserPolicy(), identity.User,
			func(in *iamapi.DetachUserPolicyRequest) *string { return in.UserName },
			func(in *iamapi.DetachUserPolicyRequest, c *call) { c.notePolicy(in.PolicyArn) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DetachUserPolicyRequest) (*iamapi.DetachUserPolicyOutput, error) {
				return &iamapi.DetachUserPolicyOutput{}, s.directory.Detach(ctx, p, *in.PolicyArn)
			}),
		onPrincipal(s, iamapi.ListAttachedUserPolicies(), identity.User,
			func(in *iamapi.ListAttachedUserPoliciesRequest) *string { return in.UserName }, nil,
			listAttachedUserPolicies),
	}
}

func getUserPolicy(
	_ context.Context, p *identity.Principal, in *iamapi.GetUserPolicyRequest,
) (*iamapi.GetUserPolicyResponse, error) {
	own, err := p.InlinePolicy(*in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetUserPolicyResponse{
		UserName: new(p.Name), PolicyName: new(own.Name), PolicyDocument: encoded(own.Document.Text),
	}, nil
}

func listUserPolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListUserPoliciesRequest,
) (*iamapi.ListUserPoliciesResponse, error) {
	list, err := inlineNames(p, in.Marker, in.MaxItems)
	return &iamapi.ListUserPoliciesResponse{PolicyNames: list.items, IsTruncated: list.truncated,
		Marker: list.marker}, err
}

func listAttachedUserPolicies(
	_ context.Context, p *identity.Principal, in *iamapi.ListAttachedUserPoliciesRequest,
) (*iamapi.ListAttachedUserPoliciesResponse, error) {
	list, err := attachedTo(p, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedUserPoliciesResponse{
		AttachedPolicies: each(list.items, attachedPolicy), IsTruncated: list.truncated, Marker: list.marker,
	}, err
}
