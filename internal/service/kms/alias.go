package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// The operations on aliases. Each needs its permission on the alias, where identity policies alone decide,
// and on every key that it concerns ("Controlling access to aliases" in the AWS KMS Developer Guide).

func (s *Service) bindAliases() []service.Bound {
	return []service.Bound{
		onPlan(kmsapi.CreateAlias(), s.planCreateAlias, s.createAlias),
		onPlan(kmsapi.UpdateAlias(), s.planUpdateAlias, s.updateAlias),
		onPlan(kmsapi.DeleteAlias(), s.planDeleteAlias, s.deleteAlias),
		onAccount(kmsapi.ListAliases(), nil, s.listAliases),
	}
}

// aliasPlan is the key that an alias names, and the one that it is to name; nil where there is none.
type aliasPlan struct{ current, target *keyring.Key }

func needAlias(caller *auth.Caller, operation, name string, needs *auth.Needs) error {
	needs.Note("aliasName", name)
	if err := keyring.CheckAlias(name); err != nil {
		return translate(err)
	}
	needs.Add(auth.Need{Action: "kms:" + operation, Resource: scopeOf(caller).AliasARN(name),
		Context: &conditions{}})
	return nil
}

// needTarget finds the key that an alias is to name, and adds the permission on it.
func (s *Service) needTarget(
	caller *auth.Caller, operation, target string, needs *auth.Needs,
) (*keyring.Key, error) {
	needs.Note("targetKeyId", target)
	key, err := s.resolve(caller, operation, target, false, false)
	if err != nil {
		return nil, translate(err)
	}
	needs.Add(keyNeed(operation, key, &conditions{key: key}))
	return key, nil
}

// needCurrent finds the key that an alias names now, and adds the permission on it.
func (s *Service) needCurrent(
	caller *auth.Caller, operation, name string, needs *auth.Needs,
) (*keyring.Key, error) {
	key, err := s.keys.Resolve(scopeOf(caller), name, keyring.KeyOrAlias)
	if err != nil {
		return nil, translate(err)
	}
	needs.Add(keyNeed(operation, key, &conditions{key: key}))
	return key, nil
}

func (s *Service) planCreateAlias(
	_ context.Context, caller *auth.Caller, in *kmsapi.CreateAliasRequest, needs *auth.Needs,
) (plan aliasPlan, err error) {
	if err := needAlias(caller, "CreateAlias", *in.AliasName, needs); err != nil {
		return plan, err
	}
	plan.target, err = s.needTarget(caller, "CreateAlias", *in.TargetKeyId, needs)
	return plan, err
}

func (s *Service) createAlias(
	ctx context.Context, caller *auth.Caller, in *kmsapi.CreateAliasRequest, plan aliasPlan,
) (*kmsapi.CreateAliasOutput, error) {
	return &kmsapi.CreateAliasOutput{}, s.keys.CreateAlias(ctx, scopeOf(caller), *in.AliasName, plan.target)
}

func (s *Service) planUpdateAlias(
	_ context.Context, caller *auth.Caller, in *kmsapi.UpdateAliasRequest, needs *auth.Needs,
) (plan aliasPlan, err error) {
	if err := needAlias(caller, "UpdateAlias", *in.AliasName, needs); err != nil {
		return plan, err
	}
	if plan.current, err = s.needCurrent(caller, "UpdateAlias", *in.AliasName, needs); err != nil {
		return plan, err
	}
	plan.target, err = s.needTarget(caller, "UpdateAlias", *in.TargetKeyId, needs)
	return plan, err
}

func (s *Service) updateAlias(
	ctx context.Context, caller *auth.Caller, in *kmsapi.UpdateAliasRequest, plan aliasPlan,
) (*kmsapi.UpdateAliasOutput, error) {
	return &kmsapi.UpdateAliasOutput{}, s.keys.UpdateAlias(ctx, scopeOf(caller), *in.AliasName, plan.current,
		plan.target)
}

