package identity

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// snapshot is all that is known of an account at one moment. It is immutable once published, but for what it
// remembers of answers, which follow from the rest.
type snapshot struct {
	principals  map[string]*Principal // by unique id
	names       map[nameKey]*Principal
	policies    map[string]*Policy   // by ARN
	policyNames map[string]string    // in lower case → ARN
	providers   map[string]*Provider // by URL

	identities sync.Map // unique id of a user, or access key id of a session → *authorizer.Identity
	counting   sync.Once
	counts     map[string]Uses
}

type nameKey struct {
	kind Kind
	name string // in lower case
}

func lower(name string) string { return strings.ToLower(name) }

func newSnapshot() *snapshot {
	return &snapshot{
		principals: map[string]*Principal{}, names: map[nameKey]*Principal{},
		policies: map[string]*Policy{}, policyNames: map[string]string{}, providers: map[string]*Provider{},
	}
}

func (s *snapshot) clone() *snapshot {
	return &snapshot{
		principals: maps.Clone(s.principals), names: maps.Clone(s.names),
		policies: maps.Clone(s.policies), policyNames: maps.Clone(s.policyNames),
		providers: maps.Clone(s.providers),
	}
}

func (s *snapshot) enter(p *Principal) {
	p.complete()
	s.principals[p.ID] = p
	s.names[nameKey{p.Kind, lower(p.Name)}] = p
}

func (s *snapshot) leave(p *Principal) {
	delete(s.principals, p.ID)
	delete(s.names, nameKey{p.Kind, lower(p.Name)})
}

func (s *snapshot) enterPolicy(p *Policy) {
	s.policies[p.ARN()] = p
	s.policyNames[lower(p.Name)] = p.ARN()
}

func (s *snapshot) named(kind Kind, name string) (*Principal, error) {
	if p, ok := s.names[nameKey{kind, lower(name)}]; ok {
		return p, nil
	}
	return nil, noPrincipal(kind, name)
}

func (s *snapshot) count(kind Kind) int {
	n := 0
	for key := range s.names {
		if key.kind == kind {
			n++
		}
	}
	return n
}

// where is all principals that fit, by name.
func (s *snapshot) where(fits func(*Principal) bool) []*Principal {
	var found []*Principal
	for _, p := range s.principals {
		if fits(p) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *Principal) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)),
			strings.Compare(lower(a.Name), lower(b.Name)))
	})
	return found
}

// Uses says how often a managed policy is in use.
type Uses struct{ Attached, Boundary int }

func (s *snapshot) uses(policyARN string) Uses {
	s.counting.Do(func() {
		s.counts = map[string]Uses{}
		for _, p := range s.principals {
			for _, attached := range p.Attached {
				u := s.counts[attached]
				u.Attached++
				s.counts[attached] = u
			}
			if p.Boundary != "" {
				u := s.counts[p.Boundary]
				u.Boundary++
				s.counts[p.Boundary] = u
			}
		}
	})
	return s.counts[policyARN]
}

// Summary counts what an account has, and gives its quotas, in the names of GetAccountSummary.
func (d *Directory) Summary(account string) map[string]int64 {
	s := d.view(account)
	versions := 0
	for _, p := range s.policies {
		versions += len(p.Versions)
	}
	return map[string]int64{
		"Users": int64(s.count(User)), "UsersQuota": maxUsers, "Roles": int64(s.count(Role)),
		"RolesQuota": maxRoles,
		"Groups":     int64(s.count(Group)), "GroupsQuota": maxGroups, "Policies": int64(len(s.policies)),
		"PoliciesQuota":       maxPolicies,
		"PolicyVersionsInUse": int64(versions), "VersionsPerPolicyQuota": maxVersions,
		"PolicySizeQuota":        maxManagedSize,
		"AccessKeysPerUserQuota": maxKeys, "GroupsPerUserQuota": maxGroupsOfUser,
		"AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached,
		"AttachedPoliciesPerGroupQuota": maxAttached, "AssumeRolePolicySizeQuota": maxTrustSize,
		"UserPolicySizeQuota": int64(User.inlineQuota()), "RolePolicySizeQuota": int64(Role.inlineQuota()),
		"GroupPolicySizeQuota":     int64(Group.inlineQuota()),
		"PolicyVersionsInUseQuota": maxPolicies * maxVersions,
		"Providers":                int64(len(s.providers)),
	}
}
