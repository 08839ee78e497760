// Package keyring holds the keys of the key service: customer keys with their versions, states, aliases and
// policies, the keys that services make for their customers, and the ciphertexts that all of them make.
//
// Callers may rely on this:
//   - A backing key leaves this package only wrapped under the root key or as ciphertext under a key derived
//     from it. Bare, it lives in locked memory (P7).
//   - An operation that the state of a key forbids fails with an *Error, from the moment the change of state
//     was answered.
//   - A change that was answered is durable. A crash leaves a key whole or leaves no trace of it.
//   - A ciphertext opens only under the key, the version and the encryption context that it was made with.
//     Anything else that is offered as a ciphertext gets one and the same answer.
//   - Reading metadata and using a key never waits for a change.
//
// The package knows no wire format and no caller: whoever calls it has authorised the call. DESIGN.md says
// why it is built so; docs/format/kms-ciphertext.md and docs/format/key-material.md draw its bytes.
package keyring
