package attribute

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/cputime"
)

func number(t testing.TB, text string) Number {
	t.Helper()
	n, err := ParseNumber([]byte(text))
	if err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
	return n
}

func TestNumberText(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "+0": "0", "0.000": "0", "0e999999999999": "0", "000": "0", "0E-99999999999999999999": "0",
		"1": "1", "+5": "5", "+1.5": "1.5", "+1e2": "100", "1e+2": "100", "1.5E+3": "1500", "-7": "-7",
		"10": "10", "100": "100", "1000": "1000", "120": "120", "1200": "1200", "00012.3400": "12.34",
		".5": "0.5", "5.": "5", "-.5": "-0.5", "0.05": "0.05", "0.005": "0.005", "0.0000001": "0.0000001", "1.05": "1.05",
		"123456789012345678901234567890.12345678": "123456789012345678901234567890.12345678",
		"1e100":  "1" + strings.Repeat("0", 100),
		"1E125":  "1" + strings.Repeat("0", 125),
		"1E-130": "0." + strings.Repeat("0", 129) + "1",
		"-9.9999999999999999999999999999999999999E+125": "-" + strings.Repeat("9", 38) + strings.Repeat("0", 88),
		"1" + strings.Repeat("0", 500) + "e-500":        "1",
		"0." + strings.Repeat("0", 500) + "1e501":       "1",
		strings.Repeat("0", 100000) + "7":               "7",
		"7." + strings.Repeat("0", 100000):              "7",
		"110111111111111110000000000000000000000":       "110111111111111110000000000000000000000",
	} {
		if got := number(t, text).String(); got != want {
			t.Errorf("%.60s prints %s, want %s", text, got, want)
		}
	}
}

func TestNumberRefused(t *testing.T) {
	const notNumber = "The parameter cannot be converted to a numeric value: "
	const overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	const underflow = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	const precise = "Attempting to store more than 38 significant digits in a Number"
	for text, want := range map[string]string{"": "The parameter cannot be converted to a numeric value", "1e126": overflow,
		"-1e126":                  overflow,
		"1e999999999999999999999": overflow, "1e-131": underflow, "1E-9999": underflow, "-1e-99999999999999999999999": underflow,
		strings.Repeat("1", 39): precise, "1." + strings.Repeat("0", 37) + "1": precise, "1" + strings.Repeat("0",
			37) + "1": precise,
		strings.Repeat("9", 126): precise, strings.Repeat("9", 127): overflow,
	} {
		refused(t, text, want)
	}
	for _, text := range []string{"NaN", "Infinity", "-inf", "0x10", "1_000", "1,5", " 1", "1 ", "1 2", "--1", "+-1", "1e",
		"1e+", "e5", ".", "-",
		"+", "-.", ".e1", "1.2.3", "1e1.5", "1e1e1", "1+2", "١٢", "１", "1f", "1d", "1L", "true", "\x00", "1\x00", "1\n"} {
		refused(t, text, notNumber+text)
	}
}

func refused(t *testing.T, text, want string) {
	t.Helper()
	n, err := ParseNumber([]byte(text))
	var validation *ValidationError
	if !errors.As(err, &validation) || validation.Message != want {
		t.Errorf("%.60q: got %v, %v; want %s", text, n, err, want)
	}
}

// TestNumberInBoundedTime reads the longest texts that a request can hold.
func TestNumberInBoundedTime(t *testing.T) {
	spent := cputime.Start(t)
	for _, text := range []string{"1e" + strings.Repeat("9", 1<<20), strings.Repeat("9", 1<<20), "0." + strings.Repeat("0",
		1<<20) + "1"} {
		if _, err := ParseNumber([]byte(text)); err == nil {
			t.Errorf("%.20s is accepted", text)
		}
	}
	if took := spent(); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// The sizes that were measured on DynamoDB follow pairs of digits counted from the decimal point.
func TestNumberSize(t *testing.T) {
	for text, want := range map[string]int{"0": 1, "1": 2, "27": 2, "-27": 3, "461": 3, "100": 2, "1000": 2, "1E125": 2,
		"0.1": 2, "0.01": 2,
		"0.001": 2, "1.5": 3, "-1.5": 4, "12.34": 3, "100.5": 4, "1786461547": 6, "1E-130": 2, strings.Repeat("9", 38): 20,
		strings.Repeat("9", 37) + ".9": 21, "-" + strings.Repeat("9", 37) + ".9": 21} {
		if got := FromNumber(number(t, text)).Size(); got != want {
			t.Errorf("%s has size %d, want %d", text, got, want)
		}
	}
}

func TestNumberInt(t *testing.T) {
	for _, i := range []int64{0, 1, -1, 9, 10, 99, 100, -100, 101, 1e9, 1 << 53, math.MaxInt64, math.MinInt64, math.MinInt64 + 1} {
		n := NumberFromInt(i)
		if want := number(t, fmt.Sprint(i)); !bytes.Equal(n, want) {
			t.Errorf("%d is %x, want %x", i, n, want)
		}
		if got, ok := n.Int64(); !ok || got != i {
			t.Errorf("%d reads back as %d, %v", i, got, ok)
		}
	}
	for _, text := range []string{"0.5", "1.5", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e20",
		"1e125", "1e-130"} {
		if got, ok := number(t, text).Int64(); ok {
			t.Errorf("%s is taken for %d", text, got)
		}
	}
}

// numberText draws spellings of numbers, most of them in range and many of them close to each other.
func numberText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		digits := rapid.StringMatching(`[0-9]{1,3}|[0-9]{1,38}|9{30,38}|10{20,37}`).Draw(t, "digits")
		if at := rapid.IntRange(-1, len(digits)).Draw(t, "point"); at >= 0 {
			digits = digits[:at] + "." + digits[at:]
		}
		sign := rapid.SampledFrom([]string{"", "", "-", "+"}).Draw(t, "sign")
		if !rapid.Bool().Draw(t, "has exponent") {
			return sign + digits
		}
		near := rapid.IntRange(-6, 6)
		return fmt.Sprintf("%s%se%d", sign, digits, rapid.OneOf(near, rapid.IntRange(-140, 140)).Draw(t, "exponent"))
	})
}

