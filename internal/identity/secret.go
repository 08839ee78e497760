package identity

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
)

// Prefixes of ids ("IAM identifiers: Understanding unique ID prefixes").
const (
	policyPrefix  = "ANPA"
	keyPrefix     = "AKIA"
	sessionPrefix = "ASIA"
)

const (
	keyIDLabel  = "sealtable access key ids v1"
	secretLabel = "sealtable access key secret v1"

	keyIDLength   = 20
	keyIDRandom   = 6 // bytes of an access key id that are random; the rest authenticates them
	keyIDMAC      = 4
	secretBytes   = 30
	tokenBytes    = 144
	uniqueLength  = 21
	uniqueRandom  = 11
	sealKindKey   = "access-key"
	sealKindTemp  = "session"
	tokenBeginsAs = "IQoJ" // as AWS's do
)

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("no random bytes: %w", err)
	}
	return b, nil
}

// newUniqueID is an id that nothing had before, such as AIDA….
func newUniqueID(prefix string) (string, error) {
	b, err := randomBytes(uniqueRandom)
	if err != nil {
		return "", err
	}
	return (prefix + base32.StdEncoding.EncodeToString(b))[:uniqueLength], nil
}

// idFrom is a unique id that follows from a name, for what is the same in all installations.
func idFrom(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return (prefix + base32.StdEncoding.EncodeToString(sum[:uniqueRandom]))[:uniqueLength]
}

func deriveIDKey(secrets *lockedmem.Key) (key []byte, err error) {
	err = secrets.With(func(b []byte) (err error) {
		key, err = hkdf.Key(sha256.New, b, nil, keyIDLabel, sha256.Size)
		return err
	})
	return key, err
}

// newKeyID makes an access key id that ours will know again, whatever becomes of the key.
func (d *Directory) newKeyID(prefix string) (string, error) {
	for {
		b, err := randomBytes(keyIDRandom)
		if err != nil {
			return "", err
		}
		id := prefix + base32.StdEncoding.EncodeToString(append(b, d.keyIDMAC(prefix, b)...))
		if _, taken := d.held.Load(id); !taken {
			return id, nil
		}
	}
}

func (d *Directory) keyIDMAC(prefix string, random []byte) []byte {
	mac := hmac.New(sha256.New, d.idKey)
	mac.Write([]byte(prefix))
	mac.Write(random)
	return mac.Sum(nil)[:keyIDMAC]
}

// ours says whether this installation made the access key id.
func (d *Directory) ours(id string) bool {
	if len(id) != keyIDLength || !strings.HasPrefix(id, keyPrefix) && !strings.HasPrefix(id, sessionPrefix) {
		return false
	}
	b, err := base32.StdEncoding.DecodeString(id[len(keyPrefix):])
	if err != nil || len(b) != keyIDRandom+keyIDMAC { // line ends and padding give fewer bytes
		return false
	}
	return subtle.ConstantTimeCompare(b[keyIDRandom:], d.keyIDMAC(id[:len(keyPrefix)], b[:keyIDRandom])) == 1
}

func newSecret() (string, error) {
	b, err := randomBytes(secretBytes)
	return base64.StdEncoding.EncodeToString(b), err
}

func newToken() (string, error) {
	b, err := randomBytes(tokenBytes)
	return tokenBeginsAs + base64.StdEncoding.EncodeToString(b), err
}

// secretContext binds a sealed secret to whose it is.
func secretContext(kind, account, id string) envelope.Context {
	bound := envelope.AppendField(nil, kind)
	bound = envelope.AppendField(bound, account)
	return envelope.Context{Label: secretLabel, Bound: envelope.AppendField(bound, id)}
}

func (d *Directory) seal(kind, account, id, secret string) ([]byte, error) {
	return envelope.Seal(nil, rand.Reader, d.config.Secrets, secretContext(kind, account, id), []byte(secret))
}

func (d *Directory) unseal(kind, account, id string, sealed []byte) (string, error) {
	if envelope.PlainSize(sealed) <= 0 {
		return "", envelope.ErrNotAuthentic
	}
	plain := make([]byte, envelope.PlainSize(sealed))
	defer lockedmem.Wipe(plain)
	if err := envelope.Open(plain, d.config.Secrets, secretContext(kind, account, id), sealed); err != nil {
		return "", fmt.Errorf("the secret of access key %s: %w", id, err)
	}
	return string(plain), nil
}

// splitSession takes the secret and the token of a session apart, which are sealed as one.
func splitSession(plain string) (secret, token string, err error) {
	secret, token, ok := strings.Cut(plain, "\x00")
	if !ok || secret == "" || token == "" {
		return "", "", errors.New("the secret of a session is not whole")
	}
	return secret, token, nil
}

// refusal is what a key that was deleted, or is inactive, is known by: nobody knows its token, so that every
// request with such a key gets the answer for an invalid one.
type refusal struct{ credential sigv4.Credential }

func newRefusal() (refusal, error) {
	secret, err := newSecret()
	if err != nil {
		return refusal{}, err
	}
	token, err := newToken()
	return refusal{sigv4.Credential{Secret: secret, SessionToken: token}}, err
}
