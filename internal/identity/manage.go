package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Find is the principal with this name.
func (d *Directory) Find(account string, kind Kind, name string) (*Principal, error) {
	return d.view(account).named(kind, name)
}

// FindARN is the principal of this kind with exactly this ARN.
func (d *Directory) FindARN(kind Kind, name string) (*Principal, error) {
	a, ok := arn.Parse(name)
	path, is := a.Child(string(kind))
	last := path[strings.LastIndexByte(path, '/')+1:]
	if ok && is && a.Service == "iam" {
		if p, err := d.Find(a.Account, kind, last); err == nil && p.ARN() == name {
			return p, nil
		}
	}
	return nil, noPrincipal(kind, last)
}

// List is the principals of a kind whose path begins with prefix, by name.
func (d *Directory) List(account string, kind Kind, prefix string) []*Principal {
	return d.view(account).where(func(p *Principal) bool {
		return p.Kind == kind && strings.HasPrefix(p.Path, prefix)
	})
}

// Exists says whether an ARN names a user, a role, or a session that a role of this installation could have.
func (d *Directory) Exists(name string) bool {
	a, ok := arn.Parse(name)
	if !ok {
		return false
	}
	if a.Service == "sts" {
		session, is := a.Child("assumed-role")
		role, _, _ := strings.Cut(session, "/")
		_, err := d.Find(a.Account, Role, role)
		return is && err == nil
	}
	kind, _, _ := strings.Cut(a.Resource, "/")
	if Kind(kind) != User && Kind(kind) != Role {
		return false
	}
	_, err := d.FindARN(Kind(kind), name)
	return err == nil
}

// New is a principal to be made.
type New struct {
	Kind        Kind
	Account     string
	Name, Path  string
	Tags        []Tag
	Boundary    string
	Trust       string // of a role
	Description string
	MaxSession  time.Duration
}

