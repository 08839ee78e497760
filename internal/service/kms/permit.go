package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
)

// Permit reports whether a caller may run operations with an encryption context on a key: it returns nil, or
// an *auth.DeniedError for the first that it may not. Nothing runs, and nothing is recorded: it is for
// services that ask ahead of what they do later.
func (s *Service) Permit(
	ctx context.Context, caller *auth.Caller, key *keyring.Key, encryption keyring.Context,
	operations ...keyring.Operation,
) error {
	needs := &auth.Needs{}
	for _, operation := range operations {
		need := keyNeed(string(operation), key, &conditions{caller: caller, key: key, named: key.ARN(),
			context: encryption})
		need.Granted = key.Granted(granteesOf(caller), operation, encryption)
		needs.Add(need)
	}
	return s.path.Authorizer.Authorize(ctx, caller, needs)
}
