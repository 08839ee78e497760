// Package bootstrap knows how a function of each runtime is started: which interpreter of this host runs it,
// with which loop around its handler, and in which environment.
//
// Callers may rely on this: the environment has the names that Lambda documents ("Defined runtime environment
// variables"), nothing of the server's, and the function's own variables can't take the place of the reserved
// ones. What a function imports comes from its code first, then from its layers, then from this host.
package bootstrap

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/runner"
)

//go:embed all:python node
var files embed.FS

// Family is what runtimes of one language have in common.
type Family string

// The families that functions can be written in.
const (
	Python   Family = "python"
	Node     Family = "nodejs"
	Provided Family = "provided"
)

// FamilyOf returns the family of a runtime's identifier, such as python3.13, and reports whether there is
// one.
func FamilyOf(runtime string) (Family, bool) {
	switch {
	case strings.HasPrefix(runtime, "python3."):
		_, err := strconv.Atoi(strings.TrimPrefix(runtime, "python3."))
		return Python, err == nil
	case strings.HasPrefix(runtime, "nodejs"):
		version, found := strings.CutSuffix(strings.TrimPrefix(runtime, "nodejs"), ".x")
		_, err := strconv.Atoi(version)
		return Node, found && err == nil
	}
	return Provided, slices.Contains([]string{"provided", "provided.al2", "provided.al2023"}, runtime)
}

// Settings are what the environment of a function is made of.
type Settings struct {
	Runtime, Handler string
	Name, Version    string
	MemoryMiB        int64
	Region           string
	LogGroup, Stream string
	AccessKeyID      string
	SecretAccessKey  string
	SessionToken     string
	Variables        map[string]string // the function's own
}

// Reserved are the names that a function's own variables can't have.
func Reserved() []string {
	return []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
		"LAMBDA_TASK_ROOT",
		"LAMBDA_RUNTIME_DIR"}
}

// Start returns how a function is started with an interpreter of this host.
func (i *Interpreter) Start(s Settings, l runner.Layout) runner.Start {
	start := runner.Start{Environment: environment(s, l, i.family), Files: i.files}
	switch i.family {
	case Python:
		start.Command = []string{i.path, "-s", "-B", l.Runtime + "/bootstrap.py"}
	case Node:
		start.Command = []string{i.path, l.Runtime + "/bootstrap.mjs"}
	case Provided:
		start.Command = []string{l.Code + "/bootstrap"}
	}
	return start
}

// environment is in the order of importance: the first of two variables of one name counts.
func environment(s Settings, l runner.Layout, family Family) []string {
	set := [][2]string{
		{"_HANDLER", s.Handler},
		{"_X_AMZN_TRACE_ID", ""},
		{"AWS_REGION", s.Region},
		{"AWS_DEFAULT_REGION", s.Region},
		{"AWS_ACCESS_KEY_ID", s.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey},
		{"AWS_SESSION_TOKEN", s.SessionToken},
		{"AWS_LAMBDA_FUNCTION_NAME", s.Name},
		{"AWS_LAMBDA_FUNCTION_VERSION", s.Version},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.FormatInt(s.MemoryMiB, 10)},
		{"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
		{"AWS_LAMBDA_LOG_GROUP_NAME", s.LogGroup},
		{"AWS_LAMBDA_LOG_STREAM_NAME", s.Stream},
		{"AWS_LAMBDA_RUNTIME_API", l.RuntimeAddress},
		{"LAMBDA_TASK_ROOT", l.Code},
		{"LAMBDA_RUNTIME_DIR", l.Runtime},
	}
	if family != Provided {
		set = append(set, [2]string{"AWS_EXECUTION_ENV", "AWS_Lambda_" + s.Runtime})
	}
	var list []string
	for _, v := range set {
		list = append(list, v[0]+"="+v[1])
	}
	defaults := map[string]string{
		"AWS_ENDPOINT_URL":         "http://" + l.ServiceAddress,
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"TZ":                       ":UTC",
		"LANG":                     "en_US.UTF-8",
		"HOME":                     l.Storage,
		"TMPDIR":                   l.Storage,
		"PWD":                      l.Code,
		"PATH":                     "/usr/local/bin:/usr/bin:/bin:" + l.Layers + "/bin",
		"LD_LIBRARY_PATH":          l.Code + ":" + l.Code + "/lib:" + l.Layers + "/lib",
	}
	switch family {
	case Python:
		defaults["PYTHONPATH"] = l.Layers + "/python:" + l.Runtime
	case Node:
		defaults["NODE_PATH"] = l.Layers + "/nodejs/node_modules:" + l.Runtime + "/node_modules"
		defaults["OPENSSL_CONF"] = "/dev/null"
	}
	for name, value := range s.Variables {
		defaults[name] = value
	}
	for _, name := range Reserved() {
		delete(defaults, name)
	}
	for name, value := range defaults {
		list = append(list, name+"="+value)
	}
	return list
}

// NotFoundError says that this host has no interpreter for a runtime, and which would do.
type NotFoundError struct {
	Runtime string
	Looked  []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("this host has no interpreter for %s that functions may run; install one as %s",
		e.Runtime,
		strings.Join(e.Looked, " or "))
}
