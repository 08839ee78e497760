package seal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var errPower = errors.New("the disk is gone")

// change is something that replaces the keyring file, and the options that open the file before and after it.
type change struct {
	name          string
	before, after Options
	do            func(*Root) error
}

func changes() []change {
	secret := cheap("old passphrase")
	file := Options{cost: secret.cost}
	return []change{
		{"rotate", file, file, (*Root).Rotate},
		{"rotate under a passphrase", secret, secret, (*Root).Rotate},
		{"file to passphrase", file, secret, func(r *Root) error { return r.Rewrap(withSeal(secret, Passphrase)) }},
		{"file to what another process made", file, secret, func(r *Root) error {
			made, err := r.MakeSeal(withSeal(secret, Passphrase))
			if err == nil {
				err = r.TakeSeal(made)
			}
			return err
		}},
		{"passphrase to file", secret, file, func(r *Root) error { return r.Rewrap(Options{Seal: File}) }},
	}
}

func withSeal(o Options, kind Kind) Options {
	o.Seal = kind
	return o
}

func on(o Options, disk *crashDisk) Options {
	o.disk = disk
	return o
}

func kindOf(o Options) Kind {
	if o.Passphrase != nil {
		return Passphrase
	}
	return File
}

// Power that fails before any step of a change leaves a keyring that opens in the old way or in the new way, and holds what
// was wrapped before.
func TestPowerLossAtEveryStep(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			disk, random := newCrashDisk(), rand.New(rand.NewPCG(1, 2))
			root := must(Create("", on(withSeal(c.before, kindOf(c.before)), disk)))(t)
			record := must(root.Wrap("test", []byte("owner"), []byte("wrapped before")))(t)
			steps := 0
			disk.hook = func(step string) error {
				steps++
				for _, percent := range []int{0, 50, 100} {
					checkAfterCrash(t, step, c, disk.afterCrash(percent, random), record)
				}
				return nil
			}
			if err := c.do(root); err != nil {
				t.Fatal(err)
			}
			if steps < 8 {
				t.Errorf("only %d steps were seen", steps)
			}
			disk.hook = nil
			after := must(Open("", on(withSeal(c.after, kindOf(c.after)), disk.afterCrash(0, nil))))(t)
			checkSecret(t, after, record, "wrapped before")
		})
	}
}

func checkAfterCrash(t *testing.T, step string, c change, disk *crashDisk, record []byte) {
	t.Helper()
	root, err := Open("", on(c.before, disk))
	if err != nil {
		root, err = Open("", on(c.after, disk))
	}
	if err != nil {
		t.Errorf("power lost before %q: %v", step, err)
		return
	}
	defer root.Close()
	checkSecret(t, root, record, "wrapped before")
	if err := root.Rotate(); err != nil { // what is left of the interrupted change is not in the way
		t.Errorf("power lost before %q: cannot rotate then: %v", step, err)
	}
}

func TestPowerLossWhileCreating(t *testing.T) {
	disk, random := newCrashDisk(), rand.New(rand.NewPCG(3, 4))
	disk.hook = func(step string) error {
		for _, percent := range []int{0, 50, 100} {
			left := disk.afterCrash(percent, random)
			root, err := Open("", on(Options{}, left))
			if errors.Is(err, ErrMissing) {
				root, err = Create("", on(Options{}, left))
			}
			if err != nil {
				t.Errorf("power lost before %q: %v", step, err)
				continue
			}
			_ = root.Close()
		}
		return nil
	}
	root := must(Create("", on(Options{}, disk)))(t)
	disk.hook = nil
	again := must(Open("", on(Options{}, disk.afterCrash(0, nil))))(t)
	if again.InstallationID() != root.InstallationID() {
		t.Error("Create returned before the keyring was durable")
	}
}

// A step that fails makes the change fail, and leaves a root that works and a file that opens; the change can be repeated.
func TestFailureAtEveryStep(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			for failing := 0; ; failing++ {
				if failsAt(t, c, failing) {
					break
				}
			}
		})
	}
}

