package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// What clients ask for before they delete a user, or to describe an account, and of which there is nothing
// here: passwords, second factors, certificates, instance profiles, aliases of the account. The answers are
// true, and none of it can be made.
func (s *Service) bindEmpty() []service.Bound {
	return append(s.bindEmptyOfUser(), s.bindEmptyOfAccount()...)
}

func (s *Service) bindEmptyOfAccount() []service.Bound {
	return []service.Bound{
		onNew(iamapi.ListVirtualMFADevices(),
			func(account string, _ *iamapi.ListVirtualMFADevicesRequest) string {
				return identity.NameARN(account, "mfa", "/", "")
			}, func(in *iamapi.ListVirtualMFADevicesRequest, c *call) {
				c.needs.Note("assignmentStatus", api.Text(in.AssignmentStatus))
			}, func(_ context.Context, _ string,
				in *iamapi.ListVirtualMFADevicesRequest) (*iamapi.ListVirtualMFADevicesResponse, error) {
				list, err := none[iamapi.VirtualMFADevice](in.Marker, in.MaxItems)
				return &iamapi.ListVirtualMFADevicesResponse{VirtualMFADevices: list.items,
					IsTruncated: list.truncated}, err
			}),
		onAccount(iamapi.GetAccountSummary(), s.accountSummary),
		onAccount(iamapi.ListAccountAliases(),
			func(_ context.Context, _ string,
				in *iamapi.ListAccountAliasesRequest) (*iamapi.ListAccountAliasesResponse, error) {
				list, err := none[string](in.Marker, in.MaxItems)
				return &iamapi.ListAccountAliasesResponse{AccountAliases: list.items,
					IsTruncated: list.truncated}, err
			}),
		onNew(iamapi.ListInstanceProfiles(),
			func(account string, in *iamapi.ListInstanceProfilesRequest) string {
				return identity.NameARN(account, "instance-profile", pathOf(in.PathPrefix), "")
			}, nil, func(_ context.Context, _ string,
				in *iamapi.ListInstanceProfilesRequest) (*iamapi.ListInstanceProfilesResponse, error) {
				list, err := none[iamapi.InstanceProfile](in.Marker, in.MaxItems)
				return &iamapi.ListInstanceProfilesResponse{InstanceProfiles: list.items,
					IsTruncated: list.truncated}, err
			}),
	}
}

// none is a page of a list of nothing.
func none[T any](marker *string, maxItems *int64) (page[T], error) {
	return pageOf([]T{}, func(T) string { return "" }, marker, maxItems)
}

func (s *Service) bindEmptyOfUser() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.GetLoginProfile(), identity.User,
			func(in *iamapi.GetLoginProfileRequest) *string { return in.UserName }, nil,
			func(_ context.Context, p *identity.Principal,
				_ *iamapi.GetLoginProfileRequest) (*iamapi.GetLoginProfileResponse, error) {
				return nil, noLoginProfile(p)
			}),
		onPrincipal(s, iamapi.DeleteLoginProfile(), identity.User,
			func(in *iamapi.DeleteLoginProfileRequest) *string { return in.UserName }, nil,
			func(_ context.Context, p *identity.Principal,
				_ *iamapi.DeleteLoginProfileRequest) (*iamapi.DeleteLoginProfileOutput, error) {
				return nil, noLoginProfile(p)
			}),
		onPrincipal(s, iamapi.ListMFADevices(), identity.User,
			func(in *iamapi.ListMFADevicesRequest) *string { return in.UserName }, nil,
			func(_ context.Context, _ *identity.Principal,
				in *iamapi.ListMFADevicesRequest) (*iamapi.ListMFADevicesResponse, error) {
				list, err := none[iamapi.MFADevice](in.Marker, in.MaxItems)
				return &iamapi.ListMFADevicesResponse{MFADevices: list.items,
					IsTruncated: list.truncated}, err
			}),
		onPrincipal(s, iamapi.ListSSHPublicKeys(), identity.User,
			func(in *iamapi.ListSSHPublicKeysRequest) *string { return in.UserName }, nil,
			func(_ context.Context, _ *identity.Principal,
				in *iamapi.ListSSHPublicKeysRequest) (*iamapi.ListSSHPublicKeysResponse, error) {
				list, err := none[iamapi.SSHPublicKeyMetadata](in.Marker, in.MaxItems)
				return &iamapi.ListSSHPublicKeysResponse{SSHPublicKeys: list.items,
					IsTruncated: list.truncated}, err
			}),
		onPrincipal(s, iamapi.ListSigningCertificates(), identity.User,
			func(in *iamapi.ListSigningCertificatesRequest) *string { return in.UserName }, nil,
			func(
				_ context.Context, _ *identity.Principal, in *iamapi.ListSigningCertificatesRequest,
			) (*iamapi.ListSigningCertificatesResponse, error) {
				list, err := none[iamapi.SigningCertificate](in.Marker, in.MaxItems)
				return &iamapi.ListSigningCertificatesResponse{Certificates: list.items,
					IsTruncated: list.truncated}, err
			}),
		onPrincipal(s, iamapi.ListServiceSpecificCredentials(), identity.User,
			func(in *iamapi.ListServiceSpecificCredentialsRequest) *string { return in.UserName }, nil,
			func(
				_ context.Context, _ *identity.Principal, in *iamapi.ListServiceSpecificCredentialsRequest,
			) (*iamapi.ListServiceSpecificCredentialsResponse, error) {
				list, err := none[iamapi.ServiceSpecificCredentialMetadata](in.Marker, in.MaxItems)
				return &iamapi.ListServiceSpecificCredentialsResponse{
					ServiceSpecificCredentials: list.items, IsTruncated: list.truncated,
				}, err
			}).Without("AllUsers", "ServiceName"),
	}
}

func noLoginProfile(p *identity.Principal) error {
	return iamapi.NoSuchEntityException("Login Profile for User " + p.Name + " cannot be found.")
}

// WithRootKeys has GetAccountSummary say of which accounts the root user has an access key; it says of none
// without it.
func (s *Service) WithRootKeys(has func(account string) bool) *Service {
	s.hasRootKey = has
	return s
}

// accountSummary counts what there is, in IAM's names, all of which IAM always gives: scripts look them up
// unasked. Of what cannot be made there is nothing, and no more is allowed. Session tokens are good in every
// region, as IAM's of version 2 are.
func (s *Service) accountSummary(
	_ context.Context, account string, _ *iamapi.GetAccountSummaryInput,
) (*iamapi.GetAccountSummaryResponse, error) {
	n := s.directory.Summary(account)
	for _, nothing := range []string{
		"MFADevices", "MFADevicesInUse", "AccountMFAEnabled", "AccountPasswordPresent",
		"AccountAccessKeysPresent",
		"AccountSigningCertificatesPresent", "SigningCertificatesPerUserQuota", "ServerCertificates",
		"ServerCertificatesQuota",
		"InstanceProfiles", "InstanceProfilesQuota",
	} {
		n[nothing] = 0
	}
	n["GlobalEndpointTokenVersion"] = 2
	if s.hasRootKey(account) {
		n["AccountAccessKeysPresent"] = 1
	}
	return &iamapi.GetAccountSummaryResponse{SummaryMap: n}, nil
}
