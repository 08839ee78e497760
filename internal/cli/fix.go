package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/files"
	"github.com/sealtable/sealtable/internal/audit/remedy"
	"github.com/sealtable/sealtable/internal/audit/rule"
	"github.com/sealtable/sealtable/internal/audit/source"
	"github.com/sealtable/sealtable/internal/audit/waiver"
)

// fixFlags are the flags of fix and its commands.
type fixFlags struct {
	audit  auditFlags
	remedy remedy.Options
	key    string
	format string
	record string
	write  bool
}

func newFix() *cobra.Command {
	f := &fixFlags{}
	cmd := &cobra.Command{
		Use:   "fix",
		Short: "Mend what the audit finds: show, patch templates, or change what is live",
		Long: `Mend what the audit finds. fix plan, which is also what fix alone does, shows what there is to do, what it costs
and whose access it would take; fix patch changes templates; fix apply changes live tables and keys, and writes down
what takes that back; fix rollback takes it back.

By default tables get the AWS managed key; --key names another one, and --key new makes one in each region.

Exit codes: 0 nothing is left to do, 3 something is left, 1 something failed, 2 wrong use, 5 not authorised.`,
		Example: `  sealtable fix                                              # what would be done
  sealtable fix apply --key new --alias alias/tables
  sealtable fix patch template.yaml main.tf | git apply
  sealtable fix rollback sealtable-fix-20260102T030405Z.jsonl`,
		Args: noArguments,
		RunE: f.plan,
	}
	f.flags(cmd)
	planned := &fixFlags{}
	plan := &cobra.Command{
		Use: "plan", Short: "Show what there is to do about live tables and keys", Args: noArguments,
		RunE:    planned.plan,
		Example: "  sealtable fix plan --format json",
	}
	planned.flags(plan)
	cmd.AddCommand(plan, newFixPatch(), newFixApply(), newFixRollback())
	return cmd
}

func (f *fixFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.audit.addSource(flags)
	flags.Lookup("live").Hidden = true
	flags.StringSliceVar(&f.audit.choose, "rule", []string{rule.EncryptionID},
		"rules to mend: "+strings.Join(remedy.Rules(), ", "))
	flags.StringSliceVar(&f.audit.waivers, "waivers", nil, "YAML file of waivers")
	flags.StringVar(&f.audit.minKey, "min-key", "aws-managed",
		"weakest class of key that passes: aws-managed or customer")
	flags.StringVar(&f.key, "key", "", "key for tables: an ARN, an id, an alias, or new; the AWS managed "+
		"key by default")
	flags.StringVar(&f.remedy.Alias, "alias", "alias/sealtable-tables",
		"alias of the key that --key new makes")
	flags.BoolVar(&f.remedy.AllowDrift, "allow-drift", false, "change tables that a stack manages")
	flags.BoolVar(&f.remedy.AllowCallers, "allow-callers", false,
		"change tables whose callers may not use the new key")
	flags.StringVar(&f.format, "format", "table", "table or json")
	commandLineOnly(flags, "rule", "key", "alias")
}

func newFixPatch() *cobra.Command {
	f := &fixFlags{}
	cmd := &cobra.Command{
		Use:   "patch PATH...",
		Short: "Change CloudFormation, SAM and Terraform templates",
		Long: `Print what has to change in templates as a unified diff, which git apply and patch take; comments and formatting stay.
Each change is audited before it is shown.`,
		Example: `  sealtable fix patch infrastructure/ > fix.diff
  sealtable fix patch --write --key alias/tables template.yaml`,
		RunE: f.patch,
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&f.write, "write", false, "change the files")
	return cmd
}

func newFixApply() *cobra.Command {
	f := &fixFlags{}
	cmd := &cobra.Command{
		Use: "apply", Short: "Change live tables and keys, and write down what takes that back",
		Args:    noArguments,
		Example: "  sealtable fix apply --rule DynamoDB-004,KMS-002",
		RunE:    f.apply,
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.record, "record", "", "file for what takes the changes back; a new one by "+
		"default")
	return cmd
}

