package report

import (
	"encoding/xml"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// fileURI is a path as a relative URI reference.
func fileURI(path string) string {
	return (&url.URL{Path: filepath.ToSlash(path)}).String()
}

// The parts of JUnit's XML that CI servers read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Hostname  string      `xml:"hostname,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		ClassName string       `xml:"classname,attr"`
		Time      string       `xml:"time,attr"`
		Skipped   *junitText   `xml:"skipped,omitempty"`
		Error     *junitDetail `xml:"error,omitempty"`
		Failure   *junitDetail `xml:"failure,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
	}
	junitDetail struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a suite for each rule and a test case for each resource.
func JUnit(w io.Writer, r *audit.Report) error {
	out := junitSuites{Name: "sealtable audit"}
	for i := range r.Rules {
		suite := junitSuiteOf(r, r.Rules[i].ID)
		if suite.Tests == 0 {
			continue
		}
		out.Tests += suite.Tests
		out.Failures += suite.Failures
		out.Errors += suite.Errors
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitSuiteOf(r *audit.Report, rule string) junitSuite {
	suite := junitSuite{
		Name: rule + " " + ruleOf(r, rule).Title, Time: "0", Hostname: "localhost",
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Rule != rule {
			continue
		}
		c := junitCase{Name: printable(f.Resource.Label()), ClassName: f.Rule, Time: "0"}
		detail := &junitDetail{
			Message: printable(f.Message), Type: f.Severity.String(),
			Text: printable(f.Remedy) + "\n" + strings.Join(printables(f.Commands), "\n"),
		}
		suite.Tests++
		switch f.Status {
		case audit.Fail, audit.Conditional:
			suite.Failures++
			c.Failure = detail
		case audit.Error:
			suite.Errors++
			c.Error = detail
		case audit.NotApplicable, audit.Muted:
			suite.Skipped++
			c.Skipped = &junitText{Message: printable(f.Message)}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}

func printables(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, printable(s))
	}
	return out
}
