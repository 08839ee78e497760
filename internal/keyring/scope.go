package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

// Scope is one account in one Region: keys and aliases of two scopes know nothing of each other.
type Scope struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// KeyARN is the ARN of the key with this id.
func (s Scope) KeyARN(id string) string {
	return arn.New("kms", s.Region, s.Account, "key/"+id).String()
}

// AliasARN is the ARN of an alias; its name starts with "alias/".
func (s Scope) AliasARN(name string) string {
	return arn.New("kms", s.Region, s.Account, name).String()
}

const (
	multiRegionPrefix = "mrk-"
	aliasPrefix       = "alias/"
	reservedAliases   = "alias/aws/"
)

// newKeyID is the id of a new key: a random UUID, or mrk- and 32 hexadecimal digits.
func newKeyID(multiRegion bool) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails: it ends the process instead
	if multiRegion {
		return multiRegionPrefix + hex.EncodeToString(b[:])
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// wellFormed says whether id could name a key.
func wellFormed(id string) bool {
	if digits, ok := strings.CutPrefix(id, multiRegionPrefix); ok {
		return len(digits) == 32 && isHex(digits)
	}
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch i {
		case 8, 13, 18, 23:
			if id[i] != '-' {
				return false
			}
		default:
			if !isHex(id[i : i+1]) {
				return false
			}
		}
	}
	return true
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
