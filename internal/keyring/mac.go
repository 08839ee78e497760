package keyring

import (
	"crypto"
	_ "crypto/sha256" // for HMAC_SHA_224 and HMAC_SHA_256
	_ "crypto/sha512" // for HMAC_SHA_384 and HMAC_SHA_512
	"crypto/subtle"
)

// MAC is the message authentication code of a message of 1 to MaxPlaintext bytes.
func (k *Keyring) MAC(key *Key, algorithm string, message []byte) ([]byte, error) {
	mac, err := k.mac(key, "GenerateMac", algorithm, message)
	if err == nil {
		key.usage.note("GenerateMac", k.config.Clock.Now())
	}
	return mac, err
}

// VerifyMAC says whether mac is the message's. It takes as long for every wrong one.
func (k *Keyring) VerifyMAC(key *Key, algorithm string, message, mac []byte) error {
	want, err := k.mac(key, "VerifyMac", algorithm, message)
	if err != nil {
		return err
	}
	defer clear(want)
	if subtle.ConstantTimeCompare(want, mac) != 1 {
		return &Error{Kind: InvalidMAC}
	}
	key.usage.note("VerifyMac", k.config.Clock.Now())
	return nil
}

func (k *Keyring) mac(key *Key, op Operation, algorithm string, message []byte) (mac []byte, err error) {
	m, err := key.ready(op, op, GenerateMAC, algorithm)
	if err != nil {
		return nil, err
	}
	bare, err := k.bare(m.newest())
	if err == nil {
		err = bare.With(func(secret []byte) error {
			mac = hmacOf(hashOf(algorithm), secret, message)
			return nil
		})
	}
	if err != nil {
		return nil, k.lost(key, err)
	}
	return mac, nil
}

// hmacOf is HMAC (RFC 2104) under a key that is no longer than a block of the hash. Unlike crypto/hmac it
// leaves neither the padded key nor what the hash makes of it behind.
func hmacOf(hash crypto.Hash, key, message []byte) []byte {
	h := hash.New()
	pad := make([]byte, h.BlockSize())
	defer clear(pad)
	defer h.Reset()
	copy(pad, key)
	flip(pad, 0x36)
	_, _ = h.Write(pad)
	_, _ = h.Write(message)
	inner := h.Sum(nil)
	h.Reset()
	flip(pad, 0x36^0x5c)
	_, _ = h.Write(pad)
	_, _ = h.Write(inner)
	return h.Sum(nil)
}

func flip(b []byte, mask byte) {
	for i := range b {
		b[i] ^= mask
	}
}
