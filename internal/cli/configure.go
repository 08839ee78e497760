package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newConfigure() *cobra.Command {
	f := &clientFlags{}
	var profile, role, source string
	cmd := &cobra.Command{
		Use:   "configure",
		Short: "Write a profile for the AWS CLI and SDKs that points at the server",
		Long: `Write a profile for the AWS CLI and SDKs that points at the server: its endpoint and region into ~/.aws/config
(AWS_CONFIG_FILE), the root access key into ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE). With --role the profile takes on
a role instead, as the user whose access key --source-profile has: root may not take on roles. A profile of the name that points elsewhere is left alone.

The AWS CLI before 1.29.0 and 2.13.0 does not read the endpoint and would call AWS: use sealtable aws.`,
		Example: `  sealtable configure && aws --profile sealtable dynamodb list-tables
  sealtable configure --dev --profile try
  sealtable configure --profile writer --role arn:aws:iam::123456789012:role/writer --source-profile alice`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !profileName.MatchString(profile) {
				return usageError(fmt.Errorf("%q is no name of a profile", profile))
			}
			if (role == "") != (source == "") || source != "" && !profileName.MatchString(source) {
				return usageError(errors.New("--role and --source-profile, the profile of a user who may " +
					"take it on, go together"))
			}
			e, err := f.exports()
			if err != nil {
				return err
			}
			if err := configure(e, profile, role, source); err != nil {
				return err
			}
			if old := oldCLI(cmd.Context()); old != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "the AWS CLI in PATH, %s, does not read the endpoint of a "+
					"profile and would call AWS: "+
					"say sealtable aws instead of aws, or give --endpoint-url\n", old)
			}
			return say(cmd, "profile %s points at %s\n", profile, e.endpoint)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&profile, "profile", "sealtable", "name of the profile")
	cmd.Flags().StringVar(&role, "role", "", "ARN of a role that the profile takes on")
	cmd.Flags().StringVar(&source, "source-profile", "", "profile of the user who takes it on")
	commandLineOnly(cmd.Flags(), "profile", "role", "source-profile")
	return cmd
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9_.@+-]+$`)

// configure writes a profile into the files that the AWS CLI and the SDKs share.
func configure(e exports, profile, role, source string) error {
	config, err := sharedFile("AWS_CONFIG_FILE", "config")
	if err != nil {
		return err
	}
	secrets, err := sharedFile("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	if err != nil {
		return err
	}
	section := "profile " + profile
	if profile == "default" {
		section = profile
	}
	ours := config.value(section, "endpoint_url") != ""
	if !ours && (config.has(section) || secrets.has(profile)) {
		return fmt.Errorf("the profile %s in %s is not one of a server's: give another --profile", profile,
			config.path)
	}
	settings := [][2]string{{"region", e.region}, {"endpoint_url", e.endpoint}, {"role_arn", role},
		{"source_profile", source}}
	config.set(section, settings)
	if role != "" {
		return config.write()
	}
	secrets.set(profile, [][2]string{{"aws_access_key_id", e.keyID}, {"aws_secret_access_key", e.secret},
		{"aws_session_token", ""}})
	// The profile is known as ours by its endpoint, so that this can be repeated after whatever ended it in
	// between.
	if err := config.write(); err != nil {
		return err
	}
	return secrets.write()
}

// A profileFile is a file of the AWS CLI's format: sections with lines of settings. What is not asked to
// change stays as it is, byte for byte.
type profileFile struct {
	path  string
	lines []string
}

// sharedFile reads the file that a variable names, else that of ~/.aws. It need not be there.
func sharedFile(variable, name string) (*profileFile, error) {
	path := os.Getenv(variable)
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(home, ".aws", name)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &profileFile{path, strings.SplitAfter(string(content), "\n")}, nil
}

// section gives the lines from the header of a section up to the next header; begin is -1 where it is not
// there.
func (p *profileFile) section(name string) (begin, end int) {
	begin = -1
	for i, line := range p.lines {
		header := strings.TrimSpace(line)
		if !strings.HasPrefix(header, "[") {
			continue
		}
		if begin >= 0 {
			return begin, i
		}
		header, _, _ = strings.Cut(header[1:], "]")
		if strings.ReplaceAll(strings.Join(strings.Fields(header), " "), `"`, "") == name {
			begin = i
		}
	}
	return begin, len(p.lines)
}

func (p *profileFile) has(section string) bool {
	begin, _ := p.section(section)
	return begin >= 0
}

func (p *profileFile) value(section, setting string) string {
	begin, end := p.section(section)
	if begin < 0 {
		return ""
	}
	for _, line := range p.lines[begin+1 : end] {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == setting {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// set gives settings of a section these values, takes away those whose value is empty, and keeps all others.
func (p *profileFile) set(section string, settings [][2]string) {
	begin, end := p.section(section)
	if begin < 0 {
		before := strings.TrimRight(strings.Join(p.lines, ""), "\n")
		if before != "" {
			before += "\n\n"
		}
		p.lines = []string{before, "[" + section + "]\n"}
		begin, end = 1, 2
	}
	kept := append([]string{}, p.lines[:begin+1]...)
	if header := kept[begin]; !strings.HasSuffix(header, "\n") {
		kept[begin] = header + "\n"
	}
	for _, setting := range settings {
		if setting[1] != "" {
			kept = append(kept, setting[0]+" = "+setting[1]+"\n")
		}
	}
	for _, line := range p.lines[begin+1 : end] {
		name, _, _ := strings.Cut(line, "=")
		if !slices.ContainsFunc(settings, func(s [2]string) bool { return s[0] == strings.TrimSpace(name) }) {
			kept = append(kept, line)
		}
	}
	p.lines = append(kept, p.lines[end:]...)
}

// write puts the file in place of the one before, whole or not at all. Nobody else may read it.
func (p *profileFile) write() error {
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(p.path), ".sealtable-")
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.Join(p.lines, ""))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), p.path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it holds a secret and nobody needs it
	}
	return err
}
