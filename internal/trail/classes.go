package trail

import (
	"strings"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

// class says in which series of files a record lies.
type class int

// The classes. CloudTrail's two kinds of events, on resources and on data, are told apart first by whether
// the caller showed a right at all.
const (
	// changes are calls that were permitted and change a resource, a key, a grant, a principal or a policy,
	// those that give credentials out, and what happens to keys and to the installation without a call.
	changes class = iota
	// data are calls that were permitted and read, or that use or write items, keys and functions.
	data
	// refused are calls that were not permitted, and those that anybody may make.
	refused
	classes
)

// Series are the names of the series of a trail's files.
func Series() []string { return []string{changes.String(), data.String(), refused.String()} }

// String is the name of the class's series of files.
func (c class) String() string { return [classes]string{"changes", "trail", "refused"}[c] }

// room divides as many bytes as maxFiles full files hold: a quarter is for changes, an eighth for what was
// refused. It returns how many files a series has, at least four, and the bytes of each.
func (c class) room(maxFiles int) (files int, bytes int64) {
	eighth := int64(maxFiles) * fileLimit / 8
	share := [classes]int64{2 * eighth, 5 * eighth, eighth}[c]
	bytes = min(fileLimit, share/4)
	return int(share / bytes), bytes
}

// classOf tells the class of a record. A caller shows a right by being granted at least one permission.
func classOf(r *service.Record) class {
	switch {
	case !r.Needs.Granted():
		return refused
	case isDataEvent(r.Service, r.Operation) || readsOnly(r.Service, r.Operation):
		return data
	}
	return changes
}

// sourceOf is whose budget a call is on: a principal's, for all sessions of a role the role's. Strangers
// share the empty one.
func sourceOf(c *auth.Caller) string {
	switch {
	case c.Type == auth.WebIdentity:
		return ""
	case c.RoleARN != "":
		return c.RoleARN
	case c.Type == auth.AssumedRole:
		return c.ARN[:strings.LastIndexByte(c.ARN, '/')+1]
	}
	return c.ARN
}
