package embedded

import (
	"sync"

	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// progress knows how far one table has come behind the journal. Transactions of a table may reach its
// memtable in another order than the journal's, since they hold different rows; so what counts is the
// watermark: every section up to it is in the memtable.
//
// INVARIANT progress-floor: a transaction's LSN is above the floor that it began with, and floors never fall.
// Hence whatever is at or below the floor of the oldest transaction under way has been applied.
type progress struct {
	mu       sync.Mutex
	flights  []flight // oldest first
	landed   uint64   // how many flights have been taken off the front
	applied  journal.LSN
	flushed  journal.LSN // every section up to here is in the table's own files
	held     journal.LSN // the highest mark that the table's own files are known to have had, durably
	parked   journal.LSN // the last section that is known to have been set aside beside them, durably
	unsynced bool        // something may be in the journal that is not in the table's own files
}

type flight struct {
	floor journal.LSN
	done  bool
}

// begin announces a transaction before it is journalled; last tells the latest LSN known to be taken.
func (p *progress) begin(last func() journal.LSN) (ticket uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	floor := last()
	if !p.unsynced {
		p.unsynced = true
		p.flushed = max(p.flushed, floor)
	}
	p.flights = append(p.flights, flight{floor: floor})
	return p.landed + uint64(len(p.flights)) - 1
}

// end says that the transaction is in the memtable under lsn, or, with zero, that it never will be.
func (p *progress) end(ticket uint64, lsn journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied = max(p.applied, lsn)
	p.flights[ticket-p.landed].done = true
	n := 0
	for n < len(p.flights) && p.flights[n].done {
		n++
	}
	p.landed += uint64(n)
	p.flights = p.flights[:copy(p.flights, p.flights[n:])]
}

// watermark is the LSN up to which every section of the table is in its memtable.
func (p *progress) watermark() journal.LSN {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watermarkLocked()
}

func (p *progress) watermarkLocked() journal.LSN {
	if len(p.flights) > 0 {
		return p.flights[0].floor
	}
	return max(p.applied, p.flushed)
}

// replayed says that the journal's section of this LSN, which is above all before it, is in the memtable.
func (p *progress) replayed(lsn journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied = max(p.applied, lsn)
	p.unsynced = true
}

// synced says that every section up to the watermark w is in the table's own files, and that their mark says
// so.
func (p *progress) synced(w journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = max(p.held, w)
	p.coveredLocked(w)
}

// covered says that every section up to w is in the table's own files or in the parked file.
func (p *progress) covered(w journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coveredLocked(w)
}

func (p *progress) coveredLocked(w journal.LSN) {
	p.flushed = max(p.flushed, w)
	p.unsynced = len(p.flights) > 0 || p.applied > p.flushed
}

// setAside says that the section of this LSN is in the parked file, durably.
func (p *progress) setAside(lsn journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parked = max(p.parked, lsn)
}

// anchored takes what the journal says of the table's own files and of its parked file.
func (p *progress) anchored(a *journal.Anchor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.parked = max(p.held, a.Held), max(p.parked, a.Parked)
}

// anchor is what the table's directory is known to have held.
func (p *progress) anchor() (held, parked journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, p.parked
}

// needs is the LSN behind which the table needs the journal; ok is false if it does not need it at all.
func (p *progress) needs() (from journal.LSN, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flushed, p.unsynced
}

// lacks says whether a section of this LSN is missing from the table.
func (p *progress) lacks(lsn journal.LSN) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return lsn > max(p.flushed, p.applied)
}

// abandon forgets what the table needed: it is dropped.
func (p *progress) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unsynced = false
}
