package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
)

const (
	// remembered is how long a session that ended is still told from a key that never was: its requests are
	// answered as expired.
	remembered  = 12 * time.Hour
	sweepPeriod = time.Hour
)

// Session is temporary credentials of a role, a user or a root user. It is immutable.
type Session struct {
	AccessKeyID string    `json:"accessKeyId"`
	Account     string    `json:"account"`
	Principal   string    `json:"principal"` // unique id; the account for its root user
	Name        string    `json:"name,omitempty"`
	RoleARN     string    `json:"roleArn,omitempty"` // empty for sessions of users
	Issued      time.Time `json:"issued"`
	Expires     time.Time `json:"expires"`
	Policy      Document  `json:"policy,omitzero"`      // limits a role's session
	PolicyARNs  []string  `json:"policyArns,omitempty"` // managed policies that limit it too
	Tags        []Tag     `json:"tags,omitempty"`
	// keys of tags that go on to sessions which this one makes
	Transitive []string `json:"transitive,omitempty"`
	Provider   string   `json:"provider,omitempty"` // the ARN of the identity provider that it goes back to
	// By is who asked for the session, where that is not the principal: see Maker
	By     string `json:"by,omitempty"`
	Sealed []byte `json:"sealed"`

	caller *auth.Caller // of sessions of roles and root users
}

func (s *Session) ofRoot() bool { return s.Principal == s.Account }

// Caller is who calls in the session of a role, or of a root user.
func (s *Session) Caller() *auth.Caller { return s.caller }

// complete fills in what follows from the rest.
func (s *Session) complete() {
	switch {
	case s.ofRoot():
		s.caller = &auth.Caller{
			Type: auth.Root, Account: s.Account, ARN: arn.New("iam", "", s.Account, "root").String(),
			UserID: s.Account, Issued: s.Issued,
		}
	case s.RoleARN != "":
		role := s.RoleARN[strings.LastIndexByte(s.RoleARN, '/')+1:]
		s.caller = &auth.Caller{
			Type: auth.AssumedRole, Account: s.Account,
			ARN:    arn.New("sts", "", s.Account, "assumed-role/"+role+"/"+s.Name).String(),
			UserID: s.Principal + ":" + s.Name, RoleARN: s.RoleARN, Issued: s.Issued,
		}
	}
}

func (h *held) credential(caller *auth.Caller) sigv4.Credential {
	c := sigv4.Credential{Secret: h.secret, SessionToken: h.token, Caller: caller}
	if h.session != nil {
		c.Expires = h.session.Expires
	}
	return c
}

// Credentials are what a session's holder gets, once.
type Credentials struct{ AccessKeyID, Secret, Token string }

// RoleSession is what limits a new session of a role.
type RoleSession struct {
	Name       string
	Duration   time.Duration
	Policy     string
	PolicyARNs []string
	Tags       []Tag
	Transitive []string
	Provider   string
	// By is who asks for the session, by Maker or in another lasting form. The sessions that one asker can
	// make the installation keep are bounded.
	By string
}

// Maker is a caller as sessions that it makes are counted for it: the principal with all its sessions,
// whatever their names.
func Maker(caller *auth.Caller) string {
	return caller.Account + "/" + roleID(caller.UserID)
}

// TransitiveTags are the tags of a caller's session that go on to the sessions which it makes.
func (d *Directory) TransitiveTags(caller *auth.Caller) (tags []Tag) {
	v, ok := d.held.Load(caller.AccessKeyID)
	if !ok || caller.Type != auth.AssumedRole || v.(*held).session == nil {
		return nil
	}
	session := v.(*held).session
	for _, t := range session.Tags {
		if slices.ContainsFunc(session.Transitive, func(key string) bool {
			return strings.EqualFold(key, t.Key)
		}) {
			tags = append(tags, t)
		}
	}
	return tags
}

