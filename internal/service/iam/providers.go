package iam

import (
	"context"
	"net/url"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// OpenID Connect identity providers: whose tokens AssumeRoleWithWebIdentity takes, and for which clients. The
// keys that verify the tokens are not here but with the operator.

func (s *Service) bindProviders() []service.Bound {
	return append([]service.Bound{
		onNew(iamapi.CreateOpenIDConnectProvider(),
			func(account string, in *iamapi.CreateOpenIDConnectProviderRequest) string {
				return identity.ProviderARN(account, *in.Url)
			}, func(in *iamapi.CreateOpenIDConnectProviderRequest, c *call) {
				c.setRequest(readTags(in.Tags))
				c.needs.Note("url", *in.Url)
				c.needs.Note("clientIDList", in.ClientIDList)
			}, s.createProvider),
		onNew(iamapi.ListOpenIDConnectProviders(),
			func(account string, _ *iamapi.ListOpenIDConnectProvidersRequest) string {
				return identity.ProviderARN(account, "*")
			}, nil, s.listProviders),
		onProvider(s, iamapi.GetOpenIDConnectProvider(),
			func(in *iamapi.GetOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
			nil, getProvider),
		onProvider(s, iamapi.DeleteOpenIDConnectProvider(),
			func(in *iamapi.DeleteOpenIDConnectProviderRequest) *string {
				return in.OpenIDConnectProviderArn
			}, nil,
			func(ctx context.Context, p *identity.Provider,
				_ *iamapi.DeleteOpenIDConnectProviderRequest) (*iamapi.DeleteOpenIDConnectProviderOutput,
				error) {
				return &iamapi.DeleteOpenIDConnectProviderOutput{}, s.directory.DeleteProvider(ctx, p)
			}),
		onProvider(s, iamapi.ListOpenIDConnectProviderTags(),
			func(in *iamapi.ListOpenIDConnectProviderTagsRequest) *string {
				return in.OpenIDConnectProviderArn
			}, nil, listProviderTags),
	}, s.bindProviderChanges()...)
}

func (s *Service) bindProviderChanges() []service.Bound {
	return []service.Bound{
		changesProvider(s, iamapi.AddClientIDToOpenIDConnectProvider(),
			func(in *iamapi.AddClientIDToOpenIDConnectProviderRequest) *string {
				return in.OpenIDConnectProviderArn
			}, nil,
			func(in *iamapi.AddClientIDToOpenIDConnectProviderRequest) identity.ProviderChange {
				return identity.ProviderChange{AddClient: in.ClientID}
			}),
		changesProvider(s, iamapi.RemoveClientIDFromOpenIDConnectProvider(),
			func(in *iamapi.RemoveClientIDFromOpenIDConnectProviderRequest) *string {
				return in.OpenIDConnectProviderArn
			}, nil,
			func(in *iamapi.RemoveClientIDFromOpenIDConnectProviderRequest) identity.ProviderChange {
				return identity.ProviderChange{RemoveClient: in.ClientID}
			}),
		changesProvider(s, iamapi.UpdateOpenIDConnectProviderThumbprint(),
			func(in *iamapi.UpdateOpenIDConnectProviderThumbprintRequest) *string {
				return in.OpenIDConnectProviderArn
			}, nil,
			func(in *iamapi.UpdateOpenIDConnectProviderThumbprintRequest) identity.ProviderChange {
				return identity.ProviderChange{Thumbprints: in.ThumbprintList}
			}),
		changesProvider(s, iamapi.TagOpenIDConnectProvider(),
			func(in *iamapi.TagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
			func(in *iamapi.TagOpenIDConnectProviderRequest, c *call) { c.setRequest(readTags(in.Tags)) },
			func(in *iamapi.TagOpenIDConnectProviderRequest) identity.ProviderChange {
				return identity.ProviderChange{AddTags: readTags(in.Tags)}
			}),
		changesProvider(s, iamapi.UntagOpenIDConnectProvider(),
			func(in *iamapi.UntagOpenIDConnectProviderRequest) *string { return in.OpenIDConnectProviderArn },
			func(in *iamapi.UntagOpenIDConnectProviderRequest, c *call) {
				c.set("aws:tagkeys", in.TagKeys...)
			},
			func(in *iamapi.UntagOpenIDConnectProviderRequest) identity.ProviderChange {
				return identity.ProviderChange{RemoveTags: in.TagKeys}
			}),
	}
}

// onProvider binds an operation on one provider.
func onProvider[In, Out any](
	s *Service, op api.Operation[In, Out], name func(*In) *string, describe func(*In, *call),
	run func(ctx context.Context, p *identity.Provider, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	plan := func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (plan found[identity.Provider], err error) {
		named := *name(in)
		needs.Note("openIDConnectProviderArn", named)
		a, ok := arn.Parse(named)
		if _, is := a.Child("oidc-provider"); !ok || !is || a.Service != "iam" {
			return plan, invalid("ARN " + named + " is not valid.")
		}
		c := newCall(caller, needs)
		plan.it, plan.missing = s.directory.Provider(named)
		if plan.missing == nil {
			c.setResource(plan.it.Tags)
		}
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + op.Name, Resource: named, Context: c})
		return plan, nil
	}
	return service.Bind(op, plan, func(
		ctx context.Context, _ *auth.Caller, in *In, plan found[identity.Provider],
	) (*Out, error) {
		if plan.missing != nil {
			return nil, translate(plan.missing)
		}
		return answered(run(ctx, plan.it, in))
	})
}

// changesProvider binds an operation that changes a provider and answers nothing.
func changesProvider[In, Out any](
	s *Service, op api.Operation[In, Out], name func(*In) *string, describe func(*In, *call),
	change func(*In) identity.ProviderChange,
) *service.Endpoint[In, Out] {
	return onProvider(s, op, name, describe,
		func(ctx context.Context, p *identity.Provider, in *In) (*Out, error) {
			return new(Out), s.directory.ChangeProvider(ctx, p, change(in))
		})
}

func (s *Service) createProvider(
	ctx context.Context, account string, in *iamapi.CreateOpenIDConnectProviderRequest,
) (*iamapi.CreateOpenIDConnectProviderResponse, error) {
	u, err := url.Parse(*in.Url)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Port() != "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, invalid("Invalid Open ID Connect Provider URL")
	}
	p, err := s.directory.CreateProvider(ctx, identity.Provider{
		Account: account, URL: strings.TrimPrefix(*in.Url, "https://"), Clients: in.ClientIDList,
		Thumbprints: in.ThumbprintList,
		Tags:        readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateOpenIDConnectProviderResponse{OpenIDConnectProviderArn: new(p.ARN()),
		Tags: tagsOf(p.Tags)}, nil
}

func (s *Service) listProviders(
	_ context.Context, account string, _ *iamapi.ListOpenIDConnectProvidersRequest,
) (*iamapi.ListOpenIDConnectProvidersResponse, error) {
	return &iamapi.ListOpenIDConnectProvidersResponse{
		OpenIDConnectProviderList: each(s.directory.Providers(account),
			func(p *identity.Provider) iamapi.OpenIDConnectProviderListEntry {
				return iamapi.OpenIDConnectProviderListEntry{Arn: new(p.ARN())}
			}),
	}, nil
}

func getProvider(
	_ context.Context, p *identity.Provider, _ *iamapi.GetOpenIDConnectProviderRequest,
) (*iamapi.GetOpenIDConnectProviderResponse, error) {
	return &iamapi.GetOpenIDConnectProviderResponse{
		Url: new(p.URL), ClientIDList: p.Clients, ThumbprintList: p.Thumbprints, CreateDate: new(p.Created),
		Tags: tagsOf(p.Tags),
	}, nil
}

func listProviderTags(
	_ context.Context, p *identity.Provider, in *iamapi.ListOpenIDConnectProviderTagsRequest,
) (*iamapi.ListOpenIDConnectProviderTagsResponse, error) {
	list, err := tagPage(p.Tags, in.Marker, in.MaxItems)
	return &iamapi.ListOpenIDConnectProviderTagsResponse{Tags: list.items, IsTruncated: list.truncated,
		Marker: list.marker}, err
}
