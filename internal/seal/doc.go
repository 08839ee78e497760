// Package seal keeps the root key of an installation, and is the only place that sees it bare.
//
// Callers may rely on this:
//   - The root key and the installation secret leave this package only sealed: in the keyring file, or in an
//     export under a recovery passphrase. What others get are secrets wrapped under the root key, and keys
//     derived from the secret.
//   - A keyring that is readable by others, belongs to somebody else, is torn, was changed, or is of another
//     installation is refused with an *Error that says what to do. A refusal changes nothing on the disk.
//   - Whatever Create, Rotate or Rewrap was doing when the power failed, the keyring file is the one from
//     before or the one from after. Both open everything that was ever wrapped.
//   - Rotating the root key changes no installation key.
//   - A wrapped record opens only for the purpose and the owner that it was wrapped for.
//
// DESIGN.md says why it is built so. docs/format/keyring.md and docs/format/wrapped-key.md draw the bytes.
package seal
