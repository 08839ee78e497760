package policy

import "strings"

// compile checks a statement and makes it quick to match.
func (raw *rawStatement) compile(kind Kind, variables bool) (Statement, error) {
	s := Statement{Sid: raw.sid, start: raw.start, end: raw.end, keys: raw.contextKeys(variables)}
	switch raw.effect {
	case "Allow":
		s.Effect = Allow
	case "Deny":
		s.Effect = Deny
	default:
		return s, syntaxError("the effect is %q, not Allow or Deny", raw.effect)
	}
	for _, step := range []func(*rawStatement, Kind, bool) error{
		s.compilePrincipals, s.compileActions, s.compileResources, s.compileConditions,
	} {
		if err := step(raw, kind, variables); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Statement) compilePrincipals(raw *rawStatement, kind Kind, _ bool) error {
	element := raw.principal
	if raw.notPrincipal != nil {
		if element != nil {
			return syntaxError("a statement has both Principal and NotPrincipal")
		}
		if kind == Trust || s.Effect == Allow {
			return syntaxError("NotPrincipal is only for statements that deny, in policies of resources")
		}
		element, s.notPrincipals = raw.notPrincipal, true
	}
	if kind == Identity {
		if element != nil {
			return &ParseError{Problem: HasPrincipal, Detail: "a policy of a principal names no principal"}
		}
		return nil
	}
	if element == nil || len(element.entries) == 0 {
		return &ParseError{Problem: NoPrincipal, Detail: "a statement has no principal"}
	}
	s.principals = &principals{}
	for _, entry := range element.entries {
		if !s.principals.add(entry[0], entry[1]) {
			return &ParseError{Problem: InvalidPrincipal, Detail: "no principal looks like " + entry[0] +
				" " + entry[1]}
		}
	}
	return nil
}

func (s *Statement) compileActions(raw *rawStatement, _ Kind, _ bool) error {
	names := raw.action
	if raw.notAction != nil {
		if names != nil {
			return syntaxError("a statement has both Action and NotAction")
		}
		names, s.notActions = raw.notAction, true
	}
	if len(names) == 0 {
		return syntaxError("a statement has no action")
	}
	for _, name := range names {
		if service, operation, ok := strings.Cut(name, ":"); name != "*" &&
			(!ok || service == "" || operation == "") {
			return syntaxError("action %q is not SERVICE:OPERATION", name)
		}
		s.actions = append(s.actions, compileWildcard(name))
	}
	return nil
}

func (s *Statement) compileResources(raw *rawStatement, kind Kind, variables bool) error {
	names := raw.resource
	if raw.notResource != nil {
		if names != nil {
			return syntaxError("a statement has both Resource and NotResource")
		}
		names, s.notResources = raw.notResource, true
	}
	switch {
	case kind == Trust && raw.hasResource:
		return &ParseError{Problem: HasResource, Detail: "a trust policy has no resource"}
	case kind == Trust:
		s.resources = []resourcePattern{{all: true}}
		return nil
	case len(names) == 0 && kind == Key:
		s.noResource = true
		return nil
	case len(names) == 0:
		return &ParseError{Problem: NoResource, Detail: "a statement has no resource"}
	}
	for _, name := range names {
		pattern, err := compileResource(name, variables)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, pattern)
	}
	return nil
}

func (s *Statement) compileConditions(raw *rawStatement, kind Kind, variables bool) error {
	for _, c := range raw.conditions {
		compiled, err := c.compile(variables)
		if err != nil {
			return err
		}
		if err := checkSetOperator(kind, s.Effect, &compiled); err != nil {
			return err
		}
		s.conditions = append(s.conditions, compiled)
	}
	return nil
}

func (raw *rawCondition) compile(variables bool) (condition, error) {
	op, ok := parseOperator(raw.operator)
	if !ok {
		return condition{}, syntaxError("condition operator %q is unknown", raw.operator)
	}
	c := condition{key: strings.ToLower(raw.key), quantifier: op.quantifier, ifExists: op.ifExists,
		negated: op.negated}
	if op.base == "Null" {
		return raw.compileNull(c)
	}
	for _, value := range raw.values {
		if o, ok := compileOperand(op.base, value, variables); ok {
			c.operands = append(c.operands, o)
		}
	}
	return c, nil
}

func (raw *rawCondition) compileNull(c condition) (condition, error) {
	c.null = true
	for _, value := range raw.values {
		absent, ok := parseBool(value)
		if !ok {
			return c, syntaxError("Null takes true or false")
		}
		c.holdsAbsent, c.holdsPresent = c.holdsAbsent || absent, c.holdsPresent || !absent
	}
	return c, nil
}

// checkSetOperator refuses in key policies what KMS refuses: ForAllValues with a single-valued key also
// matches requests without that key ("Condition keys for AWS KMS: kms:EncryptionContext").
func checkSetOperator(kind Kind, effect Effect, c *condition) error {
	if kind != Key || effect != Allow || c.quantifier != forAll {
		return nil
	}
	if strings.HasPrefix(c.key, "kms:encryptioncontext:") || strings.HasPrefix(c.key, "aws:requesttag/") {
		return &ParseError{Problem: OverPermissive, Detail: "ForAllValues with the single-valued key " +
			c.key}
	}
	return nil
}
