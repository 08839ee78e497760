package kms

import (
	"context"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Making, describing, changing and deleting keys.

func (s *Service) bindManagement() []service.Bound {
	s.DescribeKey = onKey(s, kmsapi.DescribeKey(), keyRule[kmsapi.DescribeKeyRequest]{
		id: func(in *kmsapi.DescribeKeyRequest) *string { return in.KeyId }, aliases: true, abroad: true,
		grantable: true,
		check:     func(in *kmsapi.DescribeKeyRequest) error { return s.checkTokens(in.GrantTokens) },
		missing:   s.makeManaged,
	}, describeKey)
	return []service.Bound{
		s.DescribeKey,
		onPlan(kmsapi.CreateKey(), planCreateKey, s.createKey).Without("CustomKeyStoreId",
			"XksKeyId").ShowingAll(),
		onAccount(kmsapi.ListKeys(), nil, s.listKeys),
		onKey(s, kmsapi.EnableKey(), keyRule[kmsapi.EnableKeyRequest]{
			id: func(in *kmsapi.EnableKeyRequest) *string { return in.KeyId },
		}, s.enableKey),
		onKey(s, kmsapi.DisableKey(), keyRule[kmsapi.DisableKeyRequest]{
			id: func(in *kmsapi.DisableKeyRequest) *string { return in.KeyId },
		}, s.disableKey),
		onKey(s, kmsapi.UpdateKeyDescription(), keyRule[kmsapi.UpdateKeyDescriptionRequest]{
			id: func(in *kmsapi.UpdateKeyDescriptionRequest) *string { return in.KeyId },
		}, s.updateDescription),
		onKey(s, kmsapi.ScheduleKeyDeletion(), keyRule[kmsapi.ScheduleKeyDeletionRequest]{
			id:       func(in *kmsapi.ScheduleKeyDeletionRequest) *string { return in.KeyId },
			describe: describeDeletion,
		}, s.scheduleDeletion).ShowingAll(),
		onKey(s, kmsapi.CancelKeyDeletion(), keyRule[kmsapi.CancelKeyDeletionRequest]{
			id: func(in *kmsapi.CancelKeyDeletionRequest) *string { return in.KeyId },
		}, s.cancelDeletion).ShowingAll(),
		onKey(s, kmsapi.GetKeyLastUsage(), keyRule[kmsapi.GetKeyLastUsageRequest]{
			id: func(in *kmsapi.GetKeyLastUsageRequest) *string { return in.KeyId },
		}, lastUsage),
		onKey(s, kmsapi.TagResource(), keyRule[kmsapi.TagResourceRequest]{
			id: func(in *kmsapi.TagResourceRequest) *string { return in.KeyId },
			describe: func(in *kmsapi.TagResourceRequest, c *conditions, _ *auth.Needs) {
				c.setTags(tagsOf(in.Tags))
			},
		}, s.tagResource),
		onKey(s, kmsapi.UntagResource(), keyRule[kmsapi.UntagResourceRequest]{
			id: func(in *kmsapi.UntagResourceRequest) *string { return in.KeyId },
			describe: func(in *kmsapi.UntagResourceRequest, c *conditions, needs *auth.Needs) {
				c.setList("aws:tagkeys", in.TagKeys)
				needs.Note("tagKeys", in.TagKeys)
			},
		}, s.untagResource),
		onKey(s, kmsapi.ListResourceTags(), keyRule[kmsapi.ListResourceTagsRequest]{
			id: func(in *kmsapi.ListResourceTagsRequest) *string { return in.KeyId },
		}, listTags),
		onKey(s, kmsapi.GetKeyPolicy(), keyRule[kmsapi.GetKeyPolicyRequest]{
			id: func(in *kmsapi.GetKeyPolicyRequest) *string { return in.KeyId },
		}, s.getPolicy),
		onKey(s, kmsapi.PutKeyPolicy(), keyRule[kmsapi.PutKeyPolicyRequest]{
			id:       func(in *kmsapi.PutKeyPolicyRequest) *string { return in.KeyId },
			describe: describePutPolicy,
		}, s.putPolicy),
		onKey(s, kmsapi.ListKeyPolicies(), keyRule[kmsapi.ListKeyPoliciesRequest]{
			id: func(in *kmsapi.ListKeyPoliciesRequest) *string { return in.KeyId },
		}, listPolicies),
	}
}

// planCreateKey needs kms:CreateKey, whose condition keys see the defaults that the request leaves out, and
// kms:TagResource where tags are given. Its plan is the key that is asked for.
func planCreateKey(
	_ context.Context, _ *auth.Caller, in *kmsapi.CreateKeyRequest, needs *auth.Needs,
) (keyring.NewKey, error) {
	n, err := newKeyOf(in)
	if err != nil {
		return n, translate(err)
	}
	kind := ""
	if n.MultiRegion {
		kind = "PRIMARY"
	}
	c := newKeyConditions(&n, kind)
	c.setBool("kms:bypasspolicylockoutsafetycheck", api.True(in.BypassPolicyLockoutSafetyCheck))
	needs.Add(auth.Need{Action: "kms:CreateKey", Resource: "*", Context: c})
	if len(n.Tags) > 0 {
		needs.Add(auth.Need{Action: "kms:TagResource", Resource: "*", Unnamed: true, Context: c})
	}
	needs.Note("keySpec", string(n.Spec))
	needs.Note("keyUsage", string(n.Usage))
	needs.Note("multiRegion", n.MultiRegion)
	needs.Note("description", n.Description)
	needs.Note("bypassPolicyLockoutSafetyCheck", api.True(in.BypassPolicyLockoutSafetyCheck))
	return n, nil
}

// newKeyConditions are the condition keys of a key that is not there yet. kind says which of a multi-Region
// key's keys it will be.
func newKeyConditions(n *keyring.NewKey, kind string) *conditions {
	c := &conditions{}
	c.set("kms:keyspec", string(n.Spec))
	c.set("kms:customermasterkeyspec", string(n.Spec))
	c.set("kms:keyusage", string(n.Usage))
	c.set("kms:customermasterkeyusage", string(n.Usage))
	c.set("kms:keyorigin", string(n.Origin))
	c.setBool("kms:multiregion", n.MultiRegion)
	c.set("kms:multiregionkeytype", kind)
	c.setTags(n.Tags)
	return c
}

// newKeyOf is what CreateKey asks for, with defaults filled in and kinds of keys that there are none of
// refused by name.
func newKeyOf(in *kmsapi.CreateKeyRequest) (keyring.NewKey, error) {
	spec := in.KeySpec
	if in.CustomerMasterKeySpec != nil {
		if spec != nil {
			return keyring.NewKey{}, invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the " +
				"same request. " +
				"CustomerMasterKeySpec is deprecated.")
		}
		spec = in.CustomerMasterKeySpec
	}
	n := keyring.NewKey{
		Spec: keyring.Spec(api.Text(spec)), Usage: keyring.Usage(api.Text(in.KeyUsage)),
		Origin:      keyring.Origin(api.Text(in.Origin)),
		Description: api.Text(in.Description), Policy: api.Text(in.Policy), Tags: tagsOf(in.Tags),
		MultiRegion: api.True(in.MultiRegion),
	}
	return n, n.Check()
}

