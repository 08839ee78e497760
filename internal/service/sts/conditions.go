package sts

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/identity"
)

// conditions are the condition keys of a call ("Actions, resources, and condition keys for AWS Security Token
// Service").
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
	c.ofSession(in.RoleSessionName, in.DurationSeconds)
	if in.ExternalId != nil {
		c.set("sts:externalid", *in.ExternalId)
	}
	c.ofTags(readTags(in.Tags), in.TransitiveTagKeys)
}

func (c *conditions) ofSession(name *string, seconds *int64) {
	c.set("sts:rolesessionname", *name)
	if seconds != nil {
		c.set("sts:durationseconds", strconv.FormatInt(*seconds, 10))
	}
}

func (c *conditions) ofTags(tags []identity.Tag, transitive []string) {
	if len(transitive) > 0 {
		c.set("sts:transitivetagkeys", transitive...)
	}
	if len(tags) == 0 {
		return
	}
	for _, t := range tags {
		c.set("aws:requesttag/"+strings.ToLower(t.Key), t.Value)
	}
	c.set("aws:tagkeys", keysOf(tags)...)
}

func (c *conditions) ofRole(role *identity.Principal) {
	for _, t := range role.Tags {
		c.set("aws:resourcetag/"+strings.ToLower(t.Key), t.Value)
		c.set("iam:resourcetag/"+strings.ToLower(t.Key), t.Value)
	}
}
