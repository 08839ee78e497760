package embedded

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// A table's directory that is put back to an earlier state of itself is authentic. What it lacks is in the
// journal, or was released; and whenever the journal releases, it says of each table how far that table's own
// directory had come by then: its anchor. A directory that is behind its anchor is therefore one of an
// earlier day, and one that is not lacks nothing that was released.
//
// INVARIANT anchored: what an anchor claims is durable in the table's directory before the anchor is written,
// and nothing is released but together with anchors that claim all of what was released. So no crash leaves a
// table behind its anchor.

// takeAnchors hears what the journal says, before anything of it is applied.
func (s *Store) takeAnchors(anchors []journal.Anchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absent = make(map[storage.TableID]journal.Anchor)
	for _, a := range anchors {
		if t := s.tables[a.Table]; t != nil {
			t.progress.anchored(&a)
		} else {
			s.absent[a.Table] = a
		}
	}
}

// anchors is what the journal is told, in order of ID. A table whose directory is missing keeps its anchor
// until it is dropped: the directory may come back.
func (s *Store) anchors() []journal.Anchor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]journal.Anchor, 0, len(s.tables)+len(s.absent))
	for id, t := range s.tables {
		if held, parked := t.progress.anchor(); held > 0 || parked > 0 {
			out = append(out, journal.Anchor{Table: id, Held: held, Parked: parked})
		}
	}
	for _, a := range s.absent {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b journal.Anchor) int { return bytes.Compare(a.Table[:], b.Table[:]) })
	return out
}

// checkMark finds a table whose files are of an earlier day, by the mark that they have. Nothing is applied
// to them then.
func (i *instance) checkMark(mark journal.LSN) error {
	i.mark = mark
	if held, _ := i.table.progress.anchor(); mark < held {
		return i.putBack(i.table.pebbleDir(), mark, held)
	}
	return nil
}

// checkParked does the same for sections that were set aside: they are in the parked file, whose last is
// given, or in the table's files already.
func (i *instance) checkParked(last journal.LSN) error {
	if _, parked := i.table.progress.anchor(); max(i.mark, last) < parked {
		return i.putBack(i.table.dir(), max(i.mark, last), parked)
	}
	return nil
}

func (i *instance) putBack(dir string, has, had journal.LSN) error {
	return &storage.CorruptError{Table: i.table.id, File: i.table.store.relative(dir), Cause: fmt.Errorf(
		"it was put back from an earlier day: it holds all up to record %d, and held all up to record %d "+
			"when the journal let go of that; "+
			"put it back as it was, or restore the whole data directory from one backup", has, had)}
}