func (s *Service) createKey(
	ctx context.Context, caller *auth.Caller, in *kmsapi.CreateKeyRequest, n keyring.NewKey,
) (*kmsapi.CreateKeyResponse, error) {
	if in.Policy != nil {
		var err error
		n.Policy, err = s.checkPolicy(ctx, caller, n.Policy, scopeOf(caller).KeyARN(unbornKey),
			api.True(in.BypassPolicyLockoutSafetyCheck))
		if err != nil {
			return nil, err
		}
	}
	n.Scope = scopeOf(caller)
	key, err := s.keys.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateKeyResponse{KeyMetadata: metadata(key.Metadata())}, nil
}

// makeManaged makes the AWS managed key that a predefined alias stands for, if the caller names it for the
// first time and may describe it then.
func (s *Service) makeManaged(ctx context.Context, caller *auth.Caller, id string) error {
	name, ok := strings.CutPrefix(aliasIn(id), "alias/aws/")
	scope := scopeOf(caller)
	if !ok || id != predefinedAlias && id != scope.AliasARN(predefinedAlias) {
		return nil
	}
	if _, err := s.keys.Resolve(scope, predefinedAlias, keyring.KeyOrAlias); err == nil {
		return nil
	}
	if err := s.authorizeUnborn(ctx, caller, name); err != nil {
		return err
	}
	_, err := s.keys.Managed(ctx, scope, name)
	return err
}

// authorizeUnborn asks whether the caller may describe a managed key that is not there yet: nothing is made
// for those who may not (P6).
func (s *Service) authorizeUnborn(ctx context.Context, caller *auth.Caller, name string) error {
	scope := scopeOf(caller)
	document, ok := keyring.ManagedPolicy(scope, name)
	if !ok {
		return nil
	}
	compiled, err := policy.Parse([]byte(document), policy.Key)
	if err != nil {
		return err
	}
	var needs auth.Needs
	needs.Add(auth.Need{
		Action: "kms:DescribeKey", Resource: scope.KeyARN(unbornKey), Policy: compiled, Gate: true,
		Context: &conditions{},
	})
	return s.path.Authorizer.Authorize(ctx, caller, &needs)
}

func describeKey(
	_ context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.DescribeKeyRequest,
) (*kmsapi.DescribeKeyResponse, error) {
	return &kmsapi.DescribeKeyResponse{KeyMetadata: metadata(key.Metadata())}, nil
}

func (s *Service) listKeys(
	_ context.Context, caller *auth.Caller, in *kmsapi.ListKeysRequest,
) (*kmsapi.ListKeysResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	page, more := s.keys.Keys(scopeOf(caller), after, limit)
	out := &kmsapi.ListKeysResponse{Keys: []kmsapi.KeyListEntry{}, Truncated: new(more)}
	for _, key := range page {
		out.Keys = append(out.Keys, kmsapi.KeyListEntry{KeyId: new(key.ID()), KeyArn: new(key.ARN())})
		after = key.ID()
	}
	out.NextMarker = marker(after, more)
	return out, nil
}

