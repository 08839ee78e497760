package identity

import (
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
)

// Kind is what a principal is. Groups cannot call, but have policies as the others.
type Kind string

// The kinds, in the words of ARNs.
const (
	User  Kind = "user"
	Role  Kind = "role"
	Group Kind = "group"
)

// idPrefix is how unique ids begin ("IAM identifiers").
func (k Kind) idPrefix() string {
	switch k {
	case User:
		return "AIDA"
	case Role:
		return "AROA"
	}
	return "AGPA"
}

// title is the kind at the beginning of a sentence.
func (k Kind) title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// The quotas ("IAM and AWS STS quotas"), those that can be raised as they are at first.
const (
	maxUsers, maxRoles, maxGroups, maxPolicies = 5000, 1000, 300, 1500

	maxAttached, maxGroupsOfUser, maxKeys, maxVersions, maxTags = 10, 10, 2, 5, 50

	maxManagedSize, maxTrustSize = 6144, 2048

	defaultSession = time.Hour
)

// quota is how many principals of a kind an account may have, and what IAM calls that.
func (k Kind) quota() (limit int, name string) {
	switch k {
	case User:
		return maxUsers, "UsersPerAccount"
	case Role:
		return maxRoles, "RolesPerAccount"
	}
	return maxGroups, "GroupsPerAccount"
}

// inlineQuota is how long all inline policies of a principal may be together.
func (k Kind) inlineQuota() int {
	switch k {
	case User:
		return 2048
	case Role:
		return 10240
	}
	return 5120
}

// Tag is a tag.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Inline is a policy that belongs to one principal alone.
type Inline struct {
	Name     string   `json:"name"`
	Document Document `json:"document"`
}

// Principal is a user, a role or a group. It is immutable once published: share it freely, and never write to
// its slices.
type Principal struct {
	Kind     Kind      `json:"kind"`
	Account  string    `json:"account"`
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	Created  time.Time `json:"created"`
	Tags     []Tag     `json:"tags,omitempty"`     // in the order in which they came
	Inline   []Inline  `json:"inline,omitempty"`   // by name
	Attached []string  `json:"attached,omitempty"` // ARNs of managed policies, in order of attachment
	Boundary string    `json:"boundary,omitempty"` // the ARN of a managed policy; not of groups

	Groups []string    `json:"groups,omitempty"` // of a user: unique ids
	Keys   []AccessKey `json:"keys,omitempty"`   // of a user

	Trust       Document      `json:"trust,omitzero"` // of a role
	Description string        `json:"description,omitempty"`
	MaxSession  time.Duration `json:"maxSession,omitempty"`

	caller *auth.Caller // of a user
}

// ARN names the principal.
func (p *Principal) ARN() string { return NameARN(p.Account, p.Kind, p.Path, p.Name) }

// NameARN is the ARN of a principal of this kind, path and name.
func NameARN(account string, kind Kind, path, name string) string {
	return arn.New("iam", "", account, string(kind)+path+name).String()
}

// InlinePolicy finds an inline policy.
func (p *Principal) InlinePolicy(name string) (*Inline, error) {
	for i := range p.Inline {
		if strings.EqualFold(p.Inline[i].Name, name) {
			return &p.Inline[i], nil
		}
	}
	return nil, refuse(NoSuchEntity, "The %s policy with name %s cannot be found.", p.Kind, name)
}

// complete fills in what follows from the rest.
func (p *Principal) complete() {
	if p.Kind == User {
		p.caller = &auth.Caller{Type: auth.IAMUser, Account: p.Account, ARN: p.ARN(), UserID: p.ID}
	}
}

// removable says why a principal cannot be deleted yet.
func (p *Principal) removable() error {
	switch {
	case len(p.Attached) > 0:
		return refuse(DeleteConflict, "Cannot delete entity, must detach all policies first.")
	case len(p.Inline) > 0:
		return refuse(DeleteConflict, "Cannot delete entity, must delete policies first.")
	case len(p.Keys) > 0:
		return refuse(DeleteConflict, "Cannot delete entity, must delete access keys first.")
	case len(p.Groups) > 0:
		return refuse(DeleteConflict, "Cannot delete entity, must remove users from group first.")
	}
	return nil
}

// withTags is tags with more of them, each key once.
func withTags(tags, more []Tag) ([]Tag, error) {
	tags = slices.Clone(tags)
	for i, t := range more {
		if slices.ContainsFunc(more[:i], func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }) {
			return nil, refuse(InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case "+
				"insensitive.")
		}
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, refuse(InvalidInput, "Tag keys must not start with aws:, which is reserved.")
		}
		at := slices.IndexFunc(tags, func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) })
		if at >= 0 {
			tags[at] = t
		} else {
			tags = append(tags, t)
		}
	}
	if len(tags) > maxTags {
		return nil, refuse(LimitExceeded, "The number of tags has reached the maximum limit.")
	}
	return tags, nil
}

func withoutTags(tags []Tag, keys []string) []Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return strings.EqualFold(key, t.Key) })
	})
}
