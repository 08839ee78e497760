package sealedfs

import "strings"

// kindOf says how the file of a base name is laid out. The name decides, and the header has to agree.
func kindOf(base string) Kind {
	switch {
	case base == "LOCK", strings.HasPrefix(base, "marker."):
		return KindEmpty
	case strings.HasSuffix(base, ".sst"), strings.HasSuffix(base, ".blob"):
		return KindSegments
	default:
		return KindFrames
	}
}

// boundName is the base name that a file's key is derived for: its own, but for the temporary file that
// Pebble writes its options to, which is bound to the name that it will be renamed to. The rename then is the
// base file system's, and as atomic.
func boundName(base string) string {
	if number, ok := strings.CutPrefix(base, "temporary."); ok {
		if number, ok := strings.CutSuffix(number, ".dbtmp"); ok {
			return "OPTIONS-" + number
		}
	}
	return base
}

// bornWhole says of a base name that Pebble points at the file only after it was written and synced. No power
// cut leaves such a file without its first frame. Pebble takes an empty MANIFEST for an empty store, and
// would delete every table.
func bornWhole(base string) bool {
	base = boundName(base)
	return strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "OPTIONS-")
}