// StartRoleSession makes a session of a role. Whether the caller may is decided before.
func (d *Directory) StartRoleSession(
	ctx context.Context, role *Principal, n RoleSession,
) (*Session, Credentials, error) {
	s := &Session{Account: role.Account, Principal: role.ID, Name: n.Name, RoleARN: role.ARN(),
		PolicyARNs: n.PolicyARNs, Transitive: n.Transitive, Provider: n.Provider,
		By: n.By}
	if n.Policy != "" {
		var err error
		if s.Policy, err = parseDocument(n.Policy, policy.Identity); err != nil {
			return nil, Credentials{}, err
		}
	}
	var err error
	if s.Tags, err = withTags(nil, n.Tags); err != nil {
		return nil, Credentials{}, err
	}
	return d.startSession(ctx, s, n.Duration)
}

// StartUserSession makes a session of a user or a root user, who has the same rights in it.
func (d *Directory) StartUserSession(
	ctx context.Context, caller *auth.Caller, duration time.Duration,
) (*Session, Credentials, error) {
	return d.startSession(ctx, &Session{Account: caller.Account, Principal: caller.UserID}, duration)
}

func (d *Directory) startSession(
	ctx context.Context, s *Session, duration time.Duration,
) (*Session, Credentials, error) {
	s.Issued = d.now()
	s.Expires = s.Issued.Add(duration)
	oldest, ok := d.sessions.add(s)
	if !ok {
		return nil, Credentials{}, refuse(LimitExceeded, "There are too many sessions. Try again when some "+
			"have expired.")
	}
	c, err := d.writeSession(ctx, s, oldest)
	if err != nil {
		d.sessions.drop(s)
		return nil, Credentials{}, err
	}
	return s, c, nil
}

// writeSession makes a session durable, in the place of the oldest one if that must go.
func (d *Directory) writeSession(ctx context.Context, s, oldest *Session) (c Credentials, err error) {
	if c.AccessKeyID, err = d.newKeyID(sessionPrefix); err != nil {
		return c, err
	}
	if c.Secret, err = newSecret(); err != nil {
		return c, err
	}
	if c.Token, err = newToken(); err != nil {
		return c, err
	}
	s.AccessKeyID = c.AccessKeyID
	if s.Sealed, err = d.seal(sealKindTemp, s.Account, s.AccessKeyID, c.Secret+"\x00"+c.Token); err != nil {
		return c, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return c, err
	}
	changes := map[string][]byte{sessionRecord(s): data}
	if oldest != nil {
		changes[sessionRecord(oldest)] = nil
	}
	if err := d.config.Records.Write(ctx, changes); err != nil {
		return c, fmt.Errorf("write the record of a session: %w", err)
	}
	d.hold(s, c.Secret, c.Token)
	if oldest != nil {
		d.forget(oldest.AccessKeyID)
		d.config.Log.Warn("a principal has as many sessions as one may have; its oldest has ended",
			"principal",
			oldest.maker(), "session", oldest.AccessKeyID)
	}
	return c, nil
}

func (d *Directory) hold(s *Session, secret, token string) {
	s.complete()
	d.held.Store(s.AccessKeyID, &held{
		account: s.Account, principal: s.Principal, id: s.AccessKeyID, secret: secret, token: token,
		session: s,
	})
}

// sweepSessions forgets sessions that ended long ago.
func (d *Directory) sweepSessions(ctx context.Context, now time.Time) {
	gone := map[string][]byte{}
	var ids []string
	d.held.Range(func(id, v any) bool {
		if s := v.(*held).session; s != nil && now.After(s.Expires.Add(remembered)) {
			gone[sessionRecord(s)] = nil
			ids = append(ids, id.(string))
		}
		return true
	})
	if len(ids) == 0 {
		return
	}
	if err := d.config.Records.Write(ctx, gone); err != nil {
		d.config.Log.Warn("sessions that ended could not be forgotten; it is tried again in an hour", "error",
			err)
		return
	}
	for _, id := range ids {
		d.forget(id)
	}
}

// forget lets go of a session whose record is gone.
func (d *Directory) forget(id string) {
	if v, ok := d.held.LoadAndDelete(id); ok {
		d.view(v.(*held).account).identities.Delete(id)
		d.sessions.drop(v.(*held).session)
	}
}
