package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"go.yaml.in/yaml/v3"

	"github.com/sealtable/sealtable/internal/audit"
)

// Own is a rule that a user wrote.
type Own struct {
	Rule     audit.Rule
	resource string // table or key
	program  cel.Program
	remedy   string
}

// ownText is one rule as it stands in a file.
type ownText struct {
	ID       string `yaml:"id"`
	Title    string `yaml:"title"`
	Severity string `yaml:"severity"`
	Resource string `yaml:"resource"`
	Why      string `yaml:"why"`
	// Fails is a CEL expression over `table` or `key`, as docs/audit.md shows their facts; it is true where
	// the rule fails.
	Fails  string `yaml:"fails"`
	Remedy string `yaml:"remedy"`
}

// limits of what a rule may cost, in CEL's units: some hundred thousand steps on one resource.
const (
	maxCost     = 1_000_000
	maxRuleFile = 1 << 20
)

// ReadOwn reads a YAML file of rules: a list of them under `rules`. Every expression is checked before
// anything is audited.
func ReadOwn(name string, r io.Reader) ([]Own, error) {
	var file struct {
		Rules []ownText `yaml:"rules"`
	}
	decoder := yaml.NewDecoder(io.LimitReader(r, maxRuleFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []Own
	for i := range file.Rules {
		own, err := compileOwn(&file.Rules[i])
		if err != nil {
			return nil, fmt.Errorf("%s: rule %d (%s): %w", name, i+1, file.Rules[i].ID, err)
		}
		out = append(out, own)
	}
	return out, nil
}

var ownID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{2,63}$`)

func compileOwn(t *ownText) (Own, error) {
	severity, err := audit.ParseSeverity(t.Severity)
	switch {
	case !ownID.MatchString(t.ID):
		return Own{}, errors.New("id is 3 to 64 letters, digits, dots, dashes or underscores, and begins " +
			"with a letter")
	case builtIn(t.ID):
		return Own{}, errors.New("there is a built-in rule of that id")
	case err != nil:
		return Own{}, err
	case t.Resource != "table" && t.Resource != "key":
		return Own{}, fmt.Errorf("resource is table or key, not %q", t.Resource)
	case t.Title == "" || t.Fails == "":
		return Own{}, errors.New("title and fails are mandatory")
	}
	program, err := compileCEL(t.Resource, t.Fails)
	if err != nil {
		return Own{}, err
	}
	rule := audit.Rule{
		ID: t.ID, Title: t.Title, Severity: severity, Why: t.Why, FailsWhen: t.Fails, Remedy: t.Remedy,
	}
	return Own{Rule: rule, resource: t.Resource, program: program, remedy: t.Remedy}, nil
}

func builtIn(id string) bool {
	for _, c := range checks() {
		if c.rule.ID == id {
			return true
		}
	}
	return id == audit.CoverageRule().ID
}

func compileCEL(variable, expression string) (cel.Program, error) {
	env, err := cel.NewEnv(cel.Variable(variable, cel.DynType), cel.Variable("now", cel.TimestampType),
		ext.Strings())
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if kind := checked.OutputType(); kind != cel.BoolType && kind != cel.DynType {
		return nil, fmt.Errorf("fails is true or false, not %s", kind)
	}
	return env.Program(checked, cel.CostLimit(maxCost))
}

// decide evaluates the expression on the facts as the JSON report shows them.
func (o *Own) decide(now time.Time, subject any) verdict {
	facts, err := asMap(subject)
	if err != nil {
		return o.broken(err)
	}
	result, _, err := o.program.Eval(map[string]any{o.resource: facts, "now": now.UTC()})
	if err != nil {
		return o.broken(err)
	}
	fails, ok := result.Value().(bool)
	switch {
	case !ok:
		return o.broken(errors.New("the expression is neither true nor false"))
	case fails:
		remedy := o.remedy
		if remedy == "" {
			remedy = "See the rule."
		}
		return failure(o.Rule.Title+": does not hold.", remedy)
	}
	return pass("%s.", o.Rule.Title)
}

func (o *Own) broken(err error) verdict {
	return verdict{status: audit.Error, message: "The rule's expression could not be evaluated: " +
		err.Error(),
		remedy: "Ask with has(…) for facts that may be absent."}
}

func asMap(subject any) (map[string]any, error) {
	text, err := json.Marshal(subject)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(text, &out)
}

func ownIDs(own []Own) []string {
	var out []string
	for i := range own {
		out = append(out, own[i].Rule.ID)
	}
	return out
}
