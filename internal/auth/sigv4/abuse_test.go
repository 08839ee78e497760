package sigv4

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A web page could call `dev` as root: a signature in the query needs no header that a browser asks the
// server about first.
func TestPagesAreNotAdmittedWithoutAKey(t *testing.T) {
	const query = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=page%2F20150830%2Fus-east-1%2Fsts%2Faws4_request" +
		"&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	for _, test := range []struct {
		field    [2]string
		admitted bool
	}{
		{[2]string{"origin", "https://example.com"}, false},
		{[2]string{"origin", "null"}, false},
		{[2]string{"origin", "http://127.0.0.1:8000"}, true},
		{[2]string{"origin", "https://app.example.com"}, true},
		{[2]string{"host", "evil.org:8000"}, true}, // what a header says; the name in the request decides
		{[2]string{"sec-fetch-site", "cross-site"}, false},
		{[2]string{"sec-fetch-site", "same-origin"}, true},
		{[2]string{"sec-fetch-site", "none"}, true},
		{[2]string{"accept", "*/*"}, true},
	} {
		v, _ := exampleVerifier(Open("123456789012", "https://app.example.com"))
		_, _, err := v.Verify(&request{method: "POST", target: "/" + query, host: "127.0.0.1:8000",
			fields: [][2]string{test.field}})
		var refusal *Error
		if test.admitted != (err == nil) ||
			err != nil && (!errors.As(err, &refusal) || refusal.Reason != ForeignPage) {
			t.Errorf("%s: %s: %v", test.field[0], test.field[1], err)
		}
	}
	page := signed(t, request{method: "POST", target: "/", host: "localhost",
		fields: [][2]string{{"Origin", "null"}}}, exampleID, "",
		"sts")
	v, _ := exampleVerifier(Open("123456789012"))
	if _, _, err := v.Verify(page); err != nil {
		t.Errorf("a page with a key that is known: %v", err)
	}
}

// counted tells how often fields are looked at.
type counted struct {
	request
	looks int
}

func (c *counted) Field(i int) (name, value []byte) {
	c.looks++
	return c.request.Field(i)
}

// A request of 32 KiB with a known access key id and no valid signature cost 50 ms: every signed name was
// looked for among thousands of fields, several times.
func TestCostOfAFalseSignatureIsBounded(t *testing.T) {
	v, _ := exampleVerifier(Strict())
	r := &counted{request: request{method: "POST", target: "/", host: "h"}}
	names := []string{"host"}
	for i := range 3000 {
		name := fmt.Sprintf("i%04d", i)
		names = append(names, name)
		r.fields = append(r.fields, [2]string{name, ""})
	}
	r.set("x-amz-date", "20150830T123600Z")
	r.set("authorization", "AWS4-HMAC-SHA256 Credential="+exampleID+
		"/20150830/us-east-1/kms/aws4_request, SignedHeaders="+
		strings.Join(names, ";")+", Signature=00")
	if _, _, err := v.Verify(r); err == nil {
		t.Error("verified")
	}
	if r.looks > 50*len(r.fields) {
		t.Errorf("%d fields were looked at %d times", len(r.fields), r.looks)
	}
}
