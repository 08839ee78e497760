package pages

import "testing"

func TestAdmits(t *testing.T) {
	g := &Guard{Origins: []string{"https://app.example.com"}}
	for _, c := range []struct {
		r  Request
		ok bool
	}{
		// Programs.
		{Request{"POST", "127.0.0.1:8000", "", ""}, true},
		{Request{"POST", "dynamodb.example.com:8000", "", ""}, true},
		{Request{"GET", "localhost:8000", "", ""}, true},
		{Request{"GET", "sealtable:8000", "", ""}, true},
		{Request{"GET", "host.docker.internal:8000", "", ""}, true},
		{Request{"GET", "192.168.1.7:8000", "", ""}, true},
		{Request{"GET", "[::1]:8000", "", ""}, true},
		{Request{"GET", "localhost:8000", "", "none"}, true},
		// Pages of this machine, of a listed origin, and of the server itself.
		{Request{"POST", "localhost:8000", "http://localhost:3000", "same-site"}, true},
		{Request{"POST", "127.0.0.1:8000", "http://127.0.0.1:8000", "same-origin"}, true},
		{Request{"POST", "127.0.0.1:8000", "https://app.localhost", "cross-site"}, true},
		{Request{"POST", "127.0.0.1:8000", "https://app.example.com", "cross-site"}, true},
		{Request{"POST", "sealtable:8000", "http://sealtable:8000", "same-origin"}, true},
		{Request{"GET", "localhost:8000", "", "same-origin"}, true},
		// Pages of others.
		{Request{"POST", "127.0.0.1:8000", "https://example.com", "cross-site"}, false},
		{Request{"POST", "127.0.0.1:8000", "https://app.example.com.evil.org", "cross-site"}, false},
		{Request{"POST", "127.0.0.1:8000", "http://localhost.evil.org", "cross-site"}, false},
		{Request{"POST", "127.0.0.1:8000", "null", "cross-site"}, false},
		{Request{"POST", "127.0.0.1:8000", "file://", ""}, false},
		{Request{"GET", "127.0.0.1:8000", "", "cross-site"}, false},
		{Request{"GET", "localhost:8000", "", "same-site"}, false},
		// Names that were rebound to this machine.
		{Request{"POST", "evil.org:8000", "http://evil.org:8000", "same-origin"}, false},
		{Request{"GET", "evil.org:8000", "", ""}, false},
		{Request{"HEAD", "evil.org.", "", ""}, false},
		{Request{"GET", "evil.org:8000", "", "same-origin"}, false},
		{Request{"GET", "127.0.0.1.evil.org", "", ""}, false},
	} {
		if got := g.Admits(c.r); got != c.ok {
			t.Errorf("%+v: %v", c.r, got)
		}
	}
}
