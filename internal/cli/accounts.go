package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/auth/credentials"
	"github.com/sealtable/sealtable/internal/control"
)

// accountsFlags are the flags that the commands below accounts share.
type accountsFlags struct{ config, account string }

func newAccounts() *cobra.Command {
	f := &accountsFlags{}
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Have several accounts in one installation",
		Long: `Have several accounts in one installation. Each has a root user, principals, keys and tables of its own, and reaches those of another
account only where AWS lets it, and both sides allow it.

The access key of an account's root user lies in the configuration directory, readable by you alone, as that of the installation's
own account does. A server that runs is told at once.`,
		Example: `  sealtable accounts add 111122223333 --alias staging
  eval "$(sealtable env --account staging)"
  sealtable accounts list
  sealtable accounts remove staging`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError(fmt.Errorf("say which: add, list or remove; see %s --help", cmd.CommandPath()))
		},
	}
	cmd.AddCommand(f.newAdd(), f.newList(), f.newRemove())
	return cmd
}

func (f *accountsFlags) add(cmd *cobra.Command) *cobra.Command {
	addConfigFlag(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", defaultAccount,
		"id of the installation's own account, as sealtable serve was told")
	return cmd
}

func oneAccount(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(fmt.Errorf("%s takes one account; see %s --help", cmd.CommandPath(),
			cmd.CommandPath()))
	}
	return nil
}

func (f *accountsFlags) newAdd() *cobra.Command {
	alias := ""
	cmd := &cobra.Command{
		Use: "add ID", Short: "Make the root access key of another account", Args: oneAccount,
		Example: `  sealtable accounts add 111122223333
  sealtable accounts add 111122223333 --alias staging`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == f.account {
				return fmt.Errorf("%s is the installation's own account: its access key is in the file "+
					"credentials", args[0])
			}
			if err := f.isInstallation(); err != nil {
				return err
			}
			added, err := credentials.AddAccount(f.config, args[0], alias)
			if errors.Is(err, credentials.ErrAccountID) || errors.Is(err, credentials.ErrAlias) {
				return usageError(err)
			}
			if err != nil {
				return err
			}
			if err := f.tell("AddRootAccessKey", added); err != nil {
				return fmt.Errorf("the account was added, but the server that runs does not know it: %w: "+
					"start it anew", err)
			}
			return say(cmd, "the root user of %s has the access key %s; its secret is in %s\n", added.ID,
				added.Key.ID, added.Path)
		},
	}
	cmd.Flags().StringVar(&alias, "alias", "", "another name for it")
	return f.add(cmd)
}

// isInstallation refuses a configuration directory without a keyring: one that was mistyped would get a key
// that opens nothing.
func (f *accountsFlags) isInstallation() error {
	_, err := os.Stat(filepath.Join(f.config, "keyring"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not the configuration directory of an installation: give --config, or "+
			"start sealtable serve first", f.config)
	}
	return err
}

func (f *accountsFlags) newRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove ID|ALIAS", Short: "Take the root access key of an account away",
		Long: `Take the root access key of an account away. What the account has in the installation stays: its users and roles go on working,
and a new root access key can be made with accounts add.`,
		Example: `  sealtable accounts remove 111122223333
  sealtable accounts remove staging`,
		Args: oneAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			removed, err := credentials.RemoveAccount(f.config, args[0])
			if err != nil {
				return err
			}
			if err := f.tell("RemoveRootAccessKey", removed); err != nil {
				return fmt.Errorf("the access key was removed, but the server that runs still takes it: "+
					"%w: start it anew", err)
			}
			return say(cmd, "the root user of %s has no access key any more\n", removed.ID)
		},
	}
	return f.add(cmd)
}

func (f *accountsFlags) newList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the accounts whose root user has an access key", Args: noArguments,
		Example: `  sealtable accounts list
  sealtable accounts list --config /srv/sealtable/config`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			accounts, err := credentials.Accounts(f.config)
			if err != nil {
				return err
			}
			aligned := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprint(aligned, "ACCOUNT\tALIAS\tACCESS KEY\n")
			if own, err := credentials.Read(f.config); err == nil {
				fmt.Fprintf(aligned, "%s\t-\t%s\n", f.account, own.ID)
			}
			for _, a := range accounts {
				fmt.Fprintf(aligned, "%s\t%s\t%s\n", a.ID, orDash(a.Alias), a.Key.ID)
			}
			return aligned.Flush()
		},
	}
	return f.add(cmd)
}

// tell has a server that runs read the accounts again, and record what changed. For one that does not it
// leaves a note.
func (f *accountsFlags) tell(event string, changed credentials.Account) (err error) {
	client, err := control.Dial(f.config)
	if errors.Is(err, control.ErrNotRunning) {
		return note(f.config, event, map[string]string{"accountId": changed.ID,
			"accessKeyId": changed.Key.ID})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return client.Do(control.Accounts, nil, nil, nil)
}

// rootKeyOf is the access key of an account's root user, by its id or alias. An id that is not among the
// further accounts is taken for the installation's own, which has its own file.
func rootKeyOf(config, account string) (credentials.Key, error) {
	further, err := credentials.Find(config, account)
	if errors.Is(err, credentials.ErrNoAccount) && strings.Trim(account, "0123456789") == "" {
		return credentials.Read(config)
	}
	return further.Key, err
}
