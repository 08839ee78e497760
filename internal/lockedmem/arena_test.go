package lockedmem

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustKey(t testing.TB, a *Arena, b []byte) *Key {
	t.Helper()
	k, err := a.FromBytes(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func content(t testing.TB, k *Key) []byte {
	t.Helper()
	var got []byte
	if err := k.With(func(b []byte) error { got = bytes.Clone(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFromBytesTakesTheOnlyCopy(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	secret := []byte("0123456789abcdef0123456789abcdef")
	given := bytes.Clone(secret)
	k, err := a.FromBytes(given)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(given, make([]byte, 32)) {
		t.Error("the caller's bytes were not overwritten")
	}
	if got := content(t, k); !bytes.Equal(got, secret) {
		t.Error("the key does not hold the bytes given")
	}
	if k.Len() != 32 {
		t.Errorf("Len = %d", k.Len())
	}
}

func TestDestroyOverwritesAndRefuses(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	keep := mustKey(t, a, []byte("the neighbour stays as it is...."))
	k := mustKey(t, a, bytes.Repeat([]byte{0xEE}, 32))
	memory := k.data // the region stays mapped, since the neighbour lives there
	k.Destroy()
	k.Destroy()
	if !bytes.Equal(memory, make([]byte, 32)) {
		t.Error("the key's memory was not overwritten")
	}
	if err := k.With(func([]byte) error { return nil }); !errors.Is(err, ErrDestroyed) {
		t.Errorf("With after Destroy: %v", err)
	}
	if err := k.CopyTo(make([]byte, 32)); !errors.Is(err, ErrDestroyed) {
		t.Errorf("CopyTo after Destroy: %v", err)
	}
	if got := content(t, keep); string(got) != "the neighbour stays as it is...." {
		t.Error("the neighbour was touched")
	}
	(*Key)(nil).Destroy()
}

func TestCloseDestroysWhatIsLeft(t *testing.T) {
	a := NewArena(nil)
	k := mustKey(t, a, []byte("secret"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.With(func([]byte) error { return nil }); !errors.Is(err, ErrDestroyed) {
		t.Errorf("With after Close: %v", err)
	}
	if _, err := a.FromBytes([]byte("late")); !errors.Is(err, ErrDestroyed) {
		t.Errorf("FromBytes after Close: %v", err)
	}
	if s := a.Stats(); s != (Stats{}) {
		t.Errorf("after Close the arena still holds %+v", s)
	}
}

// Close unmapped the memory of a key that was still being filled, and the process ended with a fault.
func TestCloseWaitsForAKeyThatIsBeingFilled(t *testing.T) {
	a := NewArena(nil)
	closed := make(chan error, 1)
	_, err := a.New(32, func(b []byte) error {
		go func() { closed <- a.Close() }()
		select {
		case err := <-closed:
			closed <- err
			t.Error("the arena was closed under a key that is being filled")
		case <-time.After(20 * time.Millisecond):
			copy(b, "still there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s != (Stats{}) {
		t.Errorf("left over: %+v", s)
	}
}

func TestSizes(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	for _, n := range []int{-1, 0, MaxSize + 1} {
		if _, err := a.New(n, func([]byte) error { return nil }); !errors.Is(err, ErrSize) {
			t.Errorf("New(%d): %v", n, err)
		}
	}
	for _, n := range []int{1, 31, 32, 33, regionSize, regionSize + 1, MaxSize} {
		want := bytes.Repeat([]byte{7}, n)
		if got := content(t, mustKey(t, a, want)); !bytes.Equal(got, want) {
			t.Errorf("a secret of %d bytes came back changed", n)
		}
	}
}

func TestFailedFillLeavesNothing(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	var memory []byte
	broken := errors.New("broken")
	_, err := a.New(32, func(b []byte) error {
		memory = b
		copy(b, "half a key")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if !bytes.Equal(memory, make([]byte, 32)) || a.Stats().Keys != 0 {
		t.Error("what fill wrote is still there")
	}
}

func TestRefusedLockWarnsOnce(t *testing.T) {
	var warnings []error
	a := NewArena(func(err error) { warnings = append(warnings, err) })
	defer a.Close()
	a.lock = func([]byte) error { return syscall.ENOMEM }
	for range 3 {
		mustKey(t, a, make([]byte, regionSize)) // a region each
	}
	var unlocked *UnlockedError
	if len(warnings) != 1 || !errors.As(warnings[0], &unlocked) || !errors.Is(warnings[0], syscall.ENOMEM) {
		t.Fatalf("warnings: %v", warnings)
	}
	if !strings.Contains(warnings[0].Error(), "ulimit -l") {
		t.Errorf("the warning does not say what to do: %v", warnings[0])
	}
	if s := a.Stats(); s.Locked != 0 || s.Keys != 3 {
		t.Errorf("stats %+v", s)
	}
}

func TestKeysSharePages(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	for range 30_000 { // three data keys for each of ten thousand tables
		mustKey(t, a, make([]byte, 32))
	}
	if s := a.Stats(); s.Bytes > 2<<20 {
		t.Errorf("30,000 keys take %d bytes of locked memory", s.Bytes)
	}
}

func TestNeverPrinted(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	k := mustKey(t, a, []byte("AAAAAAAAAAAAAAAA"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "[key]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// Keys of any sizes, made and destroyed in any order, keep their own bytes and leave nothing behind.
func TestKeysNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewArena(nil)
		defer a.Close()
		type held struct {
			key  *Key
			want []byte
		}
		var all []held
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(all) > 0 && rapid.Bool().Draw(t, "destroy") {
				at := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				all[at].key.Destroy()
				all = append(all[:at], all[at+1:]...)
			} else {
				want := bytes.Repeat([]byte{byte(i + 1)}, rapid.IntRange(1, 3000).Draw(t, "size"))
				key, err := a.New(len(want), func(b []byte) error {
					if !bytes.Equal(b, make([]byte, len(b))) {
						t.Fatal("new memory is not zero")
					}
					copy(b, want)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, held{key, want})
			}
			for _, h := range all {
				_ = h.key.With(func(b []byte) error {
					if !bytes.Equal(b, h.want) {
						t.Fatal("a key changed")
					}
					return nil
				})
			}
		}
	})
}

func TestConcurrentUseAndDestroy(t *testing.T) {
	a := NewArena(nil)
	defer a.Close()
	want := bytes.Repeat([]byte{9}, 32)
	for range 50 {
		k := mustKey(t, a, want)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				err := k.With(func(b []byte) error {
					if !bytes.Equal(b, want) {
						return errors.New("read a key while it was overwritten")
					}
					return nil
				})
				if err != nil && !errors.Is(err, ErrDestroyed) {
					t.Error(err)
				}
			})
		}
		group.Go(k.Destroy)
		group.Wait()
	}
}
