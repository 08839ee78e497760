package policy

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The reference evaluator reads the documents anew for each decision and says what the IAM user guide says, in the order in which
// it says it. It is slow, shares no code with the package, and decides the same.

type referenceCase struct {
	who                  Principal
	action, resource     string
	context              map[string][]string
	identity, session    []string // documents
	boundary, onResource string   // documents; empty for none
	account              string
	gate, granted, root  bool
}

func (c *referenceCase) decide() (allowed, explicit bool) {
	for _, document := range slices.Concat(c.identity, c.session, []string{c.boundary}) {
		if c.someStatement(document, "Deny", func(map[string]any) bool { return true }) {
			return false, true
		}
	}
	if c.someStatement(c.onResource, "Deny", c.deniedAsPrincipal) {
		return false, true
	}
	everybody := func(map[string]any) bool { return true }
	allows := func(document string) bool { return c.someStatement(document, "Allow", everybody) }
	identity := c.root || slices.ContainsFunc(c.identity, allows)
	withinLimits := (c.boundary == "" || allows(c.boundary)) && (len(c.session) == 0 || slices.ContainsFunc(c.session, allows))
	if c.granted {
		return withinLimits, false
	}
	direct := c.someStatement(c.onResource, "Allow", func(s map[string]any) bool { return c.names(s["Principal"], c.myselfIn) })
	role := c.someStatement(c.onResource, "Allow", func(s map[string]any) bool { return c.names(s["Principal"], c.myRoleIn) })
	delegated := c.someStatement(c.onResource, "Allow", func(s map[string]any) bool { return c.names(s["Principal"], c.myAccountIn) })
	switch {
	case c.who.Service != "" || c.who.Federated != "":
		return direct, false
	case c.account != c.who.Account:
		return (direct || role || delegated) && identity && withinLimits, false
	case direct, role && withinLimits:
		return true, false
	case c.gate && !role && !delegated:
		return false, false
	}
	return identity && withinLimits, false
}

func (c *referenceCase) someStatement(document, effect string, principal func(map[string]any) bool) bool {
	if document == "" {
		return false
	}
	var parsed map[string]any
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		panic(err)
	}
	variables := parsed["Version"] == "2012-10-17"
	statements, several := parsed["Statement"].([]any)
	if !several {
		statements = []any{parsed["Statement"]}
	}
	for _, s := range statements {
		statement := s.(map[string]any)
		if statement["Effect"] == effect && principal(statement) && c.applies(statement, effect, variables) {
			return true
		}
	}
	return false
}

// names says whether an element names somebody for whom is holds.
func (c *referenceCase) names(element any, is func(kind, name string) bool) bool {
	if text, ok := element.(string); ok {
		return is("AWS", text)
	}
	kinds, _ := element.(map[string]any)
	for kind, names := range kinds {
		if slices.ContainsFunc(list(names), func(name string) bool { return is(kind, name) }) {
			return true
		}
	}
	return false
}

func (c *referenceCase) myselfIn(kind, name string) bool {
	switch {
	case c.who.Federated != "":
		return kind == "Federated" && name == c.who.Federated
	case kind == "AWS" && name == "*":
		return true
	case c.who.Service != "":
		return kind == "Service" && name == c.who.Service
	case kind != "AWS":
		return false
	case strings.HasSuffix(c.who.ARN, ":root"):
		return c.myAccountIn(kind, name)
	}
	return name == c.who.ARN || name == c.who.UserID
}

func (c *referenceCase) myRoleIn(kind, name string) bool {
	return kind == "AWS" && c.who.RoleARN != "" && (name == c.who.RoleARN || name == strings.Split(c.who.UserID, ":")[0])
}

func (c *referenceCase) myAccountIn(kind, name string) bool {
	return kind == "AWS" && c.who.Account != "" && (name == c.who.Account || name == "arn:aws:iam::"+c.who.Account+":root")
}

