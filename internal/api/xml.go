package api

import (
	"encoding/base64"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sealtable/sealtable/internal/strictjson"
)

// XMLOpen appends the start of an element.
func XMLOpen(dst []byte, name string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	return append(dst, '>')
}

// XMLClose appends the end of an element.
func XMLClose(dst []byte, name string) []byte {
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

// XMLEscape appends s as character data that an XML parser reads back unchanged, whatever it does about line
// ends. What XML 1.0 cannot hold (most control characters, broken UTF-8) becomes U+FFFD.
func XMLEscape(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\n' || r == '\r' || r == '\t':
			dst = append(dst, '&', '#', 'x', "0123456789ABCDEF"[r], ';')
		case r < 0x20 || r == 0xFFFE || r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func xmlMember[T any](dst []byte, name string, v *T, one func(*T, []byte) []byte) []byte {
	if v == nil {
		return dst
	}
	return XMLClose(one(v, XMLOpen(dst, name)), name)
}

// XMLText appends a member that is a string.
func XMLText(dst []byte, name string, v *string) []byte { return xmlMember(dst, name, v, XMLTextOut) }

// XMLInt appends a member that is a whole number.
func XMLInt(dst []byte, name string, v *int64) []byte { return xmlMember(dst, name, v, IntOut) }

// XMLFloat appends a member that is a number.
func XMLFloat(dst []byte, name string, v *float64) []byte { return xmlMember(dst, name, v, xmlFloat) }

// XMLBool appends a member that is true or false.
func XMLBool(dst []byte, name string, v *bool) []byte { return xmlMember(dst, name, v, BoolOut) }

// XMLTime appends a member that is a timestamp, in ISO 8601.
func XMLTime(dst []byte, name string, v *time.Time) []byte { return xmlMember(dst, name, v, xmlTime) }

// XMLBlob appends a member that is a blob, in base64; nil is absent.
func XMLBlob(dst []byte, name string, v []byte) []byte {
	if v == nil {
		return dst
	}
	return XMLClose(base64.StdEncoding.AppendEncode(XMLOpen(dst, name), v), name)
}

// XMLTextOut appends a string. It is an element for XMLList and XMLMap.
func XMLTextOut(v *string, dst []byte) []byte { return XMLEscape(dst, *v) }

func xmlFloat(v *float64, dst []byte) []byte { return strictjson.AppendFloat(dst, *v) }

func xmlTime(v *time.Time, dst []byte) []byte {
	if v.Nanosecond() < int(time.Millisecond) {
		return v.UTC().AppendFormat(dst, "2006-01-02T15:04:05Z")
	}
	return v.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// XMLList appends a member that is a list; nil is absent.
func XMLList[T any](dst []byte, name string, list []T, one func(*T, []byte) []byte) []byte {
	if list == nil {
		return dst
	}
	dst = XMLOpen(dst, name)
	for i := range list {
		dst = xmlMember(dst, "member", &list[i], one)
	}
	return XMLClose(dst, name)
}

// XMLMap appends a member that is a map, in the order of its keys; nil is absent.
func XMLMap[T any](dst []byte, name string, entries map[string]T, one func(*T, []byte) []byte) []byte {
	if entries == nil {
		return dst
	}
	dst = XMLOpen(dst, name)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		v := entries[key]
		dst = XMLText(XMLOpen(dst, "entry"), "key", &key)
		dst = XMLClose(xmlMember(dst, "value", &v, one), "entry")
	}
	return XMLClose(dst, name)
}

// XMLResponse appends a whole response of the query protocol. result appends the members of the output; it is
// nil for an operation without one.
func XMLResponse(dst []byte, namespace, operation, requestID string, result func([]byte) []byte) []byte {
	dst = append(dst, '<')
	dst = append(dst, operation...)
	dst = append(dst, `Response xmlns="`...)
	dst = append(XMLEscape(dst, namespace), `">`...)
	if result != nil {
		dst = result(XMLOpen(dst, operation+"Result"))
		dst = XMLClose(dst, operation+"Result")
	}
	dst = XMLText(XMLOpen(dst, "ResponseMetadata"), "RequestId", &requestID)
	return XMLClose(XMLClose(dst, "ResponseMetadata"), operation+"Response")
}

// XMLError appends a whole error response of the query protocol.
func XMLError(dst []byte, namespace, requestID string, e *Error) []byte {
	dst = append(XMLEscape(append(dst, `<ErrorResponse xmlns="`...), namespace), `">`...)
	fault := "Sender"
	if e.Status >= 500 {
		fault = "Receiver"
	}
	dst = XMLText(XMLOpen(dst, "Error"), "Type", &fault)
	dst = XMLText(dst, "Code", &e.Code)
	dst = XMLClose(XMLText(dst, "Message", &e.Message), "Error")
	return XMLClose(XMLText(dst, "RequestId", &requestID), "ErrorResponse")
}
