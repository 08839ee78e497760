package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/files"
	"github.com/sealtable/sealtable/internal/audit/report"
	"github.com/sealtable/sealtable/internal/audit/rule"
	"github.com/sealtable/sealtable/internal/audit/source"
	"github.com/sealtable/sealtable/internal/audit/waiver"
)

// auditFlags are the flags of audit.
type auditFlags struct {
	source    source.Options
	rules     audit.Parameters
	choose    []string
	minKey    string
	ruleFiles []string // files of users' rules
	waivers   []string

	format, output  string
	failOn          string
	framework       string
	compare         string
	baseline        string
	quiet, live     bool
	allowIncomplete bool
}

func newAudit() *cobra.Command {
	f := &auditFlags{}
	cmd := &cobra.Command{
		Use:   "audit [PATH...]",
		Short: "Find out which key every table is under, and whether this key still works",
		Long: `Find out which key every table of every region is under, whether this key still works, and who can use it.

The audit reads through the public API with the credentials that the AWS SDK finds, so it works against AWS and
against any endpoint that speaks the same API. It changes nothing. What cannot be read is an ERROR that names the
permission it lacks. The rules are in docs/rules/.

With paths, it audits templates instead: CloudFormation and SAM templates, Terraform configurations, and plans in
JSON (terraform show -json), in files, in directories, or - for standard input. With --live it audits both, and
compares live tables with the templates.

Exit codes: 0 nothing found, 3 findings at or above --fail-on, 4 no such findings but something could not be read,
5 the credentials or the role are refused, 1 the audit could not be made, 2 wrong use.`,
		Example: `  sealtable audit                                         # AWS, or what AWS_ENDPOINT_URL names
  sealtable audit --endpoint-url http://127.0.0.1:8000    # this server
  sealtable audit --profile production --region eu-central-1,eu-west-1
  sealtable audit --accounts 111122223333,444455556666 --role-name auditor --resume audit.journal
  sealtable audit --min-key customer --format json > audit.json
  sealtable audit --rule 'DynamoDB-*' --compare yesterday.json
  sealtable audit infrastructure/ --format sarif --output audit.sarif
  terraform show -json plan.out | sealtable audit -
  sealtable audit --live template.yaml                    # does what is deployed differ?
  sealtable audit --framework 'NIST SP 800-53 r5' --format html --output audit.html`,
		RunE: f.run,
	}
	f.addSource(cmd.Flags())
	f.addRules(cmd.Flags())
	f.addOutput(cmd.Flags())
	return cmd
}

func (f *auditFlags) addSource(flags *pflag.FlagSet) {
	flags.StringVar(&f.source.EndpointURL, "endpoint-url", "", "audit the server at this URL instead of AWS")
	flags.StringVar(&f.source.Profile, "profile", "", "profile of the AWS configuration to take "+
		"credentials from")
	flags.StringSliceVar(&f.source.Regions, "region", nil,
		"region to audit; may be given several times; all by default")
	commandLineOnly(flags, "region") // SEALTABLE_REGION is where a server is: an audit is of all regions
	flags.StringVar(&f.source.RoleARN, "role-arn", "", "role to assume before anything is read")
	flags.StringVar(&f.source.ExternalID, "external-id", "", "external id to assume roles with")
	flags.StringSliceVar(&f.source.Accounts, "accounts", nil,
		"accounts to audit, each by its role --role-name")
	flags.StringVar(&f.source.RoleName, "role-name", "OrganizationAccountAccessRole",
		"role to assume in each of --accounts")
	flags.Float64Var(&f.source.MaxRPS, "max-rps", source.DefaultMaxRPS,
		"calls a second of one service in one region of one account; 0 for as many as it goes")
	flags.BoolVar(&f.live, "live", false, "with paths: audit the live tables too, and compare them with "+
		"the templates")
	flags.StringVar(&f.source.Resume, "resume", "", "file that keeps what was read, to go on there after "+
		"an interruption")
}

