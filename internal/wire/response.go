package wire

// Response is the answer to one request. A front hands it out reset: status 200, no headers, an empty body
// with capacity to append to.
type Response struct {
	Status int
	// Body is what is sent, with its Content-Length.
	Body []byte
	// Close closes the connection after the answer.
	Close  bool
	arena  []byte
	fields []responseField
}

type responseField struct {
	name  string
	value span
}

// Reset makes the response ready for the next request and keeps its memory, within bounds.
func (r *Response) Reset() {
	body := r.Body[:0]
	arena := r.arena[:0]
	fields := r.fields[:0]
	if cap(body) > keptCapacity {
		body = nil
	}
	if cap(arena) > keptCapacity {
		arena, fields = nil, nil
	}
	*r = Response{Status: 200, Body: body, arena: arena, fields: fields}
}

// SetHeader sets a header field in its place, or adds it. The name is given in its canonical form. A value
// with a control character is dropped: it could only be an attempt to write another header.
func (r *Response) SetHeader(name, value string) { setHeader(r, name, value) }

// SetHeaderBytes is SetHeader for bytes, which are copied.
func (r *Response) SetHeaderBytes(name string, value []byte) { setHeader(r, name, value) }

func setHeader[T string | []byte](r *Response, name string, value T) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c == 0x7f {
			return
		}
	}
	from := len(r.arena)
	r.arena = append(r.arena, value...)
	at := span{from, len(r.arena)}
	for i := range r.fields {
		if r.fields[i].name == name {
			r.fields[i].value = at
			return
		}
	}
	r.fields = append(r.fields, responseField{name, at})
}

// Fields is the number of header fields.
func (r *Response) Fields() int { return len(r.fields) }

// Field is the i-th header field.
func (r *Response) Field(i int) (name string, value []byte) {
	f := r.fields[i]
	return f.name, r.arena[f.value.from:f.value.to]
}

// Header is the value of the header name.
func (r *Response) Header(name string) (value []byte, ok bool) {
	for _, f := range r.fields {
		if f.name == name {
			return r.arena[f.value.from:f.value.to], true
		}
	}
	return nil, false
}
