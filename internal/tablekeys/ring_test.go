package tablekeys

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sealtable/sealtable/internal/storage"
)

func TestLifeOfATable(t *testing.T) {
	ctx := t.Context()
	disk := newDisk(t)
	kms := &fakeKMS{disabled: map[string]bool{}}
	r := newRing(t, disk)
	create(t, r, tableA, oldARN)
	if !r.Unlocked(tableA) {
		t.Fatal("a new table is locked")
	}
	first := dataKeys(t, r, tableA)
	if epoch, err := r.NewEpoch(ctx, tableA); epoch != 2 || err != nil {
		t.Fatalf("epoch %d, %v", epoch, err)
	}
	both := dataKeys(t, r, tableA)
	if both[1] != first[1] || both[2] == both[1] {
		t.Error("the data keys are not one old and one new")
	}
	if number := prepareRewrap(t, r, tableA); number != 2 {
		t.Errorf("the second table key has number %d", number)
	}
	for range 2 {
		if err := r.CommitRewrap(ctx, tableA, 2); err != nil {
			t.Fatal(err)
		}
	}
	if epoch, err := r.NewEpoch(ctx, tableA); epoch != 3 || err != nil {
		t.Fatalf("epoch %d, %v", epoch, err)
	}
	if err := r.RetireEpochs(ctx, tableA, func(e storage.Epoch) bool { return e == 2 }); err != nil {
		t.Fatal(err)
	}
	want := dataKeys(t, r, tableA)
	if !slices.Equal(slices.Sorted(maps.Keys(want)), []storage.Epoch{2, 3}) || want[2] != both[2] {
		t.Errorf("%d data keys are left", len(want))
	}
	wantErr(t, "a retired epoch", r.Key(tableA, 1, new([32]byte)), ErrNoEpoch)

	kms.disabled[oldARN] = true
	again := newRing(t, disk.CrashClone(crashNow()))
	if err := again.Unlock(ctx, tableA, kms.unwrap); err != nil {
		t.Fatal(err)
	}
	if got := dataKeys(t, again, tableA); !maps.Equal(got, want) {
		t.Error("the data keys changed over a restart")
	}
	if epoch, err := again.Current(tableA); epoch != 3 || err != nil {
		t.Errorf("current epoch %d, %v", epoch, err)
	}
}

func TestLockedTables(t *testing.T) {
	ctx, kms := t.Context(), &fakeKMS{disabled: map[string]bool{}}
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	r.Lock(tableA)
	r.Lock(tableA)
	chain, bare := generate(newARN, "Orders", 0x22)
	_, current := r.Current(tableA)
	_, epoch := r.NewEpoch(ctx, tableA)
	_, prepared := r.PrepareRewrap(ctx, tableA, chain, bare)
	for what, err := range map[string]error{"current": current, "epoch": epoch, "prepare": prepared,
		"key": r.Key(tableA, 1, new([32]byte)), "unknown": r.Key(tableB, 1, new([32]byte))} {
		wantErr(t, what, err, ErrLocked)
	}
	kms.disabled[oldARN] = true
	err := r.Unlock(ctx, tableA, kms.unwrap)
	wantErr(t, "disabled key", err, ErrLocked)
	if !errors.Is(err, errDisabled) || r.Unlocked(tableA) {
		t.Errorf("the key service's error is lost: %v", err)
	}
	kms.disabled[oldARN] = false
	for range 3 {
		if err := r.Unlock(ctx, tableA, kms.unwrap); err != nil {
			t.Fatal(err)
		}
	}
	if kms.calls != 2 {
		t.Errorf("the key service was asked %d times", kms.calls)
	}
	wantErr(t, "no such table", r.Unlock(ctx, tableB, kms.unwrap), ErrNotFound)
}

func TestWrongTableKeys(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	r.Lock(tableA)
	for what, unwrap := range map[string]Unwrap{
		"another ARN": (&fakeKMS{answers: newARN}).unwrap,
		"another key": answer(bytes.Repeat([]byte{9}, 32)),
		"a short key": answer(make([]byte, 16)),
		"no key":      answer(nil),
	} {
		wantErr(t, what, r.Unlock(t.Context(), tableA, unwrap), ErrTableKey)
		if r.Unlocked(tableA) {
			t.Errorf("%s unlocked the table", what)
		}
	}
}

func answer(key []byte) Unwrap {
	return func(_ context.Context, arn string, _ map[string]string, _ []byte) ([]byte, string, error) {
		return bytes.Clone(key), arn, nil
	}
}

