package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// inspectFlags are the flags of inspect.
type inspectFlags struct {
	options        inspect.Options
	seal           string
	passphraseFile string
	external       externalFlags
	json           bool
}

func newInspect() *cobra.Command {
	f := &inspectFlags{}
	cmd := &cobra.Command{
		Use:   "inspect DIR",
		Short: "Prove offline what is on disk: every file, the keys above it, every block",
		Long: `Prove offline what is on disk in the data directory DIR: each file, its table, the chain of keys above it up to the root key,
and its algorithm. Every block is authenticated. Nothing is changed and no row is shown; the directory may be a copy, or that of
a server that is stopped or running.

Exit code 0 says that every byte is accounted for and authentic; 1 that something is wrong, and the files concerned are named;
5 that there is no root key, and then the files are listed with what can be told without keys.`,
		Example: `  sealtable inspect ~/.local/share/sealtable
  sealtable inspect /mnt/backup/data --config /mnt/safe/config --json
  sealtable inspect /mnt/backup/data --config /nowhere     # what somebody sees who stole the disk`,
		Args: oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.options.Dir = args[0]
			return f.run(cmd)
		},
	}
	addConfigFlag(cmd.Flags(), &f.options.ConfigDir)
	addSealFlags(cmd.Flags(), &f.seal, &f.passphraseFile)
	cmd.Flags().Lookup("seal").Usage = "how the root key has to be locked: file, passphrase, awskms or " +
		"pkcs11; any way by default"
	f.external.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	return cmd
}

func oneDirectory(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(fmt.Errorf("%s takes one directory; see %s --help", cmd.CommandPath(),
			cmd.CommandPath()))
	}
	return nil
}

func (f *inspectFlags) run(cmd *cobra.Command) (err error) {
	stderr := cmd.ErrOrStderr()
	if f.options.Seal, err = parseSeal(f.seal); err != nil {
		return err
	}
	f.options.Passphrase = passphraseSource(f.passphraseFile, stderr)
	f.options.External = f.external.wrappers(f.options.Passphrase)
	f.options.Warn = func(err error) { fmt.Fprintln(stderr, "sealtable: warning:", err) }
	if err := lockedmem.HardenProcess(); err != nil {
		f.options.Warn(err)
	}
	stop := f.showProgress(stderr)
	report, err := inspect.Run(cmd.Context(), f.options)
	stop()
	if err != nil {
		return err
	}
	if err := f.print(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	return verdictError(report)
}

// showProgress shows how far the inspection is, on a terminal.
func (f *inspectFlags) showProgress(stderr io.Writer) (stop func()) {
	if !isTerminal(stderr) {
		return func() {}
	}
	last := int64(-1)
	f.options.Progress = func(done, total int64) {
		if percent := done * 100 / max(total, 1); percent != last {
			last = percent
			fmt.Fprintf(stderr, "\r%3d %%", percent)
		}
	}
	return func() { fmt.Fprint(stderr, "\r     \r") }
}

// verdictError gives the verdict its exit code.
func verdictError(report *inspect.Report) error {
	switch report.Verdict {
	case inspect.Authentic:
		return nil
	case inspect.Sealed:
		return sealedError(errors.New(report.Reason))
	}
	first := report.Problems[0]
	err := fmt.Errorf("%s: %s", legible(first.Path), legible(first.What))
	if more := len(report.Problems) - 1; more > 0 {
		err = fmt.Errorf("%w; and %d more", err, more)
	}
	return err
}

func (f *inspectFlags) print(w io.Writer, report *inspect.Report) error {
	if f.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	p := &printer{w: w, pretty: isTerminal(w)}
	p.section("Keys", keyRows(report))
	p.section("Tables", tableRows(report))
	p.section("Files", fileRows(report))
	p.section("Wrong", problemRows(report))
	p.line("%s", summaryLine(report))
	return p.err
}

// printer writes tables: with borders on a terminal, as aligned columns elsewhere.
type printer struct {
	w      io.Writer
	pretty bool
	err    error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// section writes rows below their heading, the first row being the names of the columns. Without further rows
// it writes nothing.
func (p *printer) section(title string, rows [][]string) {
	if len(rows) < 2 || p.err != nil {
		return
	}
	p.line("%s", title)
	if p.pretty {
		p.line("%s\n", bordered(rows))
		return
	}
	aligned := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for n := range row {
			row[n] = legible(row[n])
		}
		if _, err := fmt.Fprintln(aligned, strings.Join(row, "\t")); err != nil {
			p.err = err
			return
		}
	}
	p.err = aligned.Flush()
	if p.err == nil {
		p.line("")
	}
}

func bordered(rows [][]string) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	for n, row := range rows {
		cells := make(table.Row, len(row))
		for c, cell := range row {
			cells[c] = legible(cell)
		}
		if n == 0 {
			t.AppendHeader(cells)
		} else {
			t.AppendRow(cells)
		}
	}
	return t.Render()
}

