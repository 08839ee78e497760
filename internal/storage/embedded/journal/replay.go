package journal

import (
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/storage"
)

// Replay calls apply for every record that was not released, once, in order of LSN, and then lets Commit
// begin. Every record whose Commit returned is among them; of those whose Commit did not return, any first
// few may be. What a record's sections hold is valid during the call only. An error of apply ends Replay and
// is returned as it is.
//
// Damage is a *CorruptError, found before the damaged place is applied; the journal cannot be used then.
func (j *Journal) Replay(apply func(Record) error) error {
	if j.replayed.Load() {
		return errors.New("journal: Replay was called twice")
	}
	p := replay{j: j, apply: apply, ciphers: map[cipherID]cipherResult{}}
	if err := p.checkOldest(); err != nil {
		return err
	}
	p.anchors.tell(j.o.Anchors)
	for i := j.files.needed; i < len(j.files.segments); i++ {
		if err := p.segment(i); err != nil {
			return err
		}
	}
	if err := p.checkNewest(); err != nil {
		return err
	}
	return p.begin()
}

// replay is the state of one Replay.
type replay struct {
	j        *Journal
	apply    func(Record) error
	next     LSN // the record that must come next
	released LSN
	anchors  anchorSearch

	ciphers map[cipherID]cipherResult // of the session in hand
	session [saltSize]byte
	record  Record
	opened  []byte // payloads and parked forms of the record in hand
	scratch []byte
}

type cipherID struct {
	table storage.TableID
	epoch storage.Epoch
}

// cipherResult remembers failures too, so that a key that cannot be had is asked for once.
type cipherResult struct {
	cipher *sectionCipher
	err    error
}

// checkOldest finds out what was released, and says whether segments are missing before the first one. It
// does so before anything is applied: a record may have been released by a group behind it, and missing
// records could not be made up for once later ones were applied.
func (p *replay) checkOldest() error {
	f := p.j.files
	p.next, p.released = 1, p.j.o.Flushed
	if len(f.segments) == 0 {
		return nil
	}
	oldest := &f.segments[f.needed]
	p.next = oldest.head.base
	if err := p.findAnchors(); err != nil {
		return err
	}
	if p.next <= p.released+1 {
		return nil
	}
	return f.corrupt(segmentName(oldest.head.seq-1), 0,
		fmt.Errorf("the segment is missing: records %d to %d were not released", p.released+1, p.next-1))
}

// checkNewest compares the end of the journal with what the tables have seen.
func (p *replay) checkNewest() error {
	if err := p.checkHighWater(); err != nil {
		return err
	}
	f, highest := p.j.files, max(p.j.o.Highest, p.j.o.Flushed)
	if p.next > highest {
		return nil
	}
	return f.corrupt(f.newestName(), 0, fmt.Errorf("the journal ends at record %d, but tables hold record "+
		"%d: its "+
		"newest part is missing",
		p.next-1, highest))
}

// segment replays segment i.
func (p *replay) segment(i int) error {
	f := p.j.files
	s := &f.segments[i]
	var following *segment
	if i+1 < len(f.segments) {
		following = &f.segments[i+1]
	}
	r, err := openSegment(p.j.o.FS, f.path(s.name), &p.j.o.FrameKey)
	if err != nil {
		return f.named(s.name, err)
	}
	defer r.close()
	if r.head != s.head {
		return f.corrupt(s.name, 0, errors.New("it changed while it was read"))
	}
	if p.next != s.head.base {
		return f.corrupt(s.name, 0, fmt.Errorf("it begins with record %d, not %d", s.head.base, p.next))
	}
	p.enter(&s.head)
	if following == nil {
		err = p.last(s, r)
	} else {
		err = p.middle(s, r, following.head.base)
	}
	return f.named(s.name, err)
}

// enter prepares for a segment's session.
func (p *replay) enter(head *segmentHead) {
	p.released = max(p.released, head.released)
	if p.session != head.session {
		p.session = head.session
		clear(p.ciphers)
	}
}

