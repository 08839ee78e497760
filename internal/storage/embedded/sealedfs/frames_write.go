package sealedfs

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// frameWriter appends: each Write becomes frames of its own, written at once.
//
// After a Sync that followed data an empty frame, the mark, declares what was synced. It is not synced
// itself; but from then on a change of what was synced is known from a torn end even in the last frames of a
// file.
type frameWriter struct {
	writeOnly
	aead cipher.AEAD

	mu      sync.Mutex
	raw     []byte // the frame being written
	nonce   scratch
	next    uint32 // index of the next frame
	synced  uint32 // frames below it are on the disk
	dirty   bool   // data was written since the last mark
	failed  error
	written int64 // logical
	size    int64 // physical
}

func newFrameWriter(base vfs.File, path string, header []byte, aead cipher.AEAD) (*frameWriter, error) {
	if _, err := base.Write(header); err != nil {
		return nil, err
	}
	return &frameWriter{writeOnly: writeOnly{base: base, path: path}, aead: aead, size: headerSize}, nil
}

func (w *frameWriter) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(p) && w.failed == nil {
		part := p[n:min(len(p), n+maxFrame)]
		w.append(part)
		if w.failed == nil {
			n += len(part)
			w.dirty = true
		}
	}
	w.written += int64(n)
	return n, w.failed
}

// append seals and writes one frame. After an error nothing is written any more: what reached the disk is not
// known, and the nonce is spent.
func (w *frameWriter) append(plain []byte) {
	if w.failed != nil {
		return
	}
	if w.next == math.MaxUint32 {
		w.failed = fmt.Errorf("sealedfs: %s has too many frames: begin another file", w.path)
		return
	}
	raw := binary.BigEndian.AppendUint32(w.raw[:0], uint32(len(plain)))
	raw = binary.BigEndian.AppendUint32(raw, w.next)
	raw = binary.BigEndian.AppendUint32(raw, w.synced)
	w.raw = w.aead.Seal(raw, w.nonce.setNonce(uint64(w.next), 0), plain, raw)
	w.next++
	size := int64(len(w.raw))
	if _, err := w.base.Write(w.raw); err != nil {
		w.failed = fmt.Errorf("sealedfs: writing %s: %w", w.path, err)
	}
	w.size += size
}

func (w *frameWriter) Sync() error     { return w.syncBy(w.base.Sync) }
func (w *frameWriter) SyncData() error { return w.syncBy(w.base.SyncData) }

// syncBy declares as synced what was written before it was called. The lock is not held while the disk works.
func (w *frameWriter) syncBy(sync func() error) error {
	w.mu.Lock()
	next, failed := w.next, w.failed
	w.mu.Unlock()
	if failed != nil {
		return failed
	}
	if err := sync(); err != nil {
		return w.fail(err)
	}
	w.declare(next)
	return nil
}

// fail makes a failed sync final: the kernel may have dropped the pages, and a later sync would declare them
// synced.
func (w *frameWriter) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf("sealedfs: syncing %s: %w", w.path, err)
	}
	return w.failed
}

func (w *frameWriter) declare(synced uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced = max(w.synced, synced)
	if w.dirty && w.next == synced {
		w.dirty = false
		w.append(nil)
	}
}

// SyncTo starts writing out all that there is: prefixes of plaintext and of frames do not correspond.
func (w *frameWriter) SyncTo(int64) (bool, error) {
	w.mu.Lock()
	next := w.next
	size := w.size
	failed := w.failed
	w.mu.Unlock()
	if failed != nil {
		return false, failed
	}
	full, err := w.base.SyncTo(size)
	if full && err == nil {
		w.declare(next)
	}
	return full, err
}

// Close reports what failed, also the mark behind a Sync that did not.
func (w *frameWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	failed := w.failed
	w.failed = fmt.Errorf("sealedfs: %s is closed", w.path)
	if err := w.base.Close(); failed == nil {
		failed = err
	}
	return failed
}

func (w *frameWriter) Stat() (vfs.FileInfo, error) {
	w.mu.Lock()
	size := w.written
	w.mu.Unlock()
	return statAs(w.base, size)
}

// Preallocate leaves room for the header. Frames take a little more than what is in them, which is found when
// it is needed.
func (w *frameWriter) Preallocate(offset, length int64) error {
	return w.base.Preallocate(offset, length+headerSize)
}