func (f *auditFlags) addRules(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.choose, "rule", nil, "rule to apply, * stands for any text; all by default")
	flags.StringVar(&f.minKey, "min-key", "aws-managed", "weakest class of key that passes: aws-managed "+
		"or customer")
	flags.BoolVar(&f.rules.RequireCMK, "require-cmk", false, "the same as --min-key customer")
	flags.StringSliceVar(&f.rules.TrustedAccounts, "trusted-account", nil,
		"account that may own keys of tables and be let in by policies")
	flags.StringSliceVar(&f.rules.AllowedKeys, "allowed-key", nil,
		"ARN of a key that tables may be under; all by default")
	flags.IntVar(&f.rules.TablesPerKey, "tables-per-key", 10,
		"how many tables may share a customer managed key")
	flags.StringSliceVar(&f.rules.RequiredTags, "required-tag", nil, "tag that every table must have")
	flags.StringSliceVar(&f.ruleFiles, "rules", nil, "YAML file of your own rules")
	flags.StringSliceVar(&f.waivers, "waivers", nil, "YAML file of waivers")
	flags.StringVar(&f.baseline, "baseline", "", "earlier JSON report whose failures are muted")
	commandLineOnly(flags, "rule", "rules", "baseline")
}

func (f *auditFlags) addOutput(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "format", "table", strings.Join(report.Formats(), ", "))
	flags.StringVarP(&f.output, "output", "o", "", "file to write the report to; standard output by default")
	flags.StringVar(&f.framework, "framework", "",
		"report by the controls of this framework, such as gdpr or 'NIST SP 800-53 r5'")
	flags.StringVar(&f.compare, "compare", "",
		"earlier JSON report: tell what is new, and what is fixed")
	flags.StringVar(&f.failOn, "fail-on", "high",
		"lowest severity that makes the exit code 3: critical, high, medium, low, info or none")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false,
		"exit with 0 although something could not be read")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress")
}

// plan is what the flags come to, checked before anything is read.
type plan struct {
	failOn    audit.Severity
	rules     rule.Options
	waivers   []waiver.Waiver
	compare   map[string]audit.Finding
	baseline  map[string]audit.Finding
	framework string
	templates *files.Source // nil unless paths were given
}

func (f *auditFlags) plan() (*plan, error) {
	p := &plan{}
	var err error
	if p.failOn, err = audit.ParseSeverity(f.failOn); err != nil {
		return nil, fmt.Errorf("--fail-on: %w", err)
	}
	if err := report.Check(f.format); err != nil {
		return nil, fmt.Errorf("--format: %w", err)
	}
	if f.minKey != "aws-managed" && f.minKey != "customer" {
		return nil, fmt.Errorf("--min-key is aws-managed or customer, not %q", f.minKey)
	}
	f.rules.RequireCMK = f.rules.RequireCMK || f.minKey == "customer"
	if f.framework != "" {
		if p.framework, err = rule.FindFramework(f.framework); err != nil {
			return nil, fmt.Errorf("--framework: %w", err)
		}
	}
	p.rules = rule.Options{Parameters: f.rules, Select: f.choose, Now: time.Now().UTC()}
	if err := f.readFiles(p); err != nil {
		return nil, err
	}
	return p, p.rules.Check()
}

func (f *auditFlags) readFiles(p *plan) error {
	for _, path := range f.ruleFiles {
		own, err := readFile(path, func(r io.Reader) ([]rule.Own, error) { return rule.ReadOwn(path, r) })
		if err != nil {
			return err
		}
		p.rules.Own = append(p.rules.Own, own...)
	}
	for _, path := range f.waivers {
		read := func(r io.Reader) ([]waiver.Waiver, error) { return waiver.Read(path, r) }
		list, err := readFile(path, read)
		if err != nil {
			return err
		}
		p.waivers = append(p.waivers, list...)
	}
	var err error
	if f.compare != "" {
		if p.compare, err = readFile(f.compare, audit.ReadFailures); err != nil {
			return fmt.Errorf("--compare %s: %w", f.compare, err)
		}
	}
	if f.baseline != "" {
		if p.baseline, err = readFile(f.baseline, audit.ReadFailures); err != nil {
			return fmt.Errorf("--baseline %s: %w", f.baseline, err)
		}
	}
	return nil
}

