// Command sealtable is a self-hosted database that speaks DynamoDB and whose encryption at rest under KMS
// keys is real.
package main

import (
	"os"

	"github.com/sealtable/sealtable/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
