package attribute

import "bytes"

// The range of DynamoDB's numbers ("Supported data types and naming rules" of the Developer Guide): 38
// significant digits, magnitudes 1E-130 to 9.9999999999999999999999999999999999999E+125, and 0.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
	maxPairs    = 20 // 38 digits that start in the middle of a pair
)

// Number is a number in canonical bytes whose order (bytes.Compare) is the order of the numbers. It is a
// fraction in base 100, 0.PPP… · 100^x with x from -64 to 63, whose first and last pair P are not zero:
//
//	0         80
//	positive  (C0 + x) (P+1)…
//	negative  the complement of every byte of the positive, then FF
//
// nil is no number.
type Number []byte

const (
	zeroByte   = 0x80
	bias       = 0xC0
	terminator = 0xFF
)

// ParseNumber reads a number as DynamoDB does: an optional sign, decimal digits with at most one point, and
// an optional exponent. Any number of zeros at either end is allowed. The errors are ValidationErrors in
// DynamoDB's words.
func ParseNumber(text []byte) (Number, error) {
	out, err := appendParsed(make([]byte, 0, maxPairs+2), text)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// appendParsed appends the Number that text spells. Its time and memory are those of the length of text,
// whatever the exponent.
func appendParsed(dst, text []byte) ([]byte, error) {
	var d decimal
	if !d.parse(text) {
		if len(text) == 0 {
			return dst, invalid(textNotNumber)
		}
		return dst, invalid(textNotNumber + ": " + string(text))
	}
	if err := d.check(); err != nil {
		return dst, err
	}
	return d.append(dst), nil
}

// decimal is a number while it is read: ± d.ddd · 10^exponent.
type decimal struct {
	negative bool
	excess   bool // more than maxDigits significant digits
	count    int  // of digits, 0 for the number 0
	zeros    int  // since the last digit that is not 0
	exponent int
	digits   [maxDigits + 1]byte
}

func (d *decimal) parse(text []byte) bool {
	i := 0
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		d.negative = text[0] == '-'
		i++
	}
	i, seen, point := d.mantissa(text, i)
	if !seen {
		return false
	}
	d.exponent = point - 1
	if i == len(text) {
		return true
	}
	if text[i]|0x20 != 'e' {
		return false
	}
	exponent, ok := parseExponent(text[i+1:])
	d.exponent += exponent
	return ok
}

// mantissa reads digits and the point from i on. point is where the decimal point lies, counted from the
// first significant digit.
func (d *decimal) mantissa(text []byte, i int) (end int, seen bool, point int) {
	dotted := false
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			seen = true
			if d.count > 0 || c != '0' {
				d.digit(c - '0')
				if !dotted {
					point++
				}
			} else if dotted {
				point--
			}
		case c == '.' && !dotted:
			dotted = true
		default:
			return i, seen, point
		}
	}
	return i, seen, point
}

// digit adds a digit. Zeros wait until another digit shows that they are significant.
func (d *decimal) digit(c byte) {
	if c == 0 {
		d.zeros++
		return
	}
	if d.count+d.zeros >= maxDigits {
		d.excess = true
		d.zeros = 0
		return
	}
	d.count += d.zeros
	d.zeros = 0
	d.digits[d.count] = c
	d.count++
}

// farExponent stands for any exponent too large to matter. It is larger than a request is long.
const farExponent = 1 << 27

func parseExponent(text []byte) (int, bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), farExponent)
	}
	if negative {
		n = -n
	}
	return n, len(text) > 0
}

// check returns DynamoDB's error for a number out of range. Magnitude comes before precision.
func (d *decimal) check() error {
	switch {
	case d.count == 0:
		return nil
	case d.exponent > maxExponent:
		return invalid(textOverflow)
	case d.exponent < minExponent:
		return invalid(textUnderflow)
	case d.excess:
		return invalid(textTooPrecise)
	}
	return nil
}

