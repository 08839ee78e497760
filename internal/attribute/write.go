package attribute

import "github.com/sealtable/sealtable/internal/strictjson"

// AppendJSON appends the value as DynamoDB writes it: {"S":"..."}. nil is written as {}.
func AppendJSON(dst []byte, v Value) []byte {
	kind := v.Kind()
	if kind == Invalid {
		return append(dst, '{', '}')
	}
	dst = append(dst, '{', '"')
	dst = append(dst, kind.String()...)
	dst = append(dst, '"', ':')
	switch kind {
	case S, N, B:
		dst = appendScalar(dst, v)
	case BOOL:
		dst = appendTruth(dst, v.Bool())
	case NULL:
		dst = appendTruth(dst, true)
	case M:
		dst = Item(v).AppendJSON(dst)
	default:
		dst = appendArray(dst, v)
	}
	return append(dst, '}')
}

func appendTruth(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// appendScalar appends the string of an S, N or B.
func appendScalar(dst []byte, v Value) []byte {
	switch v.Kind() {
	case N:
		dst = append(dst, '"')
		dst = v.Number().AppendText(dst)
		return append(dst, '"')
	case B:
		return strictjson.AppendBase64(dst, v.Text())
	}
	return strictjson.AppendString(dst, v.Text())
}

// appendArray appends the elements of an L, or the members of a set as bare strings.
func appendArray(dst []byte, v Value) []byte {
	dst = append(dst, '[')
	list := v.Kind() == L
	for i, element := range v.Elements() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if list {
			dst = AppendJSON(dst, element)
		} else {
			dst = appendScalar(dst, element)
		}
	}
	return append(dst, ']')
}

// AppendJSON appends the item as DynamoDB writes it: {"a":{"S":"x"},...}, in the order of names.
func (it Item) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for name, value := range it.All() {
		dst = strictjson.AppendName(dst, name)
		dst = AppendJSON(dst, value)
	}
	return append(dst, '}')
}