func (s *Service) planDeleteAlias(
	_ context.Context, caller *auth.Caller, in *kmsapi.DeleteAliasRequest, needs *auth.Needs,
) (plan aliasPlan, err error) {
	if err := needAlias(caller, "DeleteAlias", *in.AliasName, needs); err != nil {
		return plan, err
	}
	plan.current, err = s.needCurrent(caller, "DeleteAlias", *in.AliasName, needs)
	return plan, err
}

func (s *Service) deleteAlias(
	ctx context.Context, caller *auth.Caller, in *kmsapi.DeleteAliasRequest, plan aliasPlan,
) (*kmsapi.DeleteAliasOutput, error) {
	return &kmsapi.DeleteAliasOutput{}, s.keys.DeleteAlias(ctx, scopeOf(caller), *in.AliasName, plan.current)
}

func (s *Service) listAliases(
	_ context.Context, caller *auth.Caller, in *kmsapi.ListAliasesRequest,
) (*kmsapi.ListAliasesResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	var key *keyring.Key
	if in.KeyId != nil {
		if key, err = s.resolve(caller, "ListAliases", *in.KeyId, false, false); err != nil {
			return nil, err
		}
	}
	page, more := s.keys.Aliases(scopeOf(caller), key, after, limit)
	if key == nil {
		page, more = withPredefined(page, more, scopeOf(caller), after, limit)
	}
	out := &kmsapi.ListAliasesResponse{Aliases: []kmsapi.AliasListEntry{}, Truncated: new(more)}
	for _, a := range page {
		out.Aliases = append(out.Aliases, aliasEntry(a))
		after = a.Name
	}
	out.NextMarker = marker(after, more)
	return out, nil
}

func aliasEntry(a *keyring.Alias) kmsapi.AliasListEntry {
	entry := kmsapi.AliasListEntry{AliasName: new(a.Name), AliasArn: new(a.ARN())}
	if a.Target != "" {
		entry.TargetKeyId = new(a.Target)
		entry.CreationDate = new(a.Created)
		entry.LastUpdatedDate = new(
			a.Updated,
		)
	}
	return entry
}

// predefinedAlias stands for the AWS managed key of DynamoDB, also before there is one.
const predefinedAlias = "alias/aws/dynamodb"

// ofOtherService reports whether an identifier is the predefined alias of the managed key of another service
// of AWS. Such keys are only for calls through their service: here nobody comes through one.
func ofOtherService(id string) bool {
	service, ok := strings.CutPrefix(aliasIn(id), "alias/aws/")
	if !ok {
		return false
	}
	switch service {
	case "acm", "backup", "cloud9", "codecommit", "codebuild", "connect", "dms", "ebs", "elasticfilesystem",
		"es",
		"fsx", "glue", "imagebuilder", "kafka", "kinesis", "kinesisvideo", "lambda", "lex", "lightsail",
		"mwaa",
		"neptune", "rds", "redshift", "s3", "sagemaker", "secretsmanager", "ses", "sns", "sqs", "ssm",
		"timestream",
		"workspaces", "xray":
		return true
	}
	return false
}

// withPredefined adds the predefined alias to a page of aliases while no key has it: it has no target then
// ("ListAliases" in the AWS KMS API Reference).
func withPredefined(
	page []*keyring.Alias, more bool, scope keyring.Scope, after string, limit int,
) ([]*keyring.Alias, bool) {
	at, found := slices.BinarySearchFunc(page, predefinedAlias, func(a *keyring.Alias, name string) int {
		return strings.Compare(a.Name, name)
	})
	if found || after >= predefinedAlias || at == len(page) && more {
		return page, more
	}
	page = slices.Insert(page, at, &keyring.Alias{Scope: scope, Name: predefinedAlias})
	if len(page) > limit {
		return page[:limit], true
	}
	return page, more
}