// append appends the Number of d, which check has passed.
func (d *decimal) append(dst []byte) []byte {
	if d.count == 0 {
		return append(dst, zeroByte)
	}
	start := len(dst)
	dst = append(dst, byte(bias+d.exponent>>1+1))
	i := 0
	if d.exponent&1 == 0 {
		dst = append(dst, d.digits[0]+1)
		i = 1
	}
	for ; i < d.count; i += 2 {
		dst = append(dst, d.digits[i]*10+d.digits[i+1]+1)
	}
	if d.negative {
		dst = complement(dst, start)
	}
	return dst
}

func complement(dst []byte, start int) []byte {
	for i := range dst[start:] {
		dst[start+i] ^= 0xFF
	}
	return append(dst, terminator)
}

// parts is a Number taken apart: ±0.PPP… · 100^x.
type parts struct {
	negative bool
	x        int
	count    int
	pairs    [maxPairs]byte
}

// split takes n apart. Bytes that are no number become some parts, never a panic.
func (n Number) split() (p parts) {
	if len(n) < 2 {
		return p
	}
	var mask byte
	digits := n[1:]
	if n[0] < zeroByte {
		p.negative, mask = true, 0xFF
		digits = n[1 : len(n)-1]
	}
	p.x = int(n[0]^mask) - bias
	for _, c := range digits[:min(len(digits), maxPairs)] {
		p.pairs[p.count] = min((c^mask)-1, 99)
		p.count++
	}
	return p
}

// digitsIn is how many significant decimal digits the pairs hold.
func digitsIn(pairs []byte) int {
	n := 2 * len(pairs)
	if n > 0 && pairs[0] < 10 {
		n--
	}
	if n > 0 && pairs[len(pairs)-1]%10 == 0 {
		n--
	}
	return n
}

// canonical says whether n is what the writers of this package write.
func (n Number) canonical() bool {
	p := n.split()
	if len(n) < 2 || p.count == 0 {
		return len(n) == 1 && n[0] == zeroByte
	}
	if p.pairs[0] == 0 || p.pairs[p.count-1] == 0 || digitsIn(p.pairs[:p.count]) > maxDigits {
		return false
	}
	var room [maxPairs + 2]byte
	return bytes.Equal(n, p.append(room[:0]))
}

// append appends the Number of p, whose first and last pair are not zero and whose x is in range.
func (p *parts) append(dst []byte) []byte {
	if p.count == 0 {
		return append(dst, zeroByte)
	}
	start := len(dst)
	dst = append(dst, byte(bias+p.x))
	for _, pair := range p.pairs[:p.count] {
		dst = append(dst, pair+1)
	}
	if p.negative {
		dst = complement(dst, start)
	}
	return dst
}

// AppendText appends the number as DynamoDB prints it: plain decimal, without an exponent, a plus sign or
// needless zeros.
func (n Number) AppendText(dst []byte) []byte {
	p := n.split()
	if p.count == 0 {
		return append(dst, '0')
	}
	if p.negative {
		dst = append(dst, '-')
	}
	if p.x <= 0 {
		dst = append(dst, '0', '.')
		dst = appendZeros(dst, -p.x)
		return trimZero(appendPairs(dst, p.pairs[:p.count]))
	}
	start := len(dst)
	whole := min(p.x, p.count)
	dst = appendPairs(dst, p.pairs[:whole])
	if dst[start] == '0' {
		dst = append(dst[:start], dst[start+1:]...)
	}
	if p.count > whole {
		dst = append(dst, '.')
		return trimZero(appendPairs(dst, p.pairs[whole:p.count]))
	}
	return appendZeros(dst, p.x-p.count)
}

func appendPairs(dst, pairs []byte) []byte {
	for _, pair := range pairs {
		dst = append(dst, '0'+pair/10, '0'+pair%10)
	}
	return dst
}

func appendZeros(dst []byte, pairs int) []byte {
	for ; pairs > 0; pairs-- {
		dst = append(dst, '0', '0')
	}
	return dst
}

func trimZero(dst []byte) []byte {
	if dst[len(dst)-1] == '0' {
		return dst[:len(dst)-1]
	}
	return dst
}

// String is the number as AppendText prints it.
func (n Number) String() string { return string(n.AppendText(nil)) }
