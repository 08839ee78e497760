package deploy

import "sync"

// atOnce is how many resources of a stack are dealt with at a time.
const atOnce = 16

// walk does something for each of ids, each after all that it needs, side by side where nothing forbids it.
// After a failure nothing more is begun; what is under way goes on to its end. It returns the ids that
// failed, in the order in which they did.
func walk(ids []string, needs map[string][]string, do func(id string) bool) (failed []string) {
	w := &walker{waiting: map[string]int{}, followers: map[string][]string{}}
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	for _, id := range ids {
		for _, need := range needs[id] {
			if known[need] && need != id {
				w.waiting[id]++
				w.followers[need] = append(w.followers[need], id)
			}
		}
	}
	for _, id := range ids {
		if w.waiting[id] == 0 {
			w.ready = append(w.ready, id)
		}
	}
	w.changed.L = &w.mu
	var workers sync.WaitGroup
	for range min(atOnce, len(ids)) {
		workers.Go(func() { w.work(do) })
	}
	workers.Wait()
	return w.failed
}

type walker struct {
	mu        sync.Mutex
	changed   sync.Cond
	ready     []string
	waiting   map[string]int
	followers map[string][]string
	running   int
	failed    []string
}

func (w *walker) work(do func(id string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.ready) == 0 && w.running > 0 && len(w.failed) == 0 {
			w.changed.Wait()
		}
		if len(w.ready) == 0 || len(w.failed) > 0 {
			w.changed.Broadcast()
			return
		}
		id := w.ready[0]
		w.ready = w.ready[1:]
		w.running++
		w.mu.Unlock()
		done := do(id)
		w.mu.Lock()
		w.running--
		w.end(id, done)
		w.changed.Broadcast()
	}
}

func (w *walker) end(id string, done bool) {
	if !done {
		w.failed = append(w.failed, id)
		return
	}
	for _, follower := range w.followers[id] {
		w.waiting[follower]--
		if w.waiting[follower] == 0 {
			w.ready = append(w.ready, follower)
		}
	}
}

// inverted turns needs around: what is needed comes after what needs it.
func inverted(resources map[string]*Resource) map[string][]string {
	out := map[string][]string{}
	for id, r := range resources {
		for _, need := range r.Needs {
			out[need] = append(out[need], id)
		}
	}
	return out
}
