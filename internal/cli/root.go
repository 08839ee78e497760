// Package cli is the command line.
//
// Callers may rely on this: data goes to standard output, progress and logs to standard error; exit codes are
// those in exit.go; and every flag can also be given by the environment (SEALTABLE_DATA for --data) and by
// config.yaml in the configuration directory, in this order of precedence.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Main runs the command that args name and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "sealtable: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return exitCode(err)
}

// endings are the signals that end a command in good order. A terminal that is closed is one, unless nohup
// has it ignored.
func endings() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealtable",
		Short: "A self-hosted database that speaks DynamoDB, with real encryption under KMS keys",
		Example: `  sealtable dev                          # an empty server to try things out; gone at exit
  sealtable serve                        # a persistent server
  eval "$(sealtable env)"                # point the AWS CLI and SDKs at it
  sealtable audit                        # which key is every table under, and does it still work
  sealtable trail --since 1h             # who did what, under which key
  sealtable inspect DIR                  # prove offline what is on disk`,
		SilenceUsage:               true,
		SilenceErrors:              true,
		Args:                       knownCommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fillFlags(cmd)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
	})
	root.AddCommand(newDev(), newServe(), newEnv(), newAWS(), newConfigure(), newAudit(), newFix(),
		newInspect(), newKeys(), newAccounts(),
		newTrail(), newVersion())
	return root
}

// knownCommand refuses the name of a command that there is not.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		return usageError(fmt.Errorf("unknown command %q; did you mean %s?", args[0],
			strings.Join(similar, " or ")))
	}
	return usageError(fmt.Errorf("unknown command %q; see %s help", args[0], cmd.CommandPath()))
}

// knownSettings are the names of the flags of all commands.
func knownSettings() []string {
	seen := map[string]bool{}
	var names []string
	for _, cmd := range newRoot().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, own := f.Annotations[ownFlag]; !own && !seen[f.Name] && f.Name != "help" {
				seen[f.Name] = true
				names = append(names, f.Name)
			}
		})
	}
	return names
}

// noArguments refuses arguments with a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("%s takes no argument %q; see %s --help", cmd.CommandPath(), args[0],
			cmd.CommandPath()))
	}
	return nil
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArguments, Example: "  sealtable version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "sealtable "+version())
			return err
		},
	}
}

// version is that of the module, or of the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}