func (s *Service) enableKey(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.EnableKeyRequest,
) (*kmsapi.EnableKeyOutput, error) {
	return &kmsapi.EnableKeyOutput{}, s.keys.Enable(ctx, key)
}

func (s *Service) disableKey(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.DisableKeyRequest,
) (*kmsapi.DisableKeyOutput, error) {
	return &kmsapi.DisableKeyOutput{}, s.keys.Disable(ctx, key)
}

func (s *Service) updateDescription(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.UpdateKeyDescriptionRequest,
) (*kmsapi.UpdateKeyDescriptionOutput, error) {
	return &kmsapi.UpdateKeyDescriptionOutput{}, s.keys.SetDescription(ctx, key, api.Text(in.Description))
}

func describeDeletion(in *kmsapi.ScheduleKeyDeletionRequest, c *conditions, needs *auth.Needs) {
	days := deletionWindow(in)
	c.setNumber("kms:schedulekeydeletionpendingwindowindays", new(int64(days)))
	needs.Note("pendingWindowInDays", days)
}

func deletionWindow(in *kmsapi.ScheduleKeyDeletionRequest) int {
	if in.PendingWindowInDays == nil {
		return keyring.DefaultPendingWindow
	}
	return int(*in.PendingWindowInDays)
}

func (s *Service) scheduleDeletion(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ScheduleKeyDeletionRequest,
) (*kmsapi.ScheduleKeyDeletionResponse, error) {
	days := deletionWindow(in)
	if err := s.keys.ScheduleDeletion(ctx, key, days); err != nil {
		return nil, err
	}
	m := key.Metadata()
	out := &kmsapi.ScheduleKeyDeletionResponse{
		KeyId: new(key.ARN()), KeyState: new(string(m.State)), PendingWindowInDays: new(int64(days)),
	}
	if m.State == keyring.PendingDeletion {
		out.DeletionDate = new(m.DeletionDate)
	}
	return out, nil
}

func (s *Service) cancelDeletion(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.CancelKeyDeletionRequest,
) (*kmsapi.CancelKeyDeletionResponse, error) {
	return &kmsapi.CancelKeyDeletionResponse{KeyId: new(key.ARN())}, s.keys.CancelDeletion(ctx, key)
}

func lastUsage(
	_ context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.GetKeyLastUsageRequest,
) (*kmsapi.GetKeyLastUsageResponse, error) {
	m := key.Metadata()
	out := &kmsapi.GetKeyLastUsageResponse{
		KeyId: new(key.ARN()), KeyCreationDate: new(m.Created), TrackingStartDate: new(m.Created),
	}
	if use, ok := key.LastUse(); ok {
		out.KeyLastUsage = &kmsapi.KeyLastUsageData{Operation: new(string(use.Operation)),
			Timestamp: new(use.Time)}
	}
	return out, nil
}

func tagsOf(tags []kmsapi.Tag) []keyring.Tag {
	out := make([]keyring.Tag, 0, len(tags))
	for _, t := range tags {
		out = append(out, keyring.Tag{Key: api.Text(t.TagKey), Value: api.Text(t.TagValue)})
	}
	return out
}

func (s *Service) tagResource(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.TagResourceRequest,
) (*kmsapi.TagResourceOutput, error) {
	return &kmsapi.TagResourceOutput{}, s.keys.Tag(ctx, key, tagsOf(in.Tags))
}

func (s *Service) untagResource(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.UntagResourceRequest,
) (*kmsapi.UntagResourceOutput, error) {
	return &kmsapi.UntagResourceOutput{}, s.keys.Untag(ctx, key, in.TagKeys)
}

func listTags(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ListResourceTagsRequest,
) (*kmsapi.ListResourceTagsResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListResourceTagsResponse{Tags: []kmsapi.Tag{}, Truncated: new(false)}
	for _, t := range key.Metadata().Tags {
		if in.Marker != nil && t.Key <= after {
			continue
		}
		if len(out.Tags) == limit {
			out.Truncated, out.NextMarker = new(true), marker(after, true)
			break
		}
		out.Tags = append(out.Tags, kmsapi.Tag{TagKey: new(t.Key), TagValue: new(t.Value)})
		after = t.Key
	}
	return out, nil
}

// unsupportedOperations are refused by name.
func unsupportedOperations() []service.Bound {
	return []service.Bound{
		refused(kmsapi.ConnectCustomKeyStore()), refused(kmsapi.CreateCustomKeyStore()),
		refused(kmsapi.DeleteCustomKeyStore()),
		refused(kmsapi.DescribeCustomKeyStores()), refused(kmsapi.DisconnectCustomKeyStore()),
		refused(kmsapi.UpdateCustomKeyStore()),
	}
}

func refused[In, Out any](op api.Operation[In, Out]) *service.Endpoint[In, Out] {
	return service.Refuse(op, &api.Error{
		Code: Exception(keyring.Unsupported), Message: "Operation " + op.Name +
			" is not supported by this installation.",
	})
}
