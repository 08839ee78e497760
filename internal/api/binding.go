package api

import "time"

// Binding says how an operation of a REST service lies on HTTP.
type Binding[In, Out any] struct {
	Method string
	// Path is the template, such as /2015-03-31/functions/{FunctionName}. Query, when not empty, is a fixed
	// query string that belongs to it, such as find=LayerVersion.
	Path, Query string
	Status      int // of a success, unless StatusOf says otherwise
	// Params are the members that come from the path, the query string and headers.
	Params []Param
	// Set sets the member that comes from p. values are unescaped; a path segment and a header have one.
	Set func(in *In, p Param, values []string) error
	// ReadBody takes the body as it is. When it is nil and Operation.Read is not, the body is JSON; an empty
	// body is read as no members. When both are nil, the operation takes no body.
	ReadBody func(in *In, body []byte)
	// Headers calls set for every member of the output that is sent as a header. It may be nil.
	Headers func(out *Out, set func(name, value string))
	// StatusOf is the status that the output asks for, 0 for none. It may be nil.
	StatusOf func(out *Out) int
	// Raw says that Operation.Append writes the bytes of a blob and not JSON.
	Raw bool
}

// RESTRequest is a request of a REST service.
type RESTRequest interface {
	// Values are those of a parameter, unescaped; nil where the request has none.
	Values(p Param) []string
	Body() []byte
}

// RESTAnswer is the answer of a REST service to a call that succeeded.
type RESTAnswer struct {
	Status  int
	Headers [][2]string // names and values
	Body    []byte
	Raw     bool // the body is no JSON
}

// Place is where in an HTTP request a parameter stands.
type Place uint8

// The places of parameters.
const (
	InPath Place = iota
	InQuery
	InHeader
)

// Param is a member of an input that does not come from the body.
type Param struct {
	Member string
	Name   string // in the template, the query string or the header
	In     Place
}

// UnknownParam is the error of a Set function for a parameter of another operation.
func UnknownParam(shape string, p Param) error {
	return &UnknownMemberError{Shape: shape, Member: clip(p.Name, 255)}
}

func setParam[T any](dst **T, p Param, values []string, parse func(string) (T, error)) error {
	if len(values) != 1 {
		return &ParameterError{Name: p.Name, Reason: "a single value was expected"}
	}
	v, err := parse(values[0])
	if err != nil {
		return &ParameterError{Name: p.Name, Reason: err.Error()}
	}
	*dst = &v
	return nil
}

// SetText sets a string from the only value.
func SetText(dst **string, p Param, values []string) error {
	return setParam(dst, p, values, parseText)
}

// SetInteger sets a whole number of 32 bits from the only value.
func SetInteger(dst **int64, p Param, values []string) error {
	return setParam(dst, p, values, parseInteger)
}

// SetLong sets a whole number of 64 bits from the only value.
func SetLong(dst **int64, p Param, values []string) error {
	return setParam(dst, p, values, parseLong)
}

// SetBool sets true or false from the only value.
func SetBool(dst **bool, p Param, values []string) error {
	return setParam(dst, p, values, parseBool)
}

// SetTime sets a timestamp of ISO 8601 from the only value.
func SetTime(dst **time.Time, p Param, values []string) error {
	return setParam(dst, p, values, parseTime)
}

// SetTexts sets a list of strings from all values.
func SetTexts(dst *[]string, _ Param, values []string) error {
	*dst = append([]string{}, values...)
	return nil
}

// HeaderText calls set unless v is absent.
func HeaderText(set func(name, value string), name string, v *string) {
	if v != nil {
		set(name, *v)
	}
}

// StatusIn is the status in v, 0 when absent.
func StatusIn(v *int64) int {
	if v == nil {
		return 0
	}
	return int(*v)
}
