// Package oidc verifies the ID tokens of OpenID Connect issuers, whose keys the operator gives as files.
//
// Callers may rely on this: a token that Verify accepts was signed by a key of the issuer that it names, with
// the algorithm of that key, RS256 or ES256, and nothing else ("none", a key of another kind, a header that
// asks for more than this package knows) is accepted; no key is ever fetched; and no input makes a function
// here panic or work for long.
package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
)

// Why a token is refused.
var (
	ErrNotToken   = errors.New("it is not a JSON Web Token with the claims of an ID token")
	ErrUnknownKey = errors.New("no key is known that could have signed it")
	ErrSignature  = errors.New("its signature is not that of the issuer's key")
)

// Token is a token as it was read. It says nothing that can be believed before Verify.
type Token struct {
	Claims    Claims
	algorithm string
	keyID     string
	signed    []byte
	signature []byte
}

// header is a JOSE header (RFC 7515). A token with critical extensions is refused: none is known.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// Parse reads a token in its compact form.
func Parse(text string) (*Token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, ErrNotToken
	}
	var bytes [3][]byte
	for i, part := range parts {
		var err error
		if bytes[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, ErrNotToken
		}
	}
	var h header
	if err := json.Unmarshal(bytes[0], &h); err != nil || h.Algorithm == "" || h.Critical != nil {
		return nil, ErrNotToken
	}
	claims, err := readClaims(bytes[1])
	if err != nil {
		return nil, err
	}
	return &Token{
		Claims: claims, algorithm: h.Algorithm, keyID: h.KeyID, signature: bytes[2],
		signed: []byte(parts[0] + "." + parts[1]),
	}, nil
}

// Issuers are the issuers whose tokens can be verified, each by its URL. It is read-only once made.
type Issuers map[string][]Key

// Verify says whether a key of the issuer that the token names signed it.
func (s Issuers) Verify(t *Token) error {
	key := find(s[t.Claims.Issuer], t)
	if key == nil {
		return ErrUnknownKey
	}
	digest := sha256.Sum256(t.signed)
	if !key.verify(digest[:], t.signature) {
		return ErrSignature
	}
	return nil
}

// find is the key with the token's key id. A token without one needs to have only one choice.
func find(keys []Key, t *Token) *Key {
	var found *Key
	for i := range keys {
		switch {
		case keys[i].algorithm() != t.algorithm:
		case t.keyID != "" && keys[i].ID == t.keyID:
			return &keys[i]
		case t.keyID == "" && found != nil:
			return nil
		case t.keyID == "":
			found = &keys[i]
		}
	}
	return found
}

// Key is a public key of an issuer.
type Key struct {
	ID     string
	public crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
}

func (k *Key) algorithm() string {
	switch k.public.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		return "ES256"
	}
	return ""
}

// size is that of a coordinate of P-256.
const size = 32

func (k *Key) verify(digest, signature []byte) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	case *ecdsa.PublicKey:
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, digest, r, s)
	}
	return false
}
