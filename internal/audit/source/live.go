// Package source gathers the facts of an audit from a running system.
//
// Callers may rely on this: Live only reads. Beside ListTables, DescribeTable and DescribeKey it makes the
// calls that the rules need (fact.Need names them), of AWS or of any endpoint that speaks the same API, with
// the credentials that the AWS SDK finds; it never calls for items or for a key's use. How much it asks for
// at a time is bounded, whatever the number of tables, and how often, per account, region and service.
package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/errgroup"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// How much is asked for at a time. Within a region, calls are also limited per second, so that an audit never
// starves the account's own use of the control plane.
const (
	regionsAtOnce = 8
	tablesAtOnce  = 8 // per region
	keysAtOnce    = 4 // per region
	maxAttempts   = 5 // per call, unless the SDK's own settings say otherwise
	dialTimeout   = 5 * time.Second
	callTimeout   = 30 * time.Second // of one attempt

	// The first call also finds out whether anybody answers, so it gives up early.
	identityAttempts = 2
	identityTimeout  = time.Minute
)

// DefaultMaxRPS is how many calls a second are made of one service, in one region of one account.
const DefaultMaxRPS = 50

// Options say what to read, and how to get there.
type Options struct {
	EndpointURL string   // instead of AWS; empty leaves it to the SDK's settings, such as AWS_ENDPOINT_URL
	Profile     string   // of the SDK's shared configuration; empty for the default
	Regions     []string // empty for all
	// RoleARN is assumed before anything is read; empty to read as who one is.
	RoleARN    string
	ExternalID string
	// Accounts are read one by one, each by its role RoleName; empty for the account of the credentials
	// alone.
	Accounts []string
	RoleName string
	MaxRPS   float64 // of one service, in one region of one account; 0 for as fast as it goes
	Needs    fact.Needs
	// Resume is a file that keeps what was read of each region, so that an audit that was interrupted goes on
	// there.
	Resume string
	// HTTPClient makes the calls; nil for the SDK's own.
	HTTPClient config.HTTPClient
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
	if options.HTTPClient == nil {
		options.HTTPClient = httpClient()
	}
	loaded, err := config.LoadDefaultConfig(ctx, options.load()...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be loaded: %w", err)
	}
	if loaded.RetryMaxAttempts == 0 {
		loaded.RetryMaxAttempts = maxAttempts
	}
	if loaded.RetryMode == "" && os.Getenv("AWS_RETRY_MODE") == "" {
		loaded.RetryMode = aws.RetryModeAdaptive
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, "+
			"or run eval \"$(sealtable env)\": %w", err)
	}
	home := loaded.Region
	if home == "" {
		home = "us-east-1"
	}
	return &Live{config: loaded, options: options, home: home}, nil
}

func (o *Options) load() []func(*config.LoadOptions) error {
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(o.HTTPClient)}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.EndpointURL != "" {
		load = append(load, config.WithBaseEndpoint(o.EndpointURL))
	}
	return load
}