func TestInvalidCalls(t *testing.T) {
	ctx, r := t.Context(), newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	good, bare := generate(oldARN, "Orders", 1)
	wantErr(t, "again", r.Create(ctx, tableA, good, bytes.Clone(bare)), ErrExists)
	wantErr(t, "short table key", r.Create(ctx, tableB, good, []byte("short")), ErrTableKey)
	wantErr(t, "system", r.Create(ctx, storage.System(1), good, bytes.Clone(bare)), ErrSystem)
	for what, spoil := range map[string]func(*Chain){
		"no ARN":          func(c *Chain) { c.KeyARN = "" },
		"long ARN":        func(c *Chain) { c.KeyARN = strings.Repeat("a", maxARN+1) },
		"no ciphertext":   func(c *Chain) { c.TableKeyCiphertext = nil },
		"long ciphertext": func(c *Chain) { c.TableKeyCiphertext = make([]byte, maxCiphertext+1) },
		"long context":    func(c *Chain) { c.Context["k"] = strings.Repeat("v", maxText+1) },
	} {
		c := good.clone()
		spoil(&c)
		wantErr(t, what, r.Create(ctx, tableB, c, bytes.Clone(bare)), ErrInvalid)
	}
	wantErr(t, "nothing to commit", r.CommitRewrap(ctx, tableA, 7), ErrNotPending)
	if err := r.AbortRewrap(ctx, tableA); err != nil {
		t.Error(err)
	}
	if names, err := r.List(); err != nil || !slices.Equal(names, []storage.TableID{tableA}) {
		t.Errorf("listed %v, %v", names, err)
	}
}

func TestPendingChange(t *testing.T) {
	ctx := t.Context()
	disk := newDisk(t)
	kms := &fakeKMS{}
	r := newRing(t, disk)
	create(t, r, tableA, oldARN)
	want := dataKeys(t, r, tableA)
	number := prepareRewrap(t, r, tableA)
	_, err := r.NewEpoch(ctx, tableA)
	wantErr(t, "new epoch", err, ErrPending)
	chain, bare := generate(newARN, "Orders", 0x33)
	_, err = r.PrepareRewrap(ctx, tableA, chain, bare)
	wantErr(t, "prepare again", err, ErrPending)
	wantErr(t, "commit another", r.CommitRewrap(ctx, tableA, number+1), ErrNotPending)
	info, err := r.Describe(tableA)
	if err != nil || info.Current.KeyARN != oldARN || info.Prepared == nil || info.Prepared.KeyARN != newARN ||
		info.Prepared.Number != number || info.Current.Context["aws:dynamodb:tableName"] != "Orders" {
		t.Fatalf("described %+v, %v", info, err)
	}

	restarted := newRing(t, disk.CrashClone(crashNow()))
	if err := restarted.Unlock(ctx, tableA, kms.unwrap); err != nil {
		t.Fatal(err)
	}
	if err := restarted.CommitRewrap(ctx, tableA, number); err != nil {
		t.Fatal(err)
	}
	if restarted.Unlocked(tableA) {
		t.Error("unlocked by the old key after the change to the new one")
	}
	if err := restarted.Unlock(ctx, tableA, (&fakeKMS{disabled: map[string]bool{oldARN: true}}).unwrap); err != nil {
		t.Fatal(err)
	}
	if got := dataKeys(t, restarted, tableA); !maps.Equal(got, want) {
		t.Error("the data keys changed")
	}

	if err := r.AbortRewrap(ctx, tableA); err != nil {
		t.Fatal(err)
	}
	if next := prepareRewrap(t, r, tableA); next != number+1 {
		t.Errorf("after an abort the next table key has number %d", next)
	}
}

func TestSystemTables(t *testing.T) {
	r, same := newRing(t, newDisk(t)), newRing(t, newDisk(t))
	seen := map[[32]byte]bool{}
	for n := range byte(4) {
		id := storage.System(n)
		var key, again [32]byte
		epoch, err := r.Current(id)
		if err = errors.Join(err, r.Key(id, epoch, &key), same.Key(id, epoch, &again)); err != nil {
			t.Fatal(err)
		}
		if key != again {
			t.Error("the key of a system table is not fixed")
		}
		seen[key] = true
		r.Lock(id)
		if !r.Unlocked(id) || r.Unlock(t.Context(), id, nil) != nil {
			t.Error("a system table is locked")
		}
		wantErr(t, "epoch 2", r.Key(id, 2, &key), ErrNoEpoch)
		wantErr(t, "destroy", r.Destroy(t.Context(), id), ErrSystem)
	}
	if len(seen) != 4 {
		t.Error("system tables share a key")
	}
	_ = r.Close()
	wantErr(t, "closed", r.Key(storage.System(1), 1, new([32]byte)), ErrClosed)
}

func TestDestroy(t *testing.T) {
	ctx := t.Context()
	disk := newDisk(t)
	kms := &fakeKMS{}
	r := newRing(t, disk)
	create(t, r, tableA, oldARN)
	file, err := disk.Open(r.path(tableA, keysName)) // stays open behind the removal
	if err != nil {
		t.Fatal(err)
	}
	before, err := readFile(disk, r.path(tableA, keysName))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Destroy(ctx, tableA); err != nil {
			t.Fatal(err)
		}
	}
	after := make([]byte, len(before))
	if _, err := file.ReadAt(after, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(after, before[headerSize:headerSize+16]) || bytes.HasPrefix(after, []byte(magic)) {
		t.Error("the content was not overwritten")
	}
	wantErr(t, "unlock", r.Unlock(ctx, tableA, kms.unwrap), ErrNotFound)
	wantErr(t, "key", r.Key(tableA, 1, new([32]byte)), ErrLocked)
	if names, err := r.List(); err != nil || len(names) != 0 {
		t.Errorf("listed %v, %v", names, err)
	}
}

