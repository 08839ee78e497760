package source

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// keyReader describes the keys of one region, each once, however many tables are under it.
type keyReader struct {
	client          *kms.Client
	limiter         *rate.Limiter
	account, region string
	needs           fact.Needs

	mu    sync.Mutex
	known map[string]*knownKey

	once         sync.Once
	names        map[string][]string // aliases by the id of their key
	namesProblem *fact.Problem
}

type knownKey struct {
	once sync.Once
	key  fact.Key
}

func newKeyReader(client *kms.Client, limiter *rate.Limiter, account, region string,
	needs fact.Needs) *keyReader {
	return &keyReader{
		client: client, limiter: limiter, account: account, region: region, needs: needs,
		known: map[string]*knownKey{},
	}
}

// describe never returns nil. What could not be found out is in the key's Problems.
func (k *keyReader) describe(ctx context.Context, keyARN string) *fact.Key {
	k.mu.Lock()
	entry := k.known[keyARN]
	if entry == nil {
		entry = &knownKey{}
		k.known[keyARN] = entry
	}
	k.mu.Unlock()
	entry.once.Do(func() { entry.key = k.read(ctx, keyARN) })
	return &entry.key
}

// own lists the keys of the account that were described. Without NeedKeys these are none: the keys of tables
// are with their tables.
func (k *keyReader) own() []*fact.Key {
	if !k.needs[fact.NeedKeys] {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []*fact.Key
	for _, entry := range k.known {
		a, _ := arn.Parse(entry.key.ARN)
		if (k.account == "" || a.Account == k.account) && a.Region == k.region &&
			entry.key.State != fact.KeyNotFound {
			out = append(out, &entry.key)
		}
	}
	slices.SortFunc(out, func(a, b *fact.Key) int { return cmp.Compare(a.ARN, b.ARN) })
	return out
}

// maxKeyPages bounds what a confused endpoint can make us read. A page holds 1,000 keys.
const maxKeyPages = 1000

// readAll describes every key of the region.
func (k *keyReader) readAll(ctx context.Context) *fact.Problem {
	const action = "kms:ListKeys"
	input := &kms.ListKeysInput{Limit: aws.Int32(1000)}
	for range maxKeyPages {
		if err := k.limiter.Wait(ctx); err != nil {
			return problemOf(action, err)
		}
		page, err := k.client.ListKeys(ctx, input)
		if err != nil {
			p := problemOf(action, err)
			if p.Kind == fact.Unsupported {
				return nil // there is no key service, so there are no keys
			}
			return p
		}
		k.describeAll(ctx, page.Keys)
		if !page.Truncated || aws.ToString(page.NextMarker) == "" {
			return nil
		}
		input.Marker = page.NextMarker
	}
	return &fact.Problem{Kind: fact.Failed, Action: action, Message: "the list of keys does not end"}
}

func (k *keyReader) describeAll(ctx context.Context, keys []types.KeyListEntry) {
	var group errgroup.Group
	group.SetLimit(keysAtOnce)
	for i := range keys {
		group.Go(func() error {
			if ctx.Err() == nil {
				k.describe(ctx, aws.ToString(keys[i].KeyArn))
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: each key reports its own
}

// read describes a key. Where that is not allowed, the list of aliases, which needs another permission, still
// tells whether AWS manages it.
func (k *keyReader) read(ctx context.Context, keyARN string) fact.Key {
	key := fact.Key{ARN: keyARN, Region: k.region}
	a, _ := arn.Parse(keyARN)
	key.Account = a.Account
	metadata, err := k.describeKey(ctx, keyARN)
	var absent *types.NotFoundException
	switch {
	case errors.As(err, &absent):
		key.State = fact.KeyNotFound
	case err != nil:
		key.Problems = append(key.Problems, *problemOf("kms:DescribeKey", err))
		k.askAliases(ctx, &key)
	default:
		copyKey(&key, metadata)
	}
	if key.Manager == fact.ManagedByCustomer && (k.account == "" || a.Account == k.account) {
		k.readMore(ctx, &key)
	}
	return key
}

func copyKey(key *fact.Key, m *types.KeyMetadata) {
	key.Manager = string(m.KeyManager)
	key.State = string(m.KeyState)
	key.DeletionDate = m.DeletionDate
	key.Created, key.ValidTo = m.CreationDate, m.ValidTo
	key.Spec = string(m.KeySpec)
	key.Usage = string(m.KeyUsage)
	key.Material = string(m.Origin)
	key.MultiRegion = aws.ToBool(m.MultiRegion)
}

func (k *keyReader) describeKey(ctx context.Context, keyARN string) (*types.KeyMetadata, error) {
	if err := k.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	out, err := k.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &keyARN})
	if err != nil {
		return nil, err
	}
	if out.KeyMetadata == nil || out.KeyMetadata.KeyState == "" {
		return nil, errors.New("the answer describes no key")
	}
	return out.KeyMetadata, nil
}

// readMore reads what DescribeKey does not show, as far as rules need it.
func (k *keyReader) readMore(ctx context.Context, key *fact.Key) {
	if k.needs[fact.NeedKeys] {
		k.listAliases(ctx)
		a, _ := arn.Parse(key.ARN)
		id, _ := a.Child("key")
		key.Aliases = fact.Known[[]string]{Value: k.names[id], Read: k.namesProblem == nil,
			Problem: k.namesProblem}
	}
	for _, part := range []struct {
		need fact.Need
		read func(context.Context, *fact.Key)
	}{
		{fact.NeedRotation, k.readRotation}, {fact.NeedKeyPolicy, k.readPolicy}, {fact.NeedGrants,
			k.readGrants},
		{fact.NeedLastUse, k.readLastUse},
	} {
		if k.needs[part.need] && k.limiter.Wait(ctx) == nil {
			part.read(ctx, key)
		}
	}
}

func (k *keyReader) readRotation(ctx context.Context, key *fact.Key) {
	if key.Spec != "SYMMETRIC_DEFAULT" || key.Material != "AWS_KMS" {
		return
	}
	out, err := k.client.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &key.ARN})
	if err != nil {
		key.Rotation = fact.Unread[fact.Rotation](problemOf("kms:GetKeyRotationStatus", err))
		return
	}
	key.Rotation = fact.Of(fact.Rotation{Enabled: out.KeyRotationEnabled,
		Days: int(aws.ToInt32(out.RotationPeriodInDays))})
}

func (k *keyReader) readPolicy(ctx context.Context, key *fact.Key) {
	out, err := k.client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &key.ARN})
	if err != nil {
		key.Policy = fact.Unread[string](problemOf("kms:GetKeyPolicy", err))
		return
	}
	key.Policy = fact.Of(aws.ToString(out.Policy))
}

