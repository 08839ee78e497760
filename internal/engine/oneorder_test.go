package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

// counters is how many items the clients share; each holds a number n, or is not there.
const counters = 3

// absent stands for an item that is not there.
const absent = -1 << 20

// ask is what a client asks, and told what it got to know.
type ask struct {
	kind string // add, set, move, delete, read or readAll
	i, j int
	a, b int // add a; set from a to b; move a
}

type told struct {
	done   bool // the condition held
	number int  // of add: the number after it; of read: the number; of a condition that did not hold: what was there instead
	all    [counters]int
}

// client does what is asked with the engine.
type client struct {
	*world
	table *Table
}

func counterKey(i int) attribute.Item { return item("h", fmt.Sprint(i)) }

func numberOf(it attribute.Item) int {
	if it == nil {
		return absent
	}
	n, _ := it.Get("n").Number().Int64()
	return int(n)
}

// compiled is an update with a condition, each empty for none, over the values :a and :b.
func compiled(update, condition string, a, b int) (decide func(key attribute.Item) Decide, holds Condition, err error) {
	scope := expression.NewScope(nil, item(":a", a, ":b", b))
	if condition != "" {
		c, err := scope.Condition(condition)
		if err != nil {
			return nil, nil, err
		}
		holds = c.Holds
	}
	if update == "" {
		return nil, holds, nil
	}
	u, err := scope.Update(update)
	return func(key attribute.Item) Decide {
		return func(current attribute.Item) (attribute.Item, error) {
			next, _, err := u.Apply(current, key)
			return next, err
		}
	}, holds, err
}

func (c *client) do(in ask) (out told, err error) {
	ctx, key := context.Background(), counterKey(in.i)
	switch in.kind {
	case "add":
		decide, _, err := compiled("ADD n :a", "", in.a, 0)
		if err != nil {
			return out, err
		}
		change, err := c.Update(ctx, c.table, key, nil, decide(key))
		return told{done: true, number: numberOf(change.New)}, err
	case "set":
		condition := "n = :a"
		if in.a == absent {
			condition = "attribute_not_exists(h)"
		}
		decide, holds, err := compiled("SET n = :b", condition, in.a, in.b)
		if err != nil {
			return out, err
		}
		return c.judged(c.Update(ctx, c.table, key, holds, decide(key)))
	case "delete":
		_, holds, err := compiled("", "n < :a", in.a, 0)
		if err != nil {
			return out, err
		}
		return c.judged(c.Delete(ctx, c.table, key, holds))
	case "move":
		return c.move(in)
	case "read":
		it, err := c.Get(ctx, c.table, key, nil)
		return told{done: true, number: numberOf(it)}, err
	}
	return c.readAll()
}

func (c *client) judged(_ Change, err error) (told, error) {
	var failed *ConditionError
	if errors.As(err, &failed) {
		return told{number: numberOf(failed.Current)}, nil
	}
	return told{done: err == nil}, err
}

// move takes from one item what it gives to another, if there is enough.
func (c *client) move(in ask) (out told, err error) {
	from, to := counterKey(in.i), counterKey(in.j)
	take, enough, err := compiled("SET n = n - :a", "n >= :a", in.a, 0)
	if err != nil {
		return out, err
	}
	give, _, err := compiled("ADD n :a", "", in.a, 0)
	if err != nil {
		return out, err
	}
	first, err := UpdateOf(c.table, from, enough, take(from))
	second, err2 := UpdateOf(c.table, to, nil, give(to))
	if err := errors.Join(err, err2); err != nil {
		return out, err
	}
	_, _, err = c.Transact(context.Background(), nil, []Write{first, second})
	var cancelled *TransactionError
	if errors.As(err, &cancelled) {
		return out, nil
	}
	return told{done: err == nil}, err
}

func (c *client) readAll() (out told, err error) {
	places := make([]Place, counters)
	for i := range places {
		if places[i], err = PlaceOf(c.table, counterKey(i)); err != nil {
			return out, err
		}
	}
	items, err := c.GetTogether(context.Background(), places)
	for i := range items {
		out.all[i] = numberOf(items[i])
	}
	return out, err
}

