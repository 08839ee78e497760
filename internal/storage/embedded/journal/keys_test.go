package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

var errDisabled = errors.New("the key is disabled")

func TestNothingInTheClear(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	secret := bytes.Repeat([]byte("Kestrel-4711"), 40)
	for range 20 {
		mustCommit(t, j, Section{Table: tableID(1), Payload: secret})
	}
	o.Keys.(*keyring).lock(tableID(1), errDisabled)
	files := snapshot(t, o)
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	parked := o.FS.PathJoin(o.Dir, "parked")
	if err := WriteParked(o.FS, parked, o.FrameKey, tableID(1), park(all, tableID(1))); err != nil {
		t.Fatal(err)
	}
	files[parked] = readFile(t, o.FS, parked)
	for path, b := range files {
		if bytes.Contains(b, []byte("Kestrel")) {
			t.Fatalf("%s holds the payload in the clear", path)
		}
	}
}

// park gathers what Replay could not open of a table.
func park(all []replayed, table storage.TableID) (out []Parked) {
	for _, r := range all {
		for _, s := range r.sections {
			if s.Table == table && s.Err != nil {
				out = append(out, Parked{r.lsn, s.Sealed})
			}
		}
	}
	return out
}

func TestSectionsWithoutAKeyWaitParked(t *testing.T) {
	o := testOptions(vfs.NewMem())
	keys := o.Keys.(*keyring)
	j, _ := mustOpen(t, o)
	for i := range 50 {
		mustCommit(t, j, text(1, fmt.Sprint("one ", i)), text(2, fmt.Sprint("two ", i)))
	}
	mustClose(t, j)
	keys.lock(tableID(2), errDisabled)
	keys.lookups = 0
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	for i, r := range all {
		var sealed *storage.SealedError
		if string(r.sections[0].Payload) != fmt.Sprint("one ", i) || r.sections[0].Err != nil {
			t.Fatalf("the other table: %+v", r.sections[0])
		}
		if s := r.sections[1]; !errors.As(s.Err, &sealed) || sealed.Table != tableID(2) || !errors.Is(s.Err, errDisabled) {
			t.Fatalf("the locked table: %v", s.Err)
		}
	}
	if keys.lookups != 2 {
		t.Fatalf("the key source was asked %d times", keys.lookups)
	}
	path := o.FS.PathJoin(o.Dir, "parked")
	list := park(all, tableID(2))
	// A crash cut the parking short, and it is repeated with more.
	for _, n := range []int{20, 20, 50} {
		if err := WriteParked(o.FS, path, o.FrameKey, tableID(2), list[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenSection(keys, list[0].LSN, list[0].Sealed); !errors.Is(err, errDisabled) {
		t.Fatalf("open while locked: %v", err)
	}
	keys.lock(tableID(2), nil)
	checkParked(t, o, path, 50)
	r, err := Verify(o.FS, path, o.FrameKey, keys)
	if err != nil || r.Kind != KindParked || r.Frame+r.Opened != r.Size || r.First != 1 || r.Last != 50 {
		t.Fatalf("verify: %+v, %v", r, err)
	}
}

func checkParked(t *testing.T, o Options, path string, n int) {
	t.Helper()
	i := 0
	err := ReadParked(o.FS, path, o.FrameKey, tableID(2), func(p Parked) error {
		payload, err := OpenSection(o.Keys, p.LSN, p.Sealed)
		if err != nil || string(payload) != fmt.Sprint("two ", i) || p.LSN != LSN(i+1) {
			return fmt.Errorf("section %d of commit %d: %q, %v", i, p.LSN, payload, err)
		}
		i++
		return nil
	})
	if err != nil || i != n {
		t.Fatalf("%d parked sections, %v", i, err)
	}
}

func parkedImage(t testing.TB) (o Options, path string, image []byte) {
	t.Helper()
	o = testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	mustCommit(t, j, text(2, "two 0"))
	mustCommit(t, j, text(2, "two 1"))
	mustClose(t, j)
	o.Keys.(*keyring).lock(tableID(2), errDisabled)
	j, all := mustOpen(t, o)
	mustClose(t, j)
	o.Keys.(*keyring).lock(tableID(2), nil)
	path = "data/parked"
	if err := WriteParked(o.FS, path, o.FrameKey, tableID(2), park(all, tableID(2))); err != nil {
		t.Fatal(err)
	}
	return o, path, readFile(t, o.FS, path)
}

func TestParkedDamageIsFound(t *testing.T) {
	o, path, image := parkedImage(t)
	read := func(b []byte, table storage.TableID, key [32]byte) error {
		return ReadParked(copyFS(t, map[string][]byte{path: b}, "data"), path, key, table, func(Parked) error { return nil })
	}
	if err := read(image, tableID(2), o.FrameKey); err != nil {
		t.Fatal(err)
	}
	var c *storage.CorruptError
	for at := range image {
		b := bytes.Clone(image)
		b[at] ^= 1
		if err := read(b, tableID(2), o.FrameKey); !errors.As(err, &c) || c.Table != tableID(2) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if err := read(image[:at], tableID(2), o.FrameKey); !errors.As(err, &c) {
			t.Fatalf("cut to %d: %v", at, err)
		}
		if r, err := Verify(copyFS(t, map[string][]byte{path: b}, "data"), path, o.FrameKey, o.Keys); err == nil ||
			r.Frame+r.Opened+r.Locked+r.Damaged != r.Size {
			t.Fatalf("verify with byte %d: %+v, %v", at, r, err)
		}
	}
	for _, err := range []error{
		read(append(bytes.Clone(image), 0), tableID(2), o.FrameKey),
		read(image, tableID(3), o.FrameKey),
		read(image, tableID(2), [32]byte{8}),
	} {
		if !errors.As(err, &c) {
			t.Fatal(err)
		}
	}
	if err := WriteParked(o.FS, path, o.FrameKey, tableID(3), nil); !errors.As(err, &c) {
		t.Fatalf("adding to another table's file: %v", err)
	}
}

func TestParkingSurvivesACrash(t *testing.T) {
	o, _, _ := parkedImage(t)
	o.Keys.(*keyring).lock(tableID(2), errDisabled)
	j, all := mustOpen(t, o)
	mustClose(t, j)
	list := park(all, tableID(2))
	fs := vfs.NewCrashableMem()
	if err := WriteParked(fs, "parked", o.FrameKey, tableID(2), list[:1]); err != nil {
		t.Fatal(err)
	}
	w, err := NewParkedWriter(fs, "parked", o.FrameKey, tableID(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(list[1]); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	w.Abort()
	count := func(fs vfs.FS) (n int) {
		err := ReadParked(fs, "parked", o.FrameKey, tableID(2), func(Parked) error { n++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(crashed); n != 1 {
		t.Fatalf("%d sections after a crash", n)
	}
	if err := WriteParked(crashed, "parked", o.FrameKey, tableID(2), list); err != nil {
		t.Fatal(err)
	}
	if n := count(crashed.CrashClone(vfs.CrashCloneCfg{})); n != 2 {
		t.Fatalf("%d sections after parking again", n)
	}
}

func TestOpenSectionRefusesWhatWasNotSealed(t *testing.T) {
	o, path, _ := parkedImage(t)
	var sealed []byte
	if err := ReadParked(o.FS, path, o.FrameKey, tableID(2), func(p Parked) error {
		sealed = slices.Clone(p.Sealed)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenSection(o.Keys, 2, sealed); err != nil || string(got) != "two 1" {
		t.Fatalf("%q, %v", got, err)
	}
	for at := range sealed {
		b := bytes.Clone(sealed)
		b[at] ^= 0x80
		if got, err := OpenSection(o.Keys, 2, b); err == nil {
			t.Fatalf("byte %d: opened %q", at, got)
		}
	}
	if _, err := OpenSection(o.Keys, 3, sealed); err == nil {
		t.Fatal("opened as the part of another commit")
	}
}

func TestACommitWithoutAKeyWritesNothing(t *testing.T) {
	o := testOptions(vfs.NewMem())
	keys := o.Keys.(*keyring)
	j, _ := mustOpen(t, o)
	defer mustClose(t, j)
	mustCommit(t, j, text(1, "a"))
	keys.lock(tableID(1), errDisabled)
	mustCommit(t, j, text(1, "b")) // the cipher is still held
	j.ForgetKeys(tableID(1))
	groups := j.Stats().Groups
	var sealed *storage.SealedError
	if _, err := j.Commit([]Section{text(2, "c"), text(1, "c")}); !errors.As(err, &sealed) || sealed.Table != tableID(1) {
		t.Fatalf("commit: %v", err)
	}
	if lsn := mustCommit(t, j, text(2, "d")); lsn != 3 || j.Stats().Groups != groups+1 {
		t.Fatalf("LSN %d", lsn)
	}
}

// TestNoncesNeverRepeat forgets keys, changes epochs, restarts, and runs two copies of one directory: no pair of section key
// and nonce may come twice. The section key is known by its inputs: table, epoch, session.
func TestNoncesNeverRepeat(t *testing.T) {
	o := testOptions(vfs.NewMem())
	keys := o.Keys.(*keyring)
	var copied map[string][]byte
	for round := range 3 {
		j, _ := mustOpen(t, o)
		for i := range 30 {
			mustCommit(t, j, text(1, "same"), text(2, "same"))
			if i%5 == 0 {
				j.ForgetKeys(tableID(1))
				keys.epochs[tableID(1)] = storage.Epoch(1 + i%2 + round)
			}
		}
		copied = snapshot(t, o)
		mustClose(t, j)
	}
	second := o
	second.FS = copyFS(t, copied, o.Dir)
	for _, o := range []Options{o, second} {
		j, _ := mustOpen(t, o)
		mustCommit(t, j, text(1, "same"))
		mustClose(t, j)
	}
	seen := map[string]bool{}
	epochs := map[storage.Epoch]bool{}
	for i, o := range []Options{o, second} {
		// All sections come back sealed when no key can be had.
		locked := newKeyring()
		locked.lock(tableID(1), errDisabled)
		locked.lock(tableID(2), errDisabled)
		o.Keys = locked
		_, all, err := reopen(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			for _, s := range r.sections {
				_, session, e, _, err := parseSealed(s.Sealed)
				if err != nil {
					t.Fatal(err)
				}
				id := fmt.Sprint(e.table, e.epoch, session, e.nonce)
				if common := i == 1 && r.lsn <= 90; seen[id] && !common {
					t.Fatalf("record %d: (key, nonce) used twice", r.lsn)
				}
				seen[id] = true
				epochs[s.Epoch] = true
			}
		}
	}
	if len(epochs) < 3 {
		t.Fatalf("epochs %v", epochs)
	}
}

// forgetting forgets a table's key while it is being asked for.
type forgetting struct {
	*keyring
	during func()
}

func (f forgetting) Key(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	err := f.keyring.Key(id, epoch, key)
	f.during()
	return err
}

func TestAKeyForgottenWhileAskedForIsNotKept(t *testing.T) {
	o := testOptions(vfs.NewMem())
	keys := newKeyring()
	var j *Journal
	o.Keys = forgetting{keys, func() { j.ForgetKeys(tableID(1)) }}
	j, _ = mustOpen(t, o)
	defer mustClose(t, j)
	mustCommit(t, j, text(1, "a"))
	keys.lock(tableID(1), errDisabled)
	if _, err := j.Commit([]Section{text(1, "b")}); !errors.Is(err, errDisabled) {
		t.Fatalf("commit under a forgotten key: %v", err)
	}
}
