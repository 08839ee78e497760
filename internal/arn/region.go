package arn

import "strings"

// GlobalRegion is the region to which requests of AWS's global services belong, whatever region their client
// is in.
const GlobalRegion = "us-east-1"

// IsGlobal reports whether a service, by its name in credential scopes and actions, is one of those that AWS
// has in no region: they take requests signed for GlobalRegion alone, and policies see that region as the
// requested one ("AWS service endpoints", global endpoints of the AWS General Reference).
func IsGlobal(service string) bool {
	switch service {
	case "account", "billingconductor", "budgets", "ce", "chime", "cloudfront", "health", "iam",
		"importexport", "notifications-contacts", "organizations", "route53", "savingsplans", "shield",
		"support", "tax", "waf":
		return true
	}
	return false
}

// regionPrefixes are the countries, continents and partitions that AWS has regions in.
const regionPrefixes = " af ap ca cn eu eu-isoe eusc-de il me mx sa us us-gov us-iso us-isob us-isof "

// regionDirections are the parts of a country or continent in the names of regions.
const regionDirections = " central east north northeast northwest south southeast southwest west "

// IsRegion reports whether s is formed as the names of AWS's regions are in all its partitions: a prefix that
// AWS uses, a direction, and a digit. New regions of that form are thereby known before they are opened, and
// yet there are fewer than 1,500 such names, so that what is kept for each is bounded.
func IsRegion[T string | []byte](s T) bool {
	if len(s) > 32 || len(s) < 9 {
		return false
	}
	last := len(s) - 1
	if s[last] < '1' || s[last] > '9' || s[last-1] != '-' {
		return false
	}
	direction := last - 2
	for direction > 0 && s[direction] != '-' {
		direction--
	}
	return listed(regionPrefixes, string(s[:direction])) &&
		listed(regionDirections, string(s[direction+1:last-1]))
}

// listed reports whether name stands in list between blanks.
func listed(list, name string) bool {
	for len(name) > 0 && !strings.Contains(name, " ") {
		_, after, ok := strings.Cut(list, " "+name)
		if !ok {
			return false
		}
		if strings.HasPrefix(after, " ") {
			return true
		}
		list = after
	}
	return false
}
