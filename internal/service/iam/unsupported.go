package iam

import (
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/service"
)

// unsupportedOperations are refused by name.
func unsupportedOperations() []service.Bound {
	return []service.Bound{
		refused(iamapi.AcceptDelegationRequest()),
		refused(iamapi.AddRoleToInstanceProfile()), refused(iamapi.AssociateDelegationRequest()),
		refused(iamapi.ChangePassword()), refused(iamapi.CreateAccountAlias()),
		refused(iamapi.CreateDelegationRequest()),
		refused(iamapi.CreateInstanceProfile()), refused(iamapi.CreateLoginProfile()),
		refused(iamapi.CreateSAMLProvider()),
		refused(iamapi.CreateServiceSpecificCredential()),
		refused(iamapi.CreateVirtualMFADevice()), refused(iamapi.DeactivateMFADevice()),
		refused(iamapi.DeleteAccountAlias()),
		refused(iamapi.DeleteAccountPasswordPolicy()), refused(iamapi.DeleteInstanceProfile()),
		refused(iamapi.DeleteSAMLProvider()), refused(iamapi.DeleteSSHPublicKey()),
		refused(iamapi.DeleteServerCertificate()),
		refused(iamapi.DeleteServiceSpecificCredential()),
		refused(iamapi.DeleteSigningCertificate()), refused(iamapi.DeleteVirtualMFADevice()),
		refused(iamapi.DisableOrganizationsRootCredentialsManagement()),
		refused(iamapi.DisableOrganizationsRootSessions()),
		refused(iamapi.DisableOutboundWebIdentityFederation()), refused(iamapi.EnableMFADevice()),
		refused(iamapi.EnableOrganizationsRootCredentialsManagement()),
		refused(iamapi.EnableOrganizationsRootSessions()),
		refused(iamapi.EnableOutboundWebIdentityFederation()), refused(iamapi.GenerateCredentialReport()),
		refused(iamapi.GenerateOrganizationsAccessReport()),
		refused(iamapi.GenerateServiceLastAccessedDetails()),
		refused(iamapi.GetAccountPasswordPolicy()),
		refused(iamapi.GetCredentialReport()), refused(iamapi.GetDelegationRequest()),
		refused(iamapi.GetHumanReadableSummary()), refused(iamapi.GetInstanceProfile()),
		refused(iamapi.GetMFADevice()),
		refused(iamapi.GetOrganizationsAccessReport()),
		refused(iamapi.GetOutboundWebIdentityFederationInfo()), refused(iamapi.GetSAMLProvider()),
		refused(iamapi.GetSSHPublicKey()), refused(iamapi.GetServerCertificate()),
		refused(iamapi.GetServiceLastAccessedDetails()),
		refused(iamapi.GetServiceLastAccessedDetailsWithEntities()),
		refused(iamapi.ListDelegationRequests()),
		refused(iamapi.ListInstanceProfileTags()), refused(iamapi.ListMFADeviceTags()),
		refused(iamapi.ListOrganizationsFeatures()), refused(iamapi.ListPoliciesGrantingServiceAccess()),
		refused(iamapi.ListSAMLProviderTags()), refused(iamapi.ListSAMLProviders()),
		refused(iamapi.ListServerCertificateTags()), refused(iamapi.ListServerCertificates()),
		refused(iamapi.RejectDelegationRequest()),
		refused(iamapi.RemoveRoleFromInstanceProfile()),
		refused(iamapi.ResetServiceSpecificCredential()), refused(iamapi.ResyncMFADevice()),
		refused(iamapi.SendDelegationToken()), refused(iamapi.SetSecurityTokenServicePreferences()),
		refused(iamapi.TagInstanceProfile()), refused(iamapi.TagMFADevice()),
		refused(iamapi.TagSAMLProvider()), refused(iamapi.TagServerCertificate()),
		refused(iamapi.UntagInstanceProfile()),
		refused(iamapi.UntagMFADevice()), refused(iamapi.UntagSAMLProvider()),
		refused(iamapi.UntagServerCertificate()), refused(iamapi.UpdateAccountPasswordPolicy()),
		refused(iamapi.UpdateDelegationRequest()), refused(iamapi.UpdateLoginProfile()),
		refused(iamapi.UpdateSAMLProvider()),
		refused(iamapi.UpdateSSHPublicKey()), refused(iamapi.UpdateServerCertificate()),
		refused(iamapi.UpdateServiceSpecificCredential()), refused(iamapi.UpdateSigningCertificate()),
		refused(iamapi.UploadSSHPublicKey()), refused(iamapi.UploadServerCertificate()),
		refused(iamapi.UploadSigningCertificate()),
	}
}
