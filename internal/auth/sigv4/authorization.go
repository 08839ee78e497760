package sigv4

import (
	"bytes"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// maxCredential bounds a credential, and so what the cache may hold.
	maxCredential = 256
)

// signature is what a request says about its own signature, in the header or in the query. Its bytes belong
// to the request, those of the query form to decoded.
type signature struct {
	credential, signedHeaders, signature []byte
	date, token                          []byte
	expires                              []byte // X-Amz-Expires; nil in the header form
	presigned                            bool

	parts   [5][]byte // of the credential
	time    time.Time
	stamp   [16]byte // time as in the string to sign
	decoded []byte
}

// read finds the signature. The header form and the query form exclude each other.
func (g *signature) read(req Request) error {
	*g = signature{decoded: g.decoded[:0]}
	header, inHeader := fieldOf(req, "authorization")
	presigned := bytes.Contains(req.Query(), []byte("X-Amz-Algorithm"))
	switch {
	case inHeader && presigned:
		return invalid(
			`Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.`,
		)
	case presigned:
		return g.readQuery(req.Query())
	case inHeader && bytes.HasPrefix(header, []byte("AWS4-")):
		g.date, _ = fieldOf(req, "x-amz-date")
		if g.date == nil {
			g.date, _ = fieldOf(req, "date")
		}
		g.token, _ = fieldOf(req, "x-amz-security-token")
		return g.readHeader(header)
	}
	return &Error{Reason: Missing, Message: "Request is missing Authentication Token"}
}

func fieldOf(req Request, want string) (value []byte, ok bool) {
	for i := range req.Fields() {
		if name, value := req.Field(i); string(name) == want {
			return value, true
		}
	}
	return nil, false
}

// readHeader reads AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…, whose parts commas or spaces
// divide.
func (g *signature) readHeader(header []byte) error {
	scheme, rest, _ := bytes.Cut(header, []byte(" "))
	if string(scheme) != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '", string(scheme),
			"' (only AWS4-HMAC-SHA256 for now). ")
	}
	for len(rest) > 0 {
		end := bytes.IndexAny(rest, ", ")
		if end < 0 {
			end = len(rest)
		}
		part := rest[:end]
		rest = rest[min(end+1, len(rest)):]
		if len(part) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(part, []byte("="))
		if !ok {
			return incomplete("'", string(part), "' not a valid key=value pair (missing equal-sign) in "+
				"Authorization header: '",
				string(header), "'.")
		}
		if place := g.place(name); place != nil && *place != nil {
			return incomplete("Authorization header must not have '", string(name), "' twice. Authorization=",
				string(header))
		} else if place != nil {
			*place = value
		}
	}
	return g.complete(header)
}

// place is where the value of a parameter belongs; nil for one that means nothing.
func (g *signature) place(name []byte) *[]byte {
	switch string(name) {
	case "Credential":
		return &g.credential
	case "SignedHeaders":
		return &g.signedHeaders
	case "Signature":
		return &g.signature
	}
	return nil
}

// complete lists everything that is missing from the header form at once, as AWS does.
func (g *signature) complete(header []byte) error {
	if len(g.credential) > 0 && len(g.signature) > 0 && len(g.signedHeaders) > 0 && len(g.date) > 0 {
		return nil
	}
	var message strings.Builder
	for _, part := range []struct {
		name  string
		value []byte
	}{{"Credential", g.credential}, {"Signature", g.signature}, {"SignedHeaders", g.signedHeaders}} {
		if len(part.value) == 0 {
			message.WriteString("Authorization header requires '" + part.name + "' parameter. ")
		}
	}
	if len(g.date) == 0 {
		message.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' " +
			"header. ")
	}
	return incomplete(message.String(), "Authorization=", string(header))
}

// splitCredential checks the form of the scope. Region and service become parts of ARNs, so only letters that
// these may hold pass, and only regions that there are or may be: each may cost something to keep.
func (g *signature) splitCredential(isRegion func([]byte) bool) error {
	rest := g.credential
	for i := range g.parts {
		part, after, more := bytes.Cut(rest, []byte("/"))
		if len(part) == 0 || more == (i == len(g.parts)-1) || len(g.credential) > maxCredential {
			return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. "+
				"keyid/date/region/service/term, got '",
				string(g.credential), "'")
		}
		g.parts[i], rest = part, after
	}
	if !wellFormed(g.parts[0], isKeyIDByte) {
		return unknownKey()
	}
	var message string
	if !isRegion(g.parts[2]) {
		message += WrongRegion(string(g.parts[2])).Message
	}
	if !wellFormed(g.parts[3], isNameByte) {
		message += "Credential should be scoped to a valid service, not '" + string(g.parts[3]) + "'. "
	}
	if string(g.parts[4]) != terminator {
		message += "Credential should be scoped with a valid terminator: 'aws4_request', not '" +
			string(g.parts[4]) + "'. "
	}
	if !isDate(g.parts[1]) {
		message += "Credential should be scoped to a date of the form YYYYMMDD, not '" + string(g.parts[1]) +
			"'. "
	}
	if message != "" {
		return invalid(message)
	}
	return nil
}

func wellFormed(b []byte, allowed func(byte) bool) bool {
	for _, c := range b {
		if !allowed(c) {
			return false
		}
	}
	return len(b) <= 128
}

func isKeyIDByte(c byte) bool {
	return isNameByte(c) || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '@' || c == '+'
}

func isNameByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }

func isDate(b []byte) bool {
	_, ok := digits(b)
	return ok && len(b) == 8
}

func (g *signature) newKey() *key {
	return &key{credential: string(g.credential), scope: Scope{
		AccessKeyID: string(g.parts[0]), Date: string(g.parts[1]), Region: string(g.parts[2]),
		Service: string(g.parts[3]),
	}}
}
