package bootstrap

import (
	"slices"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/runner"
)

func TestFamilies(t *testing.T) {
	for runtime, want := range map[string]Family{
		"python3.7": Python, "python3.13": Python, "nodejs20.x": Node, "provided": Provided,
		"provided.al2023": Provided,
		"python2.7":       "", "python3.": "", "python": "", "nodejs20": "", "nodejsx.x": "", "java21": "",
		"provided.al9": "", "": "",
	} {
		got, ok := FamilyOf(runtime)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is of %q, %v", runtime, got, ok)
		}
	}
}

// TestEnvironment holds that a function's own variables take the place of defaults and never of reserved
// ones, and that no variable is there twice.
func TestEnvironment(t *testing.T) {
	for _, family := range []Family{Python, Node, Provided} {
		list := environment(Settings{Runtime: "python3.13", Region: "eu-west-1", SecretAccessKey: "given",
			Variables: map[string]string{
				"AWS_REGION": "us-east-1", "AWS_SECRET_ACCESS_KEY": "taken", "LANG": "C", "MINE": "a=b",
				"LAMBDA_TASK_ROOT": "/",
			}}, runner.Layout{Code: "/var/task"}, family)
		for _, want := range []string{"AWS_REGION=eu-west-1", "AWS_SECRET_ACCESS_KEY=given", "LANG=C",
			"MINE=a=b",
			"LAMBDA_TASK_ROOT=/var/task"} {
			if !slices.Contains(list, want) {
				t.Errorf("%s: no %s in %q", family, want, list)
			}
		}
		seen := map[string]bool{}
		for _, variable := range list {
			name, _, _ := strings.Cut(variable, "=")
			if seen[name] {
				t.Errorf("%s: %s twice", family, name)
			}
			seen[name] = true
		}
	}
}
