// Package source gathers the facts of an audit.
//
// Callers may rely on this: Live only reads. It calls ListRegions, GetCallerIdentity, ListTables, DescribeTable, DescribeKey and
// ListAliases, of AWS or of any endpoint that speaks the same API, with the credentials that the AWS SDK finds; it never calls for
// items or for a key's use. How much it asks for at a time is bounded, whatever the number of tables.
package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/sync/errgroup"

	"github.com/sealtable/sealtable/internal/audit"
)

// How much is asked for at a time. Within a region, calls are also limited per second, so that an audit never starves the
// account's own use of the control plane.
const (
	regionsAtOnce  = 8
	tablesAtOnce   = 4 // per region
	callsPerSecond = 100
	maxAttempts    = 5 // per call, unless the SDK's own settings say otherwise
	dialTimeout    = 5 * time.Second
	callTimeout    = 30 * time.Second // of one attempt

	// The first call also finds out whether anybody answers, so it gives up early.
	identityAttempts = 2
	identityTimeout  = time.Minute
)

// Options say what to read, and how to get there.
type Options struct {
	EndpointURL string   // instead of AWS; empty leaves it to the SDK's settings, such as AWS_ENDPOINT_URL
	Profile     string   // of the SDK's shared configuration; empty for the default
	Regions     []string // empty for all
}

// ErrUsage is what options that nothing can be read with are refused with.
var ErrUsage = errors.New("wrong use")

// Live reads a running system. It implements audit.Source.
type Live struct {
	config  aws.Config
	options Options
	home    string // the region in which the calls are made that belong to none
}

// NewLive loads the SDK's configuration and finds credentials.
func NewLive(ctx context.Context, options Options) (*Live, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(httpClient())}
	if options.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(options.Profile))
	}
	if options.EndpointURL != "" {
		load = append(load, config.WithBaseEndpoint(options.EndpointURL))
	}
	loaded, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be loaded: %w", err)
	}
	if loaded.RetryMaxAttempts == 0 {
		loaded.RetryMaxAttempts = maxAttempts
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
			"or run eval \"$(sealtable env)\": %w", err)
	}
	home := loaded.Region
	if home == "" {
		home = "us-east-1"
	}
	return &Live{config: loaded, options: options, home: home}, nil
}

func (o *Options) check() error {
	for _, region := range o.Regions {
		if !validRegion(region) {
			return fmt.Errorf("%w: %q is not the name of a region", ErrUsage, region)
		}
	}
	if o.EndpointURL == "" {
		return nil
	}
	u, err := url.Parse(o.EndpointURL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%w: the URL of an endpoint is http://HOST:PORT or https://HOST:PORT", ErrUsage)
	}
	return nil
}

// shownURL is a URL without a password that it may hold.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL that cannot be read"
	}
	return u.Redacted()
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(callTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
}

// endpoint is what a client's options must name, nil for the SDK's choice. It is set on every client, because the SDK prefers
// the per-service settings of the environment to those of its caller.
func (l *Live) endpoint() *string {
	if l.options.EndpointURL == "" {
		return nil
	}
	return &l.options.EndpointURL
}

// Read implements audit.Source.
func (l *Live) Read(ctx context.Context, sink audit.Sink) error {
	scope := audit.Scope{}
	if l.options.EndpointURL != "" {
		scope.Endpoint = l.options.EndpointURL
	} else if l.config.BaseEndpoint != nil {
		scope.Endpoint = shownURL(*l.config.BaseEndpoint)
	}
	if err := l.identify(ctx, &scope); err != nil {
		return err
	}
	regions, err := l.regions(ctx, &scope)
	if err != nil {
		return err
	}
	scope.Regions = len(regions)
	sink.Scope(scope)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(regionsAtOnce)
	for _, region := range regions {
		group.Go(func() error {
			if region.Outcome != audit.RegionSkipped {
				l.reader(&scope, region.Name, sink).read(ctx, &region)
			}
			if ctx.Err() == nil { // an interrupted region has no outcome
				sink.Region(region)
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// identify finds out whose tables these are. Refused credentials, and an endpoint that nobody answers at, end the audit here:
// they would otherwise fail once per region. An endpoint without STS does not: tables carry their account.
func (l *Live) identify(ctx context.Context, scope *audit.Scope) error {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	client := sts.NewFromConfig(l.config, func(o *sts.Options) {
		o.Region, o.RetryMaxAttempts = l.home, identityAttempts
		if e := l.endpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err == nil {
		scope.Account, scope.Caller = aws.ToString(out.Account), aws.ToString(out.Arn)
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	problem := problemOf("sts:GetCallerIdentity", err)
	switch {
	case problem.Kind == audit.Credentials:
		return fmt.Errorf("%s: %s", problem, problem.Message)
	case problem.Kind == audit.Unreachable && scope.Endpoint != "":
		return fmt.Errorf("%s does not answer: check the address, and that the server runs: %s", scope.Endpoint, problem.Message)
	}
	scope.Notes = append(scope.Notes, "Who audits is not known: "+problem.String())
	return nil
}

// regions lists what is in scope; those that are disabled come as skipped.
func (l *Live) regions(ctx context.Context, scope *audit.Scope) ([]audit.Region, error) {
	if len(l.options.Regions) > 0 {
		scope.RegionsFrom = audit.RegionsChosen
		return inScope(l.options.Regions), nil
	}
	listed, err := l.listRegions(ctx)
	if err == nil {
		scope.RegionsFrom = audit.RegionsListed
		return listed, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	names := builtInRegions(l.home)
	if !slices.Contains(names, l.home) {
		names = append(names, l.home)
	}
	scope.RegionsFrom = audit.RegionsBuiltIn
	scope.Notes = append(scope.Notes, fmt.Sprintf("The regions are the %d that this version knows, because the account's are not told: %s",
		len(names), problemOf(listRegionsAction, err)))
	return inScope(names), nil
}

func inScope(names []string) []audit.Region {
	var out []audit.Region
	for _, name := range names {
		if !slices.ContainsFunc(out, func(r audit.Region) bool { return r.Name == name }) {
			out = append(out, audit.Region{Name: name, Outcome: audit.RegionAudited})
		}
	}
	return out
}
