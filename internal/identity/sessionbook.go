package identity

import (
	"slices"
	"sync"
)

const (
	// sessionsOfPrincipal bounds the sessions that one principal has made and that are not forgotten. One
	// that makes more loses its oldest: whoever makes sessions without end takes nothing from others.
	sessionsOfPrincipal = 1_000
	// sessionsOfAccount bounds those of an account, and maxSessions those of the installation.
	sessionsOfAccount = 25_000
	maxSessions       = 100_000
)

// sessionBook counts the sessions that are kept, for those who made them. The zero value is ready.
type sessionBook struct {
	mu       sync.Mutex
	makers   map[string][]*Session // oldest first
	accounts map[string]int
	total    int
}

// maker is whose budget a session counts against: who asked for it, or whose it is where that is not known.
func (s *Session) maker() string {
	if s.By != "" {
		return s.Account + "/" + s.By
	}
	return s.Account + "/" + s.Principal
}

// add counts s in. It returns the session that must give way to it, if its maker has as many as it may; ok is
// false where the account or the installation has.
func (b *sessionBook) add(s *Session) (oldest *Session, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maker := s.maker()
	if len(b.makers[maker]) >= sessionsOfPrincipal {
		oldest = b.makers[maker][0]
		b.remove(oldest)
	} else if b.accounts[s.Account] >= sessionsOfAccount || b.total >= maxSessions {
		return nil, false
	}
	b.put(s)
	return oldest, true
}

// restore counts in a session that was made in an earlier life, in any order.
func (b *sessionBook) restore(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(s)
	slices.SortStableFunc(b.makers[s.maker()], func(x, y *Session) int { return x.Issued.Compare(y.Issued) })
}

func (b *sessionBook) put(s *Session) {
	if b.makers == nil {
		b.makers = map[string][]*Session{}
		b.accounts = map[string]int{}
	}
	b.makers[s.maker()] = append(b.makers[s.maker()], s)
	b.accounts[s.Account]++
	b.total++
}

// drop counts a session out, if it is counted.
func (b *sessionBook) drop(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(s)
}

func (b *sessionBook) remove(s *Session) {
	maker := s.maker()
	at := slices.Index(b.makers[maker], s)
	if at < 0 {
		return
	}
	b.makers[maker] = slices.Delete(b.makers[maker], at, at+1)
	if len(b.makers[maker]) == 0 {
		delete(b.makers, maker)
	}
	b.accounts[s.Account]--
	if b.accounts[s.Account] == 0 {
		delete(b.accounts, s.Account)
	}
	b.total--
}

// kept is how many sessions are kept.
func (b *sessionBook) kept() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}
