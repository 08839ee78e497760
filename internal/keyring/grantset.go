package keyring

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// grantSet is the grants of one key. The zero value is empty.
type grantSet struct {
	mu        sync.RWMutex
	byID      map[string]*Grant
	byGrantee map[string][]*Grant
	byName    map[string][]*Grant // those that have one
	sorted    []*Grant            // by id
}

func (s *grantSet) add(g *Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[string]*Grant)
		s.byGrantee = make(map[string][]*Grant)
		s.byName = make(
			map[string][]*Grant,
		)
	}
	s.byID[g.ID] = g
	s.byGrantee[g.Grantee] = append(s.byGrantee[g.Grantee], g)
	if g.Name != "" {
		s.byName[g.Name] = append(s.byName[g.Name], g)
	}
	i, _ := slices.BinarySearchFunc(s.sorted, g.ID, compareGrantID)
	s.sorted = slices.Insert(s.sorted, i, g)
}

func (s *grantSet) remove(g *Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, g.ID)
	shorten(s.byGrantee, g.Grantee, g)
	shorten(s.byName, g.Name, g)
	s.sorted = without(s.sorted, g)
}

func shorten(lists map[string][]*Grant, at string, g *Grant) {
	if rest := without(lists[at], g); len(rest) > 0 {
		lists[at] = rest
	} else {
		delete(lists, at)
	}
}

func without(list []*Grant, g *Grant) []*Grant {
	return slices.DeleteFunc(list, func(other *Grant) bool { return other == g })
}

func compareGrantID(g *Grant, id string) int { return strings.Compare(g.ID, id) }

func (s *grantSet) get(id string) *Grant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

func (s *grantSet) len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sorted)
}

// all is a copy, by id.
func (s *grantSet) all() []*Grant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.sorted)
}

// some says whether one of the grants of these grantees passes test.
func (s *grantSet) some(grantees []string, test func(*Grant) bool) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, grantee := range grantees {
		if slices.ContainsFunc(s.byGrantee[grantee], test) {
			return true
		}
	}
	return false
}

// named is the grant that has the name and all else in common with g; nil if there is none or g has no name.
func (s *grantSet) named(g *Grant) *Grant {
	if g.Name == "" {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, has := range s.byName[g.Name] {
		if has.Grantee == g.Grantee && has.Retiring == g.Retiring && has.Issuer == g.Issuer &&
			slices.Equal(has.Operations, g.Operations) && maps.Equal(has.Equals, g.Equals) &&
			maps.Equal(has.Subset, g.Subset) {
			return has
		}
	}
	return nil
}

// of is the grants of a grantee under a name.
func (s *grantSet) of(grantee, name string) (grants []*Grant) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.byName[name] {
		if g.Grantee == grantee {
			grants = append(grants, g)
		}
	}
	return grants
}
