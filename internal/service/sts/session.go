package sts

import (
	"context"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	userDuration = 12 * time.Hour
	rootDuration = time.Hour
)

// planSession needs no permission ("GetSessionToken: no permissions are required"), but credentials that
// last.
func planSession(
	_ context.Context, caller *auth.Caller, _ *stsapi.GetSessionTokenRequest, _ *auth.Needs,
) (service.None, error) {
	lasting := caller.Type == auth.Root || caller.Type == auth.IAMUser
	if !lasting || strings.HasPrefix(caller.AccessKeyID, "ASIA") {
		return service.None{}, denied("Cannot call GetSessionToken with session credentials")
	}
	return service.None{}, nil
}

func (s *Service) getSessionToken(
	ctx context.Context, caller *auth.Caller, in *stsapi.GetSessionTokenRequest, _ service.None,
) (*stsapi.GetSessionTokenResponse, error) {
	session, credentials, err := s.directory.StartUserSession(ctx, caller,
		sessionDuration(caller, in.DurationSeconds))
	if err != nil {
		return nil, translate(err)
	}
	return &stsapi.GetSessionTokenResponse{Credentials: shape(session, credentials)}, nil
}

// sessionDuration is what was asked for, or the default; sessions of root users last an hour at most.
func sessionDuration(caller *auth.Caller, seconds *int64) time.Duration {
	d := userDuration
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if caller.Type == auth.Root {
		d = min(d, rootDuration)
	}
	return d
}