// A replaced file's content is overwritten: it holds what a change of key or a retirement gave up.
func TestReplacedContentIsOverwritten(t *testing.T) {
	disk := newDisk(t)
	r := newRing(t, disk)
	create(t, r, tableA, oldARN)
	file, err := disk.Open(r.path(tableA, keysName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
		t.Fatal(err)
	}
	left := make([]byte, 8)
	if _, err := file.ReadAt(left, 0); err != nil || string(left) == magic {
		t.Errorf("the replaced file begins with %q, %v", left, err)
	}
}

func TestNothingLegible(t *testing.T) {
	disk := newDisk(t)
	r := newRing(t, disk)
	create(t, r, tableA, oldARN)
	prepareRewrap(t, r, tableA)
	content, err := readFile(disk, r.path(tableA, keysName))
	if err != nil {
		t.Fatal(err)
	}
	chain, _ := generate(oldARN, "Orders", 0x11)
	for _, secret := range []string{"Orders", "arn:aws", "tableName", "123456789012", string(chain.TableKeyCiphertext[:16])} {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%q can be read in the file", secret)
		}
	}
}

// One at a time asks the key service; the others find the table unlocked, or ask for themselves when the first was refused.
func TestUnlockOneAtATime(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	r.Lock(tableA)
	var mu sync.Mutex
	var group sync.WaitGroup
	running := 0
	calls := 0
	refused := 0
	unwrap := func(ctx context.Context, arn string, encryption map[string]string, blob []byte) ([]byte, string, error) {
		mu.Lock()
		calls++
		running++
		first, together := calls == 1, running
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		if together != 1 {
			t.Error("two ask the key service at once")
		}
		if first {
			return nil, "", errDisabled
		}
		return (&fakeKMS{}).unwrap(ctx, arn, encryption, blob)
	}
	for range 16 {
		group.Go(func() {
			if err := r.Unlock(t.Context(), tableA, unwrap); err != nil {
				mu.Lock()
				refused++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if calls != 2 || refused != 1 {
		t.Errorf("%d calls, %d refused", calls, refused)
	}
}

// A table that is locked while the key service is being asked stays locked.
func TestLockBeatsUnlock(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	r.Lock(tableA)
	err := r.Unlock(t.Context(), tableA, func(ctx context.Context, arn string, e map[string]string, b []byte) ([]byte, string, error) {
		r.Lock(tableA)
		return (&fakeKMS{}).unwrap(ctx, arn, e, b)
	})
	wantErr(t, "unlock", err, ErrLocked)
	if r.Unlocked(tableA) {
		t.Error("the table is unlocked")
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, newDisk(t))
		create(t, r, tableA, oldARN)
		r.Lock(tableA)
		ctx, cancel := context.WithCancel(t.Context())
		release, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- r.Unlock(t.Context(), tableA,
				func(ctx context.Context, arn string, e map[string]string, b []byte) ([]byte, string, error) {
					<-release
					return (&fakeKMS{}).unwrap(ctx, arn, e, b)
				})
		}()
		synctest.Wait()
		second := make(chan error, 1)
		go func() { second <- r.Unlock(ctx, tableA, (&fakeKMS{}).unwrap) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Reading, locking and unlocking at the same time gives the right key or says that the table is locked.
func TestConcurrentUse(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	want := dataKeys(t, r, tableA)[1]
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				var key [32]byte
				if err := r.Key(tableA, 1, &key); err == nil && key != want || err != nil && !errors.Is(err, ErrLocked) {
					t.Errorf("another key, or %v", err)
				}
				if err := r.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil && !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
				if _, err := r.Describe(tableA); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Go(func() {
		for range 200 {
			r.Lock(tableA)
		}
	})
	group.Go(func() {
		for range 10 {
			if _, err := r.NewEpoch(t.Context(), tableA); err != nil && !errors.Is(err, ErrLocked) {
				t.Error(err)
			}
		}
	})
	group.Wait()
}

func BenchmarkKey(b *testing.B) {
	r := newRing(b, newDisk(b))
	create(b, r, tableA, oldARN)
	var key [32]byte
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Key(tableA, 1, &key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnlock(b *testing.B) {
	r := newRing(b, newDisk(b))
	create(b, r, tableA, oldARN)
	b.ReportAllocs()
	for b.Loop() {
		r.Lock(tableA)
		if err := r.Unlock(b.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
			b.Fatal(err)
		}
	}
}
