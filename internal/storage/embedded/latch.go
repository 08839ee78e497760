package embedded

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/sealtable/sealtable/internal/storage"
)

// latchTable holds rows against other transactions. A row stands for its keyed 64-bit hash, which is drawn
// anew in each process: two rows that share one wait for each other and nothing worse happens. Transactions
// take their hashes in ascending order, so that none waits in a circle, and a latch is handed to whoever has
// waited longest.
type latchTable struct {
	seed   maphash.Seed
	shards [latchShards]latchShard
}

const latchShards = 64

type latchShard struct {
	mu   sync.Mutex
	held map[uint64]*latchQueue
	_    [40]byte // a shard to a cache line
}

// latchQueue is who waits for one held latch, first come first served. Nil while nobody does.
type latchQueue struct{ waiting []chan struct{} }

func newLatchTable() *latchTable {
	t := &latchTable{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].held = make(map[uint64]*latchQueue)
	}
	return t
}

// hash is the row's place in the table.
func (t *latchTable) hash(r *storage.Row) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	var head [len(r.Table) + collectionSize + lengthSize]byte
	n := copy(head[:], r.Table[:])
	binary.BigEndian.PutUint32(head[n:], uint32(r.Collection))
	binary.BigEndian.PutUint16(head[n+collectionSize:], uint16(len(r.Partition)))
	_, _ = h.Write(head[:]) // a maphash never fails
	_, _ = h.Write(r.Partition)
	_, _ = h.Write(r.Sort)
	return h.Sum64()
}

// acquire takes all latches, or none and the context's error.
func (t *latchTable) acquire(ctx context.Context, hashes []uint64) error {
	for i, h := range hashes {
		if err := t.shard(h).acquire(ctx, h); err != nil {
			t.release(hashes[:i])
			return err
		}
	}
	return nil
}

func (t *latchTable) release(hashes []uint64) {
	for _, h := range hashes {
		t.shard(h).release(h)
	}
}

func (t *latchTable) shard(h uint64) *latchShard { return &t.shards[h%latchShards] }

func (s *latchShard) acquire(ctx context.Context, h uint64) error {
	s.mu.Lock()
	queue, taken := s.held[h]
	if !taken {
		s.held[h] = nil
		s.mu.Unlock()
		return nil
	}
	if queue == nil {
		queue = &latchQueue{}
		s.held[h] = queue
	}
	mine := make(chan struct{})
	queue.waiting = append(queue.waiting, mine)
	s.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		s.abandon(h, mine)
		return ctx.Err()
	}
}

// abandon leaves the queue; if the latch was handed over in the meantime, it goes on to the next.
func (s *latchShard) abandon(h uint64, mine chan struct{}) {
	s.mu.Lock()
	if queue := s.held[h]; queue != nil {
		if i := slices.Index(queue.waiting, mine); i >= 0 {
			queue.waiting = slices.Delete(queue.waiting, i, i+1)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.release(h)
}

func (s *latchShard) release(h uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.held[h]
	if queue == nil || len(queue.waiting) == 0 {
		delete(s.held, h)
		return
	}
	next := queue.waiting[0]
	queue.waiting = slices.Delete(queue.waiting, 0, 1)
	close(next)
}
