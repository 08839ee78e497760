package api

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// The functions of this file read the single values of forms and of HTTP parameters. Their errors never
// repeat the value.

func parseText(s string) (string, error) { return s, nil }

func parseInteger(s string) (int64, error) { return parseWhole(s, 32) }

func parseLong(s string) (int64, error) { return parseWhole(s, 64) }

func parseWhole(s string, bits int) (int64, error) {
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil || s[0] == '+' {
		return 0, errors.New("a whole number was expected")
	}
	return n, nil
}

func parseFloat(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("a number was expected")
	}
	return f, nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("true or false was expected")
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Unix() < minSeconds || t.Unix() > maxSeconds {
		return time.Time{}, errors.New("a time like 2006-01-02T15:04:05Z was expected")
	}
	return t.UTC().Truncate(time.Millisecond), nil
}
