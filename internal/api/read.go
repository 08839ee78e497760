package api

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Object walks the members of one structure in a JSON document. The generated ReadJSON methods use it like
// this:
//
//	o := api.OpenObject(r, "Tag")
//	for o.Next() {
//		switch string(o.Name) {
//		case "Key":
//			if o.Take(0) {
//				x.Key, o.Err = api.ReadText(r)
//			}
//		default:
//			o.Unknown()
//		}
//	}
//	return o.Err
type Object struct {
	Name  []byte // of the member just met
	Err   error  // ends the walk
	r     *strictjson.Reader
	shape string
	seen  uint64
}

// OpenObject enters the structure called shape.
func OpenObject(r *strictjson.Reader, shape string) Object {
	return Object{r: r, shape: shape, Err: r.BeginStructure()}
}

// Next says whether there is another member, and puts its name into Name.
func (o *Object) Next() bool {
	if o.Err != nil {
		return false
	}
	var ok bool
	o.Name, ok, o.Err = o.r.NextName()
	return ok && o.Err == nil
}

// Take notes that the structure's member number i was met, which may happen once, and says whether it has a
// value to read: null means that the member is absent.
func (o *Object) Take(i uint) bool {
	if o.seen&(1<<i) != 0 {
		o.Err = &DuplicateMemberError{Shape: o.shape, Member: clip(o.Name, 255)}
		return false
	}
	o.seen |= 1 << i
	var null bool
	null, o.Err = o.r.SkipNull()
	return !null && o.Err == nil
}

// Unknown ends the walk because the model has no member of this name.
func (o *Object) Unknown() {
	o.Err = &UnknownMemberError{Shape: o.shape, Member: clip(o.Name, 255)}
}

// read lifts a function that reads into a place to one that returns a pointer.
func read[T any](r *strictjson.Reader, one func(*T, *strictjson.Reader) error) (*T, error) {
	v := new(T)
	if err := one(v, r); err != nil {
		return nil, err
	}
	return v, nil
}

// ReadText reads a string.
func ReadText(r *strictjson.Reader) (*string, error) { return read(r, TextIn) }

// ReadInteger reads a whole number of 32 bits.
func ReadInteger(r *strictjson.Reader) (*int64, error) { return read(r, IntegerIn) }

// ReadLong reads a whole number of 64 bits.
func ReadLong(r *strictjson.Reader) (*int64, error) { return read(r, LongIn) }

// ReadFloat reads a number.
func ReadFloat(r *strictjson.Reader) (*float64, error) { return read(r, FloatIn) }

// ReadBool reads true or false.
func ReadBool(r *strictjson.Reader) (*bool, error) { return read(r, BoolIn) }

// ReadTime reads a timestamp: seconds since 1970 as a number, kept to the millisecond.
func ReadTime(r *strictjson.Reader) (*time.Time, error) { return read(r, TimeIn) }

// TextIn reads a string into v.
func TextIn(v *string, r *strictjson.Reader) error {
	text, err := r.ReadString()
	*v = string(text)
	return err
}

// IntegerIn reads a whole number of 32 bits into v.
func IntegerIn(v *int64, r *strictjson.Reader) (err error) {
	*v, err = r.ReadInt(32)
	return err
}

// LongIn reads a whole number of 64 bits into v.
func LongIn(v *int64, r *strictjson.Reader) (err error) {
	*v, err = r.ReadInt(64)
	return err
}

// FloatIn reads a number into v.
func FloatIn(v *float64, r *strictjson.Reader) (err error) {
	*v, err = r.ReadFloat()
	return err
}

// BoolIn reads true or false into v.
func BoolIn(v *bool, r *strictjson.Reader) (err error) {
	*v, err = r.ReadBool()
	return err
}

// The years 1 to 9999, which every form of a timestamp can write.
const minSeconds, maxSeconds = -62135596800, 253402300799

// TimeIn reads a timestamp into v.
func TimeIn(v *time.Time, r *strictjson.Reader) error {
	offset := r.Offset()
	literal, err := r.ReadNumber("Timestamp")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(string(literal), 64)
	if err != nil || seconds < minSeconds || seconds > maxSeconds {
		return &strictjson.TypeError{
			Offset: offset, Found: strictjson.Number, Text: clip(literal, 64), Want: "Timestamp",
		}
	}
	*v = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}

// ReadBlob reads a string of base64.
func ReadBlob(r *strictjson.Reader) ([]byte, error) {
	text, err := r.ReadString()
	if err != nil {
		return nil, strictjson.Wanted(err, "Blob")
	}
	return decodeBlob(text)
}

// decodeBlob refuses line breaks, which the standard library's strict decoder skips.
func decodeBlob(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, "\r\n") {
		return nil, &BlobError{}
	}
	blob, err := base64.StdEncoding.Strict().AppendDecode([]byte{}, text)
	if err != nil {
		return nil, &BlobError{Cause: err}
	}
	return blob, nil
}

// BlobIn reads a string of base64 into v.
func BlobIn(v *[]byte, r *strictjson.Reader) (err error) {
	*v, err = ReadBlob(r)
	return err
}

// ValueIn reads an attribute value into v.
func ValueIn(v *attribute.Value, r *strictjson.Reader) (err error) {
	*v, err = attribute.ReadValue(r, nil)
	return err
}

// ItemIn reads a map of attribute values into v.
func ItemIn(v *attribute.Item, r *strictjson.Reader) (err error) {
	*v, err = attribute.ReadItem(r, nil)
	return err
}

// ReadList reads an array whose elements one reads. null is not an element. The result is never nil without
// an error.
func ReadList[T any](r *strictjson.Reader, one func(*T, *strictjson.Reader) error) ([]T, error) {
	if err := r.BeginArray(); err != nil {
		return nil, err
	}
	list := []T{}
	for {
		ok, err := r.NextElement()
		if !ok || err != nil {
			return list, err
		}
		var v T
		if err := one(&v, r); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// ReadMap reads an object as a map whose values one reads. null is not a value. The result is never nil
// without an error.
func ReadMap[T any](r *strictjson.Reader, one func(*T, *strictjson.Reader) error) (map[string]T, error) {
	if err := r.BeginObject(); err != nil {
		return nil, err
	}
	entries := map[string]T{}
	for {
		name, ok, err := r.NextName()
		if !ok || err != nil {
			return entries, err
		}
		key := string(name)
		if _, twice := entries[key]; twice {
			return nil, &DuplicateMemberError{Shape: "map", Member: clip(key, 255)}
		}
		var v T
		if err := one(&v, r); err != nil {
			return nil, err
		}
		entries[key] = v
	}
}
