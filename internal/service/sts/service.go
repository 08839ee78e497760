// Package sts answers the Security Token Service's API.
//
// Callers may rely on this: GetCallerIdentity answers whoever signed the request, and needs no permission, as
// in AWS; a session of a role is given only to whom the role's trust policy lets in, and where that leaves
// the question to the caller's account, to whom its own policies allow it (P6); what a session may do never
// exceeds the role's policies, its boundary and the session's own policies; and a session ends on time by the
// installation's clock.
package sts

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/oidc"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// Accounts knows whose access keys are.
type Accounts interface {
	// AccountOf is the account of an access key; ok is false for one that nobody has.
	AccountOf(accessKeyID string) (account string, ok bool)
}

// Options are what the service works with.
type Options struct {
	Directory *identity.Directory
	Accounts  Accounts
	Path      *service.Path
	Clock     *clock.Clock
	// Issuers are whose ID tokens AssumeRoleWithWebIdentity can verify. It may be nil.
	Issuers oidc.Issuers
}

// Service answers operations. It is safe for concurrent use. AssumeRole is the endpoint that other services
// call, such as for the role of a function, by the same path as everybody else (P10).
type Service struct {
	AssumeRole *service.Endpoint[stsapi.AssumeRoleRequest, stsapi.AssumeRoleResponse]

	directory *identity.Directory
	accounts  Accounts
	path      *service.Path
	clock     *clock.Clock
	issuers   oidc.Issuers
	table     *service.Table
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{directory: o.Directory, accounts: o.Accounts, path: o.Path, clock: o.Clock,
		issuers: o.Issuers}
	s.AssumeRole = service.Bind(stsapi.AssumeRole(), s.planAssumeRole, s.assumeRole).
		Without("SerialNumber", "TokenCode", "SourceIdentity", "ProvidedContexts")
	s.table = service.NewTable("sts", o.Path,
		s.AssumeRole,
		service.Bind(stsapi.GetCallerIdentity(), planNothing[stsapi.GetCallerIdentityRequest],
			getCallerIdentity),
		service.Bind(stsapi.GetSessionToken(), planSession, s.getSessionToken).Without("SerialNumber",
			"TokenCode"),
		service.Bind(stsapi.GetAccessKeyInfo(), planKeyInfo, s.keyInfo),
		service.Bind(stsapi.AssumeRoleWithWebIdentity(), s.planWebIdentity,
			s.assumeRoleWithWebIdentity).Without("ProviderId"),
		service.Bind(stsapi.DecodeAuthorizationMessage(), planDecode, decode),
		refused(stsapi.AssumeRoleWithSAML()), refused(stsapi.AssumeRoot()),
		refused(stsapi.GetDelegatedAccessToken()), refused(stsapi.GetFederationToken()),
		refused(stsapi.GetWebIdentityToken()),
	)
	return s
}

// Table is the service's operation table.
func (s *Service) Table() *service.Table { return s.table }

func refused[In, Out any](op api.Operation[In, Out]) service.Bound {
	return service.Refuse(op, &api.Error{
		Code: "InvalidAction", Message: "Operation " + op.Name + " is not supported by this installation.",
	})
}

// planNothing is the plan of an operation that no policy can refuse ("GetCallerIdentity: no permissions are
// required").
func planNothing[In any](context.Context, *auth.Caller, *In, *auth.Needs) (service.None, error) {
	return service.None{}, nil
}

func getCallerIdentity(
	_ context.Context, caller *auth.Caller, _ *stsapi.GetCallerIdentityRequest, _ service.None,
) (*stsapi.GetCallerIdentityResponse, error) {
	return &stsapi.GetCallerIdentityResponse{Account: &caller.Account, Arn: &caller.ARN,
		UserId: &caller.UserID}, nil
}

func planKeyInfo(
	_ context.Context, _ *auth.Caller, in *stsapi.GetAccessKeyInfoRequest, needs *auth.Needs,
) (service.None, error) {
	needs.Note("accessKeyId", *in.AccessKeyId)
	needs.Add(auth.Need{Action: "sts:GetAccessKeyInfo", Resource: "*"})
	return service.None{}, nil
}

func (s *Service) keyInfo(
	_ context.Context, _ *auth.Caller, in *stsapi.GetAccessKeyInfoRequest, _ service.None,
) (*stsapi.GetAccessKeyInfoResponse, error) {
	account, ok := s.accounts.AccountOf(*in.AccessKeyId)
	if !ok {
		return nil, invalid("No account has the access key " + *in.AccessKeyId + ".")
	}
	return &stsapi.GetAccessKeyInfoResponse{Account: &account}, nil
}

func planDecode(
	_ context.Context, _ *auth.Caller, _ *stsapi.DecodeAuthorizationMessageRequest, needs *auth.Needs,
) (service.None, error) {
	needs.Add(auth.Need{Action: "sts:DecodeAuthorizationMessage", Resource: "*"})
	return service.None{}, nil
}

// decode refuses every message: no service here encodes why it refuses
// (docs/decision/0010-no-encoded-authorization-messages.md).
func decode(
	_ context.Context, _ *auth.Caller, in *stsapi.DecodeAuthorizationMessageRequest, _ service.None,
) (*stsapi.DecodeAuthorizationMessageResponse, error) {
	return nil, stsapi.InvalidAuthorizationMessageException(
		fmt.Sprintf("The message of %d characters is not one that this installation has encoded.",
			len(*in.EncodedMessage)))
}

// Unsigned says that AssumeRoleWithWebIdentity needs no signature: its token says who asks.
func Unsigned(action string) (service string, ok bool) {
	return "sts", action == "AssumeRoleWithWebIdentity"
}

func invalid(text string) error { return &api.Error{Code: "ValidationError", Message: text} }

func denied(text string) error { return &api.Error{Code: "AccessDenied", Message: text, Status: 403} }
