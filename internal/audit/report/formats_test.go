package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/audit"
)

func written(t *testing.T, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, newSample(t), name, Style{}); err != nil {
		t.Fatal(err)
	}
	if out.Len() == 0 || bytes.Contains(out.Bytes(), []byte("\x1b")) {
		t.Fatalf("%s: nothing was written, or a control character came through", name)
	}
	return out.Bytes()
}

func TestEveryFormatIsWritten(t *testing.T) {
	for _, name := range Formats() {
		if name != "csv" && name != "github" { // whose cells keep what there was
			written(t, name)
		}
	}
	if Check("xml") == nil || Write(&bytes.Buffer{}, newSample(t), "xml", Style{}) == nil {
		t.Error("a format that there is not was accepted")
	}
}

// Only results of kind fail have a level (SARIF 2.1.0, 3.27.10), and each result's rule is described.
func TestSARIF(t *testing.T) {
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID, Kind, Level string
				PartialFingerprints map[string]string
				Locations           []any
			}
		}
	}
	if err := json.Unmarshal(written(t, "sarif"), &log); err != nil {
		t.Fatal(err)
	}
	rules, fails := map[string]bool{}, 0
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		rules[r.ID] = true
	}
	for _, r := range log.Runs[0].Results {
		if !rules[r.RuleID] || (r.Kind == "fail") == (r.Level == "none") || len(r.Locations) != 1 || len(r.PartialFingerprints) != 1 {
			t.Errorf("%+v", r)
		}
		if r.Kind == "fail" {
			fails++
		}
	}
	if log.Version != "2.1.0" || fails != 3 {
		t.Errorf("version %s, %d fail", log.Version, fails)
	}
}

func TestJUnit(t *testing.T) {
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Cases []struct{} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(written(t, "junit"), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 6 || suites.Failures != 3 || suites.Errors != 2 || len(suites.Suites) != 2 {
		t.Errorf("%+v", suites)
	}
}

func TestOCSFAndASFF(t *testing.T) {
	var ocsf []struct {
		ClassUID    int                  `json:"class_uid"`
		TypeUID     int                  `json:"type_uid"`
		FindingInfo struct{ UID string } `json:"finding_info"`
		Compliance  struct {
			StatusID int `json:"status_id"`
		}
	}
	if err := json.Unmarshal(written(t, "ocsf"), &ocsf); err != nil {
		t.Fatal(err)
	}
	var asff []struct {
		SchemaVersion, ID, AwsAccountID string
		Compliance                      struct{ Status string }
	}
	if err := json.Unmarshal(written(t, "asff"), &asff); err != nil {
		t.Fatal(err)
	}
	if len(ocsf) != 6 || len(asff) != 6 {
		t.Fatalf("%d and %d findings", len(ocsf), len(asff))
	}
	for i := range ocsf {
		if o := ocsf[i]; o.ClassUID != 2003 || o.TypeUID != 200301 || o.FindingInfo.UID == "" {
			t.Errorf("%+v", o)
		}
		if a := asff[i]; a.SchemaVersion != "2018-10-08" || len(a.AwsAccountID) != 12 || a.Compliance.Status == "" {
			t.Errorf("%+v", a)
		}
	}
}

// What an endpoint answers is neither markup nor a formula.
func TestHostileNames(t *testing.T) {
	r := newSample(t)
	for i := range r.Tables {
		r.Tables[i].Name = "<script>alert(1)</script>"
	}
	for i := range r.Findings {
		r.Findings[i].Message = "=cmd()|<img src=x>"
	}
	for _, name := range []string{"html", "markdown", "csv"} {
		var out bytes.Buffer
		if err := Write(&out, r, name, Style{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "<script>alert") || name != "csv" && strings.Contains(out.String(), "<img") {
			t.Errorf("%s lets markup through", name)
		}
		if name != "csv" {
			continue
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 7 || !strings.HasPrefix(rows[1][13], "'=") {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	}
}

func TestControls(t *testing.T) {
	r := newSample(t)
	r.Rules[1].Mappings = []audit.Mapping{{Framework: "F", Version: "1", Control: "c", Strength: audit.Satisfies}}
	if got := Controls(r); len(got) != 1 || got[0].Status != audit.Fail || got[0].Failing != 3 {
		t.Errorf("%+v", got)
	}
}

func TestCompare(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, newSample(t)); err != nil {
		t.Fatal(err)
	}
	earlier, err := audit.ReadFailures(&out)
	if err != nil || len(earlier) != 3 {
		t.Fatalf("%d failures, %v", len(earlier), err)
	}
	now := newSample(t)
	now.Findings[0].ID = "another"
	now.Compare(earlier)
	if now.Findings[0].Change != audit.ChangeNew || now.Findings[1].Change != audit.ChangeUnchanged || len(now.Fixed) != 1 {
		t.Errorf("%s, %s, %d fixed", now.Findings[0].Change, now.Findings[1].Change, len(now.Fixed))
	}
	now.Baseline(earlier, "baseline.json")
	if now.Summary.Findings[audit.Muted] != 2 || now.Summary.Failures[audit.High] != 1 {
		t.Errorf("%+v", now.Summary)
	}
	if _, err := audit.ReadFailures(strings.NewReader(`{"schema":"x"}`)); err == nil {
		t.Error("another schema was read")
	}
}
