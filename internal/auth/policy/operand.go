package policy

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// compileOperand makes the test for one value of a condition. ok is false when the value is not one of the
// operator's kind: such a value never matches, as in AWS, but the policy is legal.
func compileOperand(base, value string, variables bool) (operand, bool) {
	switch base {
	case "StringEquals", "StringEqualsIgnoreCase":
		if t, ok := compileTemplate(value, variables); ok {
			return templateText{t, base == "StringEqualsIgnoreCase"}, true
		}
		return exactText{value, base == "StringEqualsIgnoreCase"}, true
	case "StringLike":
		return likeText{compileGlob(value, variables)}, true
	case "ArnEquals", "ArnLike":
		return likeARN{compileARN(value, variables)}, true
	case "Bool":
		if t, ok := compileTemplate(value, variables); ok {
			return templateBool{t}, true
		}
		b, ok := parseBool(value)
		return boolean(b), ok
	case "BinaryEquals":
		_, err := base64.StdEncoding.DecodeString(value)
		return exactText{value, false}, err == nil
	case "IpAddress":
		prefix, ok := parsePrefix(value)
		return addressRange{prefix}, ok
	}
	if order, ok := strings.CutPrefix(base, "Numeric"); ok {
		n, ok := parseNumeric(value)
		return numeric{order, n}, ok
	}
	if order, ok := strings.CutPrefix(base, "Date"); ok {
		t, ok := parseDate(value)
		return date{order, t}, ok
	}
	return nil, false
}

type exactText struct {
	text     string
	foldCase bool
}

func (o exactText) match(value string, _ *Request) bool {
	return value == o.text || o.foldCase && strings.EqualFold(value, o.text)
}

type templateText struct {
	template
	foldCase bool
}

func (o templateText) match(value string, r *Request) bool {
	text, ok := o.text(r)
	return ok && exactText{text, o.foldCase}.match(value, r)
}

type likeText struct{ glob }

func (o likeText) match(value string, r *Request) bool {
	fits, _ := o.glob.match(value, r)
	return fits
}

type likeARN struct{ arnPattern }

func (o likeARN) match(value string, r *Request) bool {
	fits, _ := o.arnPattern.match(value, r)
	return fits
}

type templateBool struct{ template }

func (o templateBool) match(value string, r *Request) bool {
	text, ok := o.text(r)
	if !ok {
		return false
	}
	b, ok := parseBool(text)
	return ok && boolean(b).match(value, r)
}

type boolean bool

func (o boolean) match(value string, _ *Request) bool {
	b, ok := parseBool(value)
	return ok && b == bool(o)
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

type numeric struct {
	order string
	limit *big.Rat
}

func (o numeric) match(value string, _ *Request) bool {
	n, ok := parseNumeric(value)
	return ok && ordered(o.order, n.Cmp(o.limit))
}

// maxNumericLength bounds what is parsed, and with it the size of the numbers.
const maxNumericLength = 64

func parseNumeric(s string) (*big.Rat, bool) {
	if s == "" || len(s) > maxNumericLength || strings.Trim(s, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

type date struct {
	order string
	limit time.Time
}

func (o date) match(value string, _ *Request) bool {
	t, ok := parseDate(value)
	return ok && ordered(o.order, t.Compare(o.limit))
}

// parseDate reads a W3C profile of ISO 8601, or seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01",
		"2006"} {
		if t, err := time.Parse(layout, s); err == nil && (layout != "2006" || len(s) == 4) {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// ordered says whether a comparison's result satisfies the order in the operator's name.
func ordered(order string, c int) bool {
	switch order {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	case "GreaterThanEquals":
		return c >= 0
	}
	return false
}

type addressRange struct{ netip.Prefix }

func (o addressRange) match(value string, _ *Request) bool {
	address, err := netip.ParseAddr(value)
	return err == nil && o.Contains(address.Unmap())
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(s)
	return prefix, err == nil
}
