package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/storage"
)

// Anchor says how far a table's own directory is durably behind the journal. It is what tells a directory
// that was put back to an earlier state of itself: that one is authentic, and the records that it lacks may
// have been released.
type Anchor struct {
	Table storage.TableID
	Held  LSN // the table's files say of themselves that they are complete up to here, or further
	// the last record whose section was set aside beside them, and came into them later; 0 if none ever was
	Parked LSN
}

// anchorSize is table, held, parked.
const anchorSize = 16 + 8 + 8

func appendAnchor(dst []byte, a *Anchor) []byte {
	dst = append(dst, a.Table[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(a.Held))
	return binary.BigEndian.AppendUint64(dst, uint64(a.Parked))
}

func parseAnchors(directory []byte) []Anchor {
	anchors := make([]Anchor, 0, len(directory)/anchorSize)
	for ; len(directory) >= anchorSize; directory = directory[anchorSize:] {
		a := Anchor{Held: LSN(binary.BigEndian.Uint64(directory[16:])),
			Parked: LSN(binary.BigEndian.Uint64(directory[24:]))}
		copy(a.Table[:], directory)
		anchors = append(anchors, a)
	}
	return anchors
}

// checkAnchors says whether the directory of a group of anchors is one: ascending, so that a table has one
// anchor.
func checkAnchors(g *groupHead, directory []byte) error {
	if g.records != 0 || g.bodyBytes != 0 || len(directory)%anchorSize != 0 {
		return errors.New("the group of anchors has something else in it")
	}
	for n := anchorSize; n < len(directory); n += anchorSize {
		if bytes.Compare(directory[n-anchorSize:n-anchorSize+16], directory[n:n+16]) >= 0 {
			return errors.New("the anchors are not in order")
		}
	}
	return nil
}

// anchorRoom is what the next group of anchors may take up, if not many more tables come until then.
func anchorRoom(bytes int) int64 {
	return alignPage(groupHeader + int64(bytes) + int64(bytes)/4 + 64*anchorSize)
}

// Releasable says whether Release would give anything back.
func (j *Journal) Releasable(upTo LSN) bool {
	return j.files.releasable(min(upTo, LSN(j.newest.Load())))
}

// anchorSearch finds the newest anchors, from the newest segment backwards.
type anchorSearch struct {
	told      LSN  // the highest LSN that anything says was released
	demanded  bool // something says that there are anchors
	found     bool
	released  LSN // what was released with those found
	directory []byte
}

// findAnchors looks at the frames alone, and before anything is applied: a table that was put back must not
// be brought forward.
func (p *replay) findAnchors() error {
	f := p.j.files
	s := &p.anchors
	for i := len(f.segments) - 1; i >= f.needed && !s.found; i-- {
		s.told = max(s.told, f.segments[i].head.released)
		s.demanded = s.demanded || f.segments[i].head.anchored
		if err := p.searchSegment(&f.segments[i]); err != nil {
			return err
		}
	}
	p.released = max(p.released, s.told)
	if (s.demanded || s.found) && (!s.found || s.released != s.told) {
		return f.corrupt(f.newestName(), 0,
			fmt.Errorf("the anchors of the tables are missing that were written when "+
				"record %d was released", s.told))
	}
	return nil
}

func (p *replay) searchSegment(s *segment) error {
	r, err := openSegment(p.j.o.FS, p.j.files.path(s.name), &p.j.o.FrameKey)
	if err != nil {
		return p.j.files.named(s.name, err)
	}
	defer r.close()
	for at := int64(pageSize); ; {
		g, err := r.readFrame(at)
		if isFormat(err) {
			return nil
		}
		if err != nil {
			return err
		}
		p.anchors.saw(&g)
		at = g.end()
	}
}

func (s *anchorSearch) saw(g *group) {
	s.told = max(s.told, g.released)
	s.demanded = s.demanded || g.anchored
	if g.kind == kindAnchors {
		s.found = true
		s.released = g.released
		s.directory = append(s.directory[:0], g.directory...)
	}
}

// tell gives the anchors to the store.
func (s *anchorSearch) tell(to func([]Anchor)) {
	if s.found && to != nil {
		to(parseAnchors(s.directory))
	}
}

// copyAnchors writes the anchors again, before the segment that has them is released.
func (p *replay) copyAnchors() error {
	if !p.anchors.found {
		return nil
	}
	p.j.anchorRoom.Store(anchorRoom(len(p.anchors.directory)))
	if !p.j.files.releasable(p.released) {
		return nil
	}
	r := request{note: true, upTo: p.released, directory: p.anchors.directory}
	return p.j.writer.writeGroup(p.j, []*request{&r})
}
