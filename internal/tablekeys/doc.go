// Package tablekeys keeps the keys of tables: for each table one table key, which a key of the key service
// wraps, and under it the data keys that files and journal sections are sealed with.
//
// Callers may rely on this:
//   - A data key of a table is given only while the table is unlocked, and unlocking takes the bare table
//     key, which only the key service can give. After Lock, and after a restart, there is none in memory (P2,
//     P7).
//   - A change is durable when it was answered. Whenever the power fails, the keys file of a table is the one
//     from before or the one from after, and every data key that was ever given out can still be unwrapped.
//   - While a table's key is being changed, old and new wrapped table key lie side by side until Commit or
//     Abort.
//   - A keys file that was changed, cut, torn, or moved from another table is refused and named (P5). No name
//     of a table and no ARN can be read in it (P1).
//   - After Destroy nobody can unwrap the data keys again, not even with the key that wrapped them.
//
// The ring authorises nobody: whether this caller may use this table now is asked elsewhere, on every
// request.
//
// docs/format/table-keys.md draws the bytes.
package tablekeys
