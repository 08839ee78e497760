package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/trail/history"
)

// trailFlags are the flags of trail.
type trailFlags struct {
	keysFlags
	filter       history.Filter
	since, until string
	follow       bool
	limit        int
	output       string
}

func newTrail() *cobra.Command {
	f := &trailFlags{}
	cmd := &cobra.Command{
		Use:   "trail",
		Short: "Show the record of calls: who, what, under which key, with which outcome",
		Long: `Show the record of calls of an installation, oldest first, whether or not its server is running. The trail is sealed: this reads it with
the root key. Records have the shape of CloudTrail's, one JSON object on a line; on a terminal a table is shown instead.

Options that are given several times want any of the values; different options have to fit all. Exit code 1 says that a file of
the trail is damaged (the others are shown), 5 that there is no root key.`,
		Example: `  sealtable trail --since 2h
  sealtable trail --error --user alice                       # what alice was refused
  sealtable trail --key 1234abcd-12ab-34cd-56ef-1234567890ab --event Decrypt
  sealtable trail --table orders --since 2026-03-01 --until 2026-03-02T12:00:00Z
  sealtable trail --follow --service kms
  sealtable trail --since 24h | jq -r .userIdentity.arn | sort | uniq -c`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.keysFlags.add(cmd)
	f.addFilter(cmd)
	return cmd
}

func (f *trailFlags) addFilter(cmd *cobra.Command) {
	flags, w := cmd.Flags(), &f.filter
	flags.StringVar(&f.since, "since", "", "from this time on: 90m, 24h or 7d ago, a day, or an RFC "+
		"3339 time")
	flags.StringVar(&f.until, "until", "", "before this time")
	flags.StringSliceVar(&w.Events, "event", nil, "operations, such as Decrypt")
	flags.StringSliceVar(&w.Services, "service", nil, "services: dynamodb, kms, iam, sts")
	flags.StringSliceVar(&w.Users, "user", nil, "who called: a name, ARN, id or access key; root")
	flags.StringSliceVar(&w.Keys, "key", nil, "KMS keys, by id, ARN or alias/NAME as the caller gave it")
	flags.StringSliceVar(&w.Tables, "table", nil, "tables, by name or ARN; calls on their keys too")
	flags.StringSliceVar(&w.Errors, "error", nil, "calls that failed; --error=CODE: with this code")
	flags.Lookup("error").NoOptDefVal = "*"
	flags.StringSliceVar(&w.Accounts, "account", nil, "accounts, of the caller or of what was called")
	flags.StringSliceVar(&w.Regions, "region", nil, "regions")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what is recorded from now on; begins with "+
		"the last ten if neither --since nor --limit is given")
	flags.IntVarP(&f.limit, "limit", "n", 0, "the last so many only; 0 for all")
	flags.StringVarP(&f.output, "output", "o", "", "json or table; table on a terminal, else json")
	commandLineOnly(flags, "since", "until", "event", "service", "user", "key", "table", "error", "account",
		"region", "follow", "limit", "output")
}

// followedFirst is how many records are shown before those that are followed.
const followedFirst = 10

// prepare reads the flags that are no plain texts.
func (f *trailFlags) prepare(w io.Writer, now time.Time) (err error) {
	if f.filter.Since, err = readTime("since", f.since, now); err != nil {
		return err
	}
	if f.filter.Until, err = readTime("until", f.until, now); err != nil {
		return err
	}
	if f.limit < 0 {
		return usageError(fmt.Errorf("--limit %d: give a number from 0", f.limit))
	}
	if f.follow && f.until != "" {
		return usageError(errors.New("--follow has no end: leave --until out"))
	}
	if f.follow && f.since == "" && f.limit == 0 {
		f.limit = followedFirst
	}
	switch f.output {
	case "json", "table":
	case "":
		f.output = "json"
		if isTerminal(w) {
			f.output = "table"
		}
	default:
		return usageError(fmt.Errorf("--output is json or table, not %q", f.output))
	}
	return nil
}

// readTime reads a time, a day, or how long ago something was. Days are those of the machine's place.
func readTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d >= 0 {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usageError(fmt.Errorf("--%s %q is no time: give 90m, 24h, 7d, 2006-01-02 or "+
		"2006-01-02T15:04:05Z", flag, text))
}

