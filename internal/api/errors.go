package api

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// UnknownMemberError says that a request has a member which the model does not know. It is never dropped in
// silence.
type UnknownMemberError struct {
	Shape  string // the structure that it was found in
	Member string // as sent, cut to a sane length
}

func (e *UnknownMemberError) Error() string {
	return "unknown member " + strconv.Quote(e.Member) + " in " + e.Shape
}

// DuplicateMemberError says that a request has the same member, map key or parameter twice.
type DuplicateMemberError struct {
	Shape  string // the structure, or "map", or "form"
	Member string // as sent, cut to a sane length
}

func (e *DuplicateMemberError) Error() string {
	return "member " + strconv.Quote(e.Member) + " appears twice in " + e.Shape
}

// BlobError says that a blob is not standard base64 with padding (RFC 4648 section 4). It never holds the
// blob.
type BlobError struct {
	Cause error
}

func (e *BlobError) Error() string { return "a blob is not valid base64" }

func (e *BlobError) Unwrap() error { return e.Cause }

// ParameterError says that a form or an HTTP parameter does not have the type or the structure of the model.
type ParameterError struct {
	Name   string // of the parameter as sent, cut to a sane length; empty when the whole form is wrong
	Reason string
}

func (e *ParameterError) Error() string {
	if e.Name == "" {
		return "malformed parameters: " + e.Reason
	}
	return "malformed parameter " + strconv.Quote(e.Name) + ": " + e.Reason
}

// RefuseUnsupported returns an error with the given code that names the first of the present members which is
// listed as unsupported, itself or through a structure above it. present comes from an Operation's Present.
func RefuseUnsupported(code string, present, unsupported []string) error {
	for _, path := range present {
		for _, refused := range unsupported {
			if path == refused || strings.HasPrefix(path, refused+".") {
				return &Error{Code: code, Message: "Unsupported member " + path}
			}
		}
	}
	return nil
}

const maxEcho = 4096

// clip cuts what a client sent before it is echoed, at a character boundary.
func clip[T string | []byte](s T, limit int) string {
	if len(s) <= limit {
		return string(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return string(s[:limit]) + "…"
}
