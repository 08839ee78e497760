package partiql

import "github.com/sealtable/sealtable/internal/attribute"

// Kind is what a statement does.
type Kind uint8

// The statements there are.
const (
	Select Kind = iota + 1
	Insert
	Update
	Delete
	// Exists only asks a condition of an item, in a transaction of writes.
	Exists
)

// Reads says whether the statement is for requests that read. Exists is for requests that write.
func (k Kind) Reads() bool { return k == Select }

// Returning is what an UPDATE or DELETE gives back.
type Returning uint8

// What there is to give back: all attributes or those that were written to, as they were before or are now.
const (
	Nothing Returning = iota
	AllOld
	AllNew
	ModifiedOld
	ModifiedNew
)

// String is the clause as statements have it.
func (r Returning) String() string {
	return [...]string{"", "ALL OLD *", "ALL NEW *", "MODIFIED OLD *", "MODIFIED NEW *"}[r]
}

// Order is one attribute of ORDER BY.
type Order struct {
	Attribute  string
	Descending bool
}

// Statement is a statement that was parsed.
type Statement struct {
	Kind         Kind
	Table, Index string // Index is empty where the statement names a table alone
	Returning    Returning

	columns    []*expr // of SELECT; nil is *
	where      *expr
	order      []Order
	item       *expr // of INSERT
	changes    []change
	parameters int
}

// change is SET target = value, or REMOVE target, which has no value.
type change struct{ target, value *expr }

type operation uint8

const (
	opPath operation = iota
	opString
	opNumber
	opBool
	opNull
	opMissing
	opParameter
	opList
	opBag
	opTuple
	opCall
	opNegate
	opPlus
	opMinus
	opCompare
	opBetween
	opIn
	opIsMissing
	opIsNull
	opNot
	opAnd
	opOr
)

// expr is an operation with its operands, a path, or a literal.
type expr struct {
	op        operation
	text      string // a string, a number, true or false, the name of a function, a comparison
	path      []attribute.Step
	names     []string // of a tuple's operands
	operands  []*expr
	parameter int // counted from 0
}
