package identity

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Document is a policy as it was written, and compiled.
type Document struct {
	Text     string `json:"text"`
	compiled *policy.Policy
}

// Compiled is the policy to decide by.
func (d *Document) Compiled() *policy.Policy { return d.compiled }

func parseDocument(text string, kind policy.Kind) (Document, error) {
	compiled, err := policy.Parse([]byte(text), kind)
	if err != nil {
		return Document{}, malformed(err)
	}
	return Document{Text: text, compiled: compiled}, nil
}

// size is how long IAM counts a document to be: without white space ("IAM and AWS STS quotas").
func (d *Document) size() int {
	n := 0
	for _, r := range d.Text {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

const (
	denyAllIdentity = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	denyAllTrust    = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Principal":"*"}}`
)

// denyAll stands for a stored document that this program cannot read: whoever it is attached to may do
// nothing.
func denyAll(kind policy.Kind) *policy.Policy {
	text := denyAllIdentity
	if kind == policy.Trust {
		text = denyAllTrust
	}
	compiled, err := policy.Parse([]byte(text), kind)
	if err != nil {
		return &policy.Policy{} // allows nothing either
	}
	return compiled
}

// parseTrust also asks whether the principals that a trust policy names exist.
func (d *Directory) parseTrust(text string) (Document, error) {
	doc, err := parseDocument(text, policy.Trust)
	if err != nil {
		return Document{}, err
	}
	for _, name := range doc.compiled.Principals() {
		if strings.HasPrefix(name, "arn:") && !strings.HasSuffix(name, ":root") && !namesProvider(name) &&
			!d.Exists(name) {
			return Document{}, refuse(MalformedPolicy, `Invalid principal in policy: "AWS":"%s"`, name)
		}
	}
	return doc, nil
}

// namesProvider says whether a name is that of an identity provider. One that is not there lets nobody in.
func namesProvider(name string) bool {
	return strings.Contains(name, ":oidc-provider/") || strings.Contains(name, ":saml-provider/")
}

// renamed is the trust policy with another name for a principal: its unique id when it was deleted, so that
// nobody who takes the name over inherits its trust, or its new ARN. ok is false when the policy does not
// name it.
func (d *Document) renamed(from, to string) (next Document, ok bool) {
	if d.compiled == nil || !slices.Contains(d.compiled.Principals(), from) {
		return Document{}, false
	}
	text := policy.RenamePrincipals(d.Text, func(name string) string {
		if name == from {
			return to
		}
		return name
	})
	next, err := parseDocument(text, policy.Trust)
	if err != nil || slices.Contains(next.compiled.Principals(), from) {
		// trust nobody rather than somebody else
		return Document{Text: denyAllTrust, compiled: denyAll(policy.Trust)}, true
	}
	return next, true
}
