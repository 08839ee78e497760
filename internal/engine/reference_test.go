package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
	"github.com/sealtable/sealtable/internal/storage"
)

// itemKey is where the reference keeps an item.
type itemKey struct{ h, r string }

// reference is a table as plain maps, and the engine's table that must agree with it.
type reference struct {
	*world
	rt    *rapid.T
	table Name
	items map[itemKey]fields
}

// TestAgainstReference: whatever is written, read, sealed, restarted and indexed in whatever order, the engine answers what plain
// maps and a naive interpreter answer.
func TestAgainstReference(t *testing.T) {
	w := newWorld(t)
	count := 0
	rapid.Check(t, func(rt *rapid.T) {
		count++
		table := tableNamed(fmt.Sprint("R", count), 0, attribute.S, attribute.S)
		table.ID[2], table.ID[3] = byte(count>>8), byte(count)
		if err := w.CreateTable(context.Background(), table); err != nil {
			rt.Fatal(err)
		}
		m := &reference{world: w, rt: rt, table: table.Name, items: map[itemKey]fields{}}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			m.step()
		}
		for w.tend(rt, table.Name) {
		}
		w.checkIndexes(rt, table.Name)
		m.readAll()
		if err := w.DeleteTable(context.Background(), table.Name, table.ID); err != nil {
			rt.Fatal(err)
		}
	})
}

func (m *reference) now() *Table {
	table, err := m.Table(m.table)
	if err != nil {
		m.rt.Fatal(err)
	}
	return table
}

func (m *reference) step() {
	steps := map[string]func(){
		"put": m.putOne, "update": m.updateOne, "delete": m.deleteOne, "transact": m.transact, "batch": m.batch, "get": m.getSome,
		"query": m.query, "scan": m.scan, "disturb": m.disturb,
	}
	steps[rapid.SampledFrom(slices.Sorted(maps.Keys(steps))).Draw(m.rt, "step")]()
}

func (m *reference) key(label string) itemKey {
	return itemKey{rapid.SampledFrom([]string{"a", "b"}).Draw(m.rt, label+"h"),
		rapid.SampledFrom([]string{"1", "2", "3", "33", "4"}).Draw(m.rt, label+"r")}
}

func (k itemKey) fields() fields { return fields{"h": k.h, "r": k.r} }

func (m *reference) drawing() *drawing { return &drawing{rt: m.rt} }

// draw makes an item with that key.
func (m *reference) draw(k itemKey) fields {
	d, it := m.drawing(), k.fields()
	for _, name := range []string{"n", "m"} {
		if d.what(2) == 0 {
			it[name] = d.number()
		}
	}
	if d.what(2) == 0 {
		it["s"] = d.word()
	}
	if d.what(2) == 0 {
		it["u"] = d.set()
	}
	return it
}

// planned is one write twice: for the engine, and what the reference makes of the item. fits is false where it must be refused.
type planned struct {
	key       itemKey
	condition Condition
	decide    Decide
	next      func(before fields) (after fields, fits bool)
	holds     func(before fields) bool
}

// plan draws a write; kind is put, update, delete or check.
func (m *reference) plan(kind string, key itemKey) planned {
	d, p := m.drawing(), planned{key: key, holds: func(fields) bool { return true }}
	var update change
	if kind == "update" {
		update = d.update()
	}
	var c *asked
	if d.what(3) == 0 || kind == "check" {
		drawn := d.condition(2)
		c = &drawn
	}
	scope := d.scope()
	var compiled *expression.Update
	var err error
	if kind == "update" {
		if compiled, err = scope.Update(update.text); err != nil {
			m.rt.Fatalf("%s: %v", update.text, err)
		}
	}
	if c != nil {
		p.holds = c.holds
		condition, err := scope.Condition(c.text)
		if err != nil {
			m.rt.Fatalf("%s: %v", c.text, err)
		}
		p.condition = condition.Holds
	}
	if err := scope.Finish(); d.count > 0 && err != nil {
		m.rt.Fatal(err)
	}
	switch kind {
	case "put":
		it := m.draw(key)
		p.decide = func(attribute.Item) (attribute.Item, error) { return modelItem(it), nil }
		p.next = func(fields) (fields, bool) { return it, true }
	case "delete":
		p.decide = func(attribute.Item) (attribute.Item, error) { return nil, nil }
		p.next = func(fields) (fields, bool) { return nil, true }
	case "update":
		p.decide = func(current attribute.Item) (attribute.Item, error) {
			next, _, err := compiled.Apply(current, modelItem(key.fields()))
			return next, err
		}
		p.next = func(before fields) (fields, bool) {
			after := maps.Clone(before)
			if after == nil {
				after = key.fields()
			}
			return after, update.apply(before, after)
		}
	default:
		p.next = func(before fields) (fields, bool) { return before, true }
	}
	return p
}

