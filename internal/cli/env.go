package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealtable/sealtable/internal/auth/credentials"
)

func newEnv() *cobra.Command {
	f := &clientFlags{}
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print shell exports that point the AWS CLI and SDKs at the server",
		Long: `Print shell exports that point the AWS CLI and SDKs at the server.

The AWS CLI before 1.29.0 and 2.13.0, and boto3 before 1.28.0, do not know AWS_ENDPOINT_URL and would call AWS. If the CLI in
PATH is one of these, a note on standard error says so; sealtable aws runs it against the server all the same.`,
		Example: `  eval "$(sealtable env)"
  eval "$(sealtable env --dev)"             # for sealtable dev, which takes any access key
  eval "$(sealtable env --account staging)" # another account; see sealtable accounts
  eval "$(sealtable env --config /etc/sealtable --listen 127.0.0.1:8000)"`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := f.exports()
			if err != nil {
				return err
			}
			if old := oldCLI(cmd.Context()); old != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "# the AWS CLI in PATH, %s, does not know AWS_ENDPOINT_URL "+
					"and would call AWS: "+
					"say sealtable aws instead of aws, or give --endpoint-url\n", old)
			}
			return printExports(cmd.OutOrStdout(), e)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// clientFlags are the flags of commands that point clients at a server. They take those of the server too, so
// that both can be given the same, and do not look at most.
type clientFlags struct {
	server serverFlags
	dev    bool
}

func (f *clientFlags) add(flags *pflag.FlagSet) {
	f.server.add(flags)
	shown := []string{"account", "config", "listen", "region", "tls-cert"}
	flags.VisitAll(func(flag *pflag.Flag) { flag.Hidden = !slices.Contains(shown, flag.Name) })
	flags.BoolVar(&f.dev, "dev", false, "for a server started with sealtable dev")
}

// exports are what clients of the server need that the flags name.
func (f *clientFlags) exports() (exports, error) {
	c := f.server.config
	e := exports{endpoint: f.server.endpoint(c.Listen[0]), region: c.Region, keyID: "dev", secret: "dev"}
	if f.dev {
		return e, nil
	}
	key, err := rootKeyOf(c.ConfigDir, c.Account)
	if err != nil {
		return exports{}, fmt.Errorf("%w; for sealtable dev: sealtable env --dev", err)
	}
	return e.with(key), nil
}

// exports are what a client of the server has in its environment.
type exports struct{ endpoint, region, keyID, secret string }

func (e exports) with(key credentials.Key) exports {
	e.keyID, e.secret = key.ID, key.Secret
	return e
}

// variables are the environment of clients. The endpoint of STS is there by itself too: clients that assume
// the role of a profile make a client of STS of their own, which does not see what the others were given in
// code or by --endpoint-url (aws-cli, issue 7600).
func (e exports) variables() [][2]string {
	return [][2]string{
		{"AWS_ENDPOINT_URL", e.endpoint},
		{"AWS_ENDPOINT_URL_STS", e.endpoint},
		{"AWS_ACCESS_KEY_ID", e.keyID},
		{"AWS_SECRET_ACCESS_KEY", e.secret},
		{"AWS_REGION", e.region},
		{"AWS_DEFAULT_REGION", e.region},
	}
}

// strayVariables would lead clients elsewhere, by other credentials or another endpoint.
func strayVariables() []string {
	return []string{"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "AWS_ENDPOINT_URL_KMS",
		"AWS_ENDPOINT_URL_IAM"}
}

func printExports(w io.Writer, e exports) error {
	var b strings.Builder
	for _, variable := range e.variables() {
		fmt.Fprintf(&b, "export %s=%s\n", variable[0], variable[1])
	}
	fmt.Fprintf(&b, "unset %s\n", strings.Join(strayVariables(), " "))
	_, err := io.WriteString(w, b.String())
	return err
}
