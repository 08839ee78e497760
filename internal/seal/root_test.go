package seal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// must gives v, or ends the test.
func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// cheap is a passphrase seal that costs nothing; TestDefaultCost has a real one.
func cheap(passphrase string) Options {
	return Options{
		Passphrase: func() ([]byte, error) { return []byte(passphrase), nil },
		cost:       cost{memory: 8, time: 1, threads: 1},
		Now:        func() time.Time { return time.Unix(1_800_000_000, 0) },
	}
}

// configDir is a fresh directory path that does not exist yet.
func configDir(t *testing.T) string { return filepath.Join(t.TempDir(), "config") }

func bytesOf(t testing.TB, key *lockedmem.Key, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, key.Len())
	if err := key.CopyTo(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCreateThenOpen(t *testing.T) {
	for _, o := range []Options{{}, withSeal(cheap("correct horse"), Passphrase)} {
		dir := configDir(t)
		made := must(Create(dir, o))(t)
		record := must(made.Wrap("test", []byte("me"), []byte("secret")))(t)
		catalog := installationKey(t, made, Catalog)
		if err := made.Close(); err != nil {
			t.Fatal(err)
		}
		o.Seal = 0
		o.Installation = made.InstallationID()
		root := must(Open(dir, o))(t)
		key, err := root.Unwrap("test", []byte("me"), record)
		if got := bytesOf(t, key, err); string(got) != "secret" {
			t.Error("the secret changed")
		}
		if !bytes.Equal(installationKey(t, root, Catalog), catalog) {
			t.Error("the installation key changed")
		}
		info := must(os.Stat(filepath.Join(dir, keyringName)))(t)
		if info.Mode() != fileMode {
			t.Errorf("mode %v", info.Mode())
		}
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	}
}

func installationKey(t testing.TB, r *Root, p Purpose) []byte {
	t.Helper()
	key, err := r.InstallationKey(p)
	return bytesOf(t, key, err)
}

func TestRotation(t *testing.T) {
	dir := configDir(t)
	root := must(Create(dir, Options{}))(t)
	defer root.Close()
	old := must(root.Wrap("test", nil, []byte("under version 1")))(t)
	journal := installationKey(t, root, Journal)
	if err := root.Rotate(); err != nil {
		t.Fatal(err)
	}
	newer := must(root.Wrap("test", nil, []byte("under version 2")))(t)
	if v, err := RecordVersion(old); v != 1 || err != nil {
		t.Errorf("old record: version %d, %v", v, err)
	}
	if v, err := RecordVersion(newer); v != 2 || err != nil {
		t.Errorf("new record: version %d, %v", v, err)
	}
	again := must(Open(dir, Options{}))(t)
	defer again.Close()
	for _, r := range []*Root{root, again} {
		checkSecret(t, r, old, "under version 1")
		checkSecret(t, r, newer, "under version 2")
		if !bytes.Equal(installationKey(t, r, Journal), journal) {
			t.Error("rotation changed an installation key")
		}
		if s := r.Status(); len(s.Versions) != 2 || s.Generation != 2 || s.Versions[0].ID == s.Versions[1].ID {
			t.Errorf("status %+v", s)
		}
	}
}

// A keyring takes as many versions as it can be read with, and then says so.
func TestLastRotation(t *testing.T) {
	dir := configDir(t)
	root := must(Create(dir, Options{}))(t)
	defer root.Close()
	for number := uint32(2); number < maxVersions; number++ {
		root.contents.versions = append(root.contents.versions, must(root.newVersion(number))(t))
	}
	if err := root.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := root.Rotate(); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "no room for another root key") {
		t.Errorf("one rotation too many: %v", err)
	}
	again := must(Open(dir, Options{}))(t)
	defer again.Close()
	if n := len(again.Status().Versions); n != maxVersions {
		t.Errorf("%d versions came back of %d", n, maxVersions)
	}
}

