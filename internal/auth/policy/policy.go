// Package policy decides what policies allow. It is pure: the same policies and the same request give the same decision,
// everywhere, so that the code that enforces is the code that audits.
package policy

// Policy is one parsed and compiled policy document. It is immutable.
type Policy struct{}

// Context gives the values of condition keys. A key that is absent gives ok false.
type Context interface {
	// Values returns the values of a condition key. Keys arrive in lower case.
	Values(key string) (values []string, ok bool)
}

// Decision is the outcome with its reasons.
type Decision struct {
	Allowed bool
}