// Create makes a principal.
func (d *Directory) Create(ctx context.Context, n New) (*Principal, error) {
	p := &Principal{
		Kind: n.Kind, Account: n.Account, Name: n.Name, Path: n.Path, Boundary: n.Boundary,
		Description: n.Description,
		MaxSession:  n.MaxSession, Created: d.now(),
	}
	if p.Path == "" {
		p.Path = "/"
	}
	if n.Kind == Role {
		if err := d.makeRole(p, n.Trust); err != nil {
			return nil, err
		}
	}
	var err error
	if p.Tags, err = withTags(nil, n.Tags); err != nil {
		return nil, err
	}
	if p.ID, err = newUniqueID(n.Kind.idPrefix()); err != nil {
		return nil, err
	}
	err = d.change(ctx, n.Account, func(t *draft) error {
		if err := d.mayCreate(t, p); err != nil {
			return err
		}
		return t.put(p)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (d *Directory) makeRole(p *Principal, trust string) (err error) {
	if p.MaxSession == 0 {
		p.MaxSession = defaultSession
	}
	p.Trust, err = d.newTrust(trust)
	return err
}

func (d *Directory) newTrust(text string) (Document, error) {
	if len(text) > maxTrustSize*2 { // white space counts for nothing, but is not for free
		return Document{}, refuse(LimitExceeded, "Cannot exceed quota for ACLSizePerRole: %d", maxTrustSize)
	}
	doc, err := d.parseTrust(text)
	if err == nil && doc.size() > maxTrustSize {
		err = refuse(LimitExceeded, "Cannot exceed quota for ACLSizePerRole: %d", maxTrustSize)
	}
	return doc, err
}

func (d *Directory) mayCreate(t *draft, p *Principal) error {
	if err := t.nameFree(p.Kind, p.Name); err != nil {
		return err
	}
	if limit, name := p.Kind.quota(); t.count(p.Kind) >= limit {
		return refuse(LimitExceeded, "Cannot exceed quota for %s: %d", name, limit)
	}
	if p.Boundary != "" {
		return d.attachable(t.snapshot, p.Boundary)
	}
	return nil
}

func (s *snapshot) nameFree(kind Kind, name string) error {
	if _, taken := s.names[nameKey{kind, lower(name)}]; taken {
		return refuse(AlreadyExists, "%s with name %s already exists.", kind.title(), name)
	}
	return nil
}

// Move gives a user or a group another name, another path, or both; what is empty stays.
func (d *Directory) Move(ctx context.Context, p *Principal, name, path string) error {
	from, to := p.ARN(), ""
	err := d.editPrincipal(ctx, p, func(t *draft, next *Principal) error {
		from = next.ARN()
		if name != "" && name != next.Name {
			if lower(name) != lower(next.Name) {
				if err := t.nameFree(next.Kind, name); err != nil {
					return err
				}
			}
			next.Name = name
		}
		if path != "" {
			next.Path = path
		}
		to = next.ARN()
		return t.rename(from, to)
	})
	if err != nil || from == to {
		return err
	}
	return d.renameElsewhere(ctx, p.Account, from, to)
}

// Delete removes a principal that has nothing any more. Trust policies that named it name its unique id from
// then on.
func (d *Directory) Delete(ctx context.Context, p *Principal) error {
	err := d.change(ctx, p.Account, func(t *draft) error {
		current, err := t.same(p)
		if err == nil {
			err = current.removable()
		}
		if err != nil {
			return err
		}
		if p.Kind == Group && len(t.members(p.ID)) > 0 {
			return refuse(DeleteConflict, "Cannot delete entity, must remove users from group first.")
		}
		t.remove(current)
		t.records[useRecord(current.ID)] = nil
		return t.rename(current.ARN(), current.ID)
	})
	if err != nil {
		return err
	}
	d.uses.Delete(p.ID)
	return d.renameElsewhere(ctx, p.Account, p.ARN(), p.ID)
}

// rename lets the trust policies of the account follow a principal.
func (t *draft) rename(from, to string) error {
	if from == to {
		return nil
	}
	for _, role := range t.where(func(p *Principal) bool { return p.Kind == Role }) {
		trust, ok := role.Trust.renamed(from, to)
		if !ok {
			continue
		}
		next := *role
		next.Trust = trust
		if err := t.put(&next); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) renameElsewhere(ctx context.Context, account, from, to string) (err error) {
	d.accounts.Range(func(id, _ any) bool {
		if id != account {
			err = d.change(ctx, id.(string), func(t *draft) error { return t.rename(from, to) })
		}
		return err == nil
	})
	return err
}

// SetRole changes what a role says of itself; nil stays.
func (d *Directory) SetRole(
	ctx context.Context, p *Principal, description *string, maxSession *time.Duration,
) error {
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		if description != nil {
			next.Description = *description
		}
		if maxSession != nil {
			next.MaxSession = *maxSession
		}
		return nil
	})
}

// SetTrust says who may assume a role.
func (d *Directory) SetTrust(ctx context.Context, p *Principal, text string) error {
	doc, err := d.newTrust(text)
	if err != nil {
		return err
	}
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		next.Trust = doc
		return nil
	})
}

// PutInline gives a principal a policy of its own, or replaces one.
func (d *Directory) PutInline(ctx context.Context, p *Principal, name, text string) error {
	doc, err := parseDocument(text, policy.Identity)
	if err != nil {
		return err
	}
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		kept := slices.DeleteFunc(slices.Clone(next.Inline),
			func(o Inline) bool { return strings.EqualFold(o.Name, name) })
		next.Inline = append(kept, Inline{Name: name, Document: doc})
		slices.SortFunc(next.Inline, func(a, b Inline) int {
			return strings.Compare(lower(a.Name), lower(b.Name))
		})
		total := 0
		for i := range next.Inline {
			total += next.Inline[i].Document.size()
		}
		if limit := next.Kind.inlineQuota(); total > limit {
			return refuse(LimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", limit,
				next.Kind, next.Name)
		}
		return nil
	})
}

// DeleteInline takes a policy of its own from a principal.
func (d *Directory) DeleteInline(ctx context.Context, p *Principal, name string) error {
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		if _, err := next.InlinePolicy(name); err != nil {
			return err
		}
		next.Inline = slices.DeleteFunc(slices.Clone(next.Inline),
			func(o Inline) bool { return strings.EqualFold(o.Name, name) })
		return nil
	})
}