// middle replays a segment that another one follows: all its records up to that one's first were durable.
func (p *replay) middle(s *segment, r *segmentReader, end LSN) error {
	for at := int64(pageSize); p.next < end; {
		g, err := r.readGroup(at)
		if errors.Is(err, errNoGroup) {
			return &CorruptError{Offset: at,
				Cause: fmt.Errorf("no authentic group here; records %d to %d are missing", p.next, end-1)}
		}
		if err != nil {
			return err
		}
		if last := g.first + LSN(g.records); last > end {
			return &CorruptError{Offset: at,
				Cause: fmt.Errorf("it goes on to record %d, but the next segment begins with %d", last-1,
					end)}
		}
		if err := p.deliver(s, &g); err != nil {
			return err
		}
		at = g.end()
	}
	return nil
}

// last replays the segment at whose end a torn group is no damage.
func (p *replay) last(s *segment, r *segmentReader) error {
	at, before := int64(pageSize), int64(0)
	for {
		g, err := r.readGroup(at)
		if errors.Is(err, errNoGroup) {
			err = p.tail(r, at, at+pageSize)
			if err == nil && s.head.guarded {
				err = p.remains(s, r, at)
			}
			if err == nil && before > 0 {
				err = p.harden(s, before, at)
			}
			return err
		}
		if err != nil {
			return err
		}
		if !g.whole() {
			torn, err := r.isTorn(&g)
			if err == nil && torn {
				p.logTorn(s, at)
			}
			if err != nil || torn {
				return err // that it was begun says that everything before it was synced
			}
			// Reading on overwrote g.
			if g, err = r.readGroup(at); err != nil {
				return err
			}
		}
		if err := p.deliver(s, &g); err != nil {
			return err
		}
		switch g.kind {
		case kindEnd:
			return nil
		case kindContinues:
			return &CorruptError{Offset: at,
				Cause: fmt.Errorf("it says that %s follows, which is missing", segmentName(s.head.seq+1))}
		}
		at, before = g.end(), at
	}
}

// remains looks at what follows the last group of a guarded life.
func (p *replay) remains(s *segment, r *segmentReader, at int64) error {
	err := r.checkRemains(at)
	if err == nil && r.checkZero(at) != nil {
		p.logTorn(s, at)
	}
	return err
}

// logTorn tells of what a crash leaves; and so does somebody who cuts off what the mark did not have yet.
func (p *replay) logTorn(s *segment, at int64) {
	p.j.o.Logger.Warn("the journal ends with a write that was cut short and never acknowledged", "file",
		p.j.files.relative(s.name), "offset", at)
}

// tail decides whether what fails to authenticate at offset at is the torn end of the journal or damage.
func (p *replay) tail(r *segmentReader, at, from int64) error {
	later, found, err := r.declares(at, from)
	if err != nil || !found {
		return err
	}
	return &CorruptError{Offset: at, Cause: fmt.Errorf("no authentic group here, though the one at %d says "+
		"that it was durable", later)}
}

// harden makes the last group durable that was replayed and that nothing declares synced: it may be known to
// the page cache alone, where a failed sync before the restart can have marked it clean. The same bytes are
// written again and synced.
func (p *replay) harden(s *segment, from, to int64) error {
	file, err := p.j.o.FS.OpenReadWrite(p.j.files.path(s.name), diskCategory)
	if err != nil {
		return fmt.Errorf("journal: open segment: %w", err)
	}
	buf := make([]byte, to-from)
	if _, err = file.ReadAt(buf, from); err == nil {
		if _, err = file.WriteAt(buf, from); err == nil {
			err = file.Sync()
		}
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("journal: make the last group durable: %w", err)
	}
	return nil
}

