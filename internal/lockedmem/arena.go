// Package lockedmem keeps small secrets out of the Go heap.
//
// Callers may rely on this: the bytes of a Key lie in memory of their own, that the garbage collector never
// copies, that is left out of core files, that sits between two pages which cannot be touched, and that is
// locked into RAM unless the operating system refuses, which the arena reports once. Destroy, and Close of
// the arena, overwrite them with zeros before they return. A key that was destroyed gives an error and never
// wrong bytes.
//
// What it cannot do: whatever is computed from a key (an AES key schedule, the state of a hash) lives where
// Go puts it, and a process that may read this one's memory, such as one of root, reads the keys too.
package lockedmem

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

const (
	// MaxSize is the longest secret that an arena holds.
	MaxSize = 64 << 10

	slotSize   = 32       // one AES-256 key; longer secrets take several neighbouring slots
	regionSize = 16 << 10 // 512 slots on 4 locked pages of 4 KiB
)

var (
	// ErrDestroyed says that the key was destroyed, or its arena closed.
	ErrDestroyed = errors.New("lockedmem: the key was destroyed")
	// ErrSize says that a secret of no bytes or of more than MaxSize was asked for.
	ErrSize = errors.New("lockedmem: a secret has from 1 to 65536 bytes")
)

// UnlockedError says that key memory is not locked, so that the operating system may write it to swap.
type UnlockedError struct{ Cause error }

func (e *UnlockedError) Error() string {
	return fmt.Sprintf("key memory cannot be locked and may reach the swap area (%v): raise the limit on "+
		"locked memory "+
		"(LimitMEMLOCK= in a systemd unit, ulimit -l in a shell), or run without swap or with encrypted swap",
		e.Cause)
}

func (e *UnlockedError) Unwrap() error { return e.Cause }

// Arena hands out keys. Many keys share a page, so that ten thousand tables fit under the usual limit on
// locked memory. It is safe for concurrent use.
type Arena struct {
	warn func(error)
	lock func([]byte) error // mlock; tests refuse

	mu      sync.Mutex
	regions []*region
	live    map[*Key]struct{}
	warned  bool
	closed  bool
}

// NewArena returns an empty arena. It calls warn, if there is one, the first time that memory cannot be
// locked, with an *UnlockedError; keys are handed out all the same.
func NewArena(warn func(error)) *Arena {
	if warn == nil {
		warn = func(error) {}
	}
	return &Arena{warn: warn, lock: mlock, live: make(map[*Key]struct{})}
}

// New returns a key of n bytes which fill has written. The key never changes after that. When fill fails its
// error is returned as it is, and what it wrote is overwritten. Close waits for fill.
func (a *Arena) New(n int, fill func(b []byte) error) (*Key, error) {
	if n <= 0 || n > MaxSize {
		return nil, ErrSize
	}
	k, err := a.allocate(n)
	if err != nil {
		return nil, err
	}
	if err := k.fill(fill); err != nil {
		k.Destroy()
		return nil, err
	}
	return k, nil
}

// fill lets f write the bytes while nobody can destroy them: Close would take the memory away under it.
func (k *Key) fill(f func(b []byte) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.data == nil {
		return ErrDestroyed
	}
	return f(k.data)
}

// FromBytes returns a key with the bytes of b, and overwrites b with zeros, also when it fails.
func (a *Arena) FromBytes(b []byte) (*Key, error) {
	defer Wipe(b)
	return a.New(len(b), func(dst []byte) error {
		copy(dst, b)
		return nil
	})
}

// Stats tells what an arena holds now.
type Stats struct {
	Keys   int // not yet destroyed
	Bytes  int // of memory for keys, guard pages aside
	Locked int // of those bytes, how many are locked into RAM
}

// Stats reports what the arena holds. After an orderly Close all its numbers are 0.
func (a *Arena) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Stats{Keys: len(a.live)}
	for _, r := range a.regions {
		s.Bytes += len(r.data)
		if r.locked {
			s.Locked += len(r.data)
		}
	}
	return s
}

