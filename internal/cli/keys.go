package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/inspect/rewrap"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Look after the installation's root key",
		Long: `Look after the installation's root key, which lies in the file keyring of the configuration directory.

Every command either does what it says or changes nothing. Passphrases come from a file, a credential of
systemd, the environment, or the terminal, never from the command line.`,
		Example: `  sealtable keys status
  sealtable keys export /mnt/safe/sealtable.export
  sealtable keys seal --seal passphrase
  sealtable keys seal --seal awskms --seal-kms-key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  sealtable keys rewrap`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError(fmt.Errorf("say which: status, rotate, rewrap, seal, unseal, export or "+
				"restore; see %s --help", cmd.CommandPath()))
		},
	}
	cmd.AddCommand(newKeysStatus(), newKeysRotate(), newKeysRewrap(), newKeysSeal(), newKeysExport(),
		newKeysRestore(), newKeysUnseal())
	return cmd
}

// keysFlags are the flags that the commands below keys share.
type keysFlags struct {
	config, data   string
	passphraseFile string
	external       externalFlags
}

func (f *keysFlags) add(cmd *cobra.Command) {
	addConfigFlag(cmd.Flags(), &f.config)
	addDataFlag(cmd.Flags(), &f.data)
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "",
		passphraseHelp("file that holds the passphrase or PIN of the keyring", passphraseVariable))
	f.external.add(cmd.Flags())
}

// options are those of the keyring that belongs to the data directory. No data directory fits any keyring.
func (f *keysFlags) options(cmd *cobra.Command, arena *lockedmem.Arena) (seal.Options, error) {
	id, err := inspect.Installation(f.data)
	if err != nil {
		return seal.Options{}, fmt.Errorf("reading the data directory: %w", err)
	}
	passphrase := passphraseSource(f.passphraseFile, cmd.ErrOrStderr())
	return seal.Options{
		Installation: id, DataDir: f.data, Memory: arena, Warn: warner(cmd.ErrOrStderr()),
		Passphrase: passphrase, External: f.external.wrappers(passphrase),
	}, nil
}

func warner(stderr io.Writer) func(error) {
	return func(err error) { fmt.Fprintln(stderr, "sealtable: warning:", err) }
}

// newArena hardens the process and gives memory for keys.
func newArena(cmd *cobra.Command) *lockedmem.Arena {
	warn := warner(cmd.ErrOrStderr())
	if err := lockedmem.HardenProcess(); err != nil {
		warn(err)
	}
	return lockedmem.NewArena(warn)
}

// with opens the keyring for use, and closes it.
func (f *keysFlags) with(cmd *cobra.Command, use func(*seal.Root, *lockedmem.Arena) error) (err error) {
	arena := newArena(cmd)
	defer func() { err = errors.Join(err, arena.Close()) }()
	options, err := f.options(cmd, arena)
	if err != nil {
		return err
	}
	root, err := seal.Open(f.config, options)
	if err != nil {
		return classify(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return use(root, arena)
}

func newKeysStatus() *cobra.Command {
	f, asJSON := &keysFlags{}, false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the seal and the versions of the root key",
		Example: `  sealtable keys status
  sealtable keys status --data /srv/sealtable/data --config /srv/sealtable/config --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(root *seal.Root, _ *lockedmem.Arena) error {
				status, err := f.status(root)
				if err != nil {
					return err
				}
				return status.print(cmd.OutOrStdout(), asJSON)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// keysStatus is what keys status prints; its JSON is described in docs/keys.md.
type keysStatus struct {
	Keyring      string              `json:"keyring"`
	Mode         string              `json:"mode"` // of the file, as chmod takes it
	Installation string              `json:"installation"`
	Seal         string              `json:"seal"`
	Generation   uint64              `json:"generation"` // how many times the file was written
	Data         string              `json:"data"`
	HasData      bool                `json:"hasData"` // there is data, of this installation
	Versions     []keysStatusVersion `json:"versions"`
}

type keysStatusVersion struct {
	Version uint32    `json:"version"`
	ID      string    `json:"id"` // gives nothing away of the key
	Created time.Time `json:"created"`
	Current bool      `json:"current"` // wraps from now on
}

func (f *keysFlags) status(root *seal.Root) (*keysStatus, error) {
	found := root.Status()
	info, err := os.Stat(found.Path)
	if err != nil {
		return nil, err
	}
	id, err := inspect.Installation(f.data)
	if err != nil {
		return nil, err
	}
	status := &keysStatus{
		Keyring: found.Path, Mode: fmt.Sprintf("%04o", info.Mode().Perm()),
		Installation: found.Installation.String(), Seal: found.Seal.String(),
		Generation: found.Generation, Data: f.data, HasData: !id.IsZero(),
	}
	for n, v := range found.Versions {
		status.Versions = append(status.Versions, keysStatusVersion{
			Version: v.Version, ID: v.ID, Created: v.Created, Current: n == len(found.Versions)-1,
		})
	}
	return status, nil
}

func (s *keysStatus) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	}
	data := s.Data + ", of this installation"
	if !s.HasData {
		data = s.Data + ", where there is no data yet"
	}
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(aligned, "keyring\t%s\nmode\t%s\ninstallation\t%s\nseal\t%s\nwritten\t%s\ndata\t%s\n",
		s.Keyring, s.Mode, s.Installation, s.Seal, count(int64(s.Generation), "time"), data)
	for _, v := range s.Versions {
		current := ""
		if v.Current {
			current = ", current"
		}
		fmt.Fprintf(aligned, "root key %d\t%s, made %s%s\n", v.Version, v.ID, v.Created.Format(time.RFC3339),
			current)
	}
	return aligned.Flush()
}

func newKeysRotate() *cobra.Command {
	f := &keysFlags{}
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new version of the root key, which wraps from now on",
		Example: `  sealtable keys rotate
  sealtable keys rotate --passphrase-file /run/secrets/sealtable`,
		Long: `Make a new version of the root key. What is wrapped under an older version stays so, and the older versions stay in the keyring;
keys rewrap wraps it anew. A server that runs uses the new version at once.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(root *seal.Root, _ *lockedmem.Arena) error { return f.rotate(cmd, root) })
		},
	}
	f.add(cmd)
	return cmd
}

