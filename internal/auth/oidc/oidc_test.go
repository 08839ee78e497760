package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

const issuer = "https://id.example.com"

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// keys are an issuer's, with the set that publishes them.
type keys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	set string
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	r, errR := rsa.GenerateKey(rand.Reader, 2048)
	e, errE := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(errR, errE); err != nil {
		t.Fatal(err)
	}
	point, err := e.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &keys{rsa: r, ec: e, set: fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"r","use":"sig","alg":"RS256","n":%q,"e":%q},
		{"kty":"EC","kid":"e","crv":"P-256","x":%q,"y":%q},{"kty":"RSA","kid":"other","use":"enc","n":"AQAB","e":"AQAB"}]}`,
		encode(r.N.Bytes()), encode(big.NewInt(int64(r.E)).Bytes()), encode(point[1:33]), encode(point[33:]))}
}

// sign makes a token of a header and claims, signed as the algorithm has it.
func (k *keys) sign(t testing.TB, algorithm, head, claims string) string {
	t.Helper()
	signed := encode([]byte(head)) + "." + encode([]byte(claims))
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch algorithm {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, digest[:])
	case "ES256":
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k.ec, digest[:]); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case "HS256": // the attack that takes a public key for a secret
		mac := hmac.New(sha256.New, k.rsa.N.Bytes())
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

const plainClaims = `{"iss":"https://id.example.com","sub":"me","aud":"app","exp":1893456000}`

func TestVerify(t *testing.T) {
	mine, others := newKeys(t), newKeys(t)
	list, err := ReadKeys([]byte(mine.set))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	issuers := Issuers{issuer: list, "https://one.example.com": list[:1]}
	for _, tt := range []struct {
		why, algorithm, header, claims string
		by                             *keys
		want                           error
	}{
		{"RS256", "RS256", `{"alg":"RS256","kid":"r"}`, plainClaims, mine, nil},
		{"ES256", "ES256", `{"alg":"ES256","kid":"e"}`, plainClaims, mine, nil},
		{"one key of the kind, and no id", "ES256", `{"alg":"ES256"}`, plainClaims, mine, nil},
		{"somebody else's key", "RS256", `{"alg":"RS256","kid":"r"}`, plainClaims, others, ErrSignature},
		{"somebody else's key", "ES256", `{"alg":"ES256","kid":"e"}`, plainClaims, others, ErrSignature},
		{"another key's id", "ES256", `{"alg":"ES256","kid":"r"}`, plainClaims, mine, ErrUnknownKey},
		{"another algorithm's name", "RS256", `{"alg":"ES256","kid":"e"}`, plainClaims, mine, ErrSignature},
		{"an unknown id", "RS256", `{"alg":"RS256","kid":"x"}`, plainClaims, mine, ErrUnknownKey},
		{"no algorithm", "", `{"alg":"none"}`, plainClaims, mine, ErrUnknownKey},
		{"a secret", "HS256", `{"alg":"HS256","kid":"r"}`, plainClaims, mine, ErrUnknownKey},
		{"a key for encryption", "RS256", `{"alg":"RS256","kid":"other"}`, plainClaims, mine, ErrUnknownKey},
		{"another issuer", "RS256", `{"alg":"RS256","kid":"r"}`, strings.Replace(plainClaims, "id.ex", "x.ex", 1), mine, ErrUnknownKey},
		{"a critical extension", "RS256", `{"alg":"RS256","kid":"r","crit":["exp"]}`, plainClaims, mine, ErrNotToken},
		{"no subject", "RS256", `{"alg":"RS256","kid":"r"}`, strings.Replace(plainClaims, `"me"`, `""`, 1), mine, ErrNotToken},
		{"no expiry", "RS256", `{"alg":"RS256","kid":"r"}`, `{"iss":"https://id.example.com","sub":"me","aud":"app"}`, mine, ErrNotToken},
		{"a number for a name", "RS256", `{"alg":"RS256","kid":"r"}`, strings.Replace(plainClaims, `"me"`, `7`, 1), mine, ErrNotToken},
	} {
		token, err := Parse(tt.by.sign(t, tt.algorithm, tt.header, tt.claims))
		if err == nil {
			err = issuers.Verify(token)
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

// TestEveryByteCounts: a token with any byte changed is not accepted.
func TestEveryByteCounts(t *testing.T) {
	k := newKeys(t)
	list, err := ReadKeys([]byte(k.set))
	if err != nil {
		t.Fatal(err)
	}
	text := k.sign(t, "ES256", `{"alg":"ES256","kid":"e"}`, plainClaims)
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1
		token, err := Parse(string(changed))
		if err == nil && (Issuers{issuer: list}).Verify(token) == nil {
			t.Fatalf("byte %d of %d does not count", i, len(text))
		}
	}
}

func TestClaims(t *testing.T) {
	k := newKeys(t)
	token, err := Parse(k.sign(t, "RS256", `{"alg":"RS256"}`,
		`{"iss":"https://id.example.com","sub":"me","aud":["app","api"],"azp":"web","amr":["pwd"],
		"exp":1893456000.5,"nbf":1e300,"iat":-1e300,"https://aws.amazon.com/tags":{"principal_tags":{"team":["red"]},"transitive_tag_keys":["team"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := &token.Claims
	if c.Subject != "me" || !slices.Equal(c.Audience, []string{"app", "api"}) || !slices.Equal(c.Clients(), []string{"web"}) {
		t.Errorf("%+v", c)
	}
	if c.Expires.Unix() != 1893456000 || !c.NotBefore.After(time.Now()) || !c.IssuedAt.Before(time.Now()) {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.Tags, []Tag{{"team", "red"}}) || !slices.Equal(c.Transitive, []string{"team"}) {
		t.Errorf("%+v", c)
	}
}

func TestKeysAreRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this platform makes no small keys")
	}
	for _, set := range []string{
		``, `[]`, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AQAB"}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[{"kty":"RSA","n":"` + encode(small.N.Bytes()) + `","e":"AQAB"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"` + encode(make([]byte, 32)) + `","y":"` + encode(make([]byte, 32)) + `"}]}`,
		`{"keys":[{"kty":"RSA","n":"!","e":"AQAB"}]}`,
	} {
		if keys, err := ReadKeys([]byte(set)); err == nil {
			t.Errorf("%s gave %d keys", set, len(keys))
		}
	}
	two := newKeys(t).set
	if _, err := ReadKeys([]byte(strings.Replace(two, `"kid":"e"`, `"kid":"r"`, 1))); err == nil {
		t.Error("two keys may have one id")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(plainClaims)) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err == nil && (token.Claims.Issuer == "" || (Issuers{}).Verify(token) == nil) {
			t.Fatal("a token without an issuer is good")
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if keys, err := ReadKeys(data); err == nil && (len(keys) == 0 || !json.Valid(data)) {
			t.Fatal("a set without keys is good")
		}
	})
}
