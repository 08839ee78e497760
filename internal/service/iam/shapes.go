package iam

import (
	"net/url"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
)

// encoded is a policy document as answers carry it: percent-encoded (RFC 3986).
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func tagsOf(tags []identity.Tag) []iamapi.Tag {
	if len(tags) == 0 {
		return nil
	}
	return each(tags, func(t identity.Tag) iamapi.Tag { return iamapi.Tag{Key: &t.Key, Value: &t.Value} })
}

func readTags(tags []iamapi.Tag) []identity.Tag {
	return each(tags, func(t iamapi.Tag) identity.Tag {
		return identity.Tag{Key: api.Text(t.Key), Value: api.Text(t.Value)}
	})
}

func boundaryOf(policyARN string) *iamapi.AttachedPermissionsBoundary {
	if policyARN == "" {
		return nil
	}
	return &iamapi.AttachedPermissionsBoundary{PermissionsBoundaryArn: &policyARN,
		PermissionsBoundaryType: new("Policy")}
}

// listedUser is a user in a list, which has no tags and no boundary there.
func listedUser(p *identity.Principal) iamapi.User {
	return iamapi.User{Arn: new(p.ARN()), CreateDate: new(p.Created), Path: new(p.Path), UserId: new(p.ID),
		UserName: new(p.Name)}
}

func user(p *identity.Principal) *iamapi.User {
	u := listedUser(p)
	u.Tags, u.PermissionsBoundary = tagsOf(p.Tags), boundaryOf(p.Boundary)
	return &u
}

func group(p *identity.Principal) iamapi.Group {
	return iamapi.Group{Arn: new(p.ARN()), CreateDate: new(p.Created), Path: new(p.Path), GroupId: new(p.ID),
		GroupName: new(p.Name)}
}

// listedRole is a role in a list.
func listedRole(p *identity.Principal) iamapi.Role {
	r := iamapi.Role{
		Arn: new(p.ARN()), CreateDate: new(p.Created), Path: new(p.Path), RoleId: new(p.ID),
		RoleName:                 new(p.Name),
		AssumeRolePolicyDocument: encoded(p.Trust.Text),
		MaxSessionDuration:       new(int64(p.MaxSession / time.Second)),
	}
	if p.Description != "" {
		r.Description = new(p.Description)
	}
	return r
}

// role is all of a role. lastUsed is there even if it never was used, and empty then.
func (s *Service) role(p *identity.Principal) *iamapi.Role {
	r := listedRole(p)
	r.Tags = tagsOf(p.Tags)
	r.PermissionsBoundary = boundaryOf(
		p.Boundary,
	)
	r.RoleLastUsed = &iamapi.RoleLastUsed{}
	if use, ok := s.directory.LastUse(p.ID); ok {
		r.RoleLastUsed = &iamapi.RoleLastUsed{LastUsedDate: &use.Time, Region: &use.Region}
	}
	return &r
}

// madeRole is a role in the answers to the calls that make one or change its description: IAM says neither
// how long sessions may last there nor when it was last used.
func madeRole(p *identity.Principal) *iamapi.Role {
	r := listedRole(p)
	r.MaxSessionDuration = nil
	r.Tags, r.PermissionsBoundary = tagsOf(p.Tags), boundaryOf(p.Boundary)
	return &r
}

// listedPolicy is a managed policy in a list, which has no description and no tags there.
func (s *Service) listedPolicy(account string, p *identity.Policy) iamapi.Policy {
	uses := s.directory.UsesOf(account, p.ARN())
	return iamapi.Policy{
		Arn: new(p.ARN()), AttachmentCount: new(int64(uses.Attached)), CreateDate: new(p.Created),
		DefaultVersionId: new(p.Default),
		IsAttachable:     new(true), Path: new(p.Path),
		PermissionsBoundaryUsageCount: new(int64(uses.Boundary)), PolicyId: new(p.ID),
		PolicyName: new(p.Name), UpdateDate: new(p.Updated),
	}
}

func (s *Service) policy(account string, p *identity.Policy) *iamapi.Policy {
	out := s.listedPolicy(account, p)
	out.Tags = tagsOf(p.Tags)
	if p.Description != "" {
		out.Description = new(p.Description)
	}
	return &out
}

func version(p *identity.Policy, v *identity.Version) *iamapi.PolicyVersion {
	return &iamapi.PolicyVersion{CreateDate: new(v.Created), IsDefaultVersion: new(v.ID == p.Default),
		VersionId: new(v.ID)}
}

func byName(p *identity.Principal) string { return strings.ToLower(p.Name) }