func newFixRollback() *cobra.Command {
	f := &fixFlags{}
	cmd := &cobra.Command{
		Use: "rollback FILE", Short: "Take back what fix apply changed", Args: oneRecord, RunE: f.rollback,
		Example: "  sealtable fix rollback sealtable-fix-20260102T030405Z.jsonl",
	}
	f.audit.addSource(cmd.Flags())
	cmd.Flags().StringVar(&f.format, "format", "table", "table or json")
	return cmd
}

func oneRecord(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(fmt.Errorf("%s takes the file that fix apply wrote", cmd.CommandPath()))
	}
	return nil
}

func (f *fixFlags) check() error {
	if f.format != "table" && f.format != "json" {
		return usageError(fmt.Errorf("--format is table or json, not %q", f.format))
	}
	f.remedy.Key = f.key
	if f.key == "alias/aws/dynamodb" || f.key == "aws-managed" {
		f.remedy.Key = ""
	}
	if f.audit.minKey == "customer" && f.remedy.Key == "" {
		return usageError(errors.New("--min-key customer needs a key: --key KEY, or --key new"))
	}
	f.audit.format, f.audit.failOn = "json", "none"
	return nil
}

// look audits what is live, and keeps the facts.
func (f *fixFlags) look(ctx context.Context) (*audit.Report, []*fact.Set, error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	p, err := f.audit.plan()
	if err != nil {
		return nil, nil, usageError(err)
	}
	f.audit.source.Needs = remedy.Needs()
	for need := range p.rules.Needs() {
		f.audit.source.Needs[need] = true
	}
	live, err := source.NewLive(ctx, f.audit.source)
	if errors.Is(err, source.ErrUsage) {
		return nil, nil, usageError(err)
	}
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	var sets []*fact.Set
	judge := p.rules.Judge()
	keeping := func(s *fact.Set) []audit.Finding {
		mu.Lock()
		sets = append(sets, s)
		mu.Unlock()
		return judge(s)
	}
	result, err := audit.Run(ctx, keeping, nil, live)
	if refused := (*source.RefusedError)(nil); errors.As(err, &refused) {
		return nil, nil, sealedError(err)
	}
	if err != nil {
		return nil, nil, err
	}
	p.finish(result, "")
	return result, sets, nil
}

func (f *fixFlags) plan(cmd *cobra.Command, _ []string) error {
	result, sets, err := f.look(cmd.Context())
	if err != nil {
		return err
	}
	planner := remedy.Planner{Options: f.remedy, Sets: sets}
	plan := planner.Plan(result)
	return f.finish(cmd.OutOrStdout(), plan, &result.Summary)
}

// apply mends, and then looks again: what still fails has not been mended.
func (f *fixFlags) apply(cmd *cobra.Command, _ []string) error {
	result, sets, err := f.look(cmd.Context())
	if err != nil {
		return err
	}
	planner := remedy.Planner{Options: f.remedy, Sets: sets}
	plan := planner.Plan(result)
	if f.record == "" {
		f.record = "sealtable-fix-" + time.Now().UTC().Format("20060102T150405Z") + ".jsonl"
	}
	applier, err := f.applier(cmd.Context())
	if err != nil {
		return err
	}
	applier.Record = remedy.NewRecord(f.record)
	applier.Apply(cmd.Context(), plan)
	plan.Record = applier.Record.Path()
	if err := applier.Record.Close(); err != nil {
		return err
	}
	after, _, err := f.look(cmd.Context())
	if err != nil {
		return err
	}
	plan.Confirm(after)
	return f.finish(cmd.OutOrStdout(), plan, &after.Summary)
}

