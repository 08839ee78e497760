package dynamodb

import (
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// Lengths of the names of tables and indexes, in characters ("Naming rules").
const (
	minNameLength = 3
	maxNameLength = 255
)

// tableName reads a TableName, which may be a name or the table's ARN.
func tableName(caller *auth.Caller, given *string) (engine.Name, error) {
	if given == nil {
		return engine.Name{}, brokenConstraint("null", "tableName", "Member must not be null")
	}
	name := engine.Name{Account: caller.Account, Region: caller.Region, Table: *given}
	if strings.HasPrefix(*given, "arn:") {
		var err error
		if name, err = nameInARN(caller, *given); err != nil {
			return name, err
		}
	}
	return name, checkName(name.Table)
}

// nameInARN reads a table's ARN where a name may stand.
func nameInARN(caller *auth.Caller, given string) (engine.Name, error) {
	a, ok := arn.Parse(given)
	table, isTable := a.Child("table")
	switch {
	case !ok, a.Service != "dynamodb", !isAccount(a.Account):
		return engine.Name{}, wrongARN("Valid ARN format is "+
			"arn:partition:dynamodb:region:account-id:table/table-name; given", given)
	case a.Partition != arn.Partition:
		return engine.Name{}, wrongARN("Invalid AWS partition in", given)
	case a.Region != caller.Region:
		return engine.Name{}, wrongARN("Invalid AWS region in", given)
	case !isTable, strings.Contains(table, "/"):
		return engine.Name{}, wrongARN("Invalid resource type in", given)
	}
	return engine.Name{Account: a.Account, Region: a.Region, Table: table}, nil
}

func wrongARN(problem, given string) error {
	return invalid("1 validation error detected: %s '%s'", problem, given)
}

func isAccount(id string) bool { return len(id) == 12 && strings.Trim(id, "0123456789") == "" }

// resourceName reads a ResourceArn, which must be that of a table.
func resourceName(caller *auth.Caller, given *string) (engine.Name, error) {
	a, ok := arn.Parse(*given)
	table, isTable := a.Child("table")
	switch {
	case !strings.HasPrefix(*given, "arn:"):
		return engine.Name{}, invalidParameter("ARNs must start with 'arn:': %s", *given)
	case !ok, a.Service != "dynamodb":
		return engine.Name{}, invalidParameter("Provided Arn is not a DynamoDB resource arn: %s", *given)
	case a.Partition != arn.Partition, a.Region != caller.Region, !isAccount(a.Account):
		return engine.Name{}, invalidParameter("Invalid resource Arn: %s", *given)
	case !isTable, strings.Contains(table, "/"), checkName(table) != nil:
		return engine.Name{}, invalidParameter("Invalid resource arn provided, only table or stream is "+
			"accepted. Provided resource arn: %s", *given)
	}
	return engine.Name{Account: a.Account, Region: a.Region, Table: table}, nil
}

func checkName(name string) error {
	if len(name) < minNameLength || len(name) > maxNameLength {
		return brokenLength(name)
	}
	for i := range len(name) {
		if !nameCharacter(name[i]) {
			return brokenConstraint("'"+name+"'", "tableName",
				"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
		}
	}
	return nil
}

func brokenLength(name string) error {
	if len(name) < minNameLength {
		return brokenConstraint("'"+name+"'", "tableName",
			fmt.Sprintf("Member must have length greater than or equal to %d", minNameLength))
	}
	return brokenConstraint("'"+name+"'", "tableName",
		fmt.Sprintf("Member must have length less than or equal to %d", maxNameLength))
}

func nameCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' ||
		c == '.'
}

func tableARN(n engine.Name) string {
	return arn.New("dynamodb", n.Region, n.Account, "table/"+n.Table).String()
}
