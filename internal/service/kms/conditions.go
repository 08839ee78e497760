package kms

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
)

// conditions gives the condition keys of the key service ("AWS KMS condition keys" in the AWS KMS Developer
// Guide) for one need. Those that every request has, kms:CallerAccount and kms:ViaService among them, the
// authorizer knows itself.
type conditions struct {
	caller  *auth.Caller // of operations on one key
	key     *keyring.Key // nil for an operation on no key
	named   string       // the identifier that the request gave
	context keyring.Context
	more    []condition
}

type condition struct {
	name   string // lower case
	values []string
}

// set adds a condition key; an empty value means that the request does not have it.
func (c *conditions) set(name, value string) {
	if value != "" {
		c.more = append(c.more, condition{name, []string{value}})
	}
}

func (c *conditions) setList(name string, values []string) {
	c.more = append(c.more, condition{name, values})
}

func (c *conditions) setBool(name string, value bool) { c.set(name, strconv.FormatBool(value)) }

// setNumber adds a number that the request may leave out.
func (c *conditions) setNumber(name string, value *int64) {
	if value != nil {
		c.set(name, strconv.FormatInt(*value, 10))
	}
}

// Values implements policy.Context.
func (c *conditions) Values(name string) ([]string, bool) {
	for _, m := range c.more {
		if m.name == name {
			return m.values, true
		}
	}
	if pair, ok := strings.CutPrefix(name, "kms:encryptioncontext:"); ok {
		return c.pair(pair)
	}
	if name == "kms:encryptioncontextkeys" {
		return c.contextKeys()
	}
	if c.key == nil {
		return nil, false
	}
	return c.ofKey(name)
}

// pair is the value of an encryption context pair. Its name is matched without case, as the developer guide
// has it, so that there may be several.
func (c *conditions) pair(name string) (values []string, ok bool) {
	for k, v := range c.context {
		if strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values, len(values) > 0
}

func (c *conditions) contextKeys() ([]string, bool) {
	if len(c.context) == 0 {
		return nil, false
	}
	names := make([]string, 0, len(c.context))
	for k := range c.context {
		names = append(names, k)
	}
	return names, true
}

func (c *conditions) ofKey(name string) ([]string, bool) {
	m := c.key.Metadata()
	switch name {
	case "kms:keyspec", "kms:customermasterkeyspec":
		return []string{string(m.Spec)}, true
	case "kms:keyusage", "kms:customermasterkeyusage":
		return []string{string(m.Usage)}, true
	case "kms:keyorigin":
		return []string{string(m.Origin)}, true
	case "kms:multiregion":
		return []string{strconv.FormatBool(m.MultiRegion != nil)}, true
	case "kms:multiregionkeytype":
		return one(multiRegionType(m))
	case "kms:requestalias":
		return one(aliasIn(c.named))
	case "kms:resourcealiases":
		aliases := c.key.Aliases()
		return aliases, len(aliases) > 0
	}
	if tag, ok := strings.CutPrefix(name, "aws:resourcetag/"); ok {
		return tagValues(m.Tags, tag)
	}
	return nil, false
}

func one(value string) ([]string, bool) {
	if value == "" {
		return nil, false
	}
	return []string{value}, true
}

// aliasIn is the alias name in an identifier, "" where it is none.
func aliasIn(id string) string {
	if i := strings.Index(id, ":alias/"); i >= 0 && strings.HasPrefix(id, "arn:") {
		return id[i+1:]
	}
	if strings.HasPrefix(id, "alias/") {
		return id
	}
	return ""
}

func multiRegionType(m *keyring.Metadata) string {
	switch {
	case m.MultiRegion == nil:
		return ""
	case m.MultiRegion.Primary == m.Scope.Region:
		return "PRIMARY"
	}
	return "REPLICA"
}

func tagValues(tags []keyring.Tag, name string) (values []string, ok bool) {
	for _, t := range tags {
		if strings.EqualFold(t.Key, name) {
			values = append(values, t.Value)
		}
	}
	return values, len(values) > 0
}

// setTags adds the tags of a request: aws:TagKeys and aws:RequestTag.
func (c *conditions) setTags(tags []keyring.Tag) {
	if len(tags) == 0 {
		return
	}
	keys := make([]string, 0, len(tags))
	for _, t := range tags {
		keys = append(keys, t.Key)
		c.set("aws:requesttag/"+strings.ToLower(t.Key), t.Value)
	}
	c.setList("aws:tagkeys", keys)
}
