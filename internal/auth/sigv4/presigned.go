package sigv4

import (
	"bytes"
	"strings"
)

// readQuery reads the query form: "Authentication with query parameters" of the AWS IAM User Guide.
func (g *signature) readQuery(query []byte) error {
	g.presigned = true
	g.decoded = growTo(g.decoded, len(query))
	var method []byte
	for part := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(part, []byte("="))
		var place *[]byte
		switch string(name) {
		case "X-Amz-Algorithm":
			place = &method
		case "X-Amz-Credential":
			place = &g.credential
		case "X-Amz-Date":
			place = &g.date
		case "X-Amz-Expires":
			place = &g.expires
		case "X-Amz-SignedHeaders":
			place = &g.signedHeaders
		case "X-Amz-Signature":
			place = &g.signature
		case "X-Amz-Security-Token":
			place = &g.token
		default:
			continue
		}
		if *place != nil {
			return incomplete("AWS query-string parameters must not include '", string(name), "' twice.")
		}
		*place = g.decode(value)
	}
	if err := g.completeQuery(method); err != nil {
		return err
	}
	if string(method) != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '", string(method),
			"' (only AWS4-HMAC-SHA256 for now). ")
	}
	return nil
}

// completeQuery lists everything that is missing from the query form at once, as AWS does.
func (g *signature) completeQuery(method []byte) error {
	var message strings.Builder
	for _, part := range [...]struct {
		name  string
		value []byte
	}{
		{"X-Amz-Algorithm", method}, {"X-Amz-Credential", g.credential}, {"X-Amz-Signature", g.signature},
		{"X-Amz-SignedHeaders", g.signedHeaders}, {"X-Amz-Date", g.date},
	} {
		if len(part.value) == 0 {
			message.WriteString("AWS query-string parameters must include '" + part.name + "'. ")
		}
	}
	if message.Len() == 0 {
		return nil
	}
	return incomplete(message.String(), "Re-examine the query-string parameters.")
}

// decode percent-decodes into g.decoded, which has the capacity for all of the query, so that earlier results
// stay valid. The result is never nil.
func (g *signature) decode(value []byte) []byte {
	from := len(g.decoded)
	for len(value) > 0 {
		c, n := decodeByte(value)
		if n == 1 && c == '+' {
			c = ' '
		}
		g.decoded = append(g.decoded, c)
		value = value[n:]
	}
	return g.decoded[from:len(g.decoded):len(g.decoded)]
}

func growTo(b []byte, n int) []byte {
	if cap(b) < n+1 {
		return make([]byte, 0, n+1)
	}
	return b[:0]
}