// Close destroys every key that is left and gives the memory back. It waits for those that are in use.
func (a *Arena) Close() error {
	a.mu.Lock()
	a.closed = true
	left := make([]*Key, 0, len(a.live))
	for k := range a.live {
		left = append(left, k)
	}
	a.mu.Unlock()
	for _, k := range left {
		k.Destroy()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, r := range a.regions {
		errs = append(errs, r.unmap())
	}
	a.regions = nil
	return errors.Join(errs...)
}

// allocate finds room, and warns outside the lock so that the hook may log as it likes.
func (a *Arena) allocate(n int) (*Key, error) {
	a.mu.Lock()
	k, unlocked, err := a.place(n)
	a.mu.Unlock()
	if unlocked != nil {
		a.warn(&UnlockedError{Cause: unlocked})
	}
	return k, err
}

// place returns a zeroed key. The second result is the first failure to lock memory in the life of the arena.
func (a *Arena) place(n int) (*Key, error, error) {
	if a.closed {
		return nil, nil, ErrDestroyed
	}
	slots := (n + slotSize - 1) / slotSize
	for _, r := range a.regions {
		if at, ok := r.take(slots); ok {
			return a.own(r, at, n), nil, nil
		}
	}
	r, unlocked, err := newRegion(slots, a.lock)
	if err != nil {
		return nil, nil, err
	}
	if a.warned {
		unlocked = nil
	}
	a.warned = a.warned || unlocked != nil
	a.regions = append(a.regions, r)
	at, _ := r.take(slots)
	return a.own(r, at, n), unlocked, nil
}

func (a *Arena) own(r *region, slot, n int) *Key {
	at := slot * slotSize
	k := &Key{arena: a, region: r, slot: slot, data: r.data[at : at+n : at+n]}
	a.live[k] = struct{}{}
	return k
}

// release takes back the slots of a key whose bytes are zero already. One empty region is kept for the next
// key.
func (a *Arena) release(k *Key, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.live, k)
	k.region.give(k.slot, (n+slotSize-1)/slotSize)
	if k.region.free < len(k.region.used) || len(a.regions) == 1 {
		return
	}
	for i, r := range a.regions {
		if r == k.region {
			a.regions = append(a.regions[:i], a.regions[i+1:]...)
			_ = r.unmap() // nothing is left in it; at worst its address range stays taken
			return
		}
	}
}

// Key is a secret that does not change. It is safe for concurrent use.
type Key struct {
	arena  *Arena
	region *region
	slot   int

	mu   sync.RWMutex
	data []byte // nil once destroyed
}

// With runs f on the bytes of the key and returns its error. f must not write to b, keep it, or use the key
// again. Destroy waits until f has returned.
func (k *Key) With(f func(b []byte) error) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.data == nil {
		return ErrDestroyed
	}
	return f(k.data)
}

// CopyTo copies the key to dst, which must have its length. The caller wipes dst when done.
func (k *Key) CopyTo(dst []byte) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.data == nil {
		return ErrDestroyed
	}
	if len(dst) != len(k.data) {
		return fmt.Errorf("lockedmem: a key of %d bytes does not go into %d", len(k.data), len(dst))
	}
	copy(dst, k.data)
	return nil
}

// Len is the length of the key in bytes, 0 once it is destroyed.
func (k *Key) Len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.data)
}

// Destroy overwrites the key with zeros and gives its memory back. Destroying it again, or a nil key, does
// nothing.
func (k *Key) Destroy() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.data == nil {
		return
	}
	n := len(k.data)
	Wipe(k.data)
	k.data = nil
	k.arena.release(k, n)
}

// Format keeps the bytes out of logs, whatever verb prints the key.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[key]") }

// Wipe overwrites b with zeros.
func Wipe(b []byte) {
	clear(b)
	runtime.KeepAlive(&b)
}
