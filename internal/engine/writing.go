package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/storage"
)

// transaction is a storage.Tx that remembers what has to be done once its outcome is known. It is taken from
// a pool, so that it costs a table without streams and expiry nothing.
type transaction struct {
	storage.Tx
	gate    *gate
	shift   *shift
	work    func(*transaction) error
	run     func(storage.Tx) error // begin, bound once
	decided bool                   // work returned nil: from then on only the store decides
	numbers []takenNumber
	due     []dueNote
}

// errOutcome stands for the outcome of a transaction that never returned.
var errOutcome = errors.New("engine: the outcome of a transaction is not known")

// update is the store's Update for transactions that change items.
func (e *Engine) update(
	ctx context.Context, latches []storage.Row, work func(*transaction) error,
) (err error) {
	x := e.writers.enter(work)
	err = errOutcome
	defer func() {
		x.over(err)
		e.writers.leave(x)
	}()
	return e.store.Update(ctx, latches, x.run)
}

func (x *transaction) begin(tx storage.Tx) error {
	x.Tx = tx
	err := x.work(x)
	x.decided = err == nil
	return err
}

// over does what waited for the outcome.
func (x *transaction) over(err error) {
	for _, n := range x.numbers {
		switch {
		case err == nil:
			n.sequence.committed(n.number)
		case !x.decided || changedNothing(err):
			n.sequence.given(n.number)
		}
		// Any other error of the store leaves open whether the record is there until the store is opened
		// anew. Its number stays taken, so that no reader goes past it: see sequence.
	}
	for _, d := range x.due {
		d.live.noteDue(d.at)
	}
}

// changedNothing says whether an error of the store's Update says for certain that nothing was changed.
func changedNothing(err error) bool {
	var sealed *storage.SealedError
	return errors.As(err, &sealed) || errors.Is(err, storage.ErrTooLarge) ||
		errors.Is(err, storage.ErrNoTable)
}

// writers are the transactions that are under way. A transaction looks at the latest description of its
// tables once; settle waits for those that may have seen an earlier one. The gates are many so that
// transactions do not meet at one of them.
type writers struct {
	gates [16]gate
	made  atomic.Uint32
	pool  sync.Pool
}

func (w *writers) enter(work func(*transaction) error) *transaction {
	x, ok := w.pool.Get().(*transaction)
	if !ok {
		x = &transaction{gate: &w.gates[w.made.Add(1)%uint32(len(w.gates))]}
		x.run = x.begin
	}
	x.work, x.decided = work, false
	x.shift = x.gate.enter()
	return x
}

func (w *writers) leave(x *transaction) {
	x.shift.leave()
	clear(x.numbers)
	clear(x.due)
	x.Tx = nil
	x.work = nil
	x.numbers = x.numbers[:0]
	x.due = x.due[:0]
	w.pool.Put(x)
}

// settle returns when every transaction that was under way is over. Nobody waits for settle: see gate.
func (w *writers) settle() {
	for i := range w.gates {
		w.gates[i].wait()
	}
}
