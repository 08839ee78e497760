// Package identity knows who there is in an installation: users, groups, roles, their policies, access keys
// and sessions, each account on its own.
//
// Callers may rely on this: a change is durable before anybody sees it, and happens whole or not at all (P3);
// whoever was refused or forgotten (a deleted or inactive key, a session of a deleted role) is refused from
// the next request on, and never counts as a stranger, whom `dev` would let in; what is attached to a caller
// is found without parsing or searching (P6); secrets of access keys are sealed wherever they are kept, and
// shown once.
//
// Names are found without regard to case, as in IAM, and answered as they were given. docs/identity.md says
// how it is built.
package identity
