package sts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/auth/oidc"
)

// issuer makes the key of an issuer, and gives it as the issuer publishes it.
func (s *teller) issuer(t *testing.T, name string) []oidc.Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	keys, err := oidc.ReadKeys(fmt.Appendf(nil, `{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":%q,"y":%q}]}`,
		encode(point[1:33]), encode(point[33:])))
	if err != nil {
		t.Fatal(err)
	}
	s.signers[name] = private
	return keys
}

// sign remembers a token with the claims of the input, in which <+1h> stands for the time in an hour. by=NAME says whose key signs it.
func (s *teller) sign(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	var as string
	by := "issuer"
	d.ScanArgs(t, "as", &as)
	d.MaybeScanArgs(t, "by", &by)
	claims := d.Input
	for {
		before, rest, found := strings.Cut(claims, "<")
		text, after, _ := strings.Cut(rest, ">")
		if !found {
			break
		}
		ahead, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		claims = before + strconv.FormatInt(s.clock.Now().Add(ahead).Unix(), 10) + after
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES256","kid":"k"}`)) + "." + encode([]byte(claims))
	digest := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.signers[by], digest[:])
	if err != nil {
		t.Fatal(err)
	}
	s.tokens[as] = signed + "." + encode(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}
