package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// signer makes whole HTTP requests that bear a signature: "Create a signed AWS API request".
type signer struct {
	id, secret, region, host string
	service                  string // empty: dynamodb
}

// target is the service as the scope of a signature names it, and how its operations' names begin in a
// request.
func (s signer) target() (service, prefix string) {
	if s.service == "kms" {
		return "kms", "TrentService."
	}
	return "dynamodb", "DynamoDB_20120810."
}

// request is the bytes of one call, with the headers that AWS's SDK for Go sends and signs.
func (s signer) request(operation string, body []byte) []byte {
	now := time.Now().UTC()
	service, prefix := s.target()
	stamp, date := now.Format("20060102T150405Z"), now.Format("20060102")
	headers := [][2]string{
		{"accept-encoding", "identity"},
		{"amz-sdk-invocation-id", "6f9a2c1e-0d3b-4a57-9c88-2f1f5f0a7b11"},
		{"amz-sdk-request", "attempt=1; max=3"},
		{"content-length", fmt.Sprint(len(body))},
		{"content-type", "application/x-amz-json-1.0"},
		{"host", s.host},
		{"x-amz-date", stamp},
		{"x-amz-target", prefix + operation},
	}
	var names []string
	canonical := "POST\n/\n\n"
	var request bytes.Buffer
	request.WriteString("POST / HTTP/1.1\r\nUser-Agent: aws-sdk-go-v2/1.47.7 ua/2.1 os/linux " +
		"lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/dynamodb#1.73.1 m/E,n\r\n")
	for _, h := range headers {
		names = append(names, h[0])
		canonical += h[0] + ":" + h[1] + "\n"
		fmt.Fprintf(&request, "%s: %s\r\n", h[0], h[1])
	}
	signed := strings.Join(names, ";")
	canonical += "\n" + signed + "\n" + hexSum(body)
	scope := date + "/" + s.region + "/" + service + "/aws4_request"
	signature := s.sign(date, service, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hexSum([]byte(canonical)))
	fmt.Fprintf(&request, "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "+
		"Signature=%s\r\n\r\n", s.id, scope, signed, signature)
	request.Write(body)
	return request.Bytes()
}

func (s signer) sign(date, service, text string) string {
	key := []byte("AWS4" + s.secret)
	for _, part := range []string{date, s.region, service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