func readFile[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	file, err := os.Open(path)
	if err != nil {
		var none T
		return none, err
	}
	defer file.Close()
	return read(file)
}

func (f *auditFlags) run(cmd *cobra.Command, paths []string) error {
	p, err := f.plan()
	if err != nil {
		return usageError(err)
	}
	if len(paths) > 0 {
		if p.templates, err = files.Find(paths, cmd.InOrStdin()); err != nil {
			return usageError(err)
		}
	}
	result, err := f.audit(cmd.Context(), p, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := f.print(cmd.OutOrStdout(), result); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return f.judgement(&result.Summary, p.failOn)
}

func (f *auditFlags) audit(ctx context.Context, p *plan, stderr io.Writer) (*audit.Report, error) {
	sources, err := f.sources(ctx, p)
	if err != nil {
		return nil, err
	}
	progress := newProgress(stderr, f.quiet)
	result, err := audit.Run(ctx, p.rules.Judge(), progress.show, sources...)
	progress.clear()
	if refused := (*source.RefusedError)(nil); errors.As(err, &refused) {
		return nil, sealedError(err)
	}
	if err != nil {
		return nil, err
	}
	result.Version = version()
	result.Started, result.Finished = p.rules.Now, time.Now().UTC()
	result.Parameters, result.Rules = f.rules, p.rules.Catalogue()
	p.finish(result, f.baseline)
	return result, nil
}

// sources are the templates that were named, and what runs unless only templates were.
func (f *auditFlags) sources(ctx context.Context, p *plan) ([]audit.Source, error) {
	var out []audit.Source
	if p.templates != nil {
		out = append(out, p.templates)
		if !f.live {
			return out, nil
		}
		p.rules.Declared = p.templates.Declared()
	}
	f.source.Needs = p.rules.Needs()
	live, err := source.NewLive(ctx, f.source)
	if errors.Is(err, source.ErrUsage) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	return append([]audit.Source{live}, out...), nil
}

// finish mutes, compares and narrows a report as the flags say.
func (p *plan) finish(result *audit.Report, baseline string) {
	waiver.Apply(result, p.waivers, p.rules.Now)
	if p.baseline != nil {
		result.Baseline(p.baseline, baseline)
	}
	if p.compare != nil {
		result.Compare(p.compare)
	}
	if p.framework != "" {
		narrow(result, p.framework)
	}
}

// narrow leaves the rules, and their findings, that a framework asks for.
func narrow(r *audit.Report, framework string) {
	kept := map[string]bool{audit.CoverageRule().ID: true}
	var rules []audit.Rule
	for _, one := range r.Rules {
		one.Mappings = slices.DeleteFunc(slices.Clone(one.Mappings), func(m audit.Mapping) bool {
			return m.Framework+" "+m.Version != framework
		})
		if len(one.Mappings) > 0 || kept[one.ID] {
			kept[one.ID] = true
			rules = append(rules, one)
		}
	}
	r.Rules = rules
	r.Findings = slices.DeleteFunc(r.Findings, func(f audit.Finding) bool { return !kept[f.Rule] })
	r.Summarise()
}

func (f *auditFlags) print(stdout io.Writer, result *audit.Report) (err error) {
	style := report.Style{
		Color:    isTerminal(stdout) && f.output == "" && os.Getenv("NO_COLOR") == "",
		Controls: f.framework != "",
	}
	if f.output == "" {
		return report.Write(stdout, result, f.format, style)
	}
	file, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(report.Write(file, result, f.format, style), file.Close())
}

// judgement turns an outcome into an exit code. Findings come first: they are certain, and stay when the rest
// becomes readable.
func (f *auditFlags) judgement(s *audit.Summary, failOn audit.Severity) error {
	if n := s.FailuresFrom(failOn); n > 0 {
		return &exitError{exitFindings, fmt.Errorf("findings of severity %s or above: %d", failOn, n)}
	}
	if !s.Complete && !f.allowIncomplete {
		unread := s.Findings[audit.Error]
		return &exitError{exitIncomplete, fmt.Errorf("the audit is incomplete: checks that could not be "+
			"made: %d", unread)}
	}
	return nil
}
