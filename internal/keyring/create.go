package keyring

import (
	"context"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// maxKeys is how many keys an account may have in a Region ("Resource quotas" in the AWS KMS Developer
// Guide).
const maxKeys = 100_000

// NewKey is what Create makes a key of. Empty members take the defaults of CreateKey.
type NewKey struct {
	Scope       Scope
	Spec        Spec
	Usage       Usage
	Origin      Origin
	Description string
	Policy      string // empty: DefaultPolicy
	Tags        []Tag
	MultiRegion bool
}

// Create makes a customer managed key.
func (k *Keyring) Create(ctx context.Context, n NewKey) (*Key, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if n.Policy == "" {
		n.Policy = DefaultPolicy(n.Scope.Account)
	}
	tags, err := mergeTags(nil, n.Tags)
	if err != nil {
		return nil, err
	}
	m := &Metadata{
		Scope: n.Scope, ID: newKeyID(n.MultiRegion), Description: n.Description, Manager: ManagedByCustomer,
		Policy: n.Policy, Tags: tags, Spec: n.Spec, Usage: n.Usage, Origin: n.Origin,
	}
	if n.MultiRegion {
		m.MultiRegion = &MultiRegion{Primary: n.Scope.Region}
	}
	var made fresh
	if n.Origin == OriginKMS {
		if made, err = k.newMaterial(ctx, n.Spec); err != nil {
			return nil, err
		}
	}
	r := k.region(n.Scope)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.roomForKey(); err != nil {
		made.bare.Destroy()
		return nil, err
	}
	return k.create(ctx, m, made)
}

func (r *region) roomForKey() error {
	if r.keyNames.len() >= maxKeys {
		return fail(LimitExceeded, "You have reached the quota of %d keys in this Region.", maxKeys)
	}
	return nil
}

// Check says whether the service makes keys of this kind.
func (n *NewKey) Check() error {
	if n.Spec == "" {
		n.Spec = Symmetric
	}
	if n.Usage == "" {
		if n.Spec != Symmetric {
			return fail(Invalid, "You must specify a KeyUsage value for all KMS keys except for symmetric "+
				"encryption keys.")
		}
		n.Usage = EncryptDecrypt
	}
	if !n.Spec.fits(n.Usage) {
		return fail(Invalid, "KeyUsage %s is not compatible with KeySpec %s", n.Usage, n.Spec)
	}
	if !n.Spec.made() {
		return fail(Unsupported, "KeySpec %s is not supported by this installation.", n.Spec)
	}
	if n.Origin == "" {
		n.Origin = OriginKMS
	}
	if n.Origin != OriginKMS && n.Origin != OriginExternal {
		return fail(Unsupported, "Origin %s is not supported: this installation makes keys of origin "+
			"AWS_KMS and EXTERNAL.", n.Origin)
	}
	return nil
}

// create gives m its first version, writes it down and enters it: the material first, marked as unborn, then
// the record, which is what makes the key exist. A key whose material is to be imported has none yet. On
// failure made is destroyed. The caller holds the region's mu.
func (k *Keyring) create(ctx context.Context, m *Metadata, made fresh, more ...Change) (*Key, error) {
	now := k.config.Clock.Now().Truncate(time.Millisecond)
	m.Format = metadataFormat
	m.Created = now
	m.State = Enabled
	m.arn = m.Scope.KeyARN(m.ID)
	if m.Manager != ManagedByCustomer {
		m.Rotation = Rotation{Enabled: true, Period: DefaultRotationPeriod,
			Next: now.AddDate(0, 0, DefaultRotationPeriod)}
	}
	if err := m.compile(); err != nil {
		made.bare.Destroy()
		return nil, err
	}
	if m.Origin == OriginExternal {
		m.State = PendingImport
		return k.born(ctx, m, nil, more)
	}
	version, backing, err := k.version(m, made, now)
	if err != nil {
		return nil, err
	}
	m.Versions = []Version{{MaterialID: version.MaterialID, Created: now, Public: made.public}}
	file := &MaterialFile{KeyID: m.ID, Spec: m.Spec, Versions: []MaterialVersion{version}}
	if err := k.store.writeUnborn(file); err != nil {
		backing.forget()
		return nil, err
	}
	return k.born(ctx, m, backing, more)
}

// born writes the record of a key whose material, if it has any, is on disk. If that fails the outcome may be
// uncertain: the file stays as it is, and the next start decides.
func (k *Keyring) born(ctx context.Context, m *Metadata, backing *backingKey, more []Change) (*Key, error) {
	record, err := m.record()
	if err == nil {
		err = k.config.Records.Write(ctx, append(more, record)...)
	}
	if err != nil {
		if backing != nil {
			backing.forget()
		}
		return nil, fmt.Errorf("write the record of new key %s: %w", m.ID, err)
	}
	if backing != nil {
		if err := k.store.born(m.ID); err != nil {
			k.config.Log.Warn("the material of a new key stays marked as new until the next start", "key",
				m.arn, "error", err)
		}
		k.backing.store(backing.id, backing)
		m.backing = []*backingKey{backing}
	}
	key := newKey(m)
	k.enter(key)
	k.show(key, m)
	return key, nil
}

// compile readies the policy of m to be evaluated. Its error is a *policy.ParseError.
func (m *Metadata) compile() (err error) {
	if m.Manager == ownedByInstallation {
		return nil
	}
	m.compiled, err = policy.Parse([]byte(m.Policy), policy.Key)
	return err
}

// Managed is the AWS managed key of a service, made on first use. Its alias is alias/aws/SERVICE.
func (k *Keyring) Managed(ctx context.Context, scope Scope, service string) (*Key, error) {
	name := reservedAliases + service
	r := k.region(scope)
	if key, ok := r.byAlias(name); ok {
		return key, nil
	}
	text, description, ok := managedPolicy(scope, service)
	if !ok {
		return nil, fail(NotFound, "Alias %s is not found.", scope.AliasARN(name))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if key, ok := r.byAlias(name); ok {
		return key, nil
	}
	m := &Metadata{
		Scope: scope, ID: newKeyID(false), Description: description, Manager: ManagedByAWS, Policy: text,
	}
	made, err := k.serviceKey(ctx, m)
	if err != nil {
		return nil, err
	}
	now := k.config.Clock.Now().Truncate(time.Millisecond)
	alias := &Alias{Scope: scope, Name: name, Target: m.ID, Created: now, Updated: now}
	record, err := alias.record()
	if err != nil {
		made.bare.Destroy()
		return nil, err
	}
	key, err := k.create(ctx, m, made, record)
	if err != nil {
		return nil, err
	}
	r.showAlias(alias)
	key.addAlias(name)
	return key, nil
}

// Owned is the installation's own key for an account and a Region, made on first use: what AWS calls an AWS
// owned key. No listing shows it, no identifier resolves to it, no policy guards it: only code of this
// installation can use it.
func (k *Keyring) Owned(ctx context.Context, scope Scope) (*Key, error) {
	r := k.region(scope)
	if key := r.owned.Load(); key != nil {
		return key, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if key := r.owned.Load(); key != nil {
		return key, nil
	}
	m := &Metadata{Scope: scope, ID: newKeyID(false), Manager: ownedByInstallation}
	made, err := k.serviceKey(ctx, m)
	if err != nil {
		return nil, err
	}
	return k.create(ctx, m, made)
}

// serviceKey makes m a symmetric key, as those that services make are, and gives it material.
func (k *Keyring) serviceKey(ctx context.Context, m *Metadata) (fresh, error) {
	m.Spec = Symmetric
	m.Usage = EncryptDecrypt
	m.Origin = OriginKMS
	return k.newMaterial(ctx, m.Spec)
}
