package api

// Text is a member that may be absent, which is the empty string then.
func Text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// True reports whether a member is there and true.
func True(b *bool) bool { return b != nil && *b }
