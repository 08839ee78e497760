package storage

// KeySize is the length of a data key: AES-256.
const KeySize = 32

// Epoch numbers the data keys of one table, from 1. Files and journal sections carry the epoch of the key
// that sealed them.
type Epoch uint32

// Keys gives a store the data keys of its tables. The store asks when it opens a table and holds the keys
// until SealTable or Close; it never writes them anywhere. Implementations answer from memory or unwrap on
// demand; an error of any kind makes the table sealed and is passed on inside a SealedError.
type Keys interface {
	// Current is the epoch that new files and sections of the table are sealed under.
	Current(id TableID) (Epoch, error)
	// Key copies the data key of an epoch into key. The store zeroes its copy when it is done.
	Key(id TableID, epoch Epoch, key *[KeySize]byte) error
}