func newestVersion(root *seal.Root) uint32 {
	versions := root.Status().Versions
	return versions[len(versions)-1].Version
}

func say(cmd *cobra.Command, format string, args ...any) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format, args...)
	return err
}

func newKeysRewrap() *cobra.Command {
	f := &keysFlags{}
	cmd := &cobra.Command{
		Use:   "rewrap",
		Short: "Make a new root key, and wrap everything that is under an older one anew",
		Example: `  sealtable keys rewrap
  sealtable keys rewrap --data /srv/sealtable/data --config /srv/sealtable/config`,
		Long: `Make a new version of the root key, and wrap the material of every KMS key anew under it. A server that runs does it itself, while it
goes on answering.

Table keys and data keys are under the KMS keys and need no change; no row is written. Older versions of the root key stay in the
keyring, because backups of the data directory are still under them. When it is cut short, start it again.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(root *seal.Root, arena *lockedmem.Arena) error {
				return f.rewrapAnywhere(cmd, root, arena)
			})
		},
	}
	f.add(cmd)
	return cmd
}

// rewrap takes the data directory first, so that nothing is changed when a server has it.
func (f *keysFlags) rewrap(cmd *cobra.Command, root *seal.Root, arena *lockedmem.Arena) (err error) {
	if id, err := inspect.Installation(f.data); err != nil || id.IsZero() {
		return errors.Join(err, fmt.Errorf("%s holds no data: give --data, or use keys rotate", f.data))
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError}))
	dir, err := rewrap.Open(cmd.Context(), f.data, root, arena, log)
	if err != nil {
		return fmt.Errorf("%w: stop the server first; keys rotate works while it runs", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := root.Rotate(); err != nil {
		return err
	}
	n, err := dir.Rewrap(cmd.Context())
	if err != nil {
		return fmt.Errorf("%w: what was done is kept and everything still opens; start keys rewrap again",
			err)
	}
	if err := f.noteVersion("RewrapKeys", root); err != nil {
		return err
	}
	return say(cmd, "root key %d wraps the material of %s; export the keyring anew\n", newestVersion(root),
		count(n, "KMS key"))
}

func newKeysSeal() *cobra.Command {
	f := &keysFlags{}
	kind := ""
	newFile := ""
	cmd := &cobra.Command{
		Use:   "seal --seal KIND",
		Short: "Lock the root key in another way, or with another passphrase",
		Example: `  sealtable keys seal --seal passphrase
  sealtable keys seal --seal passphrase --new-passphrase-file /run/secrets/new
  sealtable keys seal --seal awskms --seal-kms-key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  sealtable keys seal --seal file`,
		Long: `Lock the root key in another way: --seal file leaves it to the mode of the keyring file, passphrase asks for a passphrase at
every start, awskms has it wrapped by a key of AWS KMS or of another Sealtable, pkcs11 by a key in an HSM. The server may run: it
goes on answering, and needs the new seal at its next start.

The root key stays what it was: whoever kept a copy of the old keyring can still use that. Say keys rewrap afterwards if that
matters.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind == "" {
				return usageError(errors.New("say which seal: --seal file, passphrase, awskms or pkcs11"))
			}
			parsed, err := parseSeal(kind)
			if err != nil {
				return err
			}
			return f.with(cmd, func(root *seal.Root, _ *lockedmem.Arena) error {
				return f.reseal(cmd, root, parsed, newSecret(newFile).source(cmd.ErrOrStderr()))
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&kind, "seal", "", "the new seal: file, passphrase, awskms or pkcs11")
	cmd.Flags().StringVar(&newFile, "new-passphrase-file", "",
		passphraseHelp("file that holds the new passphrase or PIN", newPassphraseVariable))
	return cmd
}

func newKeysExport() *cobra.Command {
	f, recoveryFile := &keysFlags{}, ""
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the keyring, locked by a recovery passphrase, into a file to be kept in a safe place",
		Example: `  sealtable keys export /mnt/safe/sealtable.export
  sealtable keys export /mnt/safe/sealtable.export --recovery-passphrase-file /run/secrets/recovery`,
		Long: `Write the keyring into a new file, locked by a recovery passphrase. With both, keys restore makes the keyring again on another
machine. Without the keyring and without an export the data is lost for good: keep the export far from the data.`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNew(args[0], f.data); err != nil {
				return err
			}
			return f.with(cmd, func(root *seal.Root, _ *lockedmem.Arena) error {
				if err := export(cmd, root, args[0], recoverySecret(recoveryFile, true)); err != nil {
					return err
				}
				return f.noteExport()
			})
		},
	}
	f.add(cmd)
	addRecoveryFlag(cmd, &recoveryFile)
	return cmd
}

