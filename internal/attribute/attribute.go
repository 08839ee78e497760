// Package attribute is DynamoDB's data model: values, items, 38-digit numbers, their order and their sizes.
//
// Callers may rely on this: a Value or Item is one run of bytes in canonical form, so that two values are equal in DynamoDB's
// sense exactly when their bytes are equal; reading one never allocates; and what ReadValue or ReadItem accepted, AppendJSON
// writes back as the service would.
//
// The compact form is drawn in docs/format/item.md.
package attribute
