package source

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/time/rate"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit"
)

// keyReader describes the keys of one region, each once, however many tables are under it.
type keyReader struct {
	client  *kms.Client
	limiter *rate.Limiter

	mu    sync.Mutex
	known map[string]*knownKey

	aliases      sync.Once
	managed      string         // the id of the key that alias/aws/dynamodb points to; empty if there is none
	aliasProblem *audit.Problem // why managed is not known
}

type knownKey struct {
	once sync.Once
	key  audit.Key
}

func newKeyReader(client *kms.Client, limiter *rate.Limiter) *keyReader {
	return &keyReader{client: client, limiter: limiter, known: map[string]*knownKey{}}
}

// describe never returns nil. What could not be found out is in the key's Problems.
func (k *keyReader) describe(ctx context.Context, keyARN string) *audit.Key {
	k.mu.Lock()
	entry := k.known[keyARN]
	if entry == nil {
		entry = &knownKey{}
		k.known[keyARN] = entry
	}
	k.mu.Unlock()
	entry.once.Do(func() { entry.key = k.read(ctx, keyARN) })
	key := entry.key
	return &key
}

// read describes a key. Where that is not allowed, the list of aliases, which needs another permission, still tells whether AWS
// manages it.
func (k *keyReader) read(ctx context.Context, keyARN string) audit.Key {
	key := audit.Key{ARN: keyARN}
	metadata, err := k.describeKey(ctx, keyARN)
	var absent *types.NotFoundException
	switch {
	case errors.As(err, &absent):
		key.State = audit.KeyNotFound
	case err != nil:
		key.Problems = append(key.Problems, *problemOf("kms:DescribeKey", err))
		k.askAliases(ctx, &key)
	default:
		key.Manager, key.State, key.DeletionDate = string(metadata.KeyManager), string(metadata.KeyState), metadata.DeletionDate
	}
	return key
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

func (k *keyReader) askAliases(ctx context.Context, key *audit.Key) {
	k.aliases.Do(func() { k.managed, k.aliasProblem = k.findManaged(ctx) })
	if k.aliasProblem != nil {
		key.Problems = append(key.Problems, *k.aliasProblem)
		return
	}
	key.Manager = audit.ManagedByCustomer
	if a, ok := arn.Parse(key.ARN); ok && k.managed != "" && a.Resource == "key/"+k.managed {
		key.Manager = audit.ManagedByAWS
	}
}

// maxAliasPages bounds what a confused endpoint can make us read. A page holds 100 aliases.
const maxAliasPages = 10_000

func (k *keyReader) findManaged(ctx context.Context) (id string, _ *audit.Problem) {
	const action = "kms:ListAliases"
	input := &kms.ListAliasesInput{Limit: aws.Int32(100)}
	for range maxAliasPages {
		if err := k.limiter.Wait(ctx); err != nil {
			return "", problemOf(action, err)
		}
		page, err := k.client.ListAliases(ctx, input)
		if err != nil {
			return "", problemOf(action, err)
		}
		for i := range page.Aliases {
			if aws.ToString(page.Aliases[i].AliasName) == "alias/aws/dynamodb" {
				return aws.ToString(page.Aliases[i].TargetKeyId), nil
			}
		}
		if !page.Truncated || aws.ToString(page.NextMarker) == "" {
			return "", nil
		}
		input.Marker = page.NextMarker
	}
	return "", &audit.Problem{Kind: audit.Failed, Action: action, Message: "the list of aliases does not end"}
}
