package template

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sealtable/sealtable/internal/template/document"
)

func itoa(i int) string { return strconv.Itoa(i) }

// A Parameter is a member of the section Parameters ("Parameters section structure" in the user guide).
type Parameter struct {
	Name                  string
	Type                  string
	Description           string
	ConstraintDescription string
	Default               *Node // a scalar; nil when there is none
	NoEcho                bool
	AllowedValues         []string
	AllowedPattern        string
	MinLength, MaxLength  string // "" when not given, as the next
	MinValue, MaxValue    string
	Pos                   Position

	pattern *regexp.Regexp
}

// IsSSM reports whether the value of the parameter is the name of a parameter in the parameter store, whose
// value is meant.
func (p *Parameter) IsSSM() bool { return strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<") }

// ValueType is the type of what Ref gives: of AWS::SSM::Parameter::Value<T> it is T.
func (p *Parameter) ValueType() string {
	if inner, ok := strings.CutPrefix(p.Type, "AWS::SSM::Parameter::Value<"); ok {
		return strings.TrimSuffix(inner, ">")
	}
	return p.Type
}

// IsList reports whether Ref gives a list.
func (p *Parameter) IsList() bool {
	t := p.ValueType()
	return t == "CommaDelimitedList" || strings.HasPrefix(t, "List<")
}

func (p *Parameter) isNumber() bool {
	t := p.ValueType()
	return t == "Number" || t == "List<Number>"
}

// knownType accepts the documented types. Types that name things of services we lack are text to us, as they
// are to CloudFormation once it has looked whether the thing exists.
func knownType(name string) bool {
	if inner, ok := strings.CutPrefix(name, "AWS::SSM::Parameter::Value<"); ok && strings.HasSuffix(inner,
		">") {
		inner = strings.TrimSuffix(inner, ">")
		return inner != "Number" && !strings.HasPrefix(inner, "AWS::SSM::") && knownType(inner)
	}
	if inner, ok := strings.CutPrefix(name, "List<"); ok && strings.HasSuffix(inner, ">") {
		return elementType(strings.TrimSuffix(inner, ">"))
	}
	return name == "CommaDelimitedList" || name == "AWS::SSM::Parameter::Name" || elementType(name)
}

func elementType(name string) bool {
	switch name {
	case "String", "Number", "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id",
		"AWS::EC2::Instance::Id",
		"AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id",
		"AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id":
		return true
	}
	return false
}

func (t *Template) readParameters() error {
	section, err := t.section("Parameters")
	if err != nil || section == nil {
		return err
	}
	if n := len(section.Entries); n > MaxParameters {
		return formatError(section.Pos, "Number of parameters, %d, is greater than maximum allowed, %d", n,
			MaxParameters)
	}
	for _, e := range section.Entries {
		if !isAlphanumeric(e.Key) || utf8.RuneCountInString(e.Key) > MaxName {
			return formatError(e.Pos, "Parameter name %s is non alphanumeric.", e.Key)
		}
		p, err := readParameter(e)
		if err != nil {
			return err
		}
		t.Parameters = append(t.Parameters, p)
		t.parameters[p.Name] = p
	}
	return nil
}

func readParameter(e document.Entry) (*Parameter, error) {
	if !e.Value.Is(document.Map) {
		return nil, formatError(e.Value.Pos, "Any Parameters member must be an object.")
	}
	p := &Parameter{Name: e.Key, Pos: e.Pos}
	for _, a := range e.Value.Entries {
		if err := p.attribute(a); err != nil {
			return nil, err
		}
	}
	if p.Type == "" {
		return nil, formatError(e.Pos, "Every Parameters object must contain a Type member.")
	}
	if !knownType(p.Type) {
		return nil, formatError(e.Pos, "Unrecognized parameter type: %s", p.Type)
	}
	return p, p.compile()
}

func (p *Parameter) attribute(a document.Entry) error {
	to := map[string]*string{
		"Type": &p.Type, "Description": &p.Description, "ConstraintDescription": &p.ConstraintDescription,
		"AllowedPattern": &p.AllowedPattern, "MinLength": &p.MinLength, "MaxLength": &p.MaxLength,
		"MinValue": &p.MinValue, "MaxValue": &p.MaxValue,
	}[a.Key]
	switch {
	case to != nil:
		return p.text(a, to)
	case a.Key == "Default":
		p.Default = a.Value
		if !a.Value.IsScalar() {
			return formatError(a.Value.Pos, "Every Default member must be a string.")
		}
	case a.Key == "NoEcho":
		if !a.Value.IsScalar() || a.Value.Text != "true" && a.Value.Text != "false" {
			return formatError(a.Value.Pos, "Every NoEcho member must be a boolean.")
		}
		p.NoEcho = a.Value.Text == "true"
	case a.Key == "AllowedValues":
		values, ok := a.Value.Strings()
		if !ok || !a.Value.Is(document.List) {
			return formatError(a.Value.Pos, "Every AllowedValues member must be a list.")
		}
		p.AllowedValues = values
	default:
		return refuse(a.Pos, "Invalid template parameter property '%s'", a.Key)
	}
	return nil
}

func (p *Parameter) text(a document.Entry, to *string) error {
	if !a.Value.IsScalar() {
		return formatError(a.Value.Pos, "Every %s member must be a string.", a.Key)
	}
	*to = a.Value.Text
	switch a.Key {
	case "MinLength", "MaxLength", "MinValue", "MaxValue":
		if _, ok := number(a.Value.Text); !ok {
			return formatError(a.Value.Pos, "Every %s member must be a number.", a.Key)
		}
	}
	return nil
}

func (p *Parameter) compile() error {
	if p.AllowedPattern == "" {
		return nil
	}
	pattern, err := regexp.Compile(`^(?:` + p.AllowedPattern + `)$`)
	if err != nil {
		return formatError(p.Pos, "AllowedPattern of parameter '%s' is not a regular expression that can "+
			"be checked here: %s",
			p.Name, p.AllowedPattern)
	}
	p.pattern = pattern
	return nil
}

// An Input is what a caller says about one parameter.
type Input struct {
	Name        string
	Value       *string // nil when it is not given
	UsePrevious bool
}

// Inputs are what the values of parameters come from.
type Inputs struct {
	Given []Input
	// Previous are the values that the stack has, as they were given; nil when there is no stack yet.
	Previous map[string]string
	// Store reads the parameter store; nil leaves parameters of such types unknown.
	Store ParameterStore
	// Incomplete makes parameters without a value unknown instead of refusing them.
	Incomplete bool
}

// A ParameterStore is the part of SSM that parameters of the types AWS::SSM::Parameter::Value<T> need.
type ParameterStore interface {
	// ParameterValue returns the newest value of a parameter. The error is given to the caller as it is.
	ParameterValue(name string) (string, error)
}

// A Value is the value of a parameter.
type Value struct {
	Parameter *Parameter
	Given     string // what was given, or the default: what a later operation finds as its previous value
	Resolved  string // differs from Given where the value is read from the parameter store
	Node      *Node  // what Ref gives: a String, a List of them, or Unknown
}

// Shown returns the value as DescribeStacks shows it: hidden where the parameter has NoEcho.
func (v *Value) Shown() string {
	if v.Parameter.NoEcho {
		return "****"
	}
	return v.Given
}

// Values are the values of all parameters of a template, by name.
type Values map[string]*Value

// ResolveParameters gives every parameter its value and checks all constraints.
func (t *Template) ResolveParameters(in Inputs) (Values, error) {
	given, err := t.given(in)
	if err != nil {
		return nil, err
	}
	values := Values{}
	var missing []string
	for _, p := range t.Parameters {
		value := &Value{Parameter: p}
		input, ok := given[p.Name]
		switch {
		case ok:
			value.Given = input
		case p.Default != nil:
			value.Given = p.Default.Text
		case in.Incomplete:
			value.Node = unknown(p.Name)
		case p.IsSSM():
			return nil, refuse(p.Pos, "Parameter %s should either have input value or default value", p.Name)
		default:
			missing = append(missing, p.Name)
		}
		values[p.Name] = value
	}
	if len(missing) > 0 {
		return nil, refuse(Position{}, "Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return values, t.settle(values, in.Store)
}

func (t *Template) settle(values Values, store ParameterStore) error {
	for _, p := range t.Parameters {
		if value := values[p.Name]; value.Node == nil {
			if err := value.settle(store); err != nil {
				return err
			}
		}
	}
	return nil
}

// given returns the values that the caller gave, itself or by the stack's present ones.
func (t *Template) given(in Inputs) (map[string]string, error) {
	given := map[string]string{}
	var strangers []string
	for _, i := range in.Given {
		if t.parameters[i.Name] == nil {
			strangers = append(strangers, i.Name)
			continue
		}
		if _, twice := given[i.Name]; twice {
			return nil, refuse(Position{}, "Invalid input for parameter key %s. It is given more than once.",
				i.Name)
		}
		previous, had := in.Previous[i.Name]
		switch {
		case i.Value != nil && i.UsePrevious:
			return nil, refuse(Position{}, "Invalid input for parameter key %s. Cannot specify "+
				"usePreviousValue as true "+
				"and a value at the same time", i.Name)
		case i.Value != nil:
			given[i.Name] = *i.Value
		case i.UsePrevious && had:
			given[i.Name] = previous
		case i.UsePrevious:
			return nil, refuse(Position{}, "Invalid input for parameter key %s. Cannot specify "+
				"usePreviousValue as true "+
				"for a parameter key not in the previous template", i.Name)
		}
	}
	if len(strangers) > 0 {
		return nil, refuse(Position{}, "Parameters: [%s] do not exist in the template",
			strings.Join(strangers, ", "))
	}
	return given, nil
}

func (v *Value) settle(store ParameterStore) error {
	v.Resolved = v.Given
	p := v.Parameter
	if p.IsSSM() {
		if err := p.checkText(v.Given); err != nil {
			return err
		}
		if store == nil {
			v.Node = unknown(p.Name)
			return nil
		}
		resolved, err := store.ParameterValue(v.Given)
		if err != nil {
			return err
		}
		v.Resolved = resolved
	}
	v.Node = p.node(v.Resolved)
	if p.IsSSM() {
		return nil
	}
	return p.check(v.Node)
}

// node returns what Ref gives.
func (p *Parameter) node(text string) *Node {
	if !p.IsList() {
		return document.NewString(text)
	}
	list := &Node{Kind: document.List}
	for _, item := range strings.Split(text, ",") {
		list.Items = append(list.Items, document.NewString(strings.TrimSpace(item)))
	}
	return list
}

func (p *Parameter) check(n *Node) error {
	if n.Kind == document.String {
		return p.checkText(n.Text)
	}
	for _, item := range n.Items {
		if err := p.checkText(item.Text); err != nil {
			return err
		}
	}
	return nil
}

// checkText holds one value, or one item of a list, against the constraints.
func (p *Parameter) checkText(text string) error {
	if p.isNumber() {
		if _, ok := number(text); !ok {
			return refuse(p.Pos, "Parameter '%s' must be a number.", p.Name)
		}
	}
	if len(text) > MaxParameterValue {
		return refuse(p.Pos, "Parameter '%s' must contain at most %d characters", p.Name, MaxParameterValue)
	}
	reason := p.breach(text)
	if reason == "" {
		return nil
	}
	if p.ConstraintDescription != "" {
		return refuse(p.Pos, "Parameter %s failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
	}
	return refuse(p.Pos, "Parameter '%s' %s", p.Name, reason)
}

// breach says which constraint a value breaks, "" when it breaks none.
func (p *Parameter) breach(text string) string {
	length := big.NewRat(int64(utf8.RuneCountInString(text)), 1)
	value, _ := number(text)
	switch {
	case len(p.AllowedValues) > 0 && !slices.ContainsFunc(p.AllowedValues, p.same(text)):
		return "must be one of AllowedValues"
	case p.pattern != nil && !p.pattern.MatchString(text):
		return "must match pattern " + p.AllowedPattern
	case p.MinLength != "" && below(length, p.MinLength):
		return "must contain at least " + p.MinLength + " characters"
	case p.MaxLength != "" && above(length, p.MaxLength):
		return "must contain at most " + p.MaxLength + " characters"
	case p.isNumber() && p.MinValue != "" && below(value, p.MinValue):
		return "must be a number not less than " + p.MinValue
	case p.isNumber() && p.MaxValue != "" && above(value, p.MaxValue):
		return "must be a number not greater than " + p.MaxValue
	}
	return ""
}

// same compares with an allowed value: numbers by their value, so that 5 is 5.0.
func (p *Parameter) same(text string) func(string) bool {
	return func(allowed string) bool {
		if !p.isNumber() {
			return allowed == text
		}
		a, ok := number(allowed)
		b, _ := number(text)
		return ok && a.Cmp(b) == 0
	}
}

func below(n *big.Rat, bound string) bool {
	b, _ := number(bound)
	return n.Cmp(b) < 0
}

func above(n *big.Rat, bound string) bool {
	b, _ := number(bound)
	return n.Cmp(b) > 0
}

// number reads an integer or a decimal fraction. The exponent is bounded, so that nobody makes a number of a
// million digits.
func number(text string) (*big.Rat, bool) {
	if text == "" || len(text) > 100 || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if exponent, err := strconv.Atoi(text[i+1:]); err != nil || exponent < -400 || exponent > 400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}
