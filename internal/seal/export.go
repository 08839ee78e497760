package seal

import (
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Export gives the keyring sealed under a recovery passphrase, whatever its own seal is: a file to be kept
// far from the data. The passphrase is wiped.
func (r *Root) Export(passphrase []byte) ([]byte, error) {
	defer lockedmem.Wipe(passphrase)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.contents == nil {
		return nil, &Error{Kind: ErrClosed}
	}
	o := r.options
	o.Passphrase = func() ([]byte, error) { return append([]byte(nil), passphrase...), nil }
	sealer, err := o.sealer(Passphrase, "export", r.installation)
	if err != nil {
		return nil, err
	}
	params, key, err := sealer.New()
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	defer params.Destroy()
	outside := sealedFile{kind: Passphrase, installation: r.installation, generation: r.generation}
	var file []byte
	err = params.With(func(b []byte) (err error) {
		outside.params = b
		file, err = appendFile(o.Memory, o.random, exportMagic, outside, key, r.contents)
		return err
	})
	return file, err
}

// Restore makes a keyring file in dir, sealed as o says, from what Export gave. It refuses to replace a
// keyring. The recovery passphrase is wiped.
func Restore(dir string, o Options, export, recovery []byte) (*Root, error) {
	defer lockedmem.Wipe(recovery)
	return create(dir, o, func(r *Root) error { return r.fillFrom(export, recovery) })
}

func (r *Root) fillFrom(export, recovery []byte) error {
	f, err := parseFile("export", exportMagic, export)
	if err != nil {
		return exportHint(err)
	}
	if f.kind != Passphrase {
		return damaged("export", "it is not sealed by a passphrase")
	}
	if want := r.options.Installation; !want.IsZero() && want != f.installation {
		return &Error{Kind: ErrInstallation, Path: "export", Hint: "take the export of " + want.String()}
	}
	o := r.options
	o.Passphrase = func() ([]byte, error) { return append([]byte(nil), recovery...), nil }
	key, c, err := unsealFile(&o, "export", f)
	if err != nil {
		return exportHint(err)
	}
	key.Destroy()
	r.installation = f.installation
	r.generation = f.generation
	r.contents = c
	return nil
}

// exportHint replaces the advice that fits keyring files.
func exportHint(err error) error {
	var e *Error
	if errors.As(err, &e) && errors.Is(err, ErrDamaged) {
		return &Error{Kind: e.Kind, Path: e.Path, Cause: e.Cause, Hint: "use another copy of the export"}
	}
	return err
}
