// Package attribute is DynamoDB's data model: attribute values, items and 38-digit numbers.
//
// Callers may rely on this:
//   - A Value or Item that came out of this package's readers, constructors, Builder or Tree is in the one
//     canonical form that docs/format/item.md draws. Entries of a map are in the order of their names,
//     members of a set in their own order, numbers have one spelling. So two values are equal in DynamoDB's
//     sense exactly when their bytes are equal.
//   - ReadValue and ReadItem accept what DynamoDB accepts: types, sets, numbers, names and nesting are
//     checked while reading, and a ValidationError carries DynamoDB's own text. What they accepted,
//     AppendJSON writes back as the service would.
//   - Bytes from elsewhere are trusted after CheckItem. No accessor panics on any bytes, but on bytes that it
//     refuses its answer means nothing.
//   - Reading, walking, comparing and writing allocate nothing when the buffer of the caller is large enough
//     and no map or set with more than 32 members arrives out of order.
//
// The package knows JSON through internal/strictjson, and nothing of expressions, tables or storage.
package attribute
