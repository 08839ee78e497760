package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// configFile is the optional file of settings in the configuration directory. Its names are those of the
// flags.
const configFile = "config.yaml"

// fillFlags gives every flag that the command line does not set its value from the environment
// (SEALTABLE_DATA for --data), else from the file of settings. The directory of that file is itself a flag,
// --config, which only the environment can set.
func fillFlags(cmd *cobra.Command) error {
	if err := fillFromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	config := cmd.Flags().Lookup("config")
	if config == nil {
		return nil
	}
	return fillFromFile(cmd.Flags(), filepath.Join(config.Value.String(), configFile))
}

// ownFlag marks flags that only the command line sets.
const ownFlag = "sealtable command line only"

// commandLineOnly keeps the environment and the file of settings away from flags that have the name of a
// setting but mean something else: SEALTABLE_REGION tells which region exports name, not which one a report
// is about.
func commandLineOnly(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.Lookup(name).Annotations = map[string][]string{ownFlag: nil}
	}
}

func environmentName(flag string) string {
	return "SEALTABLE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func fillFromEnvironment(flags *pflag.FlagSet) error {
	return eachUnset(flags, func(f *pflag.Flag) error {
		value, ok := os.LookupEnv(environmentName(f.Name))
		if !ok {
			return nil
		}
		if err := flags.Set(f.Name, value); err != nil {
			return usageError(fmt.Errorf("%s: %w", environmentName(f.Name), err))
		}
		return nil
	})
}

func fillFromFile(flags *pflag.FlagSet, path string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the settings: %w", err)
	}
	settings := map[string]any{}
	if err := yaml.Unmarshal(content, &settings); err != nil {
		return usageError(fmt.Errorf("%s is not YAML: %w", path, err))
	}
	if err := refuseUnknown(settings, path); err != nil {
		return err
	}
	return eachUnset(flags, func(f *pflag.Flag) error {
		value, ok := settings[f.Name]
		if !ok {
			return nil
		}
		if err := flags.Set(f.Name, settingText(value)); err != nil {
			return usageError(fmt.Errorf("%s: %s: %w", path, f.Name, err))
		}
		return nil
	})
}

// refuseUnknown keeps a mistyped setting from being ignored. A file serves all commands, so every command's
// flags are known names.
func refuseUnknown(settings map[string]any, path string) error {
	known := knownSettings()
	for name := range settings {
		if !slices.Contains(known, name) {
			return usageError(fmt.Errorf("%s: there is no setting %q; it may hold %s", path, name,
				strings.Join(known, ", ")))
		}
	}
	return nil
}

func settingText(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}

func eachUnset(flags *pflag.FlagSet, fill func(*pflag.Flag) error) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if _, own := f.Annotations[ownFlag]; !own && !f.Changed && f.Name != "help" {
			errs = append(errs, fill(f))
		}
	})
	return errors.Join(errs...)
}