func (o *Options) check() error {
	for _, region := range o.Regions {
		if !validRegion(region) {
			return fmt.Errorf("%w: %q is not the name of a region", ErrUsage, region)
		}
	}
	for _, account := range o.Accounts {
		if !regexp.MustCompile(`^[0-9]{12}$`).MatchString(account) {
			return fmt.Errorf("%w: an account is twelve digits, not %q", ErrUsage, account)
		}
	}
	if len(o.Accounts) > 0 && o.RoleName == "" {
		return fmt.Errorf("%w: --accounts needs the name of the role that is assumed in each, --role-name",
			ErrUsage)
	}
	if o.MaxRPS < 0 {
		return fmt.Errorf("%w: --max-rps is a number of calls a second, or 0 for as many as it goes",
			ErrUsage)
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

// endpoint is what a client's options must name, nil for the SDK's choice. It is set on every client, because
// the SDK prefers the per-service settings of the environment to those of its caller.
func (l *Live) endpoint() *string {
	if l.options.EndpointURL == "" {
		return nil
	}
	return &l.options.EndpointURL
}

// job is one region of one account.
type job struct {
	account *accountReader
	region  fact.Region
}

// Read implements audit.Source.
func (l *Live) Read(ctx context.Context, sink audit.Sink) error {
	scope := fact.Scope{}
	if l.options.EndpointURL != "" {
		scope.Endpoint = l.options.EndpointURL
	} else if l.config.BaseEndpoint != nil {
		scope.Endpoint = shownURL(*l.config.BaseEndpoint)
	}
	accounts, failed, err := l.accounts(ctx, &scope)
	if err != nil {
		return err
	}
	jobs, err := l.jobs(ctx, accounts, &scope)
	if err != nil {
		return err
	}
	journal, err := openJournal(l.options.Resume, &scope, l.options.Needs)
	if err != nil {
		return err
	}
	scope.Regions = len(jobs) + len(failed)
	sink.Scope(scope)
	for _, region := range failed {
		sink.Region(region)
	}
	if err := runJobs(ctx, jobs, journal, sink); err != nil {
		journal.close(false)
		return err
	}
	return journal.close(true)
}

func runJobs(ctx context.Context, jobs []job, journal *journal, sink audit.Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(regionsAtOnce)
	for _, j := range jobs {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			region, set := j.region, (*fact.Set)(nil)
			if region.Outcome != fact.RegionSkipped {
				region, set = journal.recall(&j)
				if set == nil {
					set = j.account.region(j.region.Name).read(ctx, &region)
				}
			}
			if ctx.Err() != nil { // an interrupted region has no outcome
				return ctx.Err()
			}
			if set != nil {
				if err := journal.keep(&region, set); err != nil {
					return err
				}
				set.Principals = j.account.principals(ctx)
				sink.Set(set)
			}
			sink.Region(region)
			return ctx.Err()
		})
	}
	return group.Wait()
}

// jobs lists the regions of all accounts; those that are disabled come as skipped.
func (l *Live) jobs(ctx context.Context, accounts []*accountReader, scope *fact.Scope) ([]job, error) {
	var out []job
	for _, a := range accounts {
		regions, err := l.regions(ctx, a, scope)
		if err != nil {
			return nil, err
		}
		for _, region := range regions {
			region.Account = a.id
			out = append(out, job{a, region})
		}
	}
	return out, nil
}

func (l *Live) regions(ctx context.Context, a *accountReader, scope *fact.Scope) ([]fact.Region, error) {
	if len(l.options.Regions) > 0 {
		scope.RegionsFrom = fact.RegionsChosen
		return inScope(l.options.Regions), nil
	}
	listed, err := l.listRegions(ctx, a.config)
	if err == nil {
		if scope.RegionsFrom == "" {
			scope.RegionsFrom = fact.RegionsListed
		}
		a.regionsListed = true
		return listed, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	names := builtInRegions(l.home)
	if !slices.Contains(names, l.home) {
		names = append(names, l.home)
	}
	scope.RegionsFrom = fact.RegionsBuiltIn
	note := fmt.Sprintf("The regions are the %d that this version knows, because the account's are not "+
		"told: %s",
		len(names), problemOf(listRegionsAction, err))
	if !slices.Contains(scope.Notes, note) {
		scope.Notes = append(scope.Notes, note)
	}
	return inScope(names), nil
}

func inScope(names []string) []fact.Region {
	var out []fact.Region
	for _, name := range names {
		if !slices.ContainsFunc(out, func(r fact.Region) bool { return r.Name == name }) {
			out = append(out, fact.Region{Name: name, Outcome: fact.RegionAudited})
		}
	}
	return out
}

// DynamoDB makes a client of a region, for whoever changes something there.
func (l *Live) DynamoDB(region string) *dynamodb.Client {
	return dynamodb.NewFromConfig(l.acting(), func(o *dynamodb.Options) {
		o.Region = region
		if e := l.endpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
}

// KMS makes a client of a region.
func (l *Live) KMS(region string) *kms.Client {
	return kms.NewFromConfig(l.acting(), func(o *kms.Options) {
		o.Region = region
		if e := l.endpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
}

// acting is the configuration with the role that is assumed, if one is.
func (l *Live) acting() aws.Config {
	if l.options.RoleARN == "" {
		return l.config
	}
	return l.assume(l.config, l.options.RoleARN)
}
