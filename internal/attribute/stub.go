package attribute

import (
	"bytes"
	"iter"

	"github.com/sealtable/sealtable/internal/strictjson"
)

type Kind uint8

const (
	Invalid Kind = iota
	S
	N
	B
	BOOL
	NULL
	M
	L
	SS
	NS
	BS
)

func (k Kind) String() string { return "" }

type Value []byte

func (v Value) Kind() Kind                      { return Invalid }
func (v Value) Text() []byte                    { return nil }
func (v Value) Bool() bool                      { return false }
func (v Value) Number() Number                  { return nil }
func (v Value) Len() int                        { return 0 }
func (v Value) Elements() iter.Seq2[int, Value] { return func(func(int, Value) bool) {} }
func (v Value) Index(i int) Value               { return nil }
func (v Value) Item() Item                      { return nil }
func (v Value) Size() int                       { return 0 }
func (v Value) Clone() Value                    { return bytes.Clone(v) }
func Equal(a, b Value) bool                     { return bytes.Equal(a, b) }
func Compare(a, b Value) int                    { return bytes.Compare(a, b) }
func AppendJSON(dst []byte, v Value) []byte     { return dst }
func AppendString(dst []byte, s string) []byte  { return dst }
func AppendBinary(dst, b []byte) []byte         { return dst }
func AppendNumber(dst []byte, n Number) []byte  { return dst }
func AppendBool(dst []byte, b bool) []byte      { return dst }
func AppendNull(dst []byte) []byte              { return dst }
func String(s string) Value                     { return AppendString(nil, s) }
func Binary(b []byte) Value                     { return AppendBinary(nil, b) }
func FromNumber(n Number) Value                 { return AppendNumber(nil, n) }
func Bool(b bool) Value                         { return AppendBool(nil, b) }
func Null() Value                               { return AppendNull(nil) }

// NewList makes an L from values. NewSet makes an SS, NS or BS from S, N or B values: sorted; refuses none, mixed, duplicates.
func NewList(elements ...Value) Value                   { return nil }
func NewSet(kind Kind, members ...Value) (Value, error) { return nil, nil }

// Contains says whether set (SS, NS, BS) has member, or list (L) has an element equal to it.
func (v Value) Contains(member Value) bool { return false }

// Depth is 0 for scalars and sets, 1 + the deepest member for M and L.
func (v Value) Depth() int { return 0 }

type Item []byte

func (it Item) Get(name string) Value         { return nil }
func (it Item) Len() int                      { return 0 }
func (it Item) All() iter.Seq2[string, Value] { return func(func(string, Value) bool) {} }
func (it Item) Size() int                     { return 0 }
func (it Item) Clone() Item                   { return bytes.Clone(it) }
func (it Item) AppendJSON(dst []byte) []byte  { return dst }
func (it Item) Value() Value                  { return Value(it) }
func (it Item) Tree() *Tree                   { return &Tree{} }

type Builder struct{}

func (b *Builder) Reset()                   {}
func (b *Builder) Set(name string, v Value) {}
func (b *Builder) Remove(name string)       {}
func (b *Builder) Item() Item               { return nil }

type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

type Tree struct{}

func (t *Tree) Set(path []Step, v Value) error { return nil }
func (t *Tree) Remove(path []Step) error       { return nil }
func (t *Tree) Get(path []Step) Value          { return nil }
func (t *Tree) Item() Item                     { return nil }

// At is the value at path below v, nil when there is none.
func (v Value) At(path []Step) Value { return nil }

func ReadValue(r *strictjson.Reader, dst []byte) (Value, error) { return nil, nil }
func ReadItem(r *strictjson.Reader, dst []byte) (Item, error)   { return nil, nil }
func CheckItem(b []byte) error                                  { return nil }
func CheckValue(b []byte) error                                 { return nil }

type Number []byte

func ParseNumber(text []byte) (Number, error)    { return nil, nil }
func (n Number) AppendText(dst []byte) []byte    { return dst }
func (n Number) String() string                  { return string(n.AppendText(nil)) }
func NumberFromInt(i int64) Number               { return nil }
func (n Number) Int64() (int64, bool)            { return 0, false }
func Add(a, b Number) (Number, error)            { return nil, nil }
func Subtract(a, b Number) (Number, error)       { return nil, nil }
func AppendKey(dst []byte, v Value) []byte       { return dst }
func AppendKeyPart(dst []byte, v Value) []byte   { return dst }
func ReadKey(kind Kind, b []byte) (Value, error) { return nil, nil }
