package identity

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Policy is a managed policy. It is immutable once published.
type Policy struct {
	Account     string    `json:"account"` // "aws" for those of AWS
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Tags        []Tag     `json:"tags,omitempty"`
	Versions    []Version `json:"versions"` // the oldest first
	Default     string    `json:"default"`
	Last        int       `json:"last"` // the number of the newest version that there was
}

// Version is one version of a managed policy.
type Version struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Document Document  `json:"document"`
}

// awsAccount stands in the ARNs of AWS's own policies.
const awsAccount = "aws"

// PolicyARN is the ARN of a managed policy.
func PolicyARN(account, path, name string) string {
	return arn.New("iam", "", account, "policy"+path+name).String()
}

// ARN names the policy.
func (p *Policy) ARN() string { return PolicyARN(p.Account, p.Path, p.Name) }

// AWSManaged says whether the policy is one of AWS's own, which nobody can change.
func (p *Policy) AWSManaged() bool { return p.Account == awsAccount }

// Version finds a version.
func (p *Policy) Version(id string) (*Version, error) {
	for i := range p.Versions {
		if p.Versions[i].ID == id {
			return &p.Versions[i], nil
		}
	}
	return nil, refuse(NoSuchEntity, "Policy %s version %s does not exist or is not attachable.", p.ARN(), id)
}

// compiled is the default version, to decide by.
func (p *Policy) compiled() *policy.Policy {
	if v, err := p.Version(p.Default); err == nil && v.Document.compiled != nil {
		return v.Document.compiled
	}
	return denyAll(policy.Identity)
}

//go:embed awspolicies.json
var awsPolicies []byte

// catalogue is AWS's own policies, as the "AWS Managed Policy Reference Guide" prints them.
type catalogue struct {
	byARN map[string]*Policy
	all   []*Policy // by name
}

func newCatalogue(content []byte) (*catalogue, error) {
	var entries []struct {
		Name, Path, Version string
		Created, Updated    time.Time
		Document            json.RawMessage
	}
	if err := json.Unmarshal(content, &entries); err != nil {
		return nil, fmt.Errorf("AWS's managed policies: %w", err)
	}
	c := &catalogue{byARN: map[string]*Policy{}}
	for _, e := range entries {
		doc, err := parseDocument(string(e.Document), policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("AWS's managed policy %s: %w", e.Name, err)
		}
		p := &Policy{
			Account: awsAccount, Name: e.Name, Path: e.Path, Created: e.Created, Updated: e.Updated,
			Default:  e.Version,
			Versions: []Version{{ID: e.Version, Created: e.Updated, Document: doc}},
		}
		p.ID = idFrom(policyPrefix, p.ARN())
		c.byARN[p.ARN()] = p
		c.all = append(c.all, p)
	}
	slices.SortFunc(c.all, func(a, b *Policy) int { return strings.Compare(lower(a.Name), lower(b.Name)) })
	return c, nil
}

// policyIn finds a policy of the account or of AWS.
func (d *Directory) policyIn(s *snapshot, policyARN string) (*Policy, bool) {
	if p, ok := s.policies[policyARN]; ok {
		return p, true
	}
	if strings.HasPrefix(policyARN, "arn:"+arn.Partition+":iam::"+awsAccount+":") {
		p, ok := d.awsOwned.byARN[policyARN]
		return p, ok
	}
	return nil, false
}

func (d *Directory) attachable(s *snapshot, policyARN string) error {
	if _, ok := arn.Parse(policyARN); !ok {
		return refuse(Invalid, "ARN %s is not valid.", policyARN)
	}
	if _, ok := d.policyIn(s, policyARN); !ok {
		return notAttachable(policyARN)
	}
	return nil
}

// Policy finds a managed policy that the account can use.
func (d *Directory) Policy(account, policyARN string) (*Policy, error) {
	if p, ok := d.policyIn(d.view(account), policyARN); ok {
		return p, nil
	}
	return nil, noPolicy(policyARN)
}

// Policies are the managed policies of the account, of AWS, or both, by name.
func (d *Directory) Policies(account string, own, aws bool) []*Policy {
	var list []*Policy
	if own {
		for _, p := range d.view(account).policies {
			list = append(list, p)
		}
	}
	if aws {
		list = append(list, d.awsOwned.all...)
	}
	slices.SortFunc(list, func(a, b *Policy) int {
		return cmp.Or(strings.Compare(lower(a.Name), lower(b.Name)), strings.Compare(a.ARN(), b.ARN()))
	})
	return list
}

// UsesOf says how often the account uses a managed policy.
func (d *Directory) UsesOf(account, policyARN string) Uses { return d.view(account).uses(policyARN) }

// EntitiesOf are the principals of the account that a managed policy is attached to, or whose boundary it is;
// by kind and name.
func (d *Directory) EntitiesOf(account, policyARN string, attached, boundary bool) []*Principal {
	return d.view(account).where(func(p *Principal) bool {
		return attached && slices.Contains(p.Attached, policyARN) || boundary && p.Boundary == policyARN
	})
}

// NewPolicy is a managed policy to be made.
type NewPolicy struct {
	Account, Name, Path, Description, Document string
	Tags                                       []Tag
}

func managedDocument(text string) (Document, error) {
	doc, err := parseDocument(text, policy.Identity)
	if err == nil && doc.size() > maxManagedSize {
		err = refuse(LimitExceeded, "Cannot exceed quota for PolicySize: %d", maxManagedSize)
	}
	return doc, err
}