// one does a single write with the engine's call for it, and compares what came of it.
func (m *reference) one(p planned, call func() (Change, error)) {
	before := m.items[p.key]
	after, fits := p.next(before)
	change, err := call()
	var failed *ConditionError
	var wrong *expression.Error
	switch {
	case !p.holds(before):
		if !errors.As(err, &failed) || !reflect.DeepEqual(fieldsOf(failed.Current), before) {
			m.rt.Fatalf("%v: a condition that does not hold: %v", p.key, err)
		}
	case !fits:
		if !errors.As(err, &wrong) {
			m.rt.Fatalf("%v: an update that does not fit: %v", p.key, err)
		}
	case err != nil:
		m.rt.Fatalf("%v: %v", p.key, err)
	default:
		if !reflect.DeepEqual(fieldsOf(change.Old), before) || !reflect.DeepEqual(fieldsOf(change.New), after) {
			m.rt.Fatalf("%v: from %v to %v, reference from %v to %v", p.key, fieldsOf(change.Old), fieldsOf(change.New), before, after)
		}
		m.keep(p.key, after)
	}
}

func (m *reference) keep(k itemKey, it fields) {
	m.items[k] = it
	if it == nil {
		delete(m.items, k)
	}
}

func (m *reference) putOne() {
	p := m.plan("put", m.key("put"))
	m.one(p, func() (Change, error) {
		it, err := p.decide(nil)
		if err != nil {
			return Change{}, err
		}
		return m.Put(context.Background(), m.now(), it, p.condition)
	})
}

func (m *reference) updateOne() {
	p := m.plan("update", m.key("update"))
	m.one(p, func() (Change, error) {
		return m.Update(context.Background(), m.now(), modelItem(p.key.fields()), p.condition, p.decide)
	})
}

func (m *reference) deleteOne() {
	p := m.plan("delete", m.key("delete"))
	m.one(p, func() (Change, error) {
		return m.Delete(context.Background(), m.now(), modelItem(p.key.fields()), p.condition)
	})
}

// writeOf ties a planned write to the table.
func (m *reference) writeOf(kind string, p planned) Write {
	table, key := m.now(), modelItem(p.key.fields())
	var w Write
	var err error
	switch kind {
	case "put":
		it, _ := p.decide(nil)
		w, err = PutOf(table, it, p.condition)
	case "update":
		w, err = UpdateOf(table, key, p.condition, p.decide)
	case "delete":
		w, err = DeleteOf(table, key, p.condition)
	default:
		w, err = CheckOf(table, key, p.condition)
	}
	if err != nil {
		m.rt.Fatal(err)
	}
	return w
}

// transact does several writes or none, and names one item twice now and then.
func (m *reference) transact() {
	var writes []Write
	var plans []planned
	twice, failing := false, false
	seen := map[itemKey]bool{}
	for range rapid.IntRange(1, 4).Draw(m.rt, "writes") {
		kind := rapid.SampledFrom([]string{"put", "update", "delete", "check"}).Draw(m.rt, "kind")
		p := m.plan(kind, m.key("transact"))
		twice = twice || seen[p.key]
		seen[p.key] = true
		_, fits := p.next(m.items[p.key])
		failing = failing || !fits || !p.holds(m.items[p.key])
		writes, plans = append(writes, m.writeOf(kind, p)), append(plans, p)
	}
	_, _, err := m.Transact(context.Background(), nil, writes)
	var cancelled *TransactionError
	switch {
	case twice:
		if !errors.Is(err, ErrSameItem) {
			m.rt.Fatalf("one item twice: %v", err)
		}
	case failing:
		if !errors.As(err, &cancelled) {
			m.rt.Fatalf("a transaction that cannot be done: %v", err)
		}
		for i, p := range plans {
			if _, fits := p.next(m.items[p.key]); (cancelled.Reasons[i] == nil) != (fits && p.holds(m.items[p.key])) {
				m.rt.Fatalf("reason %d: %v", i, cancelled.Reasons[i])
			}
		}
	case err != nil:
		m.rt.Fatal(err)
	default:
		for _, p := range plans {
			after, _ := p.next(m.items[p.key])
			m.keep(p.key, after)
		}
	}
}

