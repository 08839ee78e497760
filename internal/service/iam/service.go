// Package iam answers the API of the identity service: an operation table, and the translation between its
// shapes and the directory of principals.
//
// Callers may rely on this: an operation runs only if the caller's policies allow it on the ARN of what it
// concerns, and on exactly that, even if its name changes hands in between (P6); every error that a client
// may see has IAM's code and words; policy documents in answers are percent-encoded, as IAM's are; and an
// operation or a member that is not honoured is refused by its name (P8).
package iam

import (
	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// Service answers operations. It is safe for concurrent use.
type Service struct {
	directory  *identity.Directory
	hasRootKey func(account string) bool
	table      *service.Table
}

// New returns a Service for the principals of a directory.
func New(directory *identity.Directory, path *service.Path) *Service {
	s := &Service{directory: directory, hasRootKey: func(string) bool { return false }}
	var bound []service.Bound
	for _, some := range [][]service.Bound{
		s.bindUsers(), s.bindRoles(), s.bindGroups(), s.bindMembership(), s.bindUserPolicies(),
		s.bindRolePolicies(),
		s.bindGroupPolicies(), s.bindPolicies(), s.bindVersions(), s.bindKeys(), s.bindTags(),
		s.bindBoundaries(), s.bindEmpty(),
		s.bindSimulator(), s.bindAuthorizationDetails(), s.bindServiceLinked(), s.bindProviders(),
		unsupportedOperations(),
	} {
		bound = append(bound, some...)
	}
	s.table = service.NewTable("iam", path, bound...)
	return s
}

// Table is the service's operation table.
func (s *Service) Table() *service.Table { return s.table }

func refused[In, Out any](op api.Operation[In, Out]) service.Bound {
	return service.Refuse(op, &api.Error{
		Code: "InvalidAction", Message: "Operation " + op.Name + " is not supported by this installation.",
	})
}