// maxGrantPages is enough for the 50,000 grants that a key can have.
const maxGrantPages = 1000

func (k *keyReader) readGrants(ctx context.Context, key *fact.Key) {
	var grants []fact.Grant
	input := &kms.ListGrantsInput{KeyId: &key.ARN, Limit: aws.Int32(100)}
	for range maxGrantPages {
		page, err := k.client.ListGrants(ctx, input)
		if err != nil {
			key.Grants = fact.Unread[[]fact.Grant](problemOf("kms:ListGrants", err))
			return
		}
		for i := range page.Grants {
			grants = append(grants, grantOf(&page.Grants[i]))
		}
		input.Marker = page.NextMarker
		if !page.Truncated || aws.ToString(page.NextMarker) == "" {
			break
		}
		if k.limiter.Wait(ctx) != nil {
			return
		}
	}
	key.Grants = fact.Of(grants)
}

func grantOf(g *types.GrantListEntry) fact.Grant {
	out := fact.Grant{
		ID: aws.ToString(g.GrantId), Name: aws.ToString(g.Name), Grantee: aws.ToString(g.GranteePrincipal),
		Created: g.CreationDate,
	}
	for _, operation := range g.Operations {
		out.Operations = append(out.Operations, string(operation))
	}
	if c := g.Constraints; c != nil {
		out.Constrained = len(c.EncryptionContextEquals) > 0 || len(c.EncryptionContextSubset) > 0
	}
	return out
}

func (k *keyReader) readLastUse(ctx context.Context, key *fact.Key) {
	out, err := k.client.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: &key.ARN})
	if err != nil {
		key.LastUse = fact.Unread[fact.Use](problemOf("kms:GetKeyLastUsage", err))
		return
	}
	use := fact.Use{Since: out.TrackingStartDate}
	if out.KeyLastUsage != nil {
		use.At = out.KeyLastUsage.Timestamp
	}
	key.LastUse = fact.Of(use)
}

// askAliases finds out whether AWS manages a key that may not be described.
func (k *keyReader) askAliases(ctx context.Context, key *fact.Key) {
	k.listAliases(ctx)
	if k.namesProblem != nil {
		key.Problems = append(key.Problems, *k.namesProblem)
		return
	}
	key.Manager = fact.ManagedByCustomer
	a, ok := arn.Parse(key.ARN)
	if id, _ := a.Child("key"); ok && slices.Contains(k.names[id], "alias/aws/dynamodb") {
		key.Manager = fact.ManagedByAWS
	}
}

// maxAliasPages bounds what a confused endpoint can make us read. A page holds 100 aliases.
const maxAliasPages = 10_000

// listAliases lists the aliases of the region, once.
func (k *keyReader) listAliases(ctx context.Context) {
	k.once.Do(func() { k.names, k.namesProblem = k.readAliases(ctx) })
}

func (k *keyReader) readAliases(ctx context.Context) (map[string][]string, *fact.Problem) {
	const action = "kms:ListAliases"
	names := map[string][]string{}
	input := &kms.ListAliasesInput{Limit: aws.Int32(100)}
	for range maxAliasPages {
		if err := k.limiter.Wait(ctx); err != nil {
			return names, problemOf(action, err)
		}
		page, err := k.client.ListAliases(ctx, input)
		if err != nil {
			return names, problemOf(action, err)
		}
		for i := range page.Aliases {
			id := aws.ToString(page.Aliases[i].TargetKeyId)
			names[id] = append(names[id], aws.ToString(page.Aliases[i].AliasName))
		}
		if !page.Truncated || aws.ToString(page.NextMarker) == "" {
			return names, nil
		}
		input.Marker = page.NextMarker
	}
	return names, &fact.Problem{Kind: fact.Failed, Action: action,
		Message: "the list of aliases does not end"}
}
