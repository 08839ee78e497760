// Package report prints the report of an audit.
//
// Callers may rely on this: JSON keeps the layout that docs/audit.md describes, under the name audit.Schema;
// Text is for people and may change. Neither lets what an endpoint answered control the terminal.
package report

import (
	"encoding/json"
	"io"

	"github.com/sealtable/sealtable/internal/audit"
)

// JSON writes the whole report as one indented object and a newline. Control characters and <, >, & are
// escaped.
func JSON(w io.Writer, r *audit.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
