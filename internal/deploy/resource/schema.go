package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Kind is what a property holds.
type Kind uint8

// The kinds of properties. Free is any JSON, such as a policy document, whose values stay as they are.
const (
	String Kind = iota
	Integer
	Number
	Boolean
	List
	Map
	Object
	Free
)

// A Schema says what properties a type has.
type Schema struct {
	Properties map[string]*Property
	// Names is how the type names what the template does not name; nil where the service gives ids.
	Names *Names
	// Attributes are the names that Fn::GetAtt knows. A trailing ".*" knows all that begin so.
	Attributes []string
	// Tagged says that CloudFormation's own tags are put on it, and TagsProperty which property holds tags.
	Tagged       bool
	TagsProperty string
	// Immutable are properties whose change makes an update fail instead of replacing the resource.
	Immutable []string
}

// A Property is one property, or a part of one.
type Property struct {
	Kind Kind
	// Required says that the property has to be there.
	Required bool
	// Replaces says that its change needs a new resource.
	Replaces bool
	// Item is what members of a List or a Map are; Properties are those of an Object.
	Item       *Property
	Properties map[string]*Property
}

// Names are the rules of a type's names.
type Names struct {
	// Property is the one by which a template may give the name itself.
	Property string
	// Most is how long a name may be.
	Most int
	// Lower says that letters are lower case.
	Lower bool
	// Prefix takes the place of the stack's name, as of SSM parameters.
	Prefix string
}

// Check gives properties the types of the schema, and refuses those that are unknown, missing or of another
// form. at is the path for messages; empty for the properties themselves.
func (s *Schema) Check(typeName string, properties map[string]any) (map[string]any, error) {
	checked, err := checkObject("", s.Properties, properties)
	if err != nil {
		err.Message = strings.ReplaceAll(err.Message, "\x00", typeName)
		return nil, err
	}
	return checked, nil
}

func checkObject(at string, known map[string]*Property, given map[string]any) (map[string]any, *Failure) {
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, ok := given[name]; !ok && known[name].Required {
			return nil, &Failure{Code: InvalidRequest, Message: "Property validation failure: [The " +
				"property {" + at + "/" + name +
				"} is required]"}
		}
	}
	out := make(map[string]any, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		property, ok := known[name]
		if !ok {
			return nil, &Failure{Code: InvalidRequest, Message: fmt.Sprintf(
				"Properties validation failed for resource \x00 with message: #%s: extraneous key [%s] is "+
					"not permitted", at, name)}
		}
		value, err := property.check(at+"/"+name, given[name])
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

func (p *Property) check(at string, value any) (any, *Failure) {
	switch p.Kind {
	case Free:
		return value, nil
	case List:
		return p.checkList(at, value)
	case Map:
		return p.checkMap(at, value)
	case Object:
		object, ok := value.(map[string]any)
		if !ok {
			return nil, wrongForm(at, "JSONObject", value)
		}
		return checkObject(at, p.Properties, object)
	}
	return p.checkScalar(at, value)
}

// checkList takes a single value for a list of one, as CloudFormation does.
func (p *Property) checkList(at string, value any) (any, *Failure) {
	list, ok := value.([]any)
	if !ok {
		if p.Item.Kind == Object {
			return nil, wrongForm(at, "JSONArray", value)
		}
		list = []any{value}
	}
	out := make([]any, len(list))
	for i, item := range list {
		checked, err := p.Item.check(at+"/"+strconv.Itoa(i), item)
		if err != nil {
			return nil, err
		}
		out[i] = checked
	}
	return out, nil
}

func (p *Property) checkMap(at string, value any) (any, *Failure) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrongForm(at, "JSONObject", value)
	}
	out := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		checked, err := p.Item.check(at+"/"+name, object[name])
		if err != nil {
			return nil, err
		}
		out[name] = checked
	}
	return out, nil
}

// checkScalar turns one scalar into another where their texts agree: "5" is a number, "true" a boolean, 3 a
// string.
func (p *Property) checkScalar(at string, value any) (any, *Failure) {
	text, ok := scalarText(value)
	if !ok {
		return nil, wrongForm(at, map[Kind]string{String: "String", Integer: "Integer", Number: "Number",
			Boolean: "Boolean"}[p.Kind], value)
	}
	switch p.Kind {
	case Integer:
		if number, err := strconv.ParseInt(text, 10, 64); err == nil {
			return number, nil
		}
		return nil, wrongForm(at, "Integer", value)
	case Number:
		if number, err := strconv.ParseFloat(text, 64); err == nil {
			return number, nil
		}
		return nil, wrongForm(at, "Number", value)
	case Boolean:
		if truth, err := strconv.ParseBool(strings.ToLower(text)); err == nil && len(text) > 1 {
			return truth, nil
		}
		return nil, wrongForm(at, "Boolean", value)
	}
	return text, nil
}

func scalarText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func wrongForm(at, want string, value any) *Failure {
	found := "JSONObject"
	switch value.(type) {
	case []any:
		found = "JSONArray"
	case string:
		found = "String"
	case bool:
		found = "Boolean"
	case json.Number, int64, float64:
		found = "Number"
	case nil:
		found = "null"
	}
	return &Failure{Code: InvalidRequest, Message: fmt.Sprintf(
		"Properties validation failed for resource \x00 with message: #%s: expected type: %s, found: %s", at,
		want, found)}
}

// A Difference is what a change of properties means.
type Difference uint8

// The differences, from none to the greatest.
const (
	Same Difference = iota
	InPlace
	Replacement
)

// Compare says what a change from one set of checked properties to another means for a resource, and which
// properties at the top changed, sorted.
func (s *Schema) Compare(before, after map[string]any) (Difference, []string) {
	names := map[string]bool{}
	for _, properties := range []map[string]any{before, after} {
		for name := range properties {
			names[name] = true
		}
	}
	difference := Same
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if equal(before[name], after[name]) {
			continue
		}
		changed = append(changed, name)
		difference = max(difference, InPlace)
		if p := s.Properties[name]; p != nil && p.Replaces {
			difference = Replacement
		}
	}
	return difference, changed
}

// equal compares values as JSON: the order of keys does not count.
func equal(a, b any) bool {
	first, err := json.Marshal(a)
	if err != nil {
		return false
	}
	second, err := json.Marshal(b)
	return err == nil && string(first) == string(second)
}

// Generate returns the name of a resource that the template does not name: the stack's name, the resource's
// id, and a random part, cut so that the type takes it.
func (n *Names) Generate(stack, logical, random string) string {
	prefix := stack
	if n.Prefix != "" {
		prefix = n.Prefix
	}
	room := n.Most - len(random) - 2
	if len(prefix)+len(logical) > room {
		half := room / 2
		logical = logical[:min(len(logical), max(half, room-len(prefix)))]
		prefix = prefix[:min(len(prefix), room-len(logical))]
	}
	name := prefix + "-" + logical + "-" + random
	if n.Lower {
		name = strings.ToLower(name)
	}
	return name
}
