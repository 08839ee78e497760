package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealtable/sealtable/internal/auth/credentials"
)

func newEnv() *cobra.Command {
	f := &serverFlags{}
	dev := false
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print shell exports that point the AWS CLI and SDKs at the server",
		Example: `  eval "$(sealtable env)"
  eval "$(sealtable env --dev)"             # for sealtable dev, which takes any access key
  eval "$(sealtable env --account staging)" # another account; see sealtable accounts
  eval "$(sealtable env --config /etc/sealtable --listen 127.0.0.1:8000)"`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key := credentials.Key{ID: "dev", Secret: "dev"}
			if !dev {
				var err error
				if key, err = rootKeyOf(f.config.ConfigDir, f.config.Account); err != nil {
					return fmt.Errorf("%w; for sealtable dev, say sealtable env --dev", err)
				}
			}
			return printExports(cmd.OutOrStdout(), exports{
				endpoint: f.endpoint(f.config.Listen[0]), region: f.config.Region, keyID: key.ID,
				secret: key.Secret,
			})
		},
	}
	f.add(cmd.Flags())
	hideFlags(cmd.Flags(), "admin-listen", "archive-after", "enforce-throughput", "insecure-listen",
		"key-cache-ttl", "key-sweep", "log-format",
		"oidc-issuer", "tls-key", "trail-files", "transition")
	cmd.Flags().BoolVar(&dev, "dev", false, "for a server started with sealtable dev")
	return cmd
}

// hideFlags leaves flags of the server out of the help of a command that takes them, so that both can be
// given the same, and does not look at them.
func hideFlags(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.Lookup(name).Hidden = true
	}
}