// legible keeps names of files from speaking to the terminal or breaking the columns.
func legible(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}

func keyRows(report *inspect.Report) [][]string {
	rows := [][]string{{"KEY", "VERSION", "CREATED", "UNDER", "STATE"}}
	const day = "2006-01-02 15:04"
	if root := report.RootKey; root != nil {
		for _, v := range root.Versions {
			rows = append(rows, []string{"root key", fmt.Sprint(v.Version), v.Created.Format(day),
				root.Seal + " seal", v.ID})
		}
	}
	for _, key := range report.KMSKeys {
		name := key.ID
		if len(key.ARNs) > 0 {
			name = key.ARNs[0]
		}
		for _, v := range key.Versions {
			state := strings.TrimSpace(key.State + " " + strings.ToLower(key.Manager))
			rows = append(rows, []string{name, fmt.Sprint(v.Version), v.Created.Format(day),
				fmt.Sprintf("root key %d", v.RootKeyVersion), state})
		}
	}
	return rows
}

func tableRows(report *inspect.Report) [][]string {
	rows := [][]string{{"TABLE", "ARN", "BYTES", "ENCRYPTION", "KMS KEY", "STATE", "CHAIN"}}
	for _, t := range report.Tables {
		chain := "not opened"
		switch {
		case t.System && t.Opened:
			chain = "keyring > catalog key > data key 1"
		case t.Opened:
			chain = fmt.Sprintf("root key %d > KMS key version %d > table key %d > data keys %s",
				t.RootVersion, t.KMSKeyVersion, t.TableKey, strings.Trim(fmt.Sprint(t.DataKeys), "[]"))
		}
		rows = append(rows, []string{orID(t.Name, t.ID), orDash(t.ARN), fmt.Sprint(t.Bytes),
			orDash(t.Encryption), orDash(t.KMSKey), orDash(t.KMSKeyState), chain})
	}
	return rows
}

func fileRows(report *inspect.Report) [][]string {
	rows := [][]string{{"FILE", "KIND", "TABLE", "BYTES", "ALGORITHM", "KEY", "STATUS", "DETAIL"}}
	for _, f := range report.Files {
		key := "-"
		if len(f.Keys) > 0 {
			key = f.Keys[len(f.Keys)-1]
		}
		rows = append(rows, []string{f.Path, f.Kind, orDash(orID(f.TableName, f.Table)), fmt.Sprint(f.Bytes),
			f.Algorithm, key, string(f.Status), f.Detail})
	}
	return rows
}

func problemRows(report *inspect.Report) [][]string {
	rows := [][]string{{"FILE", "WHAT"}}
	for _, p := range report.Problems {
		rows = append(rows, []string{p.Path, p.What})
	}
	return rows
}

func summaryLine(report *inspect.Report) string {
	s := report.Summary
	text := fmt.Sprintf("%s, %s, %s: ", count(s.Files, "file"), count(s.Bytes, "byte"),
		count(s.Tables, "table"))
	switch report.Verdict {
	case inspect.Authentic:
		return text + "every byte is accounted for and authentic"
	case inspect.Sealed:
		return text + fmt.Sprintf("sealed; without the root key none of %s can be read",
			count(s.Sealed, "sealed file"))
	}
	return text + "WRONG in " + count(s.Problems, "place")
}

// count words a number of things.
func count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func orID(name, id string) string {
	if name != "" {
		return name
	}
	return id
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
