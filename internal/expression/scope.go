package expression

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Limits of "Service, account, and table quotas in Amazon DynamoDB", expression parameters.
const (
	maxPlaceholder = 255     // bytes of one placeholder
	maxVariables   = 2 << 20 // bytes of all placeholders with what they stand for
)

// manyValues is from how many values on a Scope keeps an index of them. Fewer are found fastest by walking
// the item.
const manyValues = 16

// Scope is the placeholders of one request, shared by all its expressions; it remembers which were used.
type Scope struct {
	names      map[string]string
	values     attribute.Item
	members    []string
	index      map[string]attribute.Value // of values, when there are many
	usedNames  map[string]bool
	usedValues map[string]bool
	opened     bool
	problem    error // what is wrong with the placeholders themselves
}

// NewScope takes ExpressionAttributeNames and ExpressionAttributeValues; nil is none. members are the
// expressions of the operation that may use values, in DynamoDB's order, such as "UpdateExpression",
// "ConditionExpression": Finish names them when there are values and no expression. The Scope keeps names and
// values.
func NewScope(names map[string]string, values attribute.Item, members ...string) *Scope {
	return &Scope{names: names, values: values, members: members}
}

// open checks the placeholders before the first expression is compiled.
func (s *Scope) open() error {
	if s.opened {
		return s.problem
	}
	s.opened = true
	s.problem = s.checkNames()
	if s.problem == nil {
		s.problem = s.checkValues()
	}
	return s.problem
}

func (s *Scope) checkNames() error {
	if s.names == nil {
		return nil
	}
	if len(s.names) == 0 {
		return &Error{"ExpressionAttributeNames must not be empty"}
	}
	wrong, size := []string(nil), 0
	for key, name := range s.names {
		size += len(key) + len(name)
		if !isPlaceholder(key, '#') || len(key) > maxPlaceholder || name == "" {
			wrong = append(wrong, key)
		}
	}
	if len(wrong) > 0 {
		key := slices.Min(wrong)
		if err := checkPlaceholder("ExpressionAttributeNames", key, '#'); err != nil {
			return err
		}
		return &Error{"ExpressionAttributeNames contains invalid value: Empty attribute name; key: " + key}
	}
	return s.checkVariables(size)
}

func (s *Scope) checkValues() error {
	if s.values == nil {
		return nil
	}
	if s.values.Len() == 0 {
		return &Error{"ExpressionAttributeValues must not be empty"}
	}
	if s.values.Len() > manyValues {
		s.index = make(map[string]attribute.Value, s.values.Len())
	}
	for key, value := range s.values.All() {
		if err := checkPlaceholder("ExpressionAttributeValues", key, ':'); err != nil {
			return err
		}
		if s.index != nil {
			s.index[key] = value
		}
	}
	return s.checkVariables(s.values.Size())
}

func checkPlaceholder(member, key string, sigil byte) error {
	if !isPlaceholder(key, sigil) {
		return &Error{member + ` contains invalid key: Syntax error; key: "` + key + `"`}
	}
	if len(key) > maxPlaceholder {
		return &Error{member +
			` contains invalid key: The expression attribute map contains a key that is too long; key: "` +
			key + `"`}
	}
	return nil
}

func (s *Scope) checkVariables(size int) error {
	if size > maxVariables {
		return &Error{"Expression attributes have exceeded the maximum allowed size; size: " +
			strconv.Itoa(size)}
	}
	return nil
}

// name is the attribute that #name stands for.
func (s *Scope) name(placeholder string) (string, bool) {
	name, ok := s.names[placeholder]
	if ok {
		if s.usedNames == nil {
			s.usedNames = make(map[string]bool, len(s.names))
		}
		s.usedNames[placeholder] = true
	}
	return name, ok
}

// value is the value that :name stands for, nil when there is none.
func (s *Scope) value(placeholder string) attribute.Value {
	value := s.index[placeholder]
	if s.index == nil {
		value = s.values.Get(placeholder)
	}
	if value != nil {
		if s.usedValues == nil {
			s.usedValues = make(map[string]bool)
		}
		s.usedValues[placeholder] = true
	}
	return value
}

// Finish says, after all expressions of the request, whether placeholders were given in vain: without any
// expression, or without use. It checks the map of names first, as DynamoDB does.
func (s *Scope) Finish() error {
	if !s.opened {
		return s.checkAlone()
	}
	if s.problem != nil {
		return s.problem
	}
	if len(s.usedNames) < len(s.names) {
		var unused []string
		for key := range s.names {
			if !s.usedNames[key] {
				unused = append(unused, key)
			}
		}
		return unusedKeys("ExpressionAttributeNames", unused)
	}
	if len(s.usedValues) < s.values.Len() {
		var unused []string
		for key := range s.values.All() {
			if !s.usedValues[key] {
				unused = append(unused, key)
			}
		}
		return unusedKeys("ExpressionAttributeValues", unused)
	}
	return nil
}

func unusedKeys(member string, keys []string) error {
	slices.Sort(keys)
	return &Error{"Value provided in " + member + " unused in expressions: keys: {" +
		strings.Join(keys, ", ") + "}"}
}

// checkAlone is Finish for a request without expressions.
func (s *Scope) checkAlone() error {
	const alone = " can only be specified when using expressions"
	if s.names != nil {
		return &Error{"ExpressionAttributeNames" + alone}
	}
	if s.values == nil {
		return nil
	}
	switch missing := strings.Join(s.members, " and "); len(s.members) {
	case 0:
		return &Error{"ExpressionAttributeValues" + alone}
	case 1:
		return &Error{"ExpressionAttributeValues" + alone + ": " + missing + " is null"}
	default:
		return &Error{"ExpressionAttributeValues" + alone + ": " + missing + " are null"}
	}
}
