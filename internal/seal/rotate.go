package seal

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"slices"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Rotate makes a new version of the root key, which wraps from now on. The older ones stay for what they
// wrapped. When it fails nothing was rotated, and it can be repeated.
func (r *Root) Rotate() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	lock, now, err := r.begin()
	if err != nil {
		return diskError(r.dir.Path(""), err)
	}
	defer lock.Close()
	if len(now.versions) == maxVersions {
		return &Error{Kind: ErrVersion, Path: r.dir.Path(keyringName),
			Cause: errors.New("no room for another root key"),
			Hint:  "export the data to a new installation"}
	}
	version, err := r.newVersion(now.current().number + 1)
	if err != nil {
		return err
	}
	next := &contents{secret: now.secret, versions: append(slices.Clone(now.versions), version)}
	if err := r.write(r.kind, r.params, r.sealKey, next); err != nil {
		version.key.Destroy()
		return diskError(r.dir.Path(keyringName), err)
	}
	r.mu.Lock()
	r.contents = next
	r.mu.Unlock()
	r.recordRotation()
	return nil
}

// Rewrap seals the keyring anew, in the way that o says: another kind of seal, or another passphrase. Of o
// Seal, Passphrase and External count. The root key stays what it was: whoever could open the old file and
// kept a copy of it can do so still, so rotate the root key afterwards if that matters.
func (r *Root) Rewrap(o Options) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	lock, _, err := r.begin()
	if err != nil {
		return diskError(r.dir.Path(""), err)
	}
	defer lock.Close()
	kind := o.Seal
	if kind == 0 {
		kind = r.kind
	}
	return diskError(r.dir.Path(keyringName), r.reseal(kind, o))
}

// begin locks the directory and makes sure that the file is still the one this root knows. The caller holds
// writing.
func (r *Root) begin() (io.Closer, *contents, error) {
	r.mu.RLock()
	now := r.contents
	r.mu.RUnlock()
	if now == nil {
		return nil, nil, &Error{Kind: ErrClosed}
	}
	if err := r.dir.Check(); err != nil {
		return nil, nil, err
	}
	lock, err := r.dir.Lock(true)
	if err != nil {
		return nil, nil, err
	}
	file, err := r.dir.Read(keyringName)
	defer lockedmem.Wipe(file)
	if err == nil && !r.sameFile(file) {
		err = &Error{Kind: ErrChanged, Path: r.dir.Path(keyringName),
			Hint: "start again, so that the new one is read"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = &Error{Kind: ErrMissing, Path: r.dir.Path(keyringName), Hint: hintBackup}
	}
	if err != nil {
		_ = lock.Close()
		return nil, nil, err
	}
	return lock, now, nil
}

// reseal writes the file under a new seal and takes that over.
func (r *Root) reseal(kind Kind, o Options) error {
	o.Seal = kind
	s, err := r.MakeSeal(o)
	if err != nil {
		return err
	}
	if err := r.write(s.Kind, s.Params, s.Key, r.contents); err != nil {
		s.Destroy()
		return err
	}
	r.adopt(s)
	return nil
}

// write replaces the file. When that fails, either file may be there after a crash; both open all that was
// wrapped until then, since nothing uses the new one yet.
func (r *Root) write(kind Kind, params, key *lockedmem.Key, c *contents) error {
	outside := sealedFile{kind: kind, installation: r.installation, generation: r.generation + 1}
	var file []byte
	err := params.With(func(b []byte) (err error) {
		outside.params = b
		file, err = appendFile(r.options.Memory, r.options.random, keyringMagic, outside, key, c)
		return err
	})
	if err != nil {
		return err
	}
	defer lockedmem.Wipe(file)
	sum := sha256.Sum256(file)
	r.mu.Lock()
	r.known = append(r.known, sum)
	r.mu.Unlock()
	if err := replace(r.dir, keyringName, file, r.options.Warn); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.generation = [][sha256.Size]byte{sum}, outside.generation
	return nil
}
