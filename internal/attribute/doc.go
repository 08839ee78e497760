// Package attribute is DynamoDB's data model: attribute values, items and 38-digit numbers.
//
// Callers may rely on this:
//   - A Value or Item that came out of this package's readers, constructors, Builder or Tree is in the one canonical form of
//     docs/format/item.md, so two of them are equal exactly when their bytes are equal. Map entries are in the order of their
//     names, set members in their own order, and numbers have one spelling.
//   - Nothing is accepted that DynamoDB refuses: types, sets, numbers, names and nesting are checked while reading, and the
//     messages are DynamoDB's.
//   - Bytes from elsewhere become safe by CheckItem or CheckValue. No accessor panics on bytes that these accept, and none
//     panics on bytes that they would refuse, but there the answers mean nothing.
//   - Reading, walking, comparing and writing allocate nothing as long as the buffer that the caller gave is large enough and
//     no map or set has more than 64 members out of order.
//
// The package knows JSON through internal/strictjson and nothing of expressions, tables or storage.
package attribute
