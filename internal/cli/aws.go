package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func newAWS() *cobra.Command {
	f, flagsGiven := &clientFlags{}, false
	cmd := &cobra.Command{
		Use:   "aws COMMAND…",
		Short: "Run the AWS CLI against the server, whatever its age",
		Long: `Run the AWS CLI in PATH with the endpoint of the server and the root access key.

The server is the one that AWS_ENDPOINT_URL names, as sealtable env sets it, with the credentials of the environment; or, where
that is not set or one of the flags is given, the one that the flags name. Flags of sealtable stand before the command of the
CLI; what follows is the CLI's. Its exit code is the exit code.`,
		Example: `  sealtable aws dynamodb list-tables
  sealtable aws --dev kms create-key
  sealtable aws --account staging --region eu-west-1 dynamodb describe-table --table-name music`,
		Args: func(cmd *cobra.Command, args []string) error {
			// later the environment and the file of settings fill in more
			flagsGiven = cmd.Flags().NFlag() > 0
			if len(args) == 0 {
				return usageError(errors.New("sealtable aws needs a command of the AWS CLI, such as " +
					"dynamodb list-tables"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			endpoint := os.Getenv("AWS_ENDPOINT_URL")
			if endpoint != "" && !flagsGiven {
				return runCLI(cmd.Context(), endpoint, append(os.Environ(), "AWS_ENDPOINT_URL_STS="+endpoint),
					args)
			}
			e, err := f.exports()
			if err != nil {
				return err
			}
			return runCLI(cmd.Context(), e.endpoint, e.environment(os.Environ()), args)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// runCLI becomes the CLI. It returns only when it could not.
func runCLI(ctx context.Context, endpoint string, environment, args []string) error {
	path, err := exec.LookPath("aws")
	if err != nil {
		return errors.New("there is no AWS CLI in PATH; Debian has it in the package awscli")
	}
	if err := refuseElsewhere(ctx, args); err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{"aws", "--endpoint-url", endpoint}, args...), environment)
}

// refuseElsewhere refuses arguments with which the CLI would call something else than the server. The CLI
// takes beginnings of its options' names for them.
func refuseElsewhere(ctx context.Context, args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		switch {
		case len(name) > len("--e") && strings.HasPrefix("--endpoint-url", name):
			return usageError(errors.New("sealtable aws gives --endpoint-url itself; to name another, " +
				"call aws"))
		case len(name) > len("--p") && strings.HasPrefix("--profile", name):
			if old := oldCLI(ctx); old != "" {
				return usageError(fmt.Errorf("the AWS CLI %s would send what a profile asks of STS to AWS; "+
					"say it "+
					"without --profile", old))
			}
		}
	}
	return nil
}

// environment is an environment with the exports in it, and without what would lead elsewhere.
func (e exports) environment(of []string) []string {
	stray := strayVariables()
	kept := slices.DeleteFunc(of, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(stray, name)
	})
	for _, variable := range e.variables() {
		kept = append(kept, variable[0]+"="+variable[1])
	}
	return kept
}

// oldCLI is the version of the AWS CLI in PATH if that does not know AWS_ENDPOINT_URL. It is empty also where
// there is no CLI, or one that does not tell its version.
func oldCLI(ctx context.Context) string {
	path, err := exec.LookPath("aws")
	if err != nil {
		return ""
	}
	// old ones tell it on standard error
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return ""
	}
	return tooOld(string(out))
}

var cliVersion = regexp.MustCompile(`aws-cli/(\d+)\.(\d+)\.\S+`)

// tooOld gives the version that the CLI told if it is before the first with AWS_ENDPOINT_URL.
func tooOld(told string) string {
	found := cliVersion.FindStringSubmatch(told)
	if found == nil {
		return ""
	}
	major, _ := strconv.Atoi(found[1])
	minor, _ := strconv.Atoi(found[2])
	if major < 1 || major == 1 && minor < 29 || major == 2 && minor < 13 {
		return strings.TrimPrefix(found[0], "aws-cli/")
	}
	return ""
}
