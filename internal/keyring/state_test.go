package keyring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestStateTable renders what every operation answers in every state, by asking Permits: the file can be held against the table
// in the developer guide.
func TestStateTable(t *testing.T) {
	states := []State{Enabled, KeyDisabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Creating, Updating, Unavailable}
	datadriven.RunTest(t, "testdata/states", func(t *testing.T, d *datadriven.TestData) string {
		var origin string
		d.ScanArgs(t, "origin", &origin)
		var out strings.Builder
		for op := range strings.FieldsSeq(d.Input) {
			var cells []string
			for _, state := range states {
				m := &Metadata{State: state, Spec: Symmetric, Origin: Origin(origin), arn: "ARN"}
				cells = append(cells, cell(m.Permits(Operation(op))))
			}
			fmt.Fprintf(&out, "%s: %s\n", op, strings.Join(cells, " | "))
		}
		return out.String()
	})
}

func cell(err error) string {
	if err == nil {
		return "ok"
	}
	kinds := map[Kind]string{Disabled: "Disabled", InvalidState: "InvalidState", Unsupported: "Unsupported", NotFound: "NotFound"}
	return kinds[KindOf(err)] + "(" + strings.TrimPrefix(err.Error(), "ARN ") + ")"
}

// TestErasedKeysAreNotFound: whoever still holds a key that was erased learns that there is none.
func TestErasedKeysAreNotFound(t *testing.T) {
	m := &Metadata{State: Erased, Origin: OriginKMS, arn: "ARN"}
	for _, op := range []Operation{"DescribeKey", "Encrypt", "GetKeyPolicy", "CancelKeyDeletion"} {
		wantKind(t, m.Permits(op), NotFound)
	}
}

func TestNoOperationStandsInTwoRows(t *testing.T) {
	rows := map[Operation]int{}
	for _, row := range stateTable {
		for _, op := range row.operations {
			rows[op]++
			if rows[op] > 1 {
				t.Errorf("%s stands in two rows", op)
			}
		}
	}
	if len(rows) == 0 || len(rows) != len(stateRules) {
		t.Errorf("%d operations in the table, %d rules", len(rows), len(stateRules))
	}
}
