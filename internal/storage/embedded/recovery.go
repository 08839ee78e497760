package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// parking collects, while the journal is replayed, sections of tables that cannot be opened. Once a table has
// begun, all its later sections follow, so that they are applied in order when its key returns. Replay runs
// in one goroutine, and so does this.
type parking struct {
	lots  map[storage.TableID][]journal.Parked
	bytes int
}

// parkAt is how much is gathered in memory before it is written.
const parkAt = 16 << 20

var errParking = errors.New("sections of the table are being set aside")

func (p *parking) has(id storage.TableID) bool {
	_, begun := p.lots[id]
	return begun
}

func (p *parking) add(id storage.TableID, lsn journal.LSN, sealed []byte) {
	if p.lots == nil {
		p.lots = make(map[storage.TableID][]journal.Parked)
	}
	p.lots[id] = append(p.lots[id], journal.Parked{LSN: lsn, Sealed: bytes.Clone(sealed)})
	p.bytes += len(sealed)
}

// replay brings the tables up to the end of the journal, and parks what it cannot.
func (s *Store) replay() error {
	s.replaying.Store(true)
	defer s.replaying.Store(false)
	if err := s.journal.Replay(s.replayRecord); err != nil {
		return err
	}
	if err := s.writeParking(); err != nil {
		return err
	}
	return s.restParked()
}

// restParked puts tables to sleep that could be opened at first and then not: the next to wake them applies
// what was set aside.
func (s *Store) restParked() error {
	var errs []error
	for id := range s.parking.lots {
		if t := s.lookup(id); t != nil {
			t.gate.Lock()
			errs = append(errs, t.rest(sealed(id, errParking)))
			t.gate.Unlock()
		}
	}
	return errors.Join(errs...)
}

func (s *Store) replayRecord(r journal.Record) error {
	for i := range r.Sections {
		section := &r.Sections[i]
		if t := s.lookup(section.Table); t != nil {
			if err := s.replaySection(t, r.LSN, section); err != nil {
				return err
			}
		}
	}
	s.noteCommit(r.LSN)
	s.reclaim.trimMemory()
	if s.parking.bytes > parkAt {
		return s.writeParking()
	}
	return nil
}

// replaySection applies a section that its table lacks. A section of a table that was dropped has nowhere to
// go.
func (s *Store) replaySection(t *table, lsn journal.LSN, section *journal.Section) error {
	if section.Err != nil || s.parking.has(t.id) {
		return s.park(t, lsn, section)
	}
	inst, err := t.enter()
	if err != nil {
		t.stranded(lsn, err)
		return nil
	}
	defer t.leave()
	if !t.progress.lacks(lsn) {
		return nil
	}
	t.progress.replayed(lsn)
	inst.apply(section.Payload)
	return nil
}

// park sets a section aside. One that is itself damaged is set aside too: it makes the table refuse each time
// it is opened, until somebody repairs or deletes it, where a record that was simply left out would be a loss
// that nobody hears of.
func (s *Store) park(t *table, lsn journal.LSN, section *journal.Section) error {
	if section.Sealed == nil {
		t.stranded(lsn, errParking)
		return nil
	}
	var corrupt *storage.CorruptError
	if errors.As(section.Err, &corrupt) {
		t.condemn(section.Err)
	} else if !s.parking.has(t.id) {
		// Nothing is wrong: at a start nobody has asked for the key of the table yet.
		s.log.Info("the table is locked; its latest rows are set aside, sealed, until it is opened", "table",
			t.id.String(), "reason", section.Err)
	}
	s.parking.add(t.id, lsn, section.Sealed)
	return nil
}

// stranded keeps the journal from letting go of a section that could be neither applied nor set aside, and
// the table from going on without it.
func (t *table) stranded(lsn journal.LSN, cause error) {
	t.progress.replayed(lsn)
	t.condemn(fmt.Errorf("table %s: replay of record %d: %w", t.id, lsn, cause))
}

// writeParking makes what was parked durable in the tables' own directories. The journal then need not keep
// it.
func (s *Store) writeParking() error {
	for id, lot := range s.parking.lots {
		t := s.lookup(id)
		if t == nil || len(lot) == 0 {
			continue
		}
		if err := journal.WriteParked(s.opts.FS, t.parkedFile(), s.opts.FrameKey, id, lot); err != nil {
			return fmt.Errorf("set rows of table %s aside: %w", id, err)
		}
		t.progress.setAside(lot[len(lot)-1].LSN)
		s.parking.lots[id] = lot[:0:0] // begun, and stays so
	}
	s.parking.bytes = 0
	return nil
}

// applyParked brings rows back that were set aside while the table could not be opened, and makes them
// durable before anything is read or written. It is repeated from the start if a crash cuts it short.
func (i *instance) applyParked() error {
	t := i.table
	file := t.parkedFile()
	if _, err := t.store.opts.FS.Stat(file); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return i.checkParked(0)
		}
		return fmt.Errorf("table %s: %w", t.id, err)
	}
	var last journal.LSN
	err := journal.ReadParked(t.store.opts.FS, file, t.store.opts.FrameKey, t.id,
		func(p journal.Parked) error {
			last = p.LSN
			return i.applyOne(p)
		})
	if err == nil {
		err = i.checkParked(last)
	}
	if err == nil {
		err = i.sync()
	}
	if err == nil {
		err = t.store.opts.FS.Remove(file)
	}
	if err == nil {
		err = syncDir(t.store.opts.FS, t.dir())
	}
	return i.describeParked(err)
}

func (i *instance) applyOne(p journal.Parked) error {
	progress := &i.table.progress
	if !progress.lacks(p.LSN) {
		return nil
	}
	section, err := journal.OpenSection(i.keys.asSource(), p.LSN, p.Sealed)
	if err != nil {
		return err
	}
	progress.replayed(p.LSN)
	return i.tryApply(section)
}

// describeParked names the parked file in errors that are about it.
func (i *instance) describeParked(err error) error {
	var corrupt *storage.CorruptError
	if errors.As(err, &corrupt) && i.fs.wrong.Load() == nil {
		return &storage.CorruptError{Table: i.table.id, File: i.table.store.relative(i.table.parkedFile()),
			Cause: corrupt.Cause}
	}
	return i.describe(err)
}
