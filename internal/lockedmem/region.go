//go:build linux || darwin

package lockedmem

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// region is one mapping: a page that cannot be touched, the slots, and another such page. A run past either
// end of the slots ends the process instead of giving key bytes away.
type region struct {
	mapping []byte
	data    []byte
	used    []bool // one for each slot
	free    int
	locked  bool
}

// newRegion maps a region with room for slots. Failing to lock it, or to keep it out of core files, is not
// fatal: the second result says so.
func newRegion(slots int, lock func([]byte) error) (*region, error, error) {
	page := os.Getpagesize()
	size := max(regionSize, slots*slotSize)
	size = (size + page - 1) / page * page
	mapping, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("lockedmem: no memory for keys: %w", err)
	}
	data := mapping[page : page+size : page+size]
	for _, guard := range [][]byte{mapping[:page], mapping[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			_ = unix.Munmap(mapping)
			return nil, nil, fmt.Errorf("lockedmem: cannot protect the pages around keys: %w", err)
		}
	}
	r := &region{mapping: mapping, data: data, used: make([]bool, size/slotSize), free: size / slotSize}
	unlocked := lock(data)
	r.locked = unlocked == nil
	if err := keepFromDumps(data); err != nil && unlocked == nil {
		unlocked = fmt.Errorf("core files: %w", err)
	}
	return r, unlocked, nil
}

// take finds the first run of free slots that is long enough, and marks it used.
func (r *region) take(slots int) (int, bool) {
	if r.free < slots {
		return 0, false
	}
	run := 0
	for i, used := range r.used {
		if used {
			run = 0
			continue
		}
		run++
		if run == slots {
			first := i - slots + 1
			r.mark(first, slots, true)
			return first, true
		}
	}
	return 0, false
}

func (r *region) give(slot, slots int) { r.mark(slot, slots, false) }

func (r *region) mark(slot, slots int, used bool) {
	for i := slot; i < slot+slots; i++ {
		r.used[i] = used
	}
	if used {
		r.free -= slots
	} else {
		r.free += slots
	}
}

func (r *region) unmap() error {
	Wipe(r.data)
	return unix.Munmap(r.mapping)
}

func mlock(b []byte) error { return unix.Mlock(b) }