func TestInstallationKeysDiffer(t *testing.T) {
	one, two := must(Create(configDir(t), Options{}))(t), must(Create(configDir(t), Options{}))(t)
	defer one.Close()
	defer two.Close()
	seen := map[string]bool{}
	for _, r := range []*Root{one, two} {
		for _, p := range []Purpose{Catalog, Journal, Trail, IAMSecrets, Iterators} {
			seen[string(installationKey(t, r, p))] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d different keys of 10", len(seen))
	}
	if _, err := one.InstallationKey("other"); !errors.Is(err, ErrPurpose) {
		t.Errorf("an unknown purpose: %v", err)
	}
}

// Each case prepares a directory whose keyring must be refused, for the reason given, without changing a byte.
func TestRefusals(t *testing.T) {
	wide := func(what string, mode os.FileMode) func(*testing.T, string) Options {
		return func(t *testing.T, dir string) Options {
			if err := os.Chmod(filepath.Join(dir, what), mode); err != nil {
				t.Fatal(err)
			}
			return Options{}
		}
	}
	given := func(o Options) func(*testing.T, string) Options {
		return func(*testing.T, string) Options { return o }
	}
	for _, c := range []struct {
		name string
		seal Options
		prep func(t *testing.T, dir string) Options
		want error
		says string
	}{
		{"file readable by the group", Options{}, wide(keyringName, 0o640), ErrMode, "chmod 600"},
		{"file readable by all", Options{}, wide(keyringName, 0o604), ErrMode, "chmod 600"},
		{"directory readable by all", Options{}, wide("", 0o755), ErrMode, "chmod 700"},
		{"another owner", Options{}, chown, ErrOwner, "chown"},
		{"no file", Options{}, func(t *testing.T, dir string) Options {
			return errOptions(t, os.Remove(filepath.Join(dir, keyringName)))
		}, ErrMissing, "keys restore"},
		{"no directory", Options{}, func(t *testing.T, dir string) Options {
			return errOptions(t, os.RemoveAll(dir))
		}, ErrMissing, "keys restore"},
		{"a symbolic link", Options{}, func(t *testing.T, dir string) Options {
			real := filepath.Join(dir, "real")
			name := filepath.Join(dir, keyringName)
			return errOptions(t, errors.Join(os.Rename(name, real), os.Symlink(real, name)))
		}, ErrDisk, "symbolic"},
		{"torn file", Options{}, func(t *testing.T, dir string) Options {
			return errOptions(t, os.Truncate(filepath.Join(dir, keyringName), 60))
		}, ErrDamaged, "restore"},
		{"wrong passphrase", withSeal(cheap("the right one"), Passphrase), given(cheap("the wrong one")), ErrPassphrase, "try again"},
		{"no passphrase", withSeal(cheap("the right one"), Passphrase), given(Options{cost: cheap("").cost}), ErrPassphrase, "give"},
		{"passphrase from a broken source", withSeal(cheap("the right one"), Passphrase), given(Options{cost: cheap("").cost,
			Passphrase: func() ([]byte, error) { return nil, os.ErrClosed }}), os.ErrClosed, "give"},
		{"another installation", Options{}, given(Options{Installation: ID{1}}), ErrInstallation, "belongs to the data"},
		{"another seal", Options{}, given(withSeal(cheap("a passphrase"), Passphrase)), ErrSealKind, "keys seal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := configDir(t)
			if err := must(Create(dir, c.seal))(t).Close(); err != nil {
				t.Fatal(err)
			}
			o := c.prep(t, dir)
			before := snapshot(t, dir)
			_, err := Open(dir, o)
			var known *Error
			if !errors.Is(err, c.want) || !errors.As(err, &known) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, "\n") {
				t.Errorf("the message is %q and should say %q", text, c.says)
			}
			if after := snapshot(t, dir); after != before {
				t.Error("the refusal changed the disk")
			}
		})
	}
}

func errOptions(t *testing.T, err error) Options {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return Options{}
}

func chown(t *testing.T, dir string) Options {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	return errOptions(t, os.Chown(filepath.Join(dir, keyringName), 12345, -1))
}

// snapshot lists names, modes and contents.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info := must(e.Info())(t)
		content, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		all.WriteString(e.Name() + info.Mode().String() + info.ModTime().String() + string(content))
	}
	return all.String()
}

func TestCreateRefusesToReplace(t *testing.T) {
	dir := configDir(t)
	must(Create(dir, Options{}))(t)
	before := snapshot(t, dir)
	if _, err := Create(dir, Options{}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	if after := snapshot(t, dir); after != before {
		t.Error("the refusal changed the disk")
	}
}

func TestPlace(t *testing.T) {
	base := t.TempDir()
	data := filepath.Join(base, "data")
	link := filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Symlink(data, link)); err != nil {
		t.Fatal(err)
	}
	for config, ok := range map[string]bool{
		data: false, filepath.Join(data, "config"): false, filepath.Join(data, "a", "b"): false,
		link: false, filepath.Join(link, "new", "config"): false, filepath.Join(data, "..", "data", "x"): false,
		filepath.Join(base, "config"): true, data + "-config": true, filepath.Join(data, "..", "..x"): true, base: true,
	} {
		err := CheckSeparate(config, data)
		if ok != (err == nil) || !ok && !errors.Is(err, ErrInsideData) {
			t.Errorf("%s: %v", config, err)
		}
	}
	if _, err := Create(filepath.Join(link, "config"), Options{DataDir: data}); !errors.Is(err, ErrInsideData) {
		t.Errorf("Create: %v", err)
	}
	if entries := must(os.ReadDir(data))(t); len(entries) != 0 {
		t.Error("the refusal left something behind")
	}
}

