package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/server"
)

// serverFlags are the flags of serve and dev.
type serverFlags struct {
	config         server.Config
	seal           string
	passphraseFile string
	external       externalFlags
	logFormat      string
}

func (f *serverFlags) add(flags *pflag.FlagSet) {
	c := &f.config
	flags.StringArrayVar(&c.Listen, "listen", []string{"127.0.0.1:8000"},
		"address to listen on, HOST:PORT; may be given several times")
	flags.StringVar(&c.TLSCert, "tls-cert", "", "certificate file for TLS")
	flags.StringVar(&c.TLSKey, "tls-key", "", "key file for TLS")
	flags.BoolVar(&c.InsecureListen, "insecure-listen", false,
		"allow plain HTTP on an address that other machines can reach")
	flags.StringVar(&c.AdminListen, "admin-listen", "", "address for metrics and profiles, HOST:PORT; none "+
		"by default")
	flags.StringVar(&c.Account, "account", defaultAccount, "id of the account, 12 digits")
	flags.StringVar(&c.Region, "region", "us-east-1", "region that is printed in exports; requests name "+
		"their own")
	flags.DurationVar(&c.KeyCacheLifetime, "key-cache-ttl", 5*time.Minute,
		"how long a table stays open after its key was last allowed")
	flags.DurationVar(&c.KeySweep, "key-sweep", time.Minute,
		"how often keys that can no longer be used are looked for")
	flags.DurationVar(&c.ArchiveAfter, "archive-after", 168*time.Hour,
		"when a table whose key cannot be used is archived")
	flags.DurationVar(&c.Transition, "transition", 0, "how long CREATING, UPDATING and the like stay visible")
	flags.IntVar(&c.TrailFiles, "trail-files", 16, "how many files of 64 MiB the trail of calls may take; "+
		"the oldest are removed")
	flags.BoolVar(&c.EnforceThroughput, "enforce-throughput", false,
		"throttle tables at their provisioned throughput and their limits of on-demand throughput")
	flags.StringArrayVar(&c.OIDCIssuers, "oidc-issuer", nil,
		"issuer of ID tokens for AssumeRoleWithWebIdentity, URL=FILE with its JSON Web Key Set; may be "+
			"given several times")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	addConfigFlag(flags, &c.ConfigDir)
}

func addConfigFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "config", defaultDir("XDG_CONFIG_HOME", ".config"),
		"directory of the keyring, the credentials and config.yaml")
}

func addDataFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "data", defaultDir("XDG_DATA_HOME", ".local/share"),
		"directory of the encrypted data")
}

func addSealFlags(flags *pflag.FlagSet, kind, passphraseFile *string) {
	flags.StringVar(kind, "seal", "", "how the root key is locked: file, passphrase, awskms or pkcs11; a "+
		"new installation takes file")
	flags.StringVar(passphraseFile, "passphrase-file", "",
		passphraseHelp("file that holds the passphrase or PIN", passphraseVariable))
}

func passphraseHelp(what, variable string) string {
	return what + "; else a credential of systemd, else " + variable + ", else the terminal is asked"
}

// defaultAccount is the account of an installation that was told of no other.
const defaultAccount = "123456789012"

// defaultDir is sealtable below the directory that a variable names, or below one in the home directory.
func defaultDir(variable, inHome string) string {
	if dir := os.Getenv(variable); dir != "" {
		return filepath.Join(dir, "sealtable")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(".", "sealtable")
	}
	return filepath.Join(home, filepath.FromSlash(inHome), "sealtable")
}

func newServe() *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a persistent server",
		Long: `Run a persistent server.

The first start makes the installation: the root key in the file keyring and the root access key of the account in the file
credentials, both in the configuration directory and readable by you alone. Back up the keyring: without it the data directory
is worthless. Signatures and policies are enforced.`,
		Example: `  sealtable serve
  sealtable serve --data /srv/sealtable --listen 127.0.0.1:8000
  sealtable serve --seal passphrase --passphrase-file /run/secrets/sealtable
  sealtable serve --wait-for-unseal                        # then: sealtable keys unseal
  sealtable serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.serve(cmd) },
	}
	f.add(cmd.Flags())
	addDataFlag(cmd.Flags(), &f.config.DataDir)
	addSealFlags(cmd.Flags(), &f.seal, &f.passphraseFile)
	f.external.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.config.WaitForUnseal, "wait-for-unseal", false,
		"start sealed when the root key is not available yet: refuse everything, keep asking the seal, and "+
			"wait for sealtable keys unseal")
	return cmd
}

func (f *serverFlags) serve(cmd *cobra.Command) error {
	if err := f.prepare(cmd.ErrOrStderr()); err != nil {
		return err
	}
	return f.run(cmd.Context(), func(s *server.Server) error {
		return f.announce(cmd.ErrOrStderr(), s)
	})
}

// prepare completes the configuration from the flags, and hardens the process before there is a key in it.
func (f *serverFlags) prepare(stderr io.Writer) error {
	log, err := newLogger(stderr, f.logFormat)
	if err != nil {
		return err
	}
	f.config.Log, f.config.Version = log, version()
	if f.config.Seal, err = parseSeal(f.seal); err != nil {
		return err
	}
	passphrase := keyringSecret(f.passphraseFile)
	passphrase.silent = f.config.WaitForUnseal
	f.config.Passphrase, f.config.External = passphrase.source(stderr), f.external.wrapper
	if err := lockedmem.HardenProcess(); err != nil {
		log.Warn("core dumps of this process could not be turned off", "error", err)
	}
	return nil
}

// run opens the server, tells ready about it, and serves until it is told to stop.
func (f *serverFlags) run(ctx context.Context, ready func(*server.Server) error) error {
	s, err := server.Open(ctx, f.config)
	if err != nil {
		return classify(err)
	}
	err = ready(s)
	if err == nil {
		err = s.Wait(ctx)
	}
	return errors.Join(err, s.Close())
}

// classify gives the errors of a root key that is not available, and of flags that are wrong, their exit
// code.
func classify(err error) error {
	var wrong *server.ConfigError
	if errors.As(err, &wrong) {
		return usageError(err)
	}
	for _, sealed := range []error{seal.ErrPassphrase, seal.ErrUnavailable, seal.ErrMissing,
		seal.ErrInstallation, seal.ErrMode, seal.ErrOwner} {
		if errors.Is(err, sealed) {
			return sealedError(err)
		}
	}
	return err
}

func (f *serverFlags) announce(stderr io.Writer, s *server.Server) error {
	state := "ready"
	if s.Sealed() {
		state = "sealed"
	}
	for _, address := range s.Addresses() {
		f.config.Log.Info(state, "endpoint", f.endpoint(address), "account", f.config.Account)
	}
	if isTerminal(stderr) {
		fmt.Fprintf(stderr, "\nIn another terminal:  eval \"$(sealtable env)\"\n\n")
	}
	return nil
}

func (f *serverFlags) endpoint(address string) string {
	if f.config.TLSCert != "" {
		return "https://" + address
	}
	return "http://" + address
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usageError(fmt.Errorf("--log-format is text or json, not %q", format))
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