func (m *reference) batch() {
	var writes []Write
	after := map[itemKey]fields{}
	for range rapid.IntRange(1, 4).Draw(m.rt, "writes") {
		k := m.key("batch")
		if _, again := after[k]; again {
			continue
		}
		if m.drawing().what(3) == 0 {
			w, err := DeleteOf(m.now(), modelItem(k.fields()), nil)
			if err != nil {
				m.rt.Fatal(err)
			}
			writes, after[k] = append(writes, w.Blindly()), nil
			continue
		}
		it := m.draw(k)
		w, err := PutOf(m.now(), modelItem(it), nil)
		if err != nil {
			m.rt.Fatal(err)
		}
		writes, after[k] = append(writes, w.Blindly()), it
	}
	if _, err := m.Batch(context.Background(), writes); err != nil {
		m.rt.Fatal(err)
	}
	for k, it := range after {
		m.keep(k, it)
	}
}

// getSome reads one item, and several together.
func (m *reference) getSome() {
	k, other := m.key("get"), m.key("other")
	got, err := m.Get(context.Background(), m.now(), modelItem(k.fields()), nil)
	if err != nil || !reflect.DeepEqual(fieldsOf(got), m.items[k]) {
		m.rt.Fatalf("%v: %v %v, reference %v", k, fieldsOf(got), err, m.items[k])
	}
	first, err := PlaceOf(m.now(), modelItem(k.fields()))
	second, err2 := PlaceOf(m.now(), modelItem(other.fields()))
	if err != nil || err2 != nil {
		m.rt.Fatal(err, err2)
	}
	if SamePlaces([]Place{first, second}) != (k == other) {
		m.rt.Fatalf("same places: %v %v", k, other)
	}
	if k == other {
		return
	}
	both, err := m.GetTogether(context.Background(), []Place{first, second})
	if err != nil || !reflect.DeepEqual(fieldsOf(both[0]), m.items[k]) || !reflect.DeepEqual(fieldsOf(both[1]), m.items[other]) {
		m.rt.Fatalf("together: %v %v", both, err)
	}
}

// disturb seals, unseals, restarts, loses power, rotates keys, and adds and drops indexes.
func (m *reference) disturb() {
	ctx, table := context.Background(), m.now()
	switch rapid.SampledFrom([]string{"seal", "lock", "rotate", "restart", "index", "tend", "expand"}).Draw(m.rt, "disturbance") {
	case "seal":
		if err := m.store.SealTable(ctx, table.ID); err != nil {
			m.rt.Fatal(err)
		}
	case "lock":
		m.keys.Switch(table.ID, false)
		sealErr := m.store.SealTable(ctx, table.ID)
		_, err := m.Get(ctx, table, modelItem(m.key("locked").fields()), nil)
		m.keys.Switch(table.ID, true)
		var sealed *storage.SealedError
		if sealErr != nil || !errors.As(err, &sealed) {
			m.rt.Fatalf("without its key the table answers: %v %v", sealErr, err)
		}
	case "rotate":
		m.keys.Rotate(table.ID)
	case "restart":
		m.close()
		m.open()
	case "index":
		which := rapid.SampledFrom([]string{"global", "turned", "wide"}).Draw(m.rt, "which")
		if x := table.Index(which); x == nil {
			m.addIndex(m.rt, m.table, which)
		} else if x.State != IndexClearing {
			m.dropIndex(m.rt, m.table, which)
		}
	case "tend":
		m.tend(m.rt, m.table)
	}
}

// wanted are the reference's items that pass, in the order of their keys.
func (m *reference) wanted(pass func(k itemKey, it fields) bool) []fields {
	var keys []itemKey
	for k, it := range m.items {
		if pass(k, it) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b itemKey) int { return strings.Compare(a.h+"/"+a.r, b.h+"/"+b.r) })
	var out []fields
	for _, k := range keys {
		out = append(out, m.items[k])
	}
	return out
}

