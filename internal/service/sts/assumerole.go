package sts

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
)

const (
	defaultDuration = time.Hour
	chainedDuration = time.Hour
	// maxPlain is how long session policies and tags may be together. AWS measures them packed, in a form
	// that it keeps to itself.
	maxPlain = 2048
)

// assumption is the plan of a session: the role that is to be assumed, or why there is none, and the tags
// that go on from the caller's own session.
type assumption struct {
	role      *identity.Principal
	missing   error
	inherited []identity.Tag
}

// planAssumeRole needs sts:AssumeRole by the role's trust policy, which is the gate; a role that is not there
// has none, and so is refused in the same words. Tags of the session need sts:TagSession by the same rule.
func (s *Service) planAssumeRole(
	_ context.Context, caller *auth.Caller, in *stsapi.AssumeRoleRequest, needs *auth.Needs,
) (plan assumption, err error) {
	needs.Note("roleArn", *in.RoleArn)
	needs.Note("roleSessionName", *in.RoleSessionName)
	if in.DurationSeconds != nil {
		needs.Note("durationSeconds", *in.DurationSeconds)
	}
	if caller.Type == auth.Root {
		return plan, denied("Roles may not be assumed by root accounts.")
	}
	if !strings.HasPrefix(*in.RoleArn, "arn:") {
		return plan, invalid(*in.RoleArn + " is invalid")
	}
	c := &conditions{}
	c.ofRequest(in)
	plan.inherited = s.directory.TransitiveTags(caller)
	if err := checkTransitive(plan.inherited, in); err != nil {
		return plan, err
	}
	plan.role, plan.missing = s.needRole("sts:AssumeRole", *in.RoleArn, c, len(in.Tags) > 0, needs)
	return plan, nil
}

// needRole finds the role of an ARN, and needs an action on it by its trust policy.
func (s *Service) needRole(
	action, roleARN string, c *conditions, tagged bool, needs *auth.Needs,
) (role *identity.Principal, missing error) {
	need := auth.Need{Action: action, Resource: roleARN, Gate: true, Context: c}
	role, missing = s.directory.FindARN(identity.Role, roleARN)
	if missing == nil {
		need.Policy = role.Trust.Compiled()
		c.ofRole(role)
	}
	needs.Add(need)
	if tagged {
		need.Action = "sts:TagSession"
		needs.Add(need)
	}
	return role, missing
}

func (s *Service) assumeRole(
	ctx context.Context, caller *auth.Caller, in *stsapi.AssumeRoleRequest, plan assumption,
) (*stsapi.AssumeRoleResponse, error) {
	if plan.missing != nil {
		return nil, translate(plan.missing)
	}
	n := identity.RoleSession{
		Name: *in.RoleSessionName, Policy: api.Text(in.Policy),
		Tags:       append(plan.inherited, readTags(in.Tags)...),
		Transitive: append(keysOf(plan.inherited), in.TransitiveTagKeys...),
	}
	session, credentials, packed, err := s.start(ctx, caller, plan.role, n, in.DurationSeconds, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	who := session.Caller()
	return &stsapi.AssumeRoleResponse{
		AssumedRoleUser: &stsapi.AssumedRoleUser{Arn: &who.ARN, AssumedRoleId: &who.UserID},
		Credentials:     shape(session, credentials), PackedPolicySize: packed,
	}, nil
}

// start makes a session within all limits.
func (s *Service) start(
	ctx context.Context, caller *auth.Caller, role *identity.Principal, n identity.RoleSession,
	seconds *int64,
	policies []stsapi.PolicyDescriptorType,
) (session *identity.Session, credentials identity.Credentials, packed *int64, err error) {
	if n.Duration, err = durationOf(caller, role, seconds); err != nil {
		return nil, credentials, nil, err
	}
	if n.PolicyARNs, err = s.sessionPolicies(role, policies); err != nil {
		return nil, credentials, nil, err
	}
	if packed, err = packedSize(&n); err != nil {
		return nil, credentials, nil, err
	}
	if n.By == "" {
		n.By = identity.Maker(caller)
	}
	session, credentials, err = s.directory.StartRoleSession(ctx, role, n)
	return session, credentials, packed, translate(err)
}

// checkTransitive keeps the rules of tags that go on from session to session ("Chaining roles with session
// tags"): what was inherited stays, and only tags of the session can go on.
func checkTransitive(inherited []identity.Tag, in *stsapi.AssumeRoleRequest) error {
	given := readTags(in.Tags)
	for _, t := range inherited {
		if hasKey(given, t.Key) {
			return invalid("The tag key " + t.Key + " is inherited from the calling session, and cannot be " +
				"given another value.")
		}
	}
	for _, key := range in.TransitiveTagKeys {
		if !hasKey(given, key) && !hasKey(inherited, key) {
			return invalid("The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

func hasKey(tags []identity.Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t identity.Tag) bool { return strings.EqualFold(t.Key, key) })
}

func keysOf(tags []identity.Tag) []string {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	return keys
}

// durationOf keeps the limits of the role, and the hour of sessions that a session makes.
func durationOf(caller *auth.Caller, role *identity.Principal, seconds *int64) (time.Duration, error) {
	if seconds == nil {
		return defaultDuration, nil
	}
	d := time.Duration(*seconds) * time.Second
	switch {
	case caller.Type == auth.AssumedRole && d > chainedDuration:
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles " +
			"assumed by role chaining.")
	case d > role.MaxSession:
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

func (s *Service) sessionPolicies(
	role *identity.Principal, list []stsapi.PolicyDescriptorType,
) ([]string, error) {
	var names []string
	for _, p := range list {
		if _, err := s.directory.Policy(role.Account, api.Text(p.Arn)); err != nil {
			return nil, invalid("The session policy " + api.Text(p.Arn) +
				" does not exist in the account of the role.")
		}
		names = append(names, *p.Arn)
	}
	return names, nil
}

// packedSize is how much of their limit session policies and tags use, in percent; nil where there are none.
func packedSize(n *identity.RoleSession) (*int64, error) {
	used := len(n.Policy)
	for _, name := range n.PolicyARNs {
		used += len(name)
	}
	for _, t := range n.Tags {
		used += len(t.Key) + len(t.Value)
	}
	if used == 0 {
		return nil, nil
	}
	percent := (int64(used)*100 + maxPlain - 1) / maxPlain
	if percent > 100 {
		return nil, stsapi.PackedPolicyTooLargeException("Packed policy consumes " +
			strconv.FormatInt(percent, 10) + "% of allotted space, please use smaller policy.")
	}
	return &percent, nil
}

func shape(session *identity.Session, c identity.Credentials) *stsapi.Credentials {
	return &stsapi.Credentials{
		AccessKeyId: &c.AccessKeyID, SecretAccessKey: &c.Secret, SessionToken: &c.Token,
		Expiration: &session.Expires,
	}
}

func readTags(tags []stsapi.Tag) []identity.Tag {
	out := make([]identity.Tag, 0, len(tags))
	for _, t := range tags {
		out = append(out, identity.Tag{Key: api.Text(t.Key), Value: api.Text(t.Value)})
	}
	return out
}

// translate gives a refusal of the directory the name of the service's error.
func translate(err error) error {
	var known *identity.Error
	if !errors.As(err, &known) {
		return err
	}
	if known.Reason == identity.MalformedPolicy {
		return stsapi.MalformedPolicyDocumentException(known.Text)
	}
	return invalid(known.Text)
}