func (c *referenceCase) deniedAsPrincipal(s map[string]any) bool {
	everybody := func(kind, name string) bool { return kind == "AWS" && name == "*" }
	if element, ok := s["Principal"]; ok {
		return c.who.Federated != "" && c.names(element, everybody) || c.names(element, c.myselfIn) || c.names(element, c.myRoleIn) ||
			c.names(element, c.myAccountIn)
	}
	element := s["NotPrincipal"]
	all := c.names(element, everybody)
	spared := all || c.names(element, c.myselfIn)
	if !all && c.who.Service == "" && c.who.Federated == "" {
		spared = spared && c.names(element, c.myAccountIn) && (c.who.RoleARN == "" || c.names(element, c.myRoleIn))
	}
	return c.boundary != "" || !spared
}

func list(v any) []string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, list(one)...)
		}
		return all
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case string:
		return []string{v}
	}
	return nil
}

func (c *referenceCase) applies(s map[string]any, effect string, variables bool) bool {
	action := func(pattern string) bool { return c.like("(?is)", pattern, c.action, false, false) == "yes" }
	resource := func(answer string) func(string) bool {
		return func(pattern string) bool { return c.matchResource(pattern, variables) == answer }
	}
	if names, ok := s["Action"]; ok && !slices.ContainsFunc(list(names), action) {
		return false
	}
	if names, ok := s["NotAction"]; ok && slices.ContainsFunc(list(names), action) {
		return false
	}
	if names, ok := s["Resource"]; ok && !slices.ContainsFunc(list(names), resource("yes")) {
		return false
	}
	if names, ok := s["NotResource"]; ok && (slices.ContainsFunc(list(names), resource("yes")) ||
		effect == "Allow" && slices.ContainsFunc(list(names), resource("unresolved"))) {
		return false
	}
	if s["Resource"] == nil && s["NotResource"] == nil {
		return false
	}
	conditions, _ := s["Condition"].(map[string]any)
	for operator, keys := range conditions {
		for key, values := range keys.(map[string]any) {
			if !c.holds(operator, key, list(values), variables) {
				return false
			}
		}
	}
	return true
}

