package sealedfs

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// segmentWriter writes a file of segments from its start to its end. The last segment, full or not, is kept
// back until it is known whether more follows; Sync and Close seal it as the end.
//
// A nonce is used once: inner segments are sealed once each, and every sealing of the end counts up. A Sync
// in the middle, which Pebble makes where it has no descriptor, is therefore harmless: the next segments
// overwrite that end.
type segmentWriter struct {
	writeOnly
	aead cipher.AEAD
	bufs *buffers

	mu      sync.Mutex
	tail    []byte   // plaintext of the last segment so far
	out     *scratch // sealed inner segments not yet written
	outAt   int64    // where they go
	next    uint64   // index of the segment in tail
	seals   uint32
	sealed  bool // the file ends, as it is, in a sealed end
	failed  error
	written int64 // logical
}

func newSegmentWriter(
	base vfs.File, path string, header []byte, aead cipher.AEAD, bufs *buffers,
) (*segmentWriter, error) {
	w := &segmentWriter{writeOnly: writeOnly{base: base, path: path}, aead: aead, bufs: bufs,
		outAt: headerSize}
	if _, err := base.WriteAt(header, 0); err != nil {
		return nil, err
	}
	w.tail = make([]byte, 0, segmentSize)
	w.out = bufs.take(mediumBuffer * segmentSpan)
	w.out.buf = w.out.buf[:0]
	return w, nil
}

func (w *segmentWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := len(p)
	for len(p) > 0 && w.failed == nil {
		p = p[w.accept(p):]
	}
	return total - len(p), w.failed
}

// accept takes the first bytes of p. There is more to come, so a full tail is an inner segment.
func (w *segmentWriter) accept(p []byte) int {
	w.sealed = false
	if len(w.tail) == segmentSize {
		w.sealInner(w.tail)
		w.tail = w.tail[:0]
	}
	n := min(len(p), segmentSize-len(w.tail))
	if len(w.tail) == 0 && len(p) > segmentSize {
		w.sealInner(p[:segmentSize])
	} else {
		w.tail = append(w.tail, p[:n]...)
	}
	w.written += int64(n)
	return n
}

func (w *segmentWriter) sealInner(plain []byte) {
	w.out.buf = w.aead.Seal(w.out.buf, w.out.setNonce(w.next, 0), plain, nil)
	w.next++
	if len(w.out.buf)+segmentSpan+sealSize > cap(w.out.buf) {
		w.flush()
	}
}

// flush writes the sealed inner segments. After an error nothing is written any more: what reached the disk
// is not known.
func (w *segmentWriter) flush() {
	if w.failed != nil || len(w.out.buf) == 0 {
		return
	}
	if _, err := w.base.WriteAt(w.out.buf, w.outAt); err != nil {
		w.failed = fmt.Errorf("sealedfs: writing %s: %w", w.path, err)
	}
	w.outAt += int64(len(w.out.buf))
	w.out.buf = w.out.buf[:0]
}

// sealEnd writes the tail as the last segment, unless it is already there.
func (w *segmentWriter) sealEnd() error {
	if w.sealed || w.failed != nil {
		return w.failed
	}
	w.flush()
	if w.failed != nil {
		return w.failed
	}
	if w.seals == maxSeals {
		w.failed = fmt.Errorf("sealedfs: %s was synced too often: write it anew", w.path)
		return w.failed
	}
	w.seals++
	end := w.aead.Seal(w.out.buf, w.out.setNonce(w.next, w.seals), w.tail, nil)
	end = binary.BigEndian.AppendUint32(end, w.seals)
	if _, err := w.base.WriteAt(end, w.outAt); err != nil {
		w.failed = fmt.Errorf("sealedfs: writing %s: %w", w.path, err)
	}
	w.sealed = w.failed == nil
	return w.failed
}

func (w *segmentWriter) finish() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sealEnd()
}

func (w *segmentWriter) Sync() error     { return w.syncBy(w.base.Sync) }
func (w *segmentWriter) SyncData() error { return w.syncBy(w.base.SyncData) }

// syncBy seals the end and makes it durable. A failed sync is final: the kernel may have dropped the pages,
// and the next sync would succeed without them.
func (w *segmentWriter) syncBy(sync func() error) error {
	if err := w.finish(); err != nil {
		return err
	}
	err := sync()
	if err == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf("sealedfs: syncing %s: %w", w.path, err)
	}
	return w.failed
}

// SyncTo starts writing out the whole segments of the prefix. It claims a full sync only if nothing is kept
// back here.
func (w *segmentWriter) SyncTo(length int64) (bool, error) {
	w.mu.Lock()
	w.flush()
	to := min(segmentOffset(length/segmentSize), w.outAt)
	sealed := w.sealed
	failed := w.failed
	w.mu.Unlock()
	if failed != nil {
		return false, failed
	}
	full, err := w.base.SyncTo(to)
	return full && sealed, err
}

// Close seals the end if Sync has not, so that a file which was closed is whole, if not durable.
func (w *segmentWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == nil {
		return w.base.Close()
	}
	var err error
	if w.failed == nil {
		err = w.sealEnd()
	}
	clear(w.tail[:cap(w.tail)])
	w.bufs.give(w.out)
	w.out, w.failed = nil, fmt.Errorf("sealedfs: %s is closed", w.path)
	if closeErr := w.base.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (w *segmentWriter) Stat() (vfs.FileInfo, error) {
	w.mu.Lock()
	size := w.written
	w.mu.Unlock()
	return statAs(w.base, size)
}

func (w *segmentWriter) Preallocate(offset, length int64) error {
	from, to := sealedRange(offset, length)
	return w.base.Preallocate(from, to-from)
}
