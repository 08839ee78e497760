package audit

import (
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// TableResource is a table as the subject of findings.
func TableResource(t *fact.Table) Resource {
	r := Resource{Account: t.Account, Region: t.Region, Table: t.Name, ARN: t.ARN}
	return r.at(t.Origin)
}

// KeyResource is a key as the subject of findings.
func KeyResource(k *fact.Key) Resource {
	r := Resource{Account: k.Account, Region: k.Region, Key: KeyID(k), ARN: k.ARN}
	return r.at(k.Origin)
}

// KeyID is the id of a key, the last part of its ARN.
func KeyID(k *fact.Key) string {
	if a, ok := arn.Parse(k.ARN); ok {
		return strings.TrimPrefix(a.Resource, "key/")
	}
	return k.ARN
}

func (r Resource) at(o *fact.Origin) Resource {
	if o != nil {
		r.File = o.File
		r.Line = o.Line
		r.Address = o.Address
		r.ARN = ""
	}
	return r
}
