// Package partiql is the part of PartiQL that DynamoDB speaks: SELECT, INSERT, UPDATE, DELETE, and EXISTS in
// transactions.
//
// Callers may rely on this:
//   - Parsing and checking are complete. A statement that was checked has no syntax error, no parameter
//     without a value, and no operand of a wrong type that could be seen without an item. Every refusal is an
//     *Error or an *expression.Error, or an *attribute.ValidationError for a value that breaks a rule, and
//     its text is meant for the client.
//   - A Statement and a Checked are immutable and may be used by any number of goroutines. Values of
//     parameters are kept, not copied.
//   - Values never become text: a parameter is a value from the request to the item, so nothing in it can
//     change a statement.
//   - Time and memory are bounded by the size of the text and of the values. Recursion is bounded by a depth
//     of its own.
//   - What is said about access is sound: no item outside Checked.Partitions can fulfil the statement's
//     condition.
//
// The phases are in order: lex.go makes tokens of the text, parse.go and its neighbours make a Statement of
// the tokens, check.go and its neighbours bind parameters and make conditions, updates and projections, and
// access.go says which keys the condition allows. Conditions and updates are those of internal/expression, so
// both languages of DynamoDB mean the same.
//
// The package knows nothing of tables, HTTP or storage. It does not know the key of the table that a
// statement names: callers ask about attributes by name.
package partiql
