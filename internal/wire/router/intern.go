package router

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	internSlots = 256
	maxInterned = 1024 // bytes of one string
)

// internTable gives equal bytes the same string, mostly: each slot remembers one string, so that the few user
// agents of a server's clients cost no allocation, and hostile ones no memory. The zero value is ready.
type internTable struct {
	once  sync.Once
	seed  maphash.Seed
	slots [internSlots]atomic.Pointer[string]
}

// intern returns b as valid UTF-8, cut to maxInterned bytes.
func (t *internTable) intern(b []byte) string {
	t.once.Do(func() { t.seed = maphash.MakeSeed() })
	if len(b) > maxInterned {
		b = b[:maxInterned]
	}
	slot := &t.slots[maphash.Bytes(t.seed, b)%internSlots]
	if known := slot.Load(); known != nil && *known == string(b) {
		return *known
	}
	s := string(b)
	clean := strings.ToValidUTF8(s, "\uFFFD")
	if clean == s {
		slot.Store(&s)
	}
	return clean
}
