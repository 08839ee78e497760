// Package pages says which web pages may speak to a server that does not ask everybody for a signature.
//
// Callers may rely on this: a request that a browser made for a page of another site is told from one of a
// program, also where the page's name was rebound to this server's address: what a page cannot change is its
// Origin, the Sec-Fetch-Site of its request, and the name in Host.
package pages

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Guard knows whose pages are welcome. It is read-only once made. The zero Guard welcomes pages of this
// machine alone.
type Guard struct {
	// Origins are further origins that are welcome, such as https://app.example.com.
	Origins []string
}

// Request is what a browser says about a request. Origin and Site are empty where it has no such header.
type Request struct {
	Method, Host, Origin, Site string
}

// Admits reports whether a request comes from a program, or from a page that is welcome: one of this machine,
// of a listed origin, or of this server itself.
func (g *Guard) Admits(r Request) bool {
	own := isOwn(r.Host)
	if r.Origin != "" {
		return g.Welcomes(r.Origin) || own && sameHost(r.Origin, r.Host)
	}
	switch r.Site {
	case "same-origin":
		return own
	case "", "none":
		// Over plain HTTP a browser sends Sec-Fetch-Site to this machine's own names alone, and Origin with
		// everything but GET and HEAD. A page whose name was rebound is known by that name.
		return own || r.Method != "GET" && r.Method != "HEAD"
	}
	return false
}

// Welcomes reports whether pages of an origin may speak to this server.
func (g *Guard) Welcomes(origin string) bool {
	if slices.Contains(g.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && IsLoopback(u.Host)
}

func sameHost(origin, host string) bool {
	_, rest, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(rest, host)
}

// IsLoopback reports whether host, with or without a port, is a name or an address of this machine that no
// other can have.
func IsLoopback(host string) bool {
	host = withoutPort(host)
	if strings.EqualFold(host, "localhost") || hasSuffixFold(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// isOwn reports whether host can only be this server: an address, or a name that nobody can own in the public
// name system and so rebind (RFC 6761, and names of one label as container networks give them).
func isOwn(host string) bool {
	if IsLoopback(host) {
		return true
	}
	host = withoutPort(host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.Contains(strings.TrimSuffix(host, "."), ".") || hasSuffixFold(host, ".internal") ||
		hasSuffixFold(host, ".test")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// withoutPort drops the port, and the brackets of an address of IPv6.
func withoutPort(host string) string {
	if rest, ok := strings.CutPrefix(host, "["); ok {
		inside, _, _ := strings.Cut(rest, "]")
		return inside
	}
	if strings.Count(host, ":") == 1 {
		host, _, _ = strings.Cut(host, ":")
	}
	return host
}
