package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
)

// Quotas of identity providers ("IAM and AWS STS quotas").
const (
	maxProviders   = 100
	maxClients     = 100
	maxThumbprints = 5
)

// Provider is an OpenID Connect identity provider that an account trusts. It is immutable once published.
type Provider struct {
	Account     string    `json:"account"`
	URL         string    `json:"url"` // without its scheme, which is always https
	Clients     []string  `json:"clients,omitempty"`
	Thumbprints []string  `json:"thumbprints,omitempty"`
	Tags        []Tag     `json:"tags,omitempty"`
	Created     time.Time `json:"created"`
}

// ARN names the provider.
func (p *Provider) ARN() string { return ProviderARN(p.Account, p.URL) }

// ProviderARN is the ARN of the provider with this URL.
func ProviderARN(account, url string) string {
	return arn.New("iam", "", account, "oidc-provider/"+strings.TrimPrefix(url, "https://")).String()
}

func providerRecord(p *Provider) string { return "oidc/" + p.Account + "/" + p.URL }

func noProvider(name string) error {
	return refuse(NoSuchEntity, "OpenIDConnect Provider not found for arn %s", name)
}

// Provider is the provider with this ARN.
func (d *Directory) Provider(name string) (*Provider, error) {
	a, ok := arn.Parse(name)
	url, is := a.Child("oidc-provider")
	if p := d.view(a.Account).providers[url]; ok && is && p != nil && p.ARN() == name {
		return p, nil
	}
	return nil, noProvider(name)
}

// Providers are the providers of an account, by URL.
func (d *Directory) Providers(account string) []*Provider {
	var list []*Provider
	for _, p := range d.view(account).providers {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Provider) int { return strings.Compare(a.URL, b.URL) })
	return list
}

// CreateProvider makes a provider.
func (d *Directory) CreateProvider(ctx context.Context, p Provider) (*Provider, error) {
	tags := p.Tags
	p.Created, p.Tags = d.now(), nil
	err := d.change(ctx, p.Account, func(t *draft) error {
		if t.providers[p.URL] != nil {
			return refuse(AlreadyExists, "Provider with url https://%s already exists.", p.URL)
		}
		if len(t.providers) >= maxProviders {
			return refuse(LimitExceeded, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d",
				maxProviders)
		}
		return t.putProvider(&p, tags)
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// putProvider checks what there may be of everything, and adds tags.
func (t *draft) putProvider(p *Provider, more []Tag) (err error) {
	if p.Tags, err = withTags(p.Tags, more); err != nil {
		return err
	}
	if len(p.Clients) > maxClients {
		return refuse(LimitExceeded, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
			maxClients)
	}
	if len(p.Thumbprints) > maxThumbprints {
		return refuse(InvalidInput, "Thumbprint list must contain fewer than %d entries.", maxThumbprints)
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	t.records[providerRecord(p)] = data
	t.providers[p.URL] = p
	return nil
}

// ProviderChange is what to change of a provider; what is nil stays.
type ProviderChange struct {
	AddClient, RemoveClient *string
	Thumbprints             []string
	AddTags                 []Tag
	RemoveTags              []string
}

// sameProvider is a provider as it is now. One that was made since under the same URL is another one.
func (t *draft) sameProvider(p *Provider) (*Provider, error) {
	current := t.providers[p.URL]
	if current == nil || !current.Created.Equal(p.Created) {
		return nil, noProvider(p.ARN())
	}
	return current, nil
}

// ChangeProvider changes a provider.
func (d *Directory) ChangeProvider(ctx context.Context, p *Provider, c ProviderChange) error {
	return d.change(ctx, p.Account, func(t *draft) error {
		current, err := t.sameProvider(p)
		if err != nil {
			return err
		}
		next := *current
		if c.AddClient != nil && !slices.Contains(next.Clients, *c.AddClient) {
			next.Clients = append(slices.Clip(next.Clients), *c.AddClient)
		}
		if c.RemoveClient != nil {
			next.Clients = slices.DeleteFunc(slices.Clone(next.Clients),
				func(id string) bool { return id == *c.RemoveClient })
		}
		if c.Thumbprints != nil {
			next.Thumbprints = c.Thumbprints
		}
		next.Tags = withoutTags(next.Tags, c.RemoveTags)
		return t.putProvider(&next, c.AddTags)
	})
}

// DeleteProvider removes a provider. Roles that trust it can then no longer be assumed through it.
func (d *Directory) DeleteProvider(ctx context.Context, p *Provider) error {
	return d.change(ctx, p.Account, func(t *draft) error {
		if _, err := t.sameProvider(p); err != nil {
			return err
		}
		t.records[providerRecord(p)] = nil
		delete(t.providers, p.URL)
		return nil
	})
}

func (d *Directory) loadProvider(name string, data []byte) error {
	p := &Provider{}
	if err := json.Unmarshal(data, p); err != nil {
		return err
	}
	if providerRecord(p) != name {
		return errMisplaced
	}
	if p.URL == "" {
		return fmt.Errorf("%w: a provider without a URL", errMisplaced)
	}
	d.account(p.Account).current.Load().providers[p.URL] = p
	return nil
}
