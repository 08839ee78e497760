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
		a, ok := arn.Parse(*given)
		if !ok || a.Service != "dynamodb" {
			return name, invalid("Invalid table ARN: %s", *given)
		}
		if a.Region != caller.Region {
			return name, invalid("Invalid table ARN: the Region of %s is not the Region of the request", *given)
		}
		if name.Table, ok = a.Child("table"); !ok {
			return name, invalid("Invalid table ARN: %s", *given)
		}
		name.Account = a.Account
	}
	return name, checkName(name.Table)
}

func checkName(name string) error {
	if len(name) < minNameLength || len(name) > maxNameLength {
		return brokenLength(name)
	}
	for i := range len(name) {
		if !nameCharacter(name[i]) {
			return brokenConstraint("'"+name+"'", "tableName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
		}
	}
	return nil
}

func brokenLength(name string) error {
	if len(name) < minNameLength {
		return brokenConstraint("'"+name+"'", "tableName", fmt.Sprintf("Member must have length greater than or equal to %d", minNameLength))
	}
	return brokenConstraint("'"+name+"'", "tableName", fmt.Sprintf("Member must have length less than or equal to %d", maxNameLength))
}

func nameCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// find is the table that a request names.
func (s *Service) find(caller *auth.Caller, given *string) (*engine.Table, error) {
	name, err := tableName(caller, given)
	if err != nil {
		return nil, err
	}
	return s.engine.Table(name)
}

// resource is the ARN of the table that a request names, whether or not it exists.
func (s *Service) resource(caller *auth.Caller, given *string) (string, error) {
	name, err := tableName(caller, given)
	if err != nil {
		return "", err
	}
	if t, err := s.engine.Table(name); err == nil {
		return t.ARN, nil
	}
	return tableARN(name), nil
}

func tableARN(n engine.Name) string {
	return arn.New("dynamodb", n.Region, n.Account, "table/"+n.Table).String()
}
