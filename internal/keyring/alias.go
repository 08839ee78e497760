package keyring

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxAliases is how many aliases a key may have ("Resource quotas" in the AWS KMS Developer Guide).
const maxAliases = 50

// Alias is a name for a key. It is immutable: a change makes another one. Its JSON is what the catalog keeps
// of it.
type Alias struct {
	Scope   Scope     `json:"scope"`
	Name    string    `json:"name"`   // with its alias/
	Target  string    `json:"target"` // id of the key
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// ARN is the ARN of the alias.
func (a *Alias) ARN() string { return a.Scope.AliasARN(a.Name) }

func (a *Alias) record() (Change, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return Change{}, fmt.Errorf("encode the record of alias %s: %w", a.Name, err)
	}
	return Change{Name: recordName("alias", a.Scope, a.Name), Data: data}, nil
}

// CheckAlias says whether customers may make, change or delete an alias of this name.
func CheckAlias(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return fail(Invalid, "Alias must start with the prefix \"alias/\". Please see "+
			"https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case strings.HasPrefix(name, reservedAliases):
		return &Error{Kind: Reserved}
	case name == aliasPrefix || strings.Contains(name, ":") || strings.Contains(name, "//"):
		return fail(Invalid, "%s contains invalid characters for an alias", name)
	}
	return nil
}

// CreateAlias gives a key of scope another name.
func (k *Keyring) CreateAlias(ctx context.Context, scope Scope, name string, key *Key) error {
	r, err := k.aliasChange(scope, name, key)
	if err != nil {
		return err
	}
	defer r.mu.Unlock()
	if err := key.Metadata().Permits("CreateAlias"); err != nil {
		return err
	}
	if _, taken := r.aliases.load(name); taken {
		return fail(AlreadyExists, "An alias with the name %s already exists", scope.AliasARN(name))
	}
	if err := key.roomForAlias(); err != nil {
		return err
	}
	now := k.config.Clock.Now().Truncate(time.Millisecond)
	return k.putAlias(ctx, r, &Alias{Scope: scope, Name: name, Target: key.id, Created: now, Updated: now})
}

// UpdateAlias makes an alias that names from the name of another key of scope, of the same kind. An alias
// that names a key which is not from is not found; a nil from is any key.
func (k *Keyring) UpdateAlias(ctx context.Context, scope Scope, name string, from, key *Key) error {
	r, err := k.aliasChange(scope, name, key)
	if err != nil {
		return err
	}
	defer r.mu.Unlock()
	alias, err := r.aliasOf(name, from)
	if err != nil {
		return err
	}
	if err := key.Metadata().Permits("UpdateAlias"); err != nil {
		return err
	}
	old, ok := r.keys.load(alias.Target)
	if ok && old != key {
		if err := sameKind(alias, old.Metadata(), key.Metadata()); err != nil {
			return err
		}
		if err := key.roomForAlias(); err != nil {
			return err
		}
	}
	next := *alias
	next.Target, next.Updated = key.id, k.config.Clock.Now().Truncate(time.Millisecond)
	return k.putAlias(ctx, r, &next)
}

// aliasChange checks what creating and updating have in common and locks the region.
func (k *Keyring) aliasChange(scope Scope, name string, key *Key) (*region, error) {
	if err := CheckAlias(name); err != nil {
		return nil, err
	}
	if key.scope != scope {
		return nil, keyMissing(scope.KeyARN(key.id))
	}
	r := k.region(scope)
	r.mu.Lock()
	return r, nil
}

// aliasOf is an alias that names a key; nil is any key. r is locked.
func (r *region) aliasOf(name string, key *Key) (*Alias, error) {
	alias, ok := r.aliases.load(name)
	if !ok || key != nil && alias.Target != key.id {
		return nil, aliasMissing(r.scope, name)
	}
	return alias, nil
}

