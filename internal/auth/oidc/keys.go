package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// minModulus is the smallest RSA key that is taken, in bits (RFC 7518, section 3.3).
const minModulus = 2048

type rawKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// ReadKeys reads a JSON Web Key Set (RFC 7517), as issuers publish it. Keys for other uses and algorithms are
// left out; there must be one that is not.
func ReadKeys(data []byte) ([]Key, error) {
	var set struct {
		Keys []rawKey `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("it is no JSON Web Key Set: %w", err)
	}
	var keys []Key
	seen := map[string]bool{}
	for i, raw := range set.Keys {
		key, ok, err := raw.read()
		if err != nil {
			return nil, fmt.Errorf("key %d (kid %q): %w", i+1, raw.ID, err)
		}
		if !ok {
			continue
		}
		if seen[raw.ID] {
			return nil, fmt.Errorf("two keys have the kid %q", raw.ID)
		}
		seen[raw.ID] = true
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key for signatures with RS256 or ES256")
	}
	return keys, nil
}

// read gives ok false for keys that sign nothing that is verified here.
func (raw *rawKey) read() (key Key, ok bool, err error) {
	fits := func(algorithm string) bool {
		return (raw.Use == "" || raw.Use == "sig") && (raw.Algorithm == "" || raw.Algorithm == algorithm)
	}
	key.ID = raw.ID
	switch {
	case raw.Type == "RSA" && fits("RS256"):
		key.public, err = raw.rsa()
		return key, true, err
	case raw.Type == "EC" && raw.Curve == "P-256" && fits("ES256"):
		key.public, err = raw.ecdsa()
		return key, true, err
	}
	return key, false, nil
}

func (raw *rawKey) rsa() (*rsa.PublicKey, error) {
	n, errN := base64.RawURLEncoding.DecodeString(raw.Modulus)
	e, errE := base64.RawURLEncoding.DecodeString(raw.Exponent)
	if err := errors.Join(errN, errE); err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if modulus.BitLen() < minModulus || !exponent.IsInt64() || exponent.Int64() < 3 ||
		exponent.Int64() > 1<<31-1 || exponent.Bit(0) == 0 {
		return nil, fmt.Errorf("an RSA key needs a modulus of %d bits and an odd exponent", minModulus)
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (raw *rawKey) ecdsa() (*ecdsa.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(raw.X)
	y, errY := base64.RawURLEncoding.DecodeString(raw.Y)
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	if len(x) != size || len(y) != size {
		return nil, fmt.Errorf("a coordinate of P-256 has %d bytes", size)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}