// failsAt lets one step fail, and says whether the change has no such step.
func failsAt(t *testing.T, c change, failing int) (done bool) {
	t.Helper()
	var warned error
	disk := newCrashDisk()
	o := on(withSeal(c.before, kindOf(c.before)), disk)
	o.Warn = func(err error) { warned = err }
	root := must(Create("", o))(t)
	defer root.Close()
	record := must(root.Wrap("test", nil, []byte("kept")))(t)
	count, failed := -1, ""
	disk.hook = func(step string) error {
		count++
		if count == failing {
			failed = step
			return errPower
		}
		return nil
	}
	err := c.do(root)
	disk.hook = nil
	if failed == "" {
		return true
	}
	var known *Error
	if err == nil && !errors.Is(warned, errPower) {
		t.Errorf("failing %q went unnoticed", failed)
	}
	if err != nil && (!errors.As(err, &known) || !errors.Is(err, errPower)) {
		t.Errorf("failing %q gives %v", failed, err)
	}
	checkSecret(t, root, record, "kept")
	if err := c.do(root); err != nil {
		t.Errorf("cannot repeat after failing %q: %v", failed, err)
	}
	newer := must(root.Wrap("test", nil, []byte("newer")))(t)
	again := must(Open("", on(c.after, disk.afterCrash(0, nil))))(t)
	defer again.Close()
	checkSecret(t, again, record, "kept")
	checkSecret(t, again, newer, "newer")
	return false
}

func checkSecret(t *testing.T, r *Root, record []byte, want string) {
	t.Helper()
	owner := []byte("owner")
	if want != "wrapped before" {
		owner = nil
	}
	key, err := r.Unwrap("test", owner, record)
	if err != nil {
		t.Error(err)
		return
	}
	_ = key.With(func(b []byte) error {
		if !bytes.Equal(b, []byte(want)) {
			t.Error("the secret changed")
		}
		return nil
	})
}

// The old file's content is overwritten once the new one is durable.
func TestOldContentIsOverwritten(t *testing.T) {
	disk := newCrashDisk()
	root := must(Create("", on(Options{cost: cheap("").cost}, disk)))(t)
	old, err := disk.mem.Open(disk.Path(keyringName)) // stays open behind the rename
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Rewrap(withSeal(cheap("a new passphrase"), Passphrase)); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 100)
	if _, err := old.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, make([]byte, 100)) {
		t.Error("the file that held the bare sealing key can still be read")
	}
}

// What a write left that was cut short is overwritten before its name goes: it holds the same keys, perhaps in a weaker seal.
func TestLeftoverIsOverwritten(t *testing.T) {
	disk := newCrashDisk()
	root := must(Create("", on(Options{cost: cheap("").cost}, disk)))(t)
	disk.hook = func(step string) error {
		if step == "rename" {
			return errPower
		}
		return nil
	}
	if err := root.Rotate(); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	disk.hook = nil
	left, err := disk.mem.Open(disk.Path(tempName)) // stays open behind the removal
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Rewrap(withSeal(cheap("a new passphrase"), Passphrase)); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 100)
	if _, err := left.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, make([]byte, 100)) {
		t.Error("the leftover that held the bare sealing key can still be read")
	}
}

// A process that was killed between renaming and syncing leaves a file that power loss would undo. The next process makes it
// durable before it wraps anything under its root key.
func TestKilledBeforeTheNameWasDurable(t *testing.T) {
	disk := newCrashDisk()
	root := must(Create("", on(Options{cost: cheap("").cost}, disk)))(t)
	disk.hook = func(step string) error {
		if step == "sync directory" {
			return errPower
		}
		return nil
	}
	if err := root.Rotate(); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	disk.hook = nil
	next := must(Open("", on(Options{}, disk)))(t)
	record := must(next.Wrap("test", nil, []byte("kept")))(t)
	if version, err := RecordVersion(record); version != 2 || err != nil {
		t.Fatalf("the new file is not the visible one: version %d, %v", version, err)
	}
	checkSecret(t, must(Open("", on(Options{}, disk.afterCrash(0, nil))))(t), record, "kept")
}