func sameKind(alias *Alias, old, next *Metadata) error {
	if old.Usage == next.Usage && old.Spec.class() == next.Spec.class() {
		return nil
	}
	return fail(Invalid, "Alias %s cannot be changed from a CMK with key usage %s to a CMK with key "+
		"usage %s. "+
		"The new and current CMK must be the same type (both symmetric or both asymmetric) and have the "+
		"same key usage",
		alias.ARN(), old.Usage, next.Usage)
}

// DeleteAlias takes a name away from its key, which is from; see UpdateAlias.
func (k *Keyring) DeleteAlias(ctx context.Context, scope Scope, name string, from *Key) error {
	if err := CheckAlias(name); err != nil {
		return err
	}
	r := k.region(scope)
	r.mu.Lock()
	defer r.mu.Unlock()
	alias, err := r.aliasOf(name, from)
	if err != nil {
		return err
	}
	if err := k.config.Records.Write(ctx, Change{Name: recordName("alias", scope, name)}); err != nil {
		return fmt.Errorf("delete the record of alias %s: %w", name, err)
	}
	r.aliases.remove(name)
	r.aliasNames.remove(name)
	if key, ok := r.keys.load(alias.Target); ok {
		key.dropAlias(name)
	}
	k.revision.Add(1)
	return nil
}

func (k *Keyring) putAlias(ctx context.Context, r *region, a *Alias) error {
	record, err := a.record()
	if err != nil {
		return err
	}
	if err := k.config.Records.Write(ctx, record); err != nil {
		return fmt.Errorf("write the record of alias %s: %w", a.Name, err)
	}
	if old, ok := r.aliases.load(a.Name); ok {
		if key, ok := r.keys.load(old.Target); ok {
			key.dropAlias(a.Name)
		}
	}
	r.showAlias(a)
	if key, ok := r.keys.load(a.Target); ok {
		key.addAlias(a.Name)
	}
	k.revision.Add(1)
	return nil
}

func (r *region) showAlias(a *Alias) {
	r.aliases.store(a.Name, a)
	r.aliasNames.add(a.Name)
}

func (r *region) byAlias(name string) (*Key, bool) {
	alias, ok := r.aliases.load(name)
	if !ok {
		return nil, false
	}
	return r.keys.load(alias.Target)
}

func (k *Key) roomForAlias() error {
	if len(k.Aliases()) >= maxAliases {
		return fail(LimitExceeded, "%s has reached the quota of %d aliases.", k.arn, maxAliases)
	}
	return nil
}

func (k *Key) addAlias(name string) {
	list := k.Aliases()
	if i, found := slices.BinarySearch(list, name); !found {
		next := slices.Insert(slices.Clone(list), i, name)
		k.aliases.Store(&next)
	}
}

func (k *Key) dropAlias(name string) {
	next := slices.DeleteFunc(slices.Clone(k.Aliases()), func(n string) bool { return n == name })
	k.aliases.Store(&next)
}

// Alias finds an alias by its name.
func (k *Keyring) Alias(scope Scope, name string) (*Alias, error) {
	if alias, ok := k.region(scope).aliases.load(name); ok {
		return alias, nil
	}
	return nil, aliasMissing(scope, name)
}

func aliasMissing(scope Scope, name string) error {
	return fail(NotFound, "Alias %s is not found.", scope.AliasARN(name))
}

// Aliases is a page of the aliases of a scope by name, or of one key where key is not nil, and whether there
// are more.
func (k *Keyring) Aliases(scope Scope, key *Key, after string, limit int) (page []*Alias, more bool) {
	r := k.region(scope)
	var list []string
	if key == nil {
		list, more = r.aliasNames.page(after, limit)
	} else {
		list, more = pageOf(key.Aliases(), after, limit)
	}
	for _, name := range list {
		if alias, ok := r.aliases.load(name); ok {
			page = append(page, alias)
		}
	}
	return page, more
}

// Keys is a page of the keys of a scope by id, and whether there are more.
func (k *Keyring) Keys(scope Scope, after string, limit int) (page []*Key, more bool) {
	r := k.region(scope)
	ids, more := r.keyNames.page(after, limit)
	for _, id := range ids {
		if key, ok := r.keys.load(id); ok {
			page = append(page, key)
		}
	}
	return page, more
}
