package api

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// appendMember appends a member unless it is absent.
func appendMember[T any](dst []byte, name string, v *T, one func(*T, []byte) []byte) []byte {
	if v == nil {
		return dst
	}
	return one(v, strictjson.AppendName(dst, name))
}

// AppendText appends a member that is a string.
func AppendText(dst []byte, name string, v *string) []byte {
	return appendMember(dst, name, v, TextOut)
}

// AppendInt appends a member that is a whole number.
func AppendInt(dst []byte, name string, v *int64) []byte { return appendMember(dst, name, v, IntOut) }

// AppendFloat appends a member that is a number.
func AppendFloat(dst []byte, name string, v *float64) []byte {
	return appendMember(dst, name, v, FloatOut)
}

// AppendBool appends a member that is true or false.
func AppendBool(dst []byte, name string, v *bool) []byte { return appendMember(dst, name, v, BoolOut) }

// AppendTime appends a member that is a timestamp, as seconds since 1970 with up to three decimals.
func AppendTime(dst []byte, name string, v *time.Time) []byte {
	return appendMember(dst, name, v, TimeOut)
}

// AppendBlob appends a member that is a blob; nil is absent.
func AppendBlob(dst []byte, name string, v []byte) []byte {
	if v == nil {
		return dst
	}
	return strictjson.AppendBase64(strictjson.AppendName(dst, name), v)
}

// AppendValue appends a member that is an attribute value; nil is absent.
func AppendValue(dst []byte, name string, v attribute.Value) []byte {
	if v == nil {
		return dst
	}
	return attribute.AppendJSON(strictjson.AppendName(dst, name), v)
}

// AppendItem appends a member that is a map of attribute values; nil is absent.
func AppendItem(dst []byte, name string, v attribute.Item) []byte {
	if v == nil {
		return dst
	}
	return v.AppendJSON(strictjson.AppendName(dst, name))
}

// AppendList appends a member that is a list; nil is absent.
func AppendList[T any](dst []byte, name string, list []T, one func(*T, []byte) []byte) []byte {
	if list == nil {
		return dst
	}
	return ListOut(list, strictjson.AppendName(dst, name), one)
}

// AppendMap appends a member that is a map, in the order of its keys; nil is absent.
func AppendMap[T any](dst []byte, name string, entries map[string]T, one func(*T, []byte) []byte) []byte {
	if entries == nil {
		return dst
	}
	dst = append(strictjson.AppendName(dst, name), '{')
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		v := entries[key]
		dst = one(&v, strictjson.AppendName(dst, key))
	}
	return append(dst, '}')
}

// ListOut appends a list. Long ones find room at once for what they will take if they go on as they began: a
// page of items is up to a megabyte, and would otherwise be moved each time that dst is full.
func ListOut[T any](list []T, dst []byte, one func(*T, []byte) []byte) []byte {
	dst = append(dst, '[')
	begin := len(dst)
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if i == sampleLength {
			each := (len(dst) - begin) / sampleLength
			dst = slices.Grow(dst, min((len(list)-i)*(each+each/16), maxGuess))
		}
		dst = one(&list[i], dst)
	}
	return append(dst, ']')
}

const (
	// sampleLength is how many elements of a list tell how long the others are.
	sampleLength = 16
	// maxGuess is how much room is made on their word: what a page of items takes, mostly.
	maxGuess = 2 << 20
)

// TextOut appends a string.
func TextOut(v *string, dst []byte) []byte { return strictjson.AppendString(dst, *v) }

// IntOut appends a whole number.
func IntOut(v *int64, dst []byte) []byte { return strconv.AppendInt(dst, *v, 10) }

// FloatOut appends a number.
func FloatOut(v *float64, dst []byte) []byte { return strictjson.AppendFloat(dst, *v) }

// BoolOut appends true or false.
func BoolOut(v *bool, dst []byte) []byte { return strconv.AppendBool(dst, *v) }

// TimeOut appends a timestamp.
func TimeOut(v *time.Time, dst []byte) []byte {
	milliseconds := v.UnixMilli()
	if milliseconds%1000 == 0 {
		return strconv.AppendInt(dst, milliseconds/1000, 10)
	}
	return strconv.AppendFloat(dst, float64(milliseconds)/1000, 'f', -1, 64)
}

// BlobOut appends a blob.
func BlobOut(v *[]byte, dst []byte) []byte { return strictjson.AppendBase64(dst, *v) }

// ValueOut appends an attribute value.
func ValueOut(v *attribute.Value, dst []byte) []byte { return attribute.AppendJSON(dst, *v) }

// ItemOut appends a map of attribute values.
func ItemOut(v *attribute.Item, dst []byte) []byte { return v.AppendJSON(dst) }
