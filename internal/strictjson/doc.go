// Package strictjson reads and writes the JSON of the wire.
//
// Callers may rely on this: a document that a Reader accepts to its end is well-formed JSON (RFC 8259), valid
// UTF-8, free of lone surrogates, nested at most MaxDepth deep, and was read exactly once from left to right.
// Nothing is guessed: member names are compared byte for byte by the caller, numbers are handed out as they
// were written, and nothing is skipped unless the caller skips it. Reading allocates only when a string holds
// an escape for the first time.
//
// The package knows no AWS shapes. The generated shapes in internal/api and the attribute codec are built on
// it.
package strictjson
