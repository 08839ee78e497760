// Command sealtable is a self-hosted database that speaks DynamoDB and whose encryption at rest under KMS
// keys is real.
package main

import (
	"os"

	"github.com/sealtable/sealtable/internal/cli"
	"github.com/sealtable/sealtable/internal/runner/confine"
)

func main() {
	// The cage of a function is this binary under another name.
	if code, ok := confine.Main(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
