package keyring

import (
	"slices"
	"sync"
)

// index is a map that is read without locks. It is sync.Map with types.
type index[K comparable, V any] struct{ m sync.Map }

func (x *index[K, V]) load(k K) (v V, ok bool) {
	if found, ok := x.m.Load(k); ok {
		return found.(V), true
	}
	return v, false
}

func (x *index[K, V]) loadOrStore(k K, v V) V {
	actual, _ := x.m.LoadOrStore(k, v)
	return actual.(V)
}

func (x *index[K, V]) store(k K, v V) { x.m.Store(k, v) }
func (x *index[K, V]) remove(k K)     { x.m.Delete(k) }

func (x *index[K, V]) each(f func(K, V)) {
	x.m.Range(func(k, v any) bool {
		f(k.(K), v.(V))
		return true
	})
}

// names is an ordered set for listings.
type names struct {
	mu   sync.RWMutex
	list []string
}

func (n *names) add(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, found := slices.BinarySearch(n.list, name); !found {
		n.list = slices.Insert(n.list, i, name)
	}
}

func (n *names) remove(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, found := slices.BinarySearch(n.list, name); found {
		n.list = slices.Delete(n.list, i, i+1)
	}
}

func (n *names) len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.list)
}

// page is up to limit names after the given one, and whether there are more.
func (n *names) page(after string, limit int) (page []string, more bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return pageOf(n.list, after, limit)
}

// pageOf is up to limit of the sorted names that follow after, and whether there are more.
func pageOf(sorted []string, after string, limit int) (page []string, more bool) {
	start, found := slices.BinarySearch(sorted, after)
	if found {
		start++
	}
	end := min(len(sorted), start+limit)
	return slices.Clone(sorted[start:end]), end < len(sorted)
}
