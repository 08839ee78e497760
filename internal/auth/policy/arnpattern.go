package policy

import (
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

const arnParts = 6

// arnPattern matches an ARN part by part, so that a star in one part does not reach into the next; the last
// part takes the rest. The parts are cut where the policy's author put colons: a colon in the value of a
// variable cannot move them.
type arnPattern struct {
	whole glob // used when the pattern is not of six parts
	parts []glob
}

func compileARN(text string, variables bool) arnPattern {
	parts := splitARN(text, variables)
	if len(parts) < arnParts {
		return arnPattern{whole: compileGlob(text, variables)}
	}
	p := arnPattern{parts: make([]glob, arnParts)}
	for i, part := range parts {
		p.parts[i] = compileGlob(part, variables)
	}
	return p
}

// splitARN cuts a pattern at its first five colons; those inside ${…} do not count where there are variables.
func splitARN(text string, variables bool) []string {
	var parts []string
	start := 0
	for at := 0; at < len(text) && len(parts) < arnParts-1; at++ {
		if variables && strings.HasPrefix(text[at:], "${") {
			if end := strings.IndexByte(text[at:], '}'); end > 0 {
				at += end
			}
			continue
		}
		if text[at] == ':' {
			parts, start = append(parts, text[start:at]), at+1
		}
	}
	return append(parts, text[start:])
}

// match says whether s fits. resolved is false when any variable has no value, whether or not the rest fits.
func (p *arnPattern) match(s string, r *Request) (fits, resolved bool) {
	if p.parts == nil {
		return p.whole.match(s, r)
	}
	fits, resolved = true, true
	for i := range p.parts {
		part := s
		rest := ""
		more := true
		if i < arnParts-1 {
			part, rest, more = strings.Cut(s, ":")
		}
		if !fits && p.parts[i].variables == nil {
			continue
		}
		partFits, partResolved := p.parts[i].match(part, r)
		fits = fits && more && partFits
		resolved = resolved && partResolved
		s = rest
	}
	return fits, resolved
}

// resourcePattern is one entry of Resource or NotResource. As an ARN condition it goes part by part, but a
// star that ends a part may reach beyond the colon ("IAM JSON policy elements: Resource: Using wildcards in
// resource ARNs"): beyond is then set.
type resourcePattern struct {
	all    bool // "*"
	arn    arnPattern
	beyond *glob
}

// compileResource refuses what IAM refuses: what is neither an ARN nor *, and variables before the fifth
// colon.
func compileResource(text string, variables bool) (resourcePattern, error) {
	if text == "*" {
		return resourcePattern{all: true}, nil
	}
	if !looksLikeARN(text) {
		return resourcePattern{}, syntaxError("resource %q is neither an ARN nor *", text)
	}
	p := resourcePattern{arn: compileARN(text, variables)}
	if p.arn.whole.variables != nil {
		return p, syntaxError("resource %q has a variable before its fifth colon", text)
	}
	for i := range p.arn.parts[:max(0, len(p.arn.parts)-1)] {
		if p.arn.parts[i].variables != nil {
			return p, syntaxError("resource %q has a variable before its fifth colon", text)
		}
		if strings.HasSuffix(p.arn.parts[i].fixed.text, "*") {
			whole := compileGlob(text, variables)
			p.beyond = &whole
		}
	}
	return p, nil
}

func (p *resourcePattern) match(r *Request) (fits, resolved bool) {
	if p.all {
		return true, true
	}
	fits, resolved = p.arn.match(r.Resource, r)
	if fits || p.beyond == nil {
		return fits, resolved
	}
	return p.beyond.match(r.Resource, r)
}

// looksLikeARN says whether a resource entry has the form that IAM demands: an ARN, perhaps with wildcards.
func looksLikeARN(s string) bool {
	if _, ok := arn.Parse(s); ok {
		return true
	}
	return strings.HasPrefix(s, "arn:") && strings.ContainsAny(s, "*?")
}
