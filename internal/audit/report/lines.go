package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
)

// JSONLines writes one finding on each line.
func JSONLines(w io.Writer, r *audit.Report) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	for i := range r.Findings {
		if err := encoder.Encode(&r.Findings[i]); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// CSV writes one finding on each line, under a heading (RFC 4180). Cells that a spreadsheet would take for
// formulas begin with an apostrophe.
func CSV(w io.Writer, r *audit.Report) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"id", "rule", "title", "status", "severity", "account", "region", "table", "key", "arn", "file",
		"line", "address",
		"message", "remedy", "commands", "change",
	}}
	for i := range r.Findings {
		f := &r.Findings[i]
		line := ""
		if f.Resource.Line > 0 {
			line = strconv.Itoa(f.Resource.Line)
		}
		rows = append(rows, []string{
			f.ID, f.Rule, ruleOf(r, f.Rule).Title, string(f.Status), f.Severity.String(), f.Resource.Account,
			f.Resource.Region,
			f.Resource.Table, f.Resource.Key, f.Resource.ARN, f.Resource.File, line, f.Resource.Address,
			f.Message, f.Remedy, strings.Join(f.Commands, "\n"), f.Change,
		})
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Markdown writes the counts, the tables and what needs attention, for a wiki or the comment on a change.
func Markdown(w io.Writer, r *audit.Report) error {
	b := bufio.NewWriter(w)
	s := &r.Summary
	fmt.Fprintf(b, "# Audit of %s\n\n", cell(scopeLine(r)))
	fmt.Fprintf(b, "%s. %d tables, %d keys.\n\n", r.Started.UTC().Format(time.RFC3339), len(r.Tables),
		len(r.Keys))
	fmt.Fprintf(b, "| critical | high | medium | low | could not be read |\n|---|---|---|---|---|\n| %d | "+
		"%d | %d | %d | %d |\n\n",
		s.Failures[audit.Critical], s.Failures[audit.High], s.Failures[audit.Medium], s.Failures[audit.Low],
		s.Findings[audit.Error])
	statuses := r.TableStatuses()
	if len(r.Tables) > 0 {
		fmt.Fprint(b, "## Tables\n\n| place | table | key | key state | result |\n|---|---|---|---|---|\n")
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		place := t.Region
		if t.Origin != nil {
			place = fmt.Sprintf("%s:%d", t.Origin.File, t.Origin.Line)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", cell(place), cell(t.Name), t.KeyClass,
			cell(keyState(t)),
			statuses[audit.SubjectOfTable(t)])
	}
	heading := false
	for i := range r.Findings {
		f := &r.Findings[i]
		if !needsAttention(f) {
			continue
		}
		if !heading {
			fmt.Fprint(b, "\n## Findings\n\n| status | severity | rule | resource | what | what to do "+
				"|\n|---|---|---|---|---|---|\n")
			heading = true
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", f.Status, f.Severity, cell(f.Rule),
			cell(f.Resource.Label()),
			cell(f.Message), cell(f.Remedy))
	}
	return b.Flush()
}

// cell is text that stays in its cell, and is no markup.
func cell(s string) string {
	s = printable(s)
	for _, c := range []string{`\`, "|", "*", "_", "\x60", "[", "]"} {
		s = strings.ReplaceAll(s, c, `\`+c)
	}
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(s)
}

func scopeLine(r *audit.Report) string {
	switch {
	case len(r.Scope.Accounts) > 0:
		return "accounts " + strings.Join(r.Scope.Accounts, ", ")
	case r.Scope.Account != "" && len(r.Regions) > 0:
		return "account " + r.Scope.Account
	case len(r.Templates) == 1:
		return r.Templates[0].Path
	case len(r.Templates) > 1:
		return strconv.Itoa(len(r.Templates)) + " templates"
	}
	return "an unknown account"
}

// GitHub writes workflow commands, which become annotations of the lines of templates.
func GitHub(w io.Writer, r *audit.Report) error {
	b := bufio.NewWriter(w)
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for i := range r.Findings {
		f := &r.Findings[i]
		if !needsAttention(f) {
			continue
		}
		level := "warning"
		if f.Status == audit.Fail && f.Severity >= audit.High {
			level = "error"
		}
		place := "title=" + property.Replace(f.Rule)
		if f.Resource.File != "" {
			file := property.Replace(f.Resource.File)
			place = fmt.Sprintf("file=%s,line=%d,%s", file, max(f.Resource.Line, 1), place)
		}
		text := f.Resource.Label() + ": " + f.Message + " " + f.Remedy
		fmt.Fprintf(b, "::%s %s::%s\n", level, place, data.Replace(text))
	}
	return b.Flush()
}
