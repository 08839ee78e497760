package cli

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/server"
)

// ask has the server that runs on the configuration directory do something, and proves with the keyring that
// it may. False means that no server runs there.
func (f *keysFlags) ask(root *seal.Root, operation string, body []byte, result any) (asked bool, err error) {
	client, err := control.Dial(f.config)
	if errors.Is(err, control.ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	key, err := root.InstallationKey(seal.Control)
	if err != nil {
		return true, err
	}
	defer key.Destroy()
	return true, refusal(client.Do(operation, key, body, result))
}

// refusal gives a server's refusal its exit code.
func refusal(err error) error {
	var refused *control.RefusedError
	if errors.As(err, &refused) && refused.Sealed {
		return sealedError(err)
	}
	return err
}

// note leaves a note of what was done while no server ran, which the next start puts in the trail.
func note(config, name string, details map[string]string) error {
	return control.AddNote(config, control.Note{Time: time.Now().UTC(), Name: name, Details: details})
}

func (f *keysFlags) noteVersion(name string, root *seal.Root) error {
	return note(f.config, name, map[string]string{"version": strconv.Itoa(int(newestVersion(root)))})
}

// rotate makes a new root key, in the server if one runs.
func (f *keysFlags) rotate(cmd *cobra.Command, root *seal.Root) error {
	var change server.KeysChange
	asked, err := f.ask(root, control.Rotate, nil, &change)
	if err != nil {
		return err
	}
	if asked {
		return say(cmd, "root key %d wraps from now on; export the keyring anew\n", change.Version)
	}
	if err := root.Rotate(); err != nil {
		return err
	}
	if err := f.noteVersion("RotateRootKey", root); err != nil {
		return err
	}
	return say(cmd, "root key %d wraps from now on; export the keyring anew\n", newestVersion(root))
}

// rewrapAnywhere wraps everything anew, in the server if one runs.
func (f *keysFlags) rewrapAnywhere(cmd *cobra.Command, root *seal.Root, arena *lockedmem.Arena) error {
	var change server.KeysChange
	asked, err := f.ask(root, control.Rewrap, nil, &change)
	if err != nil {
		return err
	}
	if !asked {
		return f.rewrap(cmd, root, arena)
	}
	return say(cmd, "root key %d wraps the material of %s; export the keyring anew\n", change.Version,
		count(change.Keys, "KMS key"))
}

// reseal makes the new seal here, where passphrases are typed and credentials lie, and hands it to the server
// if one runs.
func (f *keysFlags) reseal(
	cmd *cobra.Command, root *seal.Root, kind seal.Kind, passphrase func() ([]byte, error),
) error {
	made, err := root.MakeSeal(seal.Options{Seal: kind, Passphrase: passphrase,
		External: f.external.wrappers(passphrase)})
	if err != nil {
		return err
	}
	body, err := control.EncodeSeal(made)
	defer lockedmem.Wipe(body)
	if err != nil {
		made.Destroy()
		return err
	}
	asked, err := f.ask(root, control.Seal, body, nil)
	if !asked && err == nil {
		if err = root.TakeSeal(made); err == nil {
			return errors.Join(note(f.config, "ChangeSeal", map[string]string{"seal": kind.String()}),
				say(cmd, "the keyring is sealed by %s\n", kind))
		}
	}
	if asked || err != nil {
		made.Destroy()
	}
	if err != nil {
		return err
	}
	return say(cmd, "the keyring is sealed by %s\n", kind)
}

func newKeysUnseal() *cobra.Command {
	config, file := "", ""
	cmd := &cobra.Command{
		Use:   "unseal",
		Short: "Give a server that started sealed the passphrase of its keyring",
		Long: `Give a server that was started with --wait-for-unseal the passphrase of its keyring, or the PIN of its token. It goes over a socket in the
configuration directory that nobody but the server's user can open, and is not logged. After a wrong one the server takes no other for
a while: a second first, then two, up to five minutes.

A server whose seal is a KMS unseals itself when that is back.`,
		Example: `  sealtable keys unseal
  sealtable keys unseal --passphrase-file /run/secrets/sealtable`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return unseal(cmd, config, passphraseSource(file, cmd.ErrOrStderr()))
		},
	}
	addConfigFlag(cmd.Flags(), &config)
	cmd.Flags().StringVar(&file, "passphrase-file", "",
		passphraseHelp("file that holds the passphrase or PIN", passphraseVariable))
	return cmd
}

// unseal asks for the state first, so that nobody types a passphrase in vain. The server gives a connection
// ten seconds: typing may take longer, so the request is made over one of its own.
func unseal(cmd *cobra.Command, config string, source func() ([]byte, error)) (err error) {
	client, err := control.Dial(config)
	if err != nil {
		return err
	}
	sealed := client.Sealed()
	if err := client.Close(); err != nil {
		return err
	}
	if !sealed {
		return say(cmd, "the server is not sealed\n")
	}
	passphrase, err := source()
	defer lockedmem.Wipe(passphrase)
	if err != nil {
		return err
	}
	if client, err = control.Dial(config); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if err := refusal(client.Do(control.Unseal, nil, passphrase, nil)); err != nil {
		return err
	}
	return say(cmd, "the server is unsealed\n")
}
