package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"hash/maphash"
	"sync"

	"github.com/sealtable/sealtable/internal/auth"
)

// key is a signing key: what a secret becomes for one day, region and service. It is immutable once it is in
// the cache.
type key struct {
	credential string // as in the request: id/date/region/service/aws4_request
	scope      Scope
	secret     string // what macs was derived from
	macs       *sync.Pool
	root       *auth.Caller // the identity that admission gave to an unknown key
}

// withSecret returns k if it was derived from secret, and a new key otherwise.
func (k *key) withSecret(secret string) *key {
	if k.macs != nil && k.secret == secret {
		return k
	}
	signing := signingKey(secret, k.scope)
	return &key{
		credential: k.credential, scope: k.scope, secret: secret,
		macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, signing) }},
	}
}

// signingKey derives the key as in step 4 of "Create a signed AWS API request".
func signingKey(secret string, scope Scope) []byte {
	mac := []byte("AWS4" + secret)
	for _, part := range [...]string{scope.Date, scope.Region, scope.Service, terminator} {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(part))
		mac = h.Sum(nil)
	}
	return mac
}

// signed says whether the string to sign in s has the signature that the request gives, without telling by
// its time how much of it was right.
func (k *key) signed(s *scratch) bool {
	mac := k.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(s.text)
	sum := mac.Sum(s.sum[:0])
	k.macs.Put(mac)
	hex.Encode(s.hex[:], sum)
	return subtle.ConstantTimeCompare(s.hex[:], s.signature.signature) == 1
}

// The cache holds at most shards*shardSize keys. One client uses one key per day, region and service.
const (
	shards    = 16
	shardSize = 512
)

// keyCache keeps signing keys of verified requests. Its seed must be set.
type keyCache struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	sync.RWMutex
	keys map[string]*key
}

func (c *keyCache) find(credential []byte) *key {
	s := &c.shards[maphash.Bytes(c.seed, credential)%shards]
	s.RLock()
	k := s.keys[string(credential)]
	s.RUnlock()
	return k
}

// keep adds k. A full shard loses an arbitrary key: deriving it again costs some microseconds.
func (c *keyCache) keep(k *key) {
	s := &c.shards[maphash.String(c.seed, k.credential)%shards]
	s.RLock()
	present := s.keys[k.credential] == k
	s.RUnlock()
	if present {
		return
	}
	s.Lock()
	defer s.Unlock()
	if s.keys == nil {
		s.keys = make(map[string]*key)
	}
	if _, replaced := s.keys[k.credential]; !replaced && len(s.keys) >= shardSize {
		for other := range s.keys {
			delete(s.keys, other)
			break
		}
	}
	s.keys[k.credential] = k
}
