package identity

import (
	"strings"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// What services need for the policies of their resources. A user or role that such a policy names by its ARN
// is meant as the one that has this name now: the policy is kept with its unique id instead, so that nobody
// who takes the name over inherits what it allows. Whoever reads the policy sees the ARN for as long as that
// user or role is there, under its present name, and the unique id from then on ("IAM JSON policy elements:
// Principal").

// BindPolicy is a resource's policy as it is to be kept. ok is false when it names a user, role or session
// that does not exist.
func (d *Directory) BindPolicy(text string) (bound string, ok bool) {
	ok = true
	bound = policy.RenamePrincipals(text, func(name string) string {
		id, known := d.uniqueID(name)
		ok = ok && known
		return id
	})
	return bound, ok
}

// ShowPolicy is a kept policy as it is to be answered.
func (d *Directory) ShowPolicy(text string) string {
	return policy.RenamePrincipals(text, d.ShowPrincipal)
}

// BindPrincipal is BindPolicy for one name.
func (d *Directory) BindPrincipal(name string) (bound string, ok bool) { return d.uniqueID(name) }

// ShowPrincipal is ShowPolicy for one name.
func (d *Directory) ShowPrincipal(bound string) string {
	if p := d.principalByID(bound); p != nil {
		return p.ARN()
	}
	return bound
}

// uniqueID is what a policy keeps for the name of a principal; known is false for a name that nobody has.
// Sessions, accounts and everybody have no other name.
func (d *Directory) uniqueID(name string) (id string, known bool) {
	if isUniqueID(name) {
		return name, d.principalByID(name) != nil
	}
	if !strings.HasPrefix(name, "arn:") || strings.HasSuffix(name, ":root") {
		return name, true
	}
	for _, kind := range []Kind{User, Role} {
		if p, err := d.FindARN(kind, name); err == nil {
			return p.ID, true
		}
	}
	return name, d.Exists(name)
}

func isUniqueID(name string) bool {
	return strings.HasPrefix(name, User.idPrefix()) || strings.HasPrefix(name, Role.idPrefix())
}

// principalByID finds the user or role with a unique id, in whatever account; nil if there is none.
func (d *Directory) principalByID(id string) (found *Principal) {
	if !isUniqueID(id) {
		return nil
	}
	d.accounts.Range(func(_, a any) bool {
		found = a.(*account).current.Load().principals[id]
		return found == nil
	})
	return found
}