// CreatePolicy makes a managed policy.
func (d *Directory) CreatePolicy(ctx context.Context, n NewPolicy) (*Policy, error) {
	now := d.now()
	p := &Policy{
		Account: n.Account, Name: n.Name, Path: n.Path, Description: n.Description, Created: now,
		Updated: now, Default: "v1", Last: 1,
	}
	if p.Path == "" {
		p.Path = "/"
	}
	doc, err := managedDocument(n.Document)
	if err != nil {
		return nil, err
	}
	p.Versions = []Version{{ID: "v1", Created: now, Document: doc}}
	if p.Tags, err = withTags(nil, n.Tags); err != nil {
		return nil, err
	}
	if p.ID, err = newUniqueID(policyPrefix); err != nil {
		return nil, err
	}
	err = d.change(ctx, n.Account, func(t *draft) error {
		if _, taken := t.policyNames[lower(p.Name)]; taken {
			return refuse(AlreadyExists, "A policy called %s already exists. Duplicate names are not "+
				"allowed.", p.Name)
		}
		if len(t.policies) >= maxPolicies {
			return refuse(LimitExceeded, "Cannot exceed quota for PoliciesPerAccount: %d", maxPolicies)
		}
		return t.putPolicy(p)
	})
	return p, err
}

// editPolicy changes a policy of an account. edit gets a shallow copy, as for principals.
func (d *Directory) editPolicy(
	ctx context.Context, p *Policy, edit func(t *draft, next *Policy) error,
) error {
	if p.AWSManaged() {
		return refuse(InvalidInput, "Policy %s is managed by AWS and cannot be changed.", p.ARN())
	}
	return d.change(ctx, p.Account, func(t *draft) error {
		current, ok := t.policies[p.ARN()]
		if !ok || current.ID != p.ID {
			return noPolicy(p.ARN())
		}
		next := *current
		if err := edit(t, &next); err != nil {
			return err
		}
		return t.putPolicy(&next)
	})
}

// DeletePolicy removes a policy that nobody uses and that has one version.
func (d *Directory) DeletePolicy(ctx context.Context, p *Policy) error {
	if p.AWSManaged() {
		return refuse(InvalidInput, "Policy %s is managed by AWS and cannot be changed.", p.ARN())
	}
	return d.change(ctx, p.Account, func(t *draft) error {
		current, ok := t.policies[p.ARN()]
		if !ok || current.ID != p.ID {
			return noPolicy(p.ARN())
		}
		if t.uses(p.ARN()) != (Uses{}) {
			return refuse(DeleteConflict, "Cannot delete a policy attached to entities.")
		}
		if len(current.Versions) > 1 {
			return refuse(DeleteConflict, "This policy has more than one version. Before you delete a "+
				"policy, you must delete the "+
				"policy's versions. The default version is deleted with the policy.")
		}
		t.removePolicy(current)
		return nil
	})
}

// AddVersion gives a policy another version, and lets it take effect if it is to be the default.
func (d *Directory) AddVersion(
	ctx context.Context, p *Policy, text string, asDefault bool,
) (v Version, err error) {
	doc, err := managedDocument(text)
	if err != nil {
		return Version{}, err
	}
	err = d.editPolicy(ctx, p, func(_ *draft, next *Policy) error {
		if len(next.Versions) >= maxVersions {
			return refuse(LimitExceeded, "A managed policy can have up to %d versions. Before you create a "+
				"new version, you must "+
				"delete an existing version.", maxVersions)
		}
		next.Last++
		next.Updated = d.now()
		v = Version{ID: "v" + strconv.Itoa(next.Last), Created: next.Updated, Document: doc}
		next.Versions = append(slices.Clip(next.Versions), v)
		if asDefault {
			next.Default = v.ID
		}
		return nil
	})
	return v, err
}

// SetDefaultVersion lets another version take effect.
func (d *Directory) SetDefaultVersion(ctx context.Context, p *Policy, id string) error {
	return d.editPolicy(ctx, p, func(_ *draft, next *Policy) error {
		if _, err := next.Version(id); err != nil {
			return err
		}
		next.Default, next.Updated = id, d.now()
		return nil
	})
}

// DeleteVersion removes a version that is not in effect.
func (d *Directory) DeleteVersion(ctx context.Context, p *Policy, id string) error {
	return d.editPolicy(ctx, p, func(_ *draft, next *Policy) error {
		if _, err := next.Version(id); err != nil {
			return err
		}
		if next.Default == id {
			return refuse(DeleteConflict, "Cannot delete the default version of a policy.")
		}
		next.Versions = slices.DeleteFunc(slices.Clone(next.Versions),
			func(v Version) bool { return v.ID == id })
		return nil
	})
}

// TagPolicy adds or replaces tags of a policy.
func (d *Directory) TagPolicy(ctx context.Context, p *Policy, tags []Tag) error {
	return d.editPolicy(ctx, p, func(_ *draft, next *Policy) (err error) {
		next.Tags, err = withTags(next.Tags, tags)
		return err
	})
}

// UntagPolicy removes tags of a policy.
func (d *Directory) UntagPolicy(ctx context.Context, p *Policy, keys []string) error {
	return d.editPolicy(ctx, p, func(_ *draft, next *Policy) error {
		next.Tags = withoutTags(next.Tags, keys)
		return nil
	})
}
