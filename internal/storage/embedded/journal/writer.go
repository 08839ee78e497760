package journal

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writer appends groups to the active segment. Only the leader of the queue uses it.
type writer struct {
	file vfs.File
	head segmentHead
	mac  *frameMAC
	pos  int64 // where the next group begins; everything before is durable
	next LSN

	buf      []byte
	syncTime time.Duration // of the last sync
	timer    *time.Timer
	stopped  error // the failed write or sync after which nothing is written any more
}

// stop makes err final: after a failed fdatasync the kernel may have dropped the pages and would call the
// next one a success.
func (w *writer) stop(err error) error {
	w.stopped = fmt.Errorf("journal: stopped, nothing more is acknowledged until it is opened anew: %w", err)
	return w.stopped
}

// writeGroup makes the requests durable as one group: one write, one fdatasync. It gives the records their
// numbers.
func (w *writer) writeGroup(j *Journal, group []*request) error {
	switch {
	case group[0].end:
		return w.end(j)
	case group[0].note:
		return w.note(j, group)
	}
	g := groupHead{kind: kindRecords}
	for _, r := range group {
		g.records++
		g.dirBytes += uint32(len(r.directory))
		g.bodyBytes += uint64(len(r.bodies))
	}
	// One page always stays free for the group that says how the segment ends, and records leave room to
	// Release: on a full disk there may be no next segment before something is released.
	if err := w.room(j, g.length()+pageSize+j.anchorRoom.Load()); err != nil {
		return err
	}
	if err := w.write(j, &g, group); err != nil {
		return err
	}
	for _, r := range group {
		r.lsn = w.next
		w.next++
	}
	j.newest.Store(uint64(w.next - 1))
	j.counters.records.Add(int64(g.records))
	if w.pos > int64(w.head.size)/2 {
		j.files.prepareAhead(w.nextSize(j))
	}
	return nil
}

// room makes room for a group, in the next segment if this one is too full.
func (w *writer) room(j *Journal, need int64) error {
	if w.pos+need > int64(w.head.size) {
		return w.roll(j, need)
	}
	return nil
}

// note writes what is released and the anchors in one group, so that there is never the one without the
// other: what was released can be missed by a table only if that table is not at its anchor.
func (w *writer) note(j *Journal, group []*request) error {
	r := group[0]
	g := groupHead{kind: kindAnchors, anchored: true, released: r.upTo, dirBytes: uint32(len(r.directory))}
	if err := w.room(j, g.length()+pageSize); err != nil {
		return err
	}
	if err := w.write(j, &g, group); err != nil {
		return err
	}
	j.released.Store(uint64(r.upTo))
	j.anchored.Store(true)
	j.anchorRoom.Store(anchorRoom(len(r.directory)))
	return nil
}

// write lays the group out, writes it at pos and syncs.
func (w *writer) write(j *Journal, g *groupHead, group []*request) error {
	g.seq = w.head.seq
	g.offset = uint64(w.pos)
	g.synced = uint64(w.pos)
	g.released, g.first = max(g.released, LSN(j.released.Load())), w.next
	g.anchored = g.anchored || j.anchored.Load()
	buf := w.layOut(g, group)
	if _, err := w.file.WriteAt(buf, w.pos); err != nil {
		return w.stop(fmt.Errorf("write %s: %w", segmentName(w.head.seq), err))
	}
	start := time.Now()
	if err := w.file.SyncData(); err != nil {
		return w.stop(fmt.Errorf("sync %s: %w", segmentName(w.head.seq), err))
	}
	w.syncTime = time.Since(start)
	w.pos += int64(len(buf))
	j.counters.groups.Add(1)
	j.counters.syncs.Add(1)
	j.counters.written.Add(int64(len(buf)))
	return nil
}

// layOut encodes header, directory, sealed bytes and zeros up to the page's end.
func (w *writer) layOut(g *groupHead, group []*request) []byte {
	length := int(g.length())
	if cap(w.buf) < length || cap(w.buf) > max(keepBuffer, length) {
		w.buf = make([]byte, 0, max(length, 64<<10))
	}
	buf := w.buf[:groupHeader]
	g.encode(buf)
	for _, r := range group {
		buf = append(buf, r.directory...)
	}
	w.mac.sum(buf[groupFixed:groupFixed], buf[:groupFixed], buf[groupHeader:])
	for _, r := range group {
		buf = append(buf, r.bodies...)
	}
	used := len(buf)
	buf = buf[:length]
	clear(buf[used:])
	return buf
}

// roll goes on in the next segment. An error before the next segment has its header leaves everything as it
// was: a full disk fails these commits, and later ones try again.
func (w *writer) roll(j *Journal, need int64) error {
	size := max(w.nextSize(j), alignPage(pageSize+need))
	spare, err := j.files.takeSpare(size)
	if err != nil {
		return fmt.Errorf("journal: no room for the next segment, nothing was written: %w", err)
	}
	old := *w
	if err := w.begin(j, spare); err != nil {
		return w.stop(err)
	}
	// Only now that the next segment is there for good may this one say so. Its sync also declares all of it
	// synced.
	fresh := *w
	*w = old
	if err := w.write(j, &groupHead{kind: kindContinues}, nil); err != nil {
		_ = fresh.file.Close()
		return err
	}
	if err := w.file.Close(); err != nil {
		j.o.Logger.Warn("closing a journal segment failed", "segment", segmentName(w.head.seq), "error", err)
	}
	fresh.buf, fresh.syncTime = w.buf, w.syncTime
	*w = fresh
	return nil
}

// begin starts a new life of the spare file as the segment after w's, and makes it the active one.
func (w *writer) begin(j *Journal, spare spareFile) error {
	head := segmentHead{
		seq: w.head.seq + 1, base: w.next, released: LSN(j.released.Load()), size: uint64(spare.size),
		anchored: j.anchored.Load(), guarded: true, session: j.sealer.session, previous: w.head.salt,
	}
	freshSalt(&head.salt)
	mac, err := newFrameMAC(&j.o.FrameKey, &head.salt, head.seq)
	if err != nil {
		return err
	}
	page := make([]byte, pageSize)
	head.encode(page, mac)
	file, err := j.files.activate(spare, &head, page)
	if err != nil {
		return err
	}
	w.file = file
	w.head = head
	w.mac = mac
	w.pos = pageSize
	return nil
}

// nextSize lets segments grow from the small first one to full size.
func (w *writer) nextSize(j *Journal) int64 { return min(2*int64(w.head.size), j.o.SegmentBytes) }

// end declares everything synced and closes the active segment.
func (w *writer) end(j *Journal) error {
	err := w.write(j, &groupHead{kind: kindEnd}, nil)
	if cerr := w.close(); err == nil {
		err = cerr
	}
	return err
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	w.timer.Stop()
	err := w.file.Close()
	w.file = nil
	return err
}
