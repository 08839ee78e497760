// Package fact holds what an audit knows before anything is judged: tables, keys and principals, with where
// they were seen.
//
// Callers may rely on this: a fact that could not be read is never a zero value that looks like an answer; it
// is a Known with the problem, or with nothing at all where nobody asked. Facts are plain data: they marshal
// to JSON and back without loss, so that an interrupted audit goes on from what it had read.
package fact

// Known is a fact that might not have been readable. The zero value is one that nobody asked for.
type Known[T any] struct {
	Value   T        `json:"value,omitzero"`
	Read    bool     `json:"read,omitempty"` // Value holds
	Problem *Problem `json:"problem,omitempty"`
}

// Of is a fact that is known.
func Of[T any](v T) Known[T] { return Known[T]{Value: v, Read: true} }

// Unread is a fact that could not be read.
func Unread[T any](p *Problem) Known[T] { return Known[T]{Problem: p} }

// Origin is where in a template a resource is declared. Lines and columns count from one.
type Origin struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	EndLine int    `json:"end_line,omitempty"`
	// Address is the logical id, or Terraform's address such as module.a.aws_dynamodb_table.t[0].
	Address string `json:"address"`
	// Kind is the type of the resource, such as AWS::DynamoDB::Table.
	Kind string `json:"kind,omitempty"`
	// Suppressed lists the checks that comments or metadata beside the resource turn off, with their reasons.
	Suppressed []Suppression `json:"suppressed,omitempty"`
}

// Suppression is one check that a template turns off where the resource stands, in the words of one of the
// well-known scanners.
type Suppression struct {
	Check  string `json:"check"`
	Reason string `json:"reason,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Set is everything that was read of one place: a region of an account, or one evaluation of a template.
type Set struct {
	Account string   `json:"account,omitempty"`
	Region  string   `json:"region"`
	Tables  []*Table `json:"tables"`
	Keys    []*Key   `json:"keys"`
	// KeysProblem is why the list of keys may lack some.
	KeysProblem *Problem `json:"keys_problem,omitempty"`
	// Principals are the users and roles of the account.
	Principals Known[[]Principal] `json:"principals,omitzero"`
	// Case names the parameter values under which a template was evaluated; empty for live facts and
	// templates without a choice.
	Case string `json:"case,omitempty"`
	// Default says that Case is what the template does when nobody sets a parameter.
	Default bool `json:"default,omitempty"`
	// Source is the template; empty for live facts.
	Source string `json:"source,omitempty"`
}

// Key finds a key by its ARN, nil if it is not in the set.
func (s *Set) Key(arn string) *Key {
	for _, k := range s.Keys {
		if k.ARN == arn {
			return k
		}
	}
	return nil
}

// TablesUnder lists the tables whose data is under a key.
func (s *Set) TablesUnder(key *Key) []*Table {
	var out []*Table
	for _, t := range s.Tables {
		if t.Key != nil && t.Key.ARN == key.ARN {
			out = append(out, t)
		}
	}
	return out
}

// Principal is a user or role with all the policies that bear on it, as JSON documents.
type Principal struct {
	ARN      string   `json:"arn"`
	ID       string   `json:"id,omitempty"` // AIDA…, AROA…
	Policies []string `json:"policies,omitempty"`
	Boundary string   `json:"boundary,omitempty"`
	// Trust is a role's; empty for users.
	Trust string `json:"trust,omitempty"`
}