func TestTwoProcesses(t *testing.T) {
	dir := configDir(t)
	one := must(Create(dir, Options{}))(t)
	two := must(Open(dir, Options{}))(t)
	if err := two.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := one.Rotate(); !errors.Is(err, ErrChanged) {
		t.Errorf("rotating over another's rotation: %v", err)
	}
	lock := must(osDirectory(dir).Lock(true))(t)
	if err := two.Rotate(); !errors.Is(err, ErrBusy) {
		t.Errorf("rotating while another does: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := two.Rotate(); err != nil {
		t.Error(err)
	}
}

func TestExportRestore(t *testing.T) {
	source := must(Create(configDir(t), withSeal(cheap("daily passphrase"), Passphrase)))(t)
	if err := source.Rotate(); err != nil {
		t.Fatal(err)
	}
	record := must(source.Wrap("test", nil, []byte("kept")))(t)
	recovery := []byte("recovery passphrase")
	export := must(source.Export(bytes.Clone(recovery)))(t)

	elsewhere := configDir(t)
	for name, c := range map[string]struct {
		export, passphrase []byte
		want               error
	}{
		"wrong passphrase": {export, []byte("recovery Passphrase"), ErrPassphrase},
		"short passphrase": {export, []byte("short"), ErrPassphrase},
		"torn export":      {export[:len(export)-1], recovery, ErrDamaged},
		"not an export":    {[]byte("hello"), recovery, ErrDamaged},
		"keyring file":     {must(source.dir.Read(keyringName))(t), recovery, ErrDamaged},
	} {
		if _, err := Restore(elsewhere, cheap(""), bytes.Clone(c.export), bytes.Clone(c.passphrase)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(snapshot(t, elsewhere)) != 0 {
			t.Errorf("%s left something behind", name)
		}
	}
	restored := must(Restore(elsewhere, cheap(""), export, bytes.Clone(recovery)))(t)
	checkSecret(t, restored, record, "kept")
	if restored.InstallationID() != source.InstallationID() || restored.Status().Seal != File {
		t.Errorf("restored %+v", restored.Status())
	}
	if _, err := Restore(elsewhere, cheap(""), export, bytes.Clone(recovery)); !errors.Is(err, ErrExists) {
		t.Errorf("restoring over a keyring: %v", err)
	}
	checkSecret(t, must(Open(elsewhere, Options{}))(t), record, "kept")
}

func TestClosedRootRefuses(t *testing.T) {
	memory := lockedmem.NewArena(nil)
	root := must(Create(configDir(t), Options{Memory: memory}))(t)
	record := must(root.Wrap("test", nil, []byte("secret")))(t)
	if err := errors.Join(root.Close(), root.Close()); err != nil {
		t.Fatal(err)
	}
	if s := memory.Stats(); s.Keys != 0 {
		t.Errorf("%d keys are left in memory", s.Keys)
	}
	_, wrap := root.Wrap("test", nil, []byte("secret"))
	_, unwrap := root.Unwrap("test", nil, record)
	_, install := root.InstallationKey(Catalog)
	_, export := root.Export([]byte("a passphrase"))
	for i, err := range []error{wrap, unwrap, install, export, root.Rotate(), root.Rewrap(Options{})} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

// The real cost, once: 64 MiB and three passes.
func TestDefaultCost(t *testing.T) {
	o := cheap("correct horse battery")
	o.cost = cost{}
	disk := newCrashDisk()
	root := must(Create("", on(withSeal(o, Passphrase), disk)))(t)
	defer root.Close()
	file := must(disk.Read(keyringName))(t)
	want := []byte{1, 0x13, 0, 1, 0, 0, 0, 0, 0, 3, 2}
	if got := file[headerSize+2 : headerSize+2+len(want)]; !bytes.Equal(got, want) {
		t.Errorf("parameters % x", got)
	}
	record := must(root.Wrap("test", nil, []byte("kept")))(t)
	checkSecret(t, must(Open("", on(o, disk)))(t), record, "kept")
}

// A file that someone else wrote cannot make guessing cheap or opening expensive.
func TestCostBounds(t *testing.T) {
	real := func() ([]byte, error) { return []byte("never asked for"), errors.New("asked for a passphrase") }
	s := passphraseSealer{arena: lockedmem.NewArena(nil), source: real}
	for name, head := range map[string][]byte{
		"little memory": {1, 0x13, 0, 0, 0xff, 0xff, 0, 0, 0, 3, 2},
		"all memory":    {1, 0x13, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 2},
		"one pass":      {1, 0x13, 0, 1, 0, 0, 0, 0, 0, 1, 2},
		"many passes":   {1, 0x13, 0, 1, 0, 0, 0xff, 0, 0, 3, 2},
		"no thread":     {1, 0x13, 0, 1, 0, 0, 0, 0, 0, 3, 0},
		"many threads":  {1, 0x13, 0, 1, 0, 0, 0, 0, 0, 3, 255},
	} {
		if _, err := s.Open(append(head, make([]byte, 32)...)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Open(append([]byte{2, 0x13, 0, 1, 0, 0, 0, 0, 0, 3, 2}, make([]byte, 32)...)); !errors.Is(err, ErrVersion) {
		t.Errorf("newer parameters: %v", err)
	}
}

// resum makes a changed file pass for one that is not torn.
func resum(file []byte) []byte {
	content := file[:len(file)-sumSize]
	sum := sha256.Sum256(content)
	return append(bytes.Clone(content), sum[:]...)
}
