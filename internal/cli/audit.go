package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/report"
	"github.com/sealtable/sealtable/internal/audit/rule"
	"github.com/sealtable/sealtable/internal/audit/source"
)

// auditFlags are the flags of audit.
type auditFlags struct {
	source source.Options
	rules  audit.Parameters
	format string
	failOn string
}

func newAudit() *cobra.Command {
	f := &auditFlags{}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Find out which key every table is under, and whether this key still works",
		Long: `Find out which key every table of every region is under, and whether this key still works.

The audit reads through the public API with the credentials that the AWS SDK finds, so it works against AWS and against any
endpoint that speaks the same API. It changes nothing. What cannot be read is an ERROR that names the permission it lacks.

Exit codes: 0 nothing found, 3 findings at or above --fail-on, 4 no such findings but something could not be read, 1 the audit
could not be made, 2 wrong use.`,
		Example: `  sealtable audit                                         # AWS, or what AWS_ENDPOINT_URL names
  sealtable audit --endpoint-url http://127.0.0.1:8000    # this server
  sealtable audit --profile production --region eu-central-1,eu-west-1
  sealtable audit --require-cmk --format json > audit.json`,
		Args: noTemplates,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.source.EndpointURL, "endpoint-url", "", "audit the server at this URL instead of AWS")
	flags.StringVar(&f.source.Profile, "profile", "", "profile of the AWS configuration to take "+
		"credentials from")
	flags.StringSliceVar(&f.source.Regions, "region", nil, "region to audit; may be given several times; "+
		"all by default")
	commandLineOnly(flags, "region") // SEALTABLE_REGION is where a server is: an audit is of all regions
	flags.BoolVar(&f.rules.RequireCMK, "require-cmk", false,
		"ask for customer managed keys: AWS managed ones fail")
	flags.StringVar(&f.format, "format", "table", "table or json")
	flags.StringVar(&f.failOn, "fail-on", "high", "lowest severity that makes the exit code 3: critical, "+
		"high, medium, low, or none")
	return cmd
}

func noTemplates(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("auditing templates is not available yet: %s takes no argument %q",
			cmd.CommandPath(), args[0]))
	}
	return nil
}

func (f *auditFlags) run(cmd *cobra.Command) error {
	failOn, err := audit.ParseSeverity(f.failOn)
	if err != nil {
		return usageError(fmt.Errorf("--fail-on: %w", err))
	}
	if f.format != "table" && f.format != "json" {
		return usageError(fmt.Errorf("--format is table or json, not %q", f.format))
	}
	result, err := f.audit(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := f.print(cmd.OutOrStdout(), result); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return judgement(&result.Summary, failOn)
}

func (f *auditFlags) audit(ctx context.Context, stderr io.Writer) (*audit.Report, error) {
	started := time.Now().UTC()
	live, err := source.NewLive(ctx, f.source)
	if errors.Is(err, source.ErrUsage) {
		return nil, usageError(err)
	}
	if err != nil {
		return nil, err
	}
	progress := newProgressLine(stderr)
	result, err := audit.Run(ctx, live, rule.Judge(f.rules), progress.show)
	progress.clear()
	if err != nil {
		return nil, err
	}
	result.Version = version()
	result.Started = started
	result.Finished = time.Now().UTC()
	result.Parameters, result.Rules = f.rules, rule.Catalogue()
	return result, nil
}

func (f *auditFlags) print(stdout io.Writer, result *audit.Report) error {
	if f.format == "json" {
		return report.JSON(stdout, result)
	}
	return report.Text(stdout, result, report.Style{Color: isTerminal(stdout) && os.Getenv("NO_COLOR") == ""})
}

// judgement turns an outcome into an exit code. Findings come first: they are certain, and stay when the rest
// becomes readable.
func judgement(s *audit.Summary, failOn audit.Severity) error {
	if n := s.FailuresFrom(failOn); n > 0 {
		return &exitError{exitFindings, fmt.Errorf("findings of severity %s or above: %d", failOn, n)}
	}
	if !s.Complete {
		return &exitError{exitIncomplete,
			fmt.Errorf("the audit is incomplete: checks that could not be made: %d", s.Findings[audit.Error])}
	}
	return nil
}

// progressLine shows how far an audit has come on a line of its own, where somebody is watching.
type progressLine struct {
	out  io.Writer // nil where nobody watches
	last time.Time
}

func newProgressLine(stderr io.Writer) *progressLine {
	if !isTerminal(stderr) {
		return &progressLine{}
	}
	return &progressLine{out: stderr}
}

func (l *progressLine) show(p audit.Progress) {
	if l.out == nil || time.Since(l.last) < 100*time.Millisecond {
		return
	}
	l.last = time.Now()
	fmt.Fprintf(l.out, "\r\x1b[K%d of %d regions, %d tables", p.RegionsDone, p.Regions, p.Tables)
}

func (l *progressLine) clear() {
	if l.out != nil {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
}