func (f *fixFlags) applier(ctx context.Context) (*remedy.Applier, error) {
	live, err := source.NewLive(ctx, f.audit.source)
	if err != nil {
		return nil, err
	}
	pause := func(ctx context.Context) error {
		timer := time.NewTimer(time.Second)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
	return &remedy.Applier{Clients: live, Options: f.remedy, Pause: pause}, nil
}

func (f *fixFlags) rollback(cmd *cobra.Command, args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return usageError(err)
	}
	defer file.Close()
	applier, err := f.applier(cmd.Context())
	if err != nil {
		return err
	}
	result, err := applier.Rollback(cmd.Context(), file)
	if err != nil {
		return usageError(fmt.Errorf("%s: %w", args[0], err))
	}
	return f.finish(cmd.OutOrStdout(), result, nil)
}

func (f *fixFlags) patch(cmd *cobra.Command, paths []string) error {
	if len(paths) == 0 {
		return usageError(fmt.Errorf("%s takes the paths of templates", cmd.CommandPath()))
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.remedy.Key == remedy.NewKey {
		return usageError(errors.New("--key new is for live tables: add the key to the template by hand, " +
			"and name it here"))
	}
	p, err := f.audit.plan()
	if err != nil {
		return usageError(err)
	}
	templates, err := files.Find(paths, cmd.InOrStdin())
	if err != nil {
		return usageError(err)
	}
	judged := func(ctx context.Context, from audit.Source) (*audit.Report, error) {
		r, err := audit.Run(ctx, p.rules.Judge(), nil, from)
		if err == nil {
			waiver.Apply(r, p.waivers, p.rules.Now)
		}
		return r, err
	}
	before, err := judged(cmd.Context(), templates)
	if err != nil {
		return err
	}
	patcher := remedy.Patcher{Options: f.remedy}
	patcher.Judge = func(ctx context.Context, path, text string) (*audit.Report, error) {
		return judged(ctx, templates.With(path, text))
	}
	result, err := patcher.Patch(cmd.Context(), before)
	if err != nil {
		return err
	}
	if f.write {
		for path, text := range patcher.Texts() {
			if err := replaceFile(path, text); err != nil {
				return err
			}
		}
		result.Written()
	}
	return f.finish(cmd.OutOrStdout(), result, &before.Summary)
}

// replaceFile writes a file anew beside the old one, and puts it in its place.
func replaceFile(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fresh := path + ".sealtable-fix"
	if err := os.WriteFile(fresh, []byte(text), info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func (f *fixFlags) finish(stdout io.Writer, result *remedy.Report, summary *audit.Summary) error {
	if err := f.print(stdout, result); err != nil {
		return err
	}
	switch {
	case result.Failures() > 0:
		return fmt.Errorf("changes that failed: %d", result.Failures())
	case result.Left() > 0:
		return &exitError{exitFindings, fmt.Errorf("changes left to do: %d", result.Left())}
	case summary != nil && !summary.Complete:
		return &exitError{exitIncomplete, errors.New("nothing is left to do of what could be read; not " +
			"all could be")}
	}
	return nil
}

func (f *fixFlags) print(w io.Writer, result *remedy.Report) error {
	if f.format == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	if len(result.Changes) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is to be done.")
		return err
	}
	if hasPatch(result) {
		return printPatches(w, result)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"status", "rule", "resource", "before", "after", "cost", ""})
	for i := range result.Changes {
		c := &result.Changes[i]
		why := c.Why
		if len(c.Callers) > 0 {
			why += "\n" + strings.Join(c.Callers, "\n")
		}
		t.AppendRow(table.Row{
			c.Status, c.Rule, legible(c.Resource.Label()), legible(c.Before), legible(c.After), c.Cost,
			legible(why),
		})
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil || result.Record == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "To take this back: sealtable fix rollback %s\n", rule.Quote(result.Record))
	return err
}

func hasPatch(result *remedy.Report) bool {
	for i := range result.Changes {
		if result.Changes[i].Patch != "" || result.Changes[i].Resource.File != "" {
			return true
		}
	}
	return false
}

// printPatches prints what git apply takes; what could not be patched stands in comments before it.
func printPatches(w io.Writer, result *remedy.Report) error {
	for i := range result.Changes {
		c := &result.Changes[i]
		text := c.Patch
		if text == "" {
			text = "# " + legible(c.Resource.Label()) + ": " + c.Rule + ": " + legible(c.Why) + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}