// deliver applies the records of a group.
func (p *replay) deliver(s *segment, g *group) error {
	if g.first != p.next {
		return &CorruptError{Offset: g.at,
			Cause: fmt.Errorf("its group begins with record %d, not %d", g.first, p.next)}
	}
	p.released = max(p.released, g.released)
	if !isZero(g.padding) {
		p.j.o.Logger.Warn("journal: bytes between groups, which hold nothing, are not as written",
			"file", p.j.files.relative(s.name), "offset", g.at)
	}
	w := g.walk()
	for range g.records {
		if err := w.nextRecord(); err != nil {
			return &CorruptError{Offset: g.at, Cause: err}
		}
		if err := p.deliverRecord(s, &w); err != nil {
			return err
		}
		p.next++
	}
	return nil
}

// deliverRecord opens and applies one record, unless it was released: then all tables have it, and their keys
// may be gone.
func (p *replay) deliverRecord(s *segment, w *walk) error {
	p.record = Record{LSN: p.next, Sections: p.record.Sections[:0]}
	p.opened = p.opened[:0]
	for e, body, sound, ok := w.nextSection(); ok; e, body, sound, ok = w.nextSection() {
		if p.next > p.released {
			p.section(s, &e, body, sound)
		}
	}
	if p.next <= p.released {
		return nil
	}
	return p.apply(p.record)
}

// section opens one section into the record in hand.
func (p *replay) section(s *segment, e *entry, body []byte, sound bool) {
	out := Section{Table: e.table, Epoch: e.epoch}
	start := len(p.opened)
	out.Err = p.open(s, e, body, sound)
	if out.Err == nil {
		out.Payload = p.opened[start:len(p.opened):len(p.opened)]
	} else {
		p.opened = appendSealed(p.opened[:start], p.record.LSN, &p.session, e, body)
		out.Sealed = p.opened[start:len(p.opened):len(p.opened)]
	}
	p.record.Sections = append(p.record.Sections, out)
}

func (p *replay) open(s *segment, e *entry, body []byte, sound bool) error {
	corrupt := func(cause error) error {
		cause = fmt.Errorf("record %d: %w", p.record.LSN, cause)
		return &storage.CorruptError{Table: e.table, File: p.j.files.relative(s.name), Cause: cause}
	}
	if !sound {
		return corrupt(errors.New("the sealed bytes are not those that were written"))
	}
	c, err := p.cipher(e)
	if err != nil {
		return err
	}
	opened, err := c.open(p.opened, body, e, &p.scratch)
	if err != nil {
		return corrupt(err)
	}
	p.opened = opened
	return nil
}

func (p *replay) cipher(e *entry) (*sectionCipher, error) {
	id := cipherID{e.table, e.epoch}
	if known, ok := p.ciphers[id]; ok {
		return known.cipher, known.err
	}
	var res cipherResult
	res.cipher, res.err = newSectionCipher(p.j.o.Keys, e.table, e.epoch, &p.session)
	p.ciphers[id] = res
	return res.cipher, res.err
}

// begin starts the life of a fresh segment: what is torn in the old ones can never be taken for something
// written later.
func (p *replay) begin() error {
	j := p.j
	w := &j.writer
	w.next, w.timer = p.next, newTimer()
	if n := len(j.files.segments); n > 0 {
		last := &j.files.segments[n-1].head
		w.head.seq, w.head.salt = last.seq, last.salt
	}
	j.released.Store(uint64(p.released))
	j.anchored.Store(p.anchors.found)
	j.newest.Store(uint64(p.next - 1))
	if err := j.mark.begin(p.next - 1); err != nil {
		return err
	}
	spare, err := j.files.takeSpare(min(firstSegmentBytes, j.o.SegmentBytes))
	if err != nil {
		return fmt.Errorf("journal: no room for a new segment: %w", err)
	}
	if err := w.begin(j, spare); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := p.copyAnchors(); err != nil {
		return err
	}
	if err := j.files.recycle(p.released); err != nil {
		return err
	}
	j.replayed.Store(true)
	j.queue.mu.Lock()
	j.queue.err = nil
	j.queue.mu.Unlock()
	return nil
}
