package iam

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/identity"
)

// conditions are the condition keys of one call ("Actions, resources, and condition keys for AWS Identity and
// Access Management").
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

// setText sets a key if there is a value for it.
func (c *conditions) setText(key string, value *string) {
	if value != nil {
		c.set(key, *value)
	}
}

// setResource gives the tags of what the call concerns.
func (c *conditions) setResource(tags []identity.Tag) {
	for _, t := range tags {
		c.set("aws:resourcetag/"+strings.ToLower(t.Key), t.Value)
		c.set("iam:resourcetag/"+strings.ToLower(t.Key), t.Value)
	}
}

// setRequest gives the tags in the request.
func (c *conditions) setRequest(tags []identity.Tag) {
	if len(tags) == 0 {
		return
	}
	keys := make([]string, 0, len(tags))
	for _, t := range tags {
		keys = append(keys, t.Key)
		c.set("aws:requesttag/"+strings.ToLower(t.Key), t.Value)
	}
	c.set("aws:tagkeys", keys...)
}

// replace sets a key that may have had another value.
func (c *conditions) replace(key, value string) {
	c.list = slices.DeleteFunc(c.list, func(o condition) bool { return o.key == key })
	c.set(key, value)
}