func (c *referenceCase) matchResource(pattern string, variables bool) string {
	if pattern == "*" {
		return "yes"
	}
	if answer := c.like("(?s)", pattern, c.resource, variables, true); answer != "no" {
		return answer
	}
	parts := strings.Split(pattern, ":")
	for i, part := range parts {
		if i < 5 && i < len(parts)-1 && strings.HasSuffix(part, "*") {
			return c.like("(?s)", pattern, c.resource, variables, false)
		}
	}
	return "no"
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// like matches by a regular expression: yes, no or unresolved. Variables become letters of the private use area while the pattern is
// taken apart.
func (c *referenceCase) like(flags, pattern, s string, variables, byPart bool) string {
	var values []string
	unresolved := false
	if variables {
		pattern = variable.ReplaceAllStringFunc(pattern, func(v string) string {
			value, ok := c.value(v[2 : len(v)-1])
			unresolved = unresolved || !ok
			values = append(values, value)
			return string(rune(0xE000 + len(values) - 1))
		})
	}
	parts := strings.SplitN(pattern, ":", 6)
	if !byPart || len(parts) < 6 {
		parts = []string{pattern}
	}
	expression := flags + "^"
	for i, part := range parts {
		anything := "."
		if i < len(parts)-1 {
			anything = "[^:]"
		}
		if i > 0 {
			expression += ":"
		}
		for _, r := range part {
			switch {
			case r == '*':
				expression += anything + "*"
			case r == '?':
				expression += anything
			case r >= 0xE000 && int(r-0xE000) < len(values):
				// The part ends where the author put a colon; a value with a colon cannot fit one of the first five.
				if i < len(parts)-1 && strings.Contains(values[r-0xE000], ":") {
					return "no"
				}
				expression += regexp.QuoteMeta(values[r-0xE000])
			default:
				expression += regexp.QuoteMeta(string(r))
			}
		}
	}
	switch {
	case unresolved:
		return "unresolved"
	case regexp.MustCompile(expression + "$").MatchString(s):
		return "yes"
	}
	return "no"
}

func (c *referenceCase) value(name string) (string, bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	key, fallback, _ := strings.Cut(name, ",")
	values := c.context[strings.ToLower(strings.TrimSpace(key))]
	fallback = strings.TrimSpace(fallback)
	switch {
	case len(values) == 1:
		return values[0], true
	case len(values) == 0 && len(fallback) >= 2 && strings.HasPrefix(fallback, "'") && strings.HasSuffix(fallback, "'"):
		return strings.Trim(fallback, "'"), true
	}
	return "", false
}

func (c *referenceCase) holds(operator, key string, wanted []string, variables bool) bool {
	values := c.context[strings.ToLower(key)]
	if operator == "Null" {
		return slices.Contains(wanted, strconv.FormatBool(len(values) == 0))
	}
	set, name, _ := strings.Cut(operator, ":")
	if name == "" {
		set, name = "", operator
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	negated := strings.Contains(name, "Not")
	name = strings.Replace(name, "Not", "", 1)
	one := func(v string) bool {
		matches := slices.ContainsFunc(wanted, func(w string) bool { return c.compare(name, w, v, variables) })
		return matches != negated
	}
	none := func(v string) bool { return !one(v) }
	nothing := len(strings.Join(values, "")) == 0
	switch {
	case set == "ForAllValues":
		return nothing || !slices.ContainsFunc(values, none)
	case set == "ForAnyValue":
		return !nothing && slices.ContainsFunc(values, one)
	case len(values) == 0:
		return ifExists || negated
	case negated:
		return !slices.ContainsFunc(values, none)
	}
	return slices.ContainsFunc(values, one)
}

func (c *referenceCase) compare(name, wanted, v string, variables bool) bool {
	expanded, resolved := wanted, true
	if variables {
		expanded = variable.ReplaceAllStringFunc(wanted, func(name string) string {
			value, ok := c.value(name[2 : len(name)-1])
			resolved = resolved && ok
			return value
		})
	}
	switch name {
	case "StringEquals":
		return resolved && v == expanded
	case "StringEqualsIgnoreCase":
		return resolved && strings.EqualFold(v, expanded)
	case "StringLike":
		return c.like("(?s)", wanted, v, variables, false) == "yes"
	case "ArnEquals", "ArnLike":
		return c.like("(?s)", wanted, v, variables, true) == "yes"
	case "Bool":
		return resolved && (strings.EqualFold(v, "true") || strings.EqualFold(v, "false")) && strings.EqualFold(v, expanded)
	case "BinaryEquals":
		_, err := base64.StdEncoding.DecodeString(wanted)
		return err == nil && v == wanted
	case "IpAddress":
		return inRange(wanted, v)
	}
	if order, ok := strings.CutPrefix(name, "Numeric"); ok {
		a, okA := new(big.Float).SetString(v)
		b, okB := new(big.Float).SetString(wanted)
		return okA && okB && orders(order, a.Cmp(b))
	}
	order, _ := strings.CutPrefix(name, "Date")
	a, okA := moment(v)
	b, okB := moment(wanted)
	return okA && okB && orders(order, a.Compare(b))
}

func inRange(wanted, v string) bool {
	if !strings.Contains(wanted, "/") {
		return net.ParseIP(v) != nil && net.ParseIP(v).Equal(net.ParseIP(wanted))
	}
	_, network, err := net.ParseCIDR(wanted)
	return err == nil && net.ParseIP(v) != nil && network.Contains(net.ParseIP(v))
}

func moment(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	if t, err := time.Parse("2006-01-02", s); err == nil {
		return t, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

func orders(order string, c int) bool {
	return strings.HasSuffix(order, "Equals") && c == 0 || strings.HasPrefix(order, "LessThan") && c < 0 ||
		strings.HasPrefix(order, "GreaterThan") && c > 0
}