func (f *trailFlags) run(cmd *cobra.Command) error {
	if err := f.prepare(cmd.OutOrStdout(), time.Now()); err != nil {
		return err
	}
	if id, err := inspect.Installation(f.data); err != nil || id.IsZero() {
		return errors.Join(err, fmt.Errorf("%s holds no data: give --data", f.data))
	}
	return f.with(cmd, func(root *seal.Root, arena *lockedmem.Arena) (err error) {
		var damage []error
		past, err := history.Open(f.data, root, arena, func(path string, err error) {
			damage = append(damage, fmt.Errorf("%s cannot be read to its end: %w; run sealtable inspect",
				path, err))
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, past.Close()) }()
		out := &trailOutput{w: cmd.OutOrStdout(), table: f.output == "table", limit: f.limit,
			filter: &f.filter}
		return errors.Join(f.show(cmd.Context(), past, out), errors.Join(damage...))
	})
}

func (f *trailFlags) show(ctx context.Context, past *history.History, out *trailOutput) error {
	if f.follow {
		return past.Follow(ctx, out.visit, out.flush)
	}
	if err := past.Read(ctx, out.visit); err != nil {
		return err
	}
	return out.flush()
}

// trailOutput writes the records that are wanted. With a limit it keeps them until flush, and from then on
// writes what comes.
type trailOutput struct {
	w      io.Writer
	table  bool
	limit  int
	filter *history.Filter

	headed bool
	kept   [][]byte // a ring
	oldest int
}

func (o *trailOutput) visit(line []byte) error {
	r, err := history.Parse(line)
	if err != nil {
		return err
	}
	if !o.filter.Wants(r) {
		return nil
	}
	if o.limit == 0 {
		return o.write(line, r)
	}
	line = append([]byte(nil), line...)
	if len(o.kept) < o.limit {
		o.kept = append(o.kept, line)
		return nil
	}
	o.kept[o.oldest] = line
	o.oldest = (o.oldest + 1) % o.limit
	return nil
}

func (o *trailOutput) flush() error {
	kept := append(o.kept[o.oldest:], o.kept[:o.oldest]...)
	o.limit = 0
	o.kept = nil
	o.oldest = 0
	for _, line := range kept {
		r, err := history.Parse(line)
		if err != nil {
			return err
		}
		if err := o.write(line, r); err != nil {
			return err
		}
	}
	return nil
}

func (o *trailOutput) write(line []byte, r *history.Record) error {
	if !o.table {
		_, err := o.w.Write(append(line[:len(line):len(line)], '\n'))
		return err
	}
	if !o.headed {
		o.headed = true
		if err := o.row("TIME", "CALL", "WHO", "REGION", "OUTCOME", "ON"); err != nil {
			return err
		}
	}
	outcome := r.ErrorCode
	if outcome == "" {
		outcome = "ok"
	}
	return o.row(r.EventTime.Local().Format(time.DateTime), r.Service()+" "+r.EventName, who(r), r.AWSRegion,
		outcome, on(r))
}

// row writes cells in columns whose widths are set, since nobody knows what will be followed.
func (o *trailOutput) row(cells ...string) error {
	for n, cell := range cells {
		cells[n] = legible(cell)
	}
	_, err := fmt.Fprintf(o.w, "%-19s  %-28s  %-24s  %-14s  %-26s  %s\n", cells[0], cells[1], cells[2],
		cells[3], cells[4], cells[5])
	return err
}

// who is the part of an ARN that people know somebody by.
func who(r *history.Record) string {
	id := &r.UserIdentity
	name := id.ARN
	if _, last, ok := strings.Cut(id.ARN, "/"); ok {
		name = last
	}
	if id.Type == "Root" {
		name = "root of " + id.AccountID
	}
	if via, _, _ := strings.Cut(id.InvokedBy, "."); via != "" {
		name += " via " + via
	}
	return orDash(name)
}

func on(r *history.Record) string {
	var names []string
	for _, resource := range r.Resources {
		names = append(names, resource.ARN[strings.LastIndexByte(resource.ARN, ':')+1:])
	}
	if len(names) == 0 && len(r.RequestParameters) > 0 {
		if text, err := json.Marshal(r.RequestParameters); err == nil {
			names = append(names, string(text))
		}
	}
	return orDash(strings.Join(names, " "))
}
