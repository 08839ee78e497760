package attribute

import (
	"bytes"
	"math"
)

// Add is a + b, exactly. A sum out of DynamoDB's range or with more than 38 significant digits is a
// ValidationError; DynamoDB rounds nothing.
func Add(a, b Number) (Number, error) { return sum(a.split(), b.split()) }

// Subtract is a - b, with the errors of Add.
func Subtract(a, b Number) (Number, error) {
	q := b.split()
	q.negative = !q.negative
	return sum(a.split(), q)
}

// The columns of a sum: the pair of weight 100^i lies in column topWeight-i. A carry can reach one weight
// above the range.
const (
	topWeight = 63
	columns   = topWeight + 64 + maxPairs + 1
)

// sum adds column by column. The columns used are few unless the numbers are far apart, and then the sum has
// too many digits.
func sum(a, b parts) (Number, error) {
	if a.count == 0 || b.count > 0 && smaller(&a, &b) {
		a, b = b, a
	}
	if b.count == 0 {
		return a.append(nil), nil
	}
	var column [columns]int16
	top, end := topWeight-a.x, topWeight-min(a.x-a.count, b.x-b.count)
	for i, pair := range a.pairs[:a.count] {
		column[top+1+i] = int16(pair)
	}
	sign := int16(1)
	if a.negative != b.negative {
		sign = -1
	}
	carry := int16(0)
	for i := end; i >= top; i-- {
		v := column[i] + carry
		if j := i - (topWeight - b.x) - 1; j >= 0 && j < b.count {
			v += sign * int16(b.pairs[j])
		}
		carry = 0
		if v >= 100 {
			v, carry = v-100, 1
		} else if v < 0 {
			v, carry = v+100, -1
		}
		column[i] = v
	}
	return finish(a.negative, column[:end+1], top)
}

// smaller compares magnitudes.
func smaller(a, b *parts) bool {
	if a.x != b.x {
		return a.x < b.x
	}
	return bytes.Compare(a.pairs[:a.count], b.pairs[:b.count]) < 0
}

// finish makes a Number of the columns from top on, which hold pairs, if it is in range.
func finish(negative bool, column []int16, top int) (Number, error) {
	for top < len(column) && column[top] == 0 {
		top++
	}
	end := len(column)
	for end > top && column[end-1] == 0 {
		end--
	}
	if top == end {
		return Number{zeroByte}, nil
	}
	x, first := topWeight-top+1, column[top]
	pairs := make([]byte, end-top)
	for i := range pairs {
		pairs[i] = byte(column[top+i])
	}
	exponent := 2 * (x - 1)
	if first >= 10 {
		exponent++
	}
	switch {
	case exponent > maxExponent:
		return nil, invalid(textOverflow)
	case exponent < minExponent:
		return nil, invalid(textUnderflow)
	case digitsIn(pairs) > maxDigits:
		return nil, invalid(textTooPrecise)
	}
	p := parts{negative: negative, x: x, count: len(pairs)}
	copy(p.pairs[:], pairs)
	return p.append(nil), nil
}

// NumberFromInt is i as a Number.
func NumberFromInt(i int64) Number {
	magnitude := uint64(i)
	if i < 0 {
		magnitude = -magnitude
	}
	p := parts{negative: i < 0}
	var pairs [10]byte
	at := len(pairs)
	for ; magnitude > 0; magnitude /= 100 {
		at--
		pairs[at] = byte(magnitude % 100)
	}
	p.x = len(pairs) - at
	p.count = copy(p.pairs[:], pairs[at:])
	for p.count > 0 && p.pairs[p.count-1] == 0 {
		p.count--
	}
	return p.append(nil)
}

// Int64 is n as an int64. ok is false when n has a fraction or does not fit.
func (n Number) Int64() (i int64, ok bool) {
	p := n.split()
	if p.count == 0 {
		return 0, true
	}
	if p.x < p.count || p.x > 10 {
		return 0, false
	}
	magnitude := uint64(0)
	for k := range p.x {
		pair := uint64(0)
		if k < p.count {
			pair = uint64(p.pairs[k])
		}
		if magnitude > (math.MaxUint64-pair)/100 {
			return 0, false
		}
		magnitude = magnitude*100 + pair
	}
	switch {
	case p.negative && magnitude <= 1<<63:
		return -int64(magnitude), true
	case !p.negative && magnitude <= math.MaxInt64:
		return int64(magnitude), true
	}
	return 0, false
}