func decimalOf(t *rapid.T, text string) *apd.Decimal {
	d, _, err := apd.NewFromString(text)
	if err != nil {
		t.Fatalf("the oracle refuses %s: %v", text, err)
	}
	return d
}

// verdict is what DynamoDB's rules say of an exact decimal.
func verdict(d *apd.Decimal) string {
	var r apd.Decimal
	r.Reduce(d)
	exponent := int64(r.Exponent) + r.NumDigits() - 1
	switch {
	case r.IsZero():
		return ""
	case exponent > maxExponent:
		return textOverflow
	case exponent < minExponent:
		return textUnderflow
	case r.NumDigits() > maxDigits:
		return textTooPrecise
	}
	return ""
}

func agree(t *rapid.T, what string, n Number, err error, want *apd.Decimal) {
	if expected := verdict(want); expected != "" {
		if err == nil || err.Error() != expected {
			t.Fatalf("%s: got %v, %v; want %s", what, n, err, expected)
		}
		return
	}
	if err != nil || !n.canonical() {
		t.Fatalf("%s: %x, %v; want %s", what, n, err, want)
	}
	if got := decimalOf(t, n.String()); got.Cmp(want) != 0 {
		t.Fatalf("%s: got %s, want %s", what, got, want)
	}
}

func TestNumberAgreesWithApd(t *testing.T) {
	exact := apd.BaseContext.WithPrecision(400)
	rapid.Check(t, func(t *rapid.T) {
		textA, textB := numberText().Draw(t, "a"), numberText().Draw(t, "b")
		decimalA, decimalB := decimalOf(t, textA), decimalOf(t, textB)
		a, errA := ParseNumber([]byte(textA))
		agree(t, "parse", a, errA, decimalA)
		b, errB := ParseNumber([]byte(textB))
		agree(t, "parse", b, errB, decimalB)
		if errA != nil || errB != nil {
			return
		}
		if got, want := bytes.Compare(a, b), decimalA.Cmp(decimalB); got != want {
			t.Fatalf("order of %s and %s is %d, want %d", textA, textB, got, want)
		}
		if got, want := bytes.Compare(AppendKeyPart(nil, FromNumber(a)), AppendKeyPart(nil, FromNumber(b))),
			decimalA.Cmp(decimalB); got != want {
			t.Fatalf("order of the key parts of %s and %s is %d, want %d", textA, textB, got, want)
		}
		again, err := ParseNumber(a.AppendText(nil))
		if err != nil || !bytes.Equal(again, a) {
			t.Fatalf("%s: %x prints as %s, which reads as %x, %v", textA, a, a, again, err)
		}
		var sum, difference apd.Decimal
		if _, err := exact.Add(&sum, decimalA, decimalB); err != nil {
			t.Fatal(err)
		}
		if _, err := exact.Sub(&difference, decimalA, decimalB); err != nil {
			t.Fatal(err)
		}
		n, err := Add(a, b)
		agree(t, textA+" + "+textB, n, err, &sum)
		n, err = Subtract(a, b)
		agree(t, textA+" - "+textB, n, err, &difference)
	})
}

func TestAddAtTheLimits(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"9.9999999999999999999999999999999999999E+125", "1E+125", textOverflow},
		{"9E125", "1E125", textOverflow},
		{"1E125", "-1E125", "0"},
		{"1.5E-130", "-1E-130", textUnderflow},
		{"1E-130", "-1E-130", "0"},
		{"1E100", "1", textTooPrecise},
		{"1E37", "1", "10000000000000000000000000000000000001"},
		{"1E38", "1", textTooPrecise},
		{strings.Repeat("9", 38), "1", "1" + strings.Repeat("0", 38)},
		{"0.3", "-0.1", "0.2"},
		{"0", "0", "0"},
		{"99", "1", "100"}, {"-99", "-1", "-100"}, {"100", "-1", "99"}, {"1", "-100", "-99"},
	} {
		got := ""
		if n, err := Add(number(t, c.a), number(t, c.b)); err != nil {
			got = err.Error()
		} else {
			got = n.String()
		}
		if got != c.want {
			t.Errorf("%s + %s = %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-0.0e5", "1e125", "1e-130", "12.50", "NaN", "99999999999999999999999999999999999999",
		"-5E-3"} {
		f.Add([]byte(seed), []byte("1"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		n, err := ParseNumber(a)
		if err == nil {
			again, err := ParseNumber(n.AppendText(nil))
			if !n.canonical() || err != nil || !bytes.Equal(n, again) {
				t.Errorf("%q is %x, prints %s, reads %x, %v", a, n, n, again, err)
			}
		}
		raw := Number(a)
		raw.AppendText(nil)
		raw.Int64()
		for _, f := range []func(a, b Number) (Number, error){Add, Subtract} {
			if sum, err := f(raw, Number(b)); err == nil && raw.canonical() && Number(b).canonical() && !sum.canonical() {
				t.Errorf("%x and %x give %x", a, b, sum)
			}
		}
		if raw.canonical() && !bytes.Equal(number(t, raw.String()), raw) {
			t.Errorf("%x is canonical but prints %s", raw, raw)
		}
	})
}
