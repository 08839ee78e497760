package cli

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sealtable/sealtable/internal/server"
)

func newDev() *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run an empty server to try things out; everything is gone at exit",
		Long: `Run an empty server on loopback, in a temporary directory that is removed at exit. The files in it are encrypted like those
of a real server.

Any access key that the server does not know is root of the account, and its signature is not checked; an access key of 12
digits is root of the account with that number. The clock can be moved:
POST /_sealtable/clock {"advance":"26h"}.`,
		Example: `  sealtable dev
  eval "$(sealtable env --dev)" && aws dynamodb list-tables   # in another terminal
  sealtable dev --listen 127.0.0.1:0 --transition 2s`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.dev(cmd) },
	}
	f.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&f.config.AllowOrigins, "allow-origin", nil,
		"origin of web pages that may call "+
			"this server, such as https://app.example.com, beside those of this machine (repeatable)")
	return cmd
}

func (f *serverFlags) dev(cmd *cobra.Command) (err error) {
	if err := f.prepare(cmd.ErrOrStderr()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sealtable-dev-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f.config.Open = true
	f.config.DataDir, f.config.ConfigDir = filepath.Join(dir, "data"), filepath.Join(dir, "config")
	return f.run(cmd.Context(), func(s *server.Server) error {
		return printExports(cmd.OutOrStdout(), exports{
			endpoint: f.endpoint(s.Addresses()[0]), region: f.config.Region, keyID: s.RootCredentials().ID,
			secret: s.RootCredentials().Secret,
		})
	})
}