// Attach lets a managed policy apply to a principal. Once is enough.
func (d *Directory) Attach(ctx context.Context, p *Principal, policyARN string) error {
	return d.editPrincipal(ctx, p, func(t *draft, next *Principal) error {
		if err := d.attachable(t.snapshot, policyARN); err != nil {
			return err
		}
		if slices.Contains(next.Attached, policyARN) {
			return nil
		}
		if len(next.Attached) >= maxAttached {
			return refuse(LimitExceeded, "Cannot exceed quota for PoliciesPer%s: %d", next.Kind.title(),
				maxAttached)
		}
		next.Attached = append(slices.Clip(next.Attached), policyARN)
		return nil
	})
}

// Detach ends that a managed policy applies to a principal.
func (d *Directory) Detach(ctx context.Context, p *Principal, policyARN string) error {
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		at := slices.Index(next.Attached, policyARN)
		if at < 0 {
			return noPolicy(policyARN)
		}
		next.Attached = slices.Delete(slices.Clone(next.Attached), at, at+1)
		return nil
	})
}

// SetBoundary limits a user or a role by a managed policy; an empty ARN takes the limit away.
func (d *Directory) SetBoundary(ctx context.Context, p *Principal, policyARN string) error {
	return d.editPrincipal(ctx, p, func(t *draft, next *Principal) error {
		if policyARN == "" && next.Boundary == "" {
			return refuse(NoSuchEntity, "The %s with name %s does not have a permissions boundary.",
				next.Kind, next.Name)
		}
		if policyARN != "" {
			if err := d.attachable(t.snapshot, policyARN); err != nil {
				return err
			}
		}
		next.Boundary = policyARN
		return nil
	})
}

// Tag adds or replaces tags of a principal.
func (d *Directory) Tag(ctx context.Context, p *Principal, tags []Tag) error {
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) (err error) {
		next.Tags, err = withTags(next.Tags, tags)
		return err
	})
}

// Untag removes tags of a principal.
func (d *Directory) Untag(ctx context.Context, p *Principal, keys []string) error {
	return d.editPrincipal(ctx, p, func(_ *draft, next *Principal) error {
		next.Tags = withoutTags(next.Tags, keys)
		return nil
	})
}

// Join makes a user a member of a group. Once is enough.
func (d *Directory) Join(ctx context.Context, user, group *Principal) error {
	return d.editPrincipal(ctx, user, func(t *draft, next *Principal) error {
		if _, err := t.same(group); err != nil {
			return err
		}
		if slices.Contains(next.Groups, group.ID) {
			return nil
		}
		if len(next.Groups) >= maxGroupsOfUser {
			return refuse(LimitExceeded, "Cannot exceed quota for GroupsPerUser: %d", maxGroupsOfUser)
		}
		next.Groups = append(slices.Clip(next.Groups), group.ID)
		return nil
	})
}

// Leave ends a user's membership of a group.
func (d *Directory) Leave(ctx context.Context, user, group *Principal) error {
	return d.editPrincipal(ctx, user, func(_ *draft, next *Principal) error {
		at := slices.Index(next.Groups, group.ID)
		if at < 0 {
			return refuse(NoSuchEntity, "The user with name %s cannot be found.", user.Name)
		}
		next.Groups = slices.Delete(slices.Clone(next.Groups), at, at+1)
		return nil
	})
}

func (s *snapshot) members(groupID string) []*Principal {
	return s.where(func(p *Principal) bool { return slices.Contains(p.Groups, groupID) })
}

// Members are the users in a group, by name.
func (d *Directory) Members(group *Principal) []*Principal {
	return d.view(group.Account).members(group.ID)
}

// GroupsOf are the groups of a user, by name.
func (d *Directory) GroupsOf(user *Principal) []*Principal {
	return d.view(user.Account).where(func(p *Principal) bool {
		return p.Kind == Group && slices.Contains(user.Groups, p.ID)
	})
}
