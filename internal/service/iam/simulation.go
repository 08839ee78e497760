package iam

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/identity"
)

// simulation is what is simulated: every action on every resource.
type simulation struct {
	actions, resources []string
	named              bool // the request names resources
	identity           []identity.Source
	boundary           *identity.Source // nil for none
	onResource         *identity.Source // nil for none
	principal          policy.Principal
	owner              string // the account of resources whose ARNs name none
	context            simulatedContext
	missingKeys        []string // that the policies ask for
}

// simulatedContext is the condition keys that a request gives, in lower case. There are no others.
type simulatedContext map[string][]string

// Values implements policy.Context.
func (c simulatedContext) Values(key string) ([]string, bool) {
	values, ok := c[key]
	return values, ok
}

func invalidInput(text string) error { return iamapi.InvalidInputException(text) }

// read takes what the request says, behind the policies of a principal if there is one.
func (m *simulation) read(given *options) error {
	m.principal = policy.Principal{Account: m.owner}
	for _, step := range []func(*options) error{m.readPolicies, m.readCaller, m.readTargets, m.readContext} {
		if err := step(given); err != nil {
			return err
		}
	}
	return nil
}

func (m *simulation) readPolicies(given *options) error {
	input, err := inputPolicies(given.policies)
	if err != nil {
		return err
	}
	m.identity = append(m.identity, input...)
	boundaries, err := readSources("PermissionsBoundaryPolicyInputList.", given.boundaries, policy.Identity)
	if err != nil {
		return err
	}
	if len(boundaries) > 1 {
		return invalidInput("Only one permissions boundary policy can be simulated at a time.")
	}
	if len(boundaries) == 1 {
		m.boundary = &boundaries[0]
	}
	if given.resourcePolicy == nil {
		return nil
	}
	if given.caller == nil {
		return invalidInput("CallerArn is required when a ResourcePolicy is simulated.")
	}
	onResource, err := readResourcePolicy(*given.resourcePolicy)
	m.onResource = onResource
	return err
}

// readSources compiles documents, which are called by their number behind a prefix.
func readSources(prefix string, documents []string, kind policy.Kind) ([]identity.Source, error) {
	list := make([]identity.Source, 0, len(documents))
	for i, text := range documents {
		compiled, err := policy.Parse([]byte(text), kind)
		if err != nil {
			return nil, invalidInput("Invalid policy " + prefix + strconv.Itoa(i+1) + ": " + err.Error())
		}
		list = append(list, identity.Source{Name: prefix + strconv.Itoa(i+1), Text: text, Compiled: compiled})
	}
	return list, nil
}

// readResourcePolicy takes policies of resources, and trust policies, which name no resource.
func readResourcePolicy(text string) (*identity.Source, error) {
	compiled, err := policy.Parse([]byte(text), policy.Resource)
	var problem *policy.ParseError
	if errors.As(err, &problem) && problem.Problem == policy.NoResource {
		compiled, err = policy.Parse([]byte(text), policy.Trust)
	}
	if err != nil {
		return nil, invalidInput("Invalid policy ResourcePolicy: " + err.Error())
	}
	return &identity.Source{Name: "ResourcePolicy", Text: text, Compiled: compiled}, nil
}

func (m *simulation) readCaller(given *options) error {
	if given.caller != nil {
		a, ok := arn.Parse(*given.caller)
		if _, isUser := a.Child("user"); !ok || !isUser || a.Service != "iam" ||
			len(a.Account) != len("123456789012") {
			return invalidInput("Invalid Caller ARN: " + *given.caller + " is not the ARN of a user.")
		}
		m.principal = policy.Principal{Account: a.Account, ARN: *given.caller}
		m.owner = a.Account
	}
	if given.resourceOwner != nil {
		a, ok := arn.Parse(*given.resourceOwner)
		if !ok || a.Service != "iam" || a.Resource != "root" {
			return invalidInput("Invalid ResourceOwner: " + *given.resourceOwner +
				" is not the ARN of an account.")
		}
		m.owner = a.Account
	}
	return nil
}

func (m *simulation) readTargets(given *options) error {
	m.actions = given.actions
	m.resources = given.resources
	m.named = true
	for _, action := range m.actions {
		if service, operation, ok := strings.Cut(action, ":"); !ok || service == "" || operation == "" ||
			strings.ContainsAny(action, "*? ") {
			return invalidInput("Invalid Action: " + action +
				". Actions are SERVICE:OPERATION, without wildcards.")
		}
	}
	for _, resource := range m.resources {
		if _, ok := arn.Parse(resource); !ok && resource != "*" {
			return invalidInput("Invalid Resource: " + resource + " is not an ARN.")
		}
	}
	if len(m.resources) == 0 || slices.Equal(m.resources, []string{"*"}) {
		m.resources, m.named = []string{"*"}, false
	}
	return nil
}

func (m *simulation) readContext(given *options) error {
	m.context = simulatedContext{}
	for _, e := range given.entries {
		name, kind := api.Text(e.ContextKeyName), api.Text(e.ContextKeyType)
		if name == "" || kind == "" {
			return invalidInput("A context entry needs ContextKeyName and ContextKeyType.")
		}
		base, list := strings.CutSuffix(kind, "List")
		if !list && len(e.ContextKeyValues) > 1 {
			return invalidInput("Context key " + name + " of type " + kind + " has more than one value.")
		}
		for _, value := range e.ContextKeyValues {
			if !fitsType(base, value) {
				return invalidInput("Context key " + name + " has a value that is not of type " + kind +
					": " + value)
			}
		}
		key := strings.ToLower(name)
		if _, twice := m.context[key]; twice {
			return invalidInput("Context key " + name + " is given twice.")
		}
		m.context[key] = e.ContextKeyValues
	}
	return nil
}

// fitsType says whether a value is of a type of context key.
func fitsType(kind, value string) bool {
	switch kind {
	case "numeric":
		_, err := strconv.ParseFloat(value, 64)
		return err == nil
	case "boolean":
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case "ip":
		_, err := netip.ParseAddr(value)
		_, errRange := netip.ParsePrefix(value)
		return err == nil || errRange == nil
	case "binary":
		_, err := base64.StdEncoding.DecodeString(value)
		return err == nil
	case "date":
		_, errSeconds := strconv.ParseInt(value, 10, 64)
		_, err := time.Parse(time.RFC3339, value)
		_, errDay := time.Parse(time.DateOnly, value)
		return err == nil || errSeconds == nil || errDay == nil
	}
	return true
}
