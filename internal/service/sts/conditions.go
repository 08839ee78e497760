package sts

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/identity"
)

// conditions are the condition keys of a call ("Actions, resources, and condition keys for AWS Security Token Service").
type conditions struct{ list []condition }

type condition struct {
	key    string // in lower case
	values []string
}

// Values implements policy.Context.
func (c *conditions) Values(key string) ([]string, bool) {
	for i := range c.list {
		if c.list[i].key == key {
			return c.list[i].values, true
		}
	}
	return nil, false
}

func (c *conditions) set(key string, values ...string) {
	c.list = append(c.list, condition{key, values})
}

func (c *conditions) ofRequest(in *stsapi.AssumeRoleRequest) {
	c.set("sts:rolesessionname", *in.RoleSessionName)
	if in.ExternalId != nil {
		c.set("sts:externalid", *in.ExternalId)
	}
	if in.DurationSeconds != nil {
		c.set("sts:durationseconds", strconv.FormatInt(*in.DurationSeconds, 10))
	}
	if len(in.Tags) == 0 {
		return
	}
	keys := make([]string, 0, len(in.Tags))
	for _, t := range in.Tags {
		keys = append(keys, text(t.Key))
		c.set("aws:requesttag/"+strings.ToLower(text(t.Key)), text(t.Value))
	}
	c.set("aws:tagkeys", keys...)
}

func (c *conditions) ofRole(role *identity.Principal) {
	for _, t := range role.Tags {
		c.set("aws:resourcetag/"+strings.ToLower(t.Key), t.Value)
		c.set("iam:resourcetag/"+strings.ToLower(t.Key), t.Value)
	}
}
