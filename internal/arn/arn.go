// Package arn reads and writes Amazon Resource Names.
//
// Callers may rely on this: Parse accepts exactly the strings of six parts that start with "arn:" and whose
// partition, service and resource are not empty, and String gives back what was parsed, byte for byte. What
// the parts mean is for others to check.
package arn

import "strings"

// Partition is the only partition that this installation answers for.
const Partition = "aws"

// ARN is arn:Partition:Service:Region:Account:Resource. Region and Account are empty where a service has
// none.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Parse splits s. ok is false when s is not an ARN.
func Parse(s string) (a ARN, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return ARN{}, false
	}
	for _, part := range []*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if *part, rest, ok = strings.Cut(rest, ":"); !ok {
			return ARN{}, false
		}
	}
	if a.Partition == "" || a.Service == "" || rest == "" {
		return ARN{}, false
	}
	a.Resource = rest
	return a, true
}

// New is an ARN of this installation's partition.
func New(service, region, account, resource string) ARN {
	return ARN{Partition: Partition, Service: service, Region: region, Account: account, Resource: resource}
}

func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Child is what follows "kind/" in the resource, as in table/NAME or key/ID. ok is false for another kind of
// resource.
func (a ARN) Child(kind string) (name string, ok bool) {
	name, ok = strings.CutPrefix(a.Resource, kind+"/")
	return name, ok && name != ""
}
