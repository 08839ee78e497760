package engine

import (
	"sync"
	"sync/atomic"
)

// gate tells when every transaction that may have gone by an older description of a table has ended.
// Transactions go through it without ever waiting; whoever published a new description waits for those that
// were inside at that moment. The zero gate is ready.
//
// INVARIANT gate-before-look: a transaction enters before it reads the description, and leaves when what it
// wrote is visible or will never be. So after a description was published and wait returned, every write
// either is visible or followed that description.
type gate struct {
	current atomic.Pointer[shift]
	waiting sync.Mutex // one at a time: each must see all of the shift that it ends
}

// shift are the transactions that entered between two waits.
type shift struct {
	inside atomic.Int64
	over   atomic.Bool
	empty  chan struct{} // has room for one word that nobody is inside any more
}

func newShift() *shift { return &shift{empty: make(chan struct{}, 1)} }

// enter counts the caller in until it leaves. Who counted itself into a shift that ended meanwhile goes to
// the next one: it has looked at nothing yet.
func (g *gate) enter() *shift {
	for {
		s := g.current.Load()
		if s == nil {
			g.current.CompareAndSwap(nil, newShift())
			continue
		}
		s.inside.Add(1)
		if g.current.Load() == s {
			return s
		}
		s.leave()
	}
}

func (s *shift) leave() {
	if s.inside.Add(-1) == 0 && s.over.Load() {
		select {
		case s.empty <- struct{}{}:
		default: // it was said already
		}
	}
}

// wait returns when all have left who were inside when it was called. Others come and go meanwhile.
func (g *gate) wait() {
	g.waiting.Lock()
	defer g.waiting.Unlock()
	s := g.current.Swap(newShift())
	if s == nil {
		return // nobody ever entered
	}
	s.over.Store(true)
	if s.inside.Load() != 0 {
		<-s.empty
	}
}
