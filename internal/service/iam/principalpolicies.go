package iam

import (
	"strings"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/identity"
)

// What users, roles and groups have in common about their policies. Each operation has types of its own,
// which is why userpolicies.go, rolepolicies.go and grouppolicies.go look alike.

func (c *call) noteInline(name, document *string) {
	c.needs.Note("policyName", *name)
	if document != nil {
		c.needs.Note("policyDocument", *document)
	}
}

func (c *call) notePolicy(policyARN *string) {
	c.needs.Note("policyArn", *policyARN)
	c.set("iam:policyarn", *policyARN)
}

func inlineNames(p *identity.Principal, marker *string, maxItems *int64) (page[string], error) {
	return pageOf(each(p.Inline, func(i identity.Inline) string { return i.Name }), strings.ToLower, marker,
		maxItems)
}

// attachedTo are the ARNs of the policies attached to a principal whose path begins with prefix.
func attachedTo(p *identity.Principal, prefix, marker *string, maxItems *int64) (page[string], error) {
	list := make([]string, 0, len(p.Attached))
	for _, policyARN := range p.Attached {
		if path, _ := policyPath(policyARN); strings.HasPrefix(path, pathOf(prefix)) {
			list = append(list, policyARN)
		}
	}
	return pageOf(list, policyKey, marker, maxItems)
}

// policyPath is the path and the name in the ARN of a policy.
func policyPath(policyARN string) (path, name string) {
	a, _ := arn.Parse(policyARN)
	resource := strings.TrimPrefix(a.Resource, "policy")
	slash := strings.LastIndexByte(resource, '/')
	return resource[:slash+1], resource[slash+1:]
}

// policyKey puts policies in order of their names.
func policyKey(policyARN string) string {
	_, name := policyPath(policyARN)
	return strings.ToLower(name) + "\x00" + policyARN
}

func attachedPolicy(policyARN string) iamapi.AttachedPolicy {
	_, name := policyPath(policyARN)
	return iamapi.AttachedPolicy{PolicyArn: &policyARN, PolicyName: &name}
}