// noteExport leaves a note, which a server that runs takes at once. One that cannot be told takes it at its
// next start.
func (f *keysFlags) noteExport() error {
	if err := note(f.config, "ExportRootKey", nil); err != nil {
		return err
	}
	client, err := control.Dial(f.config)
	if err != nil {
		return nil
	}
	_ = client.Do(control.Accounts, nil, nil, nil)
	return client.Close()
}

func addRecoveryFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "recovery-passphrase-file", "",
		passphraseHelp("file that holds the recovery passphrase", recoveryVariable))
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(fmt.Errorf("%s takes one file; see %s --help", cmd.CommandPath(),
			cmd.CommandPath()))
	}
	return nil
}

// checkNew refuses to overwrite, and to put an export where it would be stolen with the data.
func checkNew(path, data string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s exists already: choose another name", path))
	}
	err := seal.CheckSeparate(filepath.Dir(path), data)
	if errors.Is(err, seal.ErrInsideData) {
		return fmt.Errorf("%s would be stolen with the data in %s: choose another place", path, data)
	}
	return err
}

func export(cmd *cobra.Command, root *seal.Root, path string, recovery secret) error {
	passphrase, err := recovery.source(cmd.ErrOrStderr())()
	if err != nil {
		return err
	}
	content, err := root.Export(passphrase)
	if err != nil {
		return err
	}
	if err := writeNewFile(path, content); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return say(cmd, "%s opens with the recovery passphrase alone: keep both apart from the data\n", path)
}

// writeNewFile makes a file for its owner alone, durably, or leaves none.
func writeNewFile(path string, content []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func newKeysRestore() *cobra.Command {
	f := &keysFlags{}
	kind := ""
	recoveryFile := ""
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the keyring again from an export",
		Example: `  sealtable keys restore /mnt/safe/sealtable.export
  sealtable keys restore /mnt/safe/sealtable.export --seal passphrase --config /srv/sealtable/config`,
		Long: `Make the keyring again in the configuration directory, from what keys export wrote and the recovery passphrase. A keyring that is
there is never overwritten. With --seal passphrase the new keyring is locked by the passphrase that --passphrase-file,
` + passphraseVariable + ` or the terminal gives.`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := parseSeal(kind)
			if err != nil {
				return err
			}
			return f.restore(cmd, args[0], parsed, recoverySecret(recoveryFile, false))
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&kind, "seal", "", "how the new keyring is locked: file (the default), "+
		"passphrase, awskms or pkcs11")
	addRecoveryFlag(cmd, &recoveryFile)
	return cmd
}

func (f *keysFlags) restore(cmd *cobra.Command, path string, kind seal.Kind, recovery secret) (err error) {
	content, err := readExport(path)
	if err != nil {
		return err
	}
	// before anybody types a passphrase in vain
	if _, err := os.Lstat(filepath.Join(f.config, "keyring")); err == nil {
		return fmt.Errorf("%s holds a keyring already: it is not overwritten", f.config)
	}
	arena := newArena(cmd)
	defer func() { err = errors.Join(err, arena.Close()) }()
	options, err := f.options(cmd, arena)
	if err != nil {
		return err
	}
	passphrase, err := recovery.source(cmd.ErrOrStderr())()
	if err != nil {
		return err
	}
	_, missing := os.Lstat(f.config)
	options.Seal = kind
	root, err := seal.Restore(f.config, options, content, passphrase)
	if err != nil {
		if errors.Is(missing, fs.ErrNotExist) {
			_ = os.Remove(f.config) // made on the way, and empty; when it cannot be removed it does no harm
		}
		return classify(err)
	}
	status := root.Status()
	return errors.Join(root.Close(), say(cmd, "%s is the keyring of installation %s, sealed by %s\n",
		status.Path, status.Installation, status.Seal))
}

// maxExport is more than any export has.
const maxExport = 2 << 20

func readExport(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxExport))
	if err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	return content, nil
}
