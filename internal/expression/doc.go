// Package expression is DynamoDB's expressions: conditions and filters, key conditions, projections and
// updates.
//
// Callers may rely on this:
//   - Compiling is complete. A text that compiles has no syntax error, no undefined placeholder, no operand
//     of a wrong type that could be seen without an item, and no overlapping paths. Every refusal is an
//     *Error in DynamoDB's own words.
//   - Running cannot half fail. Conditions and projections only read; an update makes a new item or an error,
//     and never writes to the item that it was given.
//   - Compiled expressions are immutable. Any number of goroutines may run one at the same time. A Scope
//     belongs to one request and to one goroutine. Compiled expressions keep the values of their Scope and do
//     not copy them.
//   - Time and memory are bounded by the size of the text, 4 KB, and of the values: recursion is as deep as
//     the text is nested, and running a condition on an item allocates nothing.
//
// The phases are in order: lex.go makes tokens of the text, parse.go and its neighbours make a tree of the
// tokens, check.go and its neighbours resolve placeholders and refuse what means nothing, and run.go and its
// neighbours run what was checked on items. A Builder makes the tree without a text, for other languages;
// what is checked and run is the same.
//
// The package knows items through internal/attribute, and nothing of tables, keys, HTTP or storage.
package expression
