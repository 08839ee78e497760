// Package restjson is the REST protocol of AWS with bodies of JSON, on the server's side: how a request names
// its operation, where its members stand, and how errors look.
//
// Callers may rely on this: a request is given to at most one operation, the one whose template fits best
// (fixed parts before labels, templates with a fixed query before those without); labels and queries are
// unescaped once; every error becomes one that the AWS SDKs map to their exceptions, and one that is not
// meant for clients becomes an internal error without any detail.
//
// The protocol is described as restJson1 in the Smithy specification ("AWS restJson1 protocol", "HTTP binding
// traits").
package restjson

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Routes are the operations of one service by method and path. They are read-only once made.
type Routes struct{ routes []route }

type route struct {
	operation, method string
	segments          []string // a label stands in braces, a greedy one with a plus sign
	query             string   // that must be there, such as find=LayerVersion
}

// NewRoutes reads the templates of a service's model.
func NewRoutes(info api.ServiceInfo) *Routes {
	r := &Routes{}
	for _, o := range info.Operations {
		if o.Method == "" { // not in the model in full
			continue
		}
		path, query, _ := strings.Cut(o.Path, "?")
		r.routes = append(r.routes, route{operation: o.Name, method: o.Method, segments: split(path),
			query: query})
	}
	return r
}

// split takes a path apart. A slash at its end means nothing: clients of Lambda send both.
func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// Request is a request of an operation that was found. It implements api.RESTRequest.
type Request struct {
	Operation string
	labels    map[string]string
	query     url.Values
	header    func(name string) (value []byte, ok bool)
	body      []byte
}

// Find gives the request to the operation that it is for; ok is false when it is for none, or when its path
// or query cannot be read. header finds the first value of a header by its name in lower case.
func (r *Routes) Find(
	method string, path, query, body []byte, header func(name string) ([]byte, bool),
) (*Request, bool) {
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return nil, false
	}
	var best *Request
	weight := -1
	for i := range r.routes {
		candidate := &r.routes[i]
		labels, w, ok := candidate.match(method, path, values)
		if ok && w > weight {
			weight = w
			best = &Request{Operation: candidate.operation, labels: labels, query: values, header: header,
				body: body}
		}
	}
	return best, best != nil
}

// match reports whether a request fits, how well, and what its labels are.
func (r *route) match(
	method string, path []byte, query url.Values,
) (labels map[string]string, weight int, ok bool) {
	if method != r.method || !hasQuery(query, r.query) {
		return nil, 0, false
	}
	if r.query != "" {
		weight++
	}
	given := split(string(path))
	for i, segment := range r.segments {
		name, label := labelOf(segment)
		greedy := strings.HasSuffix(name, "+")
		if i >= len(given) || len(given) > len(r.segments) && !(greedy && i == len(r.segments)-1) &&
			i == len(r.segments)-1 {
			return nil, 0, false
		}
		value := given[i]
		if greedy {
			name = name[:len(name)-1]
			value = strings.Join(given[i:], "/")
		}
		if !label {
			if segment != value {
				return nil, 0, false
			}
			weight += 2
			continue
		}
		text, err := url.PathUnescape(value)
		if err != nil || text == "" {
			return nil, 0, false
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[name] = text
	}
	return labels, weight, true
}

// labelOf is the name of a label such as {FunctionName}.
func labelOf(segment string) (name string, ok bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return segment, false
}

func hasQuery(query url.Values, fixed string) bool {
	if fixed == "" {
		return true
	}
	name, value, _ := strings.Cut(fixed, "=")
	return query.Has(name) && query.Get(name) == value
}

// Values implements api.RESTRequest.
func (q *Request) Values(p api.Param) []string {
	switch p.In {
	case api.InPath:
		if value, ok := q.labels[p.Name]; ok {
			return []string{value}
		}
	case api.InQuery:
		return q.query[p.Name]
	case api.InHeader:
		if value, ok := q.header(strings.ToLower(p.Name)); ok {
			return []string{string(bytes.TrimSpace(value))}
		}
	}
	return nil
}

// Body implements api.RESTRequest.
func (q *Request) Body() []byte { return q.body }

// UnknownOperation is the answer to a request that no template fits.
func UnknownOperation() *api.Error {
	return &api.Error{Code: "UnknownOperationException", Status: 404,
		Message: "No operation of this service has the method and path of the request."}
}

// AppendError writes the body of an error, whose code goes into the header X-Amzn-Errortype.
func AppendError(dst []byte, e *api.Error) []byte {
	dst = append(dst, `{"message":`...)
	dst = strictjson.AppendString(dst, strings.ToValidUTF8(e.Message, "\uFFFD"))
	if e.Detail != nil {
		dst = e.Detail(dst)
	}
	return append(dst, '}')
}