// apply is what one client alone would see.
func apply(state [counters]int, in ask) (out told, next [counters]int) {
	next = state
	now := &next[in.i]
	switch in.kind {
	case "add":
		if *now == absent {
			*now = 0
		}
		*now += in.a
		return told{done: true, number: *now}, next
	case "set":
		if *now != in.a {
			return told{number: *now}, next
		}
		*now = in.b
	case "delete":
		if *now == absent || *now >= in.a {
			return told{number: *now}, next
		}
		*now = absent
	case "move":
		if *now == absent || *now < in.a {
			return told{}, next
		}
		*now -= in.a
		if next[in.j] == absent {
			next[in.j] = 0
		}
		next[in.j] += in.a
	case "read":
		return told{done: true, number: *now}, next
	default:
		return told{all: next}, next
	}
	return told{done: true}, next
}

func orderModel(apply func([counters]int, ask) (told, [counters]int)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return [counters]int{absent, absent, absent} },
		Step: func(state, input, output any) (bool, any) {
			want, next := apply(state.([counters]int), input.(ask))
			return output.(told) == want, next
		},
	}
}

func drawAsk(r *rand.Rand) ask {
	kind := []string{"add", "set", "move", "move", "delete", "read", "readAll", "readAll"}[r.IntN(8)]
	in := ask{kind: kind, i: r.IntN(counters), a: r.IntN(3), b: r.IntN(3)}
	in.j = (in.i + 1 + r.IntN(counters-1)) % counters
	if kind == "set" && r.IntN(3) == 0 {
		in.a = absent
	}
	return in
}

// record has several clients ask at the same time, and gives what each asked and was told, and when.
func record(t *testing.T, seed uint64, clients, each int) []porcupine.Operation {
	w := newWorld(t)
	c := &client{w, w.create(tableNamed("Counters", 1, attribute.S, 0))}
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var group sync.WaitGroup
	for id := range clients {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(id)))
			for range each {
				op := porcupine.Operation{ClientId: id, Input: drawAsk(r), Call: time.Since(start).Nanoseconds()}
				out, err := c.do(op.Input.(ask))
				op.Return = time.Since(start).Nanoseconds()
				if err != nil {
					t.Errorf("%+v: %v", op.Input, err)
					return
				}
				op.Output = out
				mu.Lock()
				history = append(history, op)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return history
}

// TestConcurrentClientsSeeOneOrder: what many clients saw of conditional updates, counters, transactions and reads of several items
// is what they would have seen one after the other (P4). And a history that has been tampered with has no such order, nor has a true
// one under rules that are not the engine's.
func TestConcurrentClientsSeeOneOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	history := record(t, seed, 6, 60)
	if got := porcupine.CheckOperationsTimeout(orderModel(apply), history, time.Minute); got != porcupine.Ok {
		t.Fatalf("no order explains what the clients saw: %s", got)
	}
	halfMoves := func(state [counters]int, in ask) (told, [counters]int) {
		out, next := apply(state, in)
		if in.kind == "move" {
			next[in.j] = state[in.j]
		}
		return out, next
	}
	if porcupine.CheckOperationsTimeout(orderModel(halfMoves), history, time.Minute) != porcupine.Illegal {
		t.Error("an order was found although transactions would have done half of their work")
	}
	last := slices.MaxFunc(history, func(a, b porcupine.Operation) int { return int(a.Return - b.Return) })
	late := last.Return + 1
	forged := append(slices.Clone(history), porcupine.Operation{
		ClientId: 99, Input: ask{kind: "readAll"}, Call: late, Output: told{all: [counters]int{1 << 19, absent, absent}}, Return: late + 1})
	if porcupine.CheckOperationsTimeout(orderModel(apply), forged, time.Minute) != porcupine.Illegal {
		t.Error("an order was found for a history with a read that nobody made")
	}
}