// pages follows the pages of a query or scan, with another limit for each.
func (m *reference) pages(
	read func(PageRequest) (*Page, error), filter asked, condition *expression.Condition,
) (items []fields, scanned int) {
	request := PageRequest{}
	if condition != nil {
		request.Filter = condition.Holds
	}
	for range 1000 {
		request.Limit = rapid.IntRange(0, 3).Draw(m.rt, "limit")
		page, err := read(request)
		if err != nil {
			m.rt.Fatal(err)
		}
		if request.Limit > 0 && page.Scanned > request.Limit {
			m.rt.Fatalf("%d items for a limit of %d", page.Scanned, request.Limit)
		}
		scanned += page.Scanned
		for _, it := range page.Items {
			items = append(items, fieldsOf(it))
		}
		request.Start = page.LastKey
		if request.Start == nil {
			return items, scanned
		}
	}
	m.rt.Fatalf("the pages of %s do not end", filter.text)
	return nil, 0
}

// filter draws a filter, or none.
func (m *reference) filter() (asked, *expression.Condition) {
	d := m.drawing()
	if d.what(2) == 0 {
		return asked{"", func(fields) bool { return true }}, nil
	}
	drawn := d.condition(2)
	compiled, err := d.scope().Filter(drawn.text)
	if err != nil {
		m.rt.Fatalf("%s: %v", drawn.text, err)
	}
	return drawn, compiled
}

func (m *reference) query() {
	filter, compiled := m.filter()
	h, r := rapid.SampledFrom([]string{"a", "b", "none"}).Draw(m.rt, "h"), rapid.SampledFrom([]string{"2", "3", "33"}).Draw(m.rt, "r")
	q := Query{Hash: value(h), Low: value(r), Reverse: rapid.Bool().Draw(m.rt, "reverse")}
	q.Comparison = rapid.SampledFrom([]Comparison{Any, Equal, Less, LessOrEqual, Greater, GreaterOrEqual, Between, BeginsWith}).Draw(m.rt,
		"comparison")
	high := "4"
	if q.Comparison == Between {
		q.High = value(high)
	}
	inRange := func(k itemKey) bool {
		return k.h == h && map[Comparison]bool{Any: true, Equal: k.r == r, Less: k.r < r, LessOrEqual: k.r <= r, Greater: k.r > r,
			GreaterOrEqual: k.r >= r, Between: r <= k.r && k.r <= high, BeginsWith: strings.HasPrefix(k.r, r)}[q.Comparison]
	}
	got, scanned := m.pages(func(request PageRequest) (*Page, error) {
		q.Page = request
		return m.Query(context.Background(), m.now(), q)
	}, filter, compiled)
	want := m.wanted(func(k itemKey, it fields) bool { return inRange(k) && filter.holds(it) })
	if q.Reverse {
		slices.Reverse(want)
	}
	if all := m.wanted(func(k itemKey, _ fields) bool { return inRange(k) }); !reflect.DeepEqual(got, want) || scanned != len(all) {
		m.rt.Fatalf("query %v %v of %s, filter %q: %d scanned, %v; reference %d, %v", q.Comparison, r, h, filter.text, scanned, got,
			len(all), want)
	}
}

// scan reads all segments of a table.
func (m *reference) scan() {
	filter, compiled := m.filter()
	total := rapid.IntRange(1, 4).Draw(m.rt, "segments")
	var got []fields
	scanned := 0
	for segment := range total {
		items, n := m.pages(func(request PageRequest) (*Page, error) {
			return m.Scan(context.Background(), m.now(), Scan{Segment: segment, Total: total, Page: request})
		}, filter, compiled)
		got, scanned = append(got, items...), scanned+n
	}
	m.compareScan(got, m.wanted(func(_ itemKey, it fields) bool { return filter.holds(it) }))
	if scanned != len(m.items) {
		m.rt.Fatalf("%d items were scanned of %d", scanned, len(m.items))
	}
}

func (m *reference) compareScan(got, want []fields) {
	order := func(a, b fields) int {
		return strings.Compare(fmt.Sprint(a["h"], "/", a["r"]), fmt.Sprint(b["h"], "/", b["r"]))
	}
	slices.SortFunc(got, order)
	if !reflect.DeepEqual(got, want) {
		m.rt.Fatalf("scan: %v, reference %v", got, want)
	}
}

// readAll reads everything once more after a loss of power: what was answered is there.
func (m *reference) readAll() {
	after := m.after()
	after.open()
	defer after.close()
	page, err := after.Scan(context.Background(), m.now(), Scan{})
	if err != nil {
		m.rt.Fatal(err)
	}
	var got []fields
	for _, it := range page.Items {
		got = append(got, fieldsOf(it))
	}
	m.compareScan(got, m.wanted(func(itemKey, fields) bool { return true }))
}
