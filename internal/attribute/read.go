package attribute

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/sealtable/sealtable/internal/strictjson"
)

// maxNameLength is the longest attribute name in bytes.
const maxNameLength = 65535

// strictBase64 refuses stray bits at the end. It never changes.
var strictBase64 = base64.StdEncoding.Strict()

// ReadValue reads one AttributeValue ({"S":"x"}) and appends it to dst; the result is the part appended. It
// keeps nothing of r. After a ValidationError the Reader stands behind the value, which was well-formed JSON,
// so that a caller can go on and report it when its turn comes. After any other error the Reader is of no
// more use.
func ReadValue(r *strictjson.Reader, dst []byte) (Value, error) {
	before := *r
	d := decoder{r: r, buf: dst}
	if err := d.value(1); err != nil {
		return nil, skipInvalid(r, before, err)
	}
	return d.buf[len(dst):], nil
}

// ReadItem reads a map of AttributeValues ({"a":{"S":"x"}}) and appends it to dst; the result is the part
// appended. Errors are as those of ReadValue.
func ReadItem(r *strictjson.Reader, dst []byte) (Item, error) {
	before := *r
	d := decoder{r: r, buf: dst}
	if err := d.attributes(1); err != nil {
		return nil, skipInvalid(r, before, err)
	}
	return d.buf[len(dst):], nil
}

// skipInvalid puts r behind the value that it stood at before. JSON that is malformed goes before a value
// that is invalid.
func skipInvalid(r *strictjson.Reader, before strictjson.Reader, err error) error {
	var validation *ValidationError
	if !errors.As(err, &validation) {
		return err
	}
	*r = before
	if _, skipErr := r.ReadRaw(); skipErr != nil {
		return skipErr
	}
	return err
}

// decoder appends what it reads to buf. Levels count the maps and lists around a value, the item included.
type decoder struct {
	r   *strictjson.Reader
	buf []byte
}

// value reads {"TYPE": payload}. A member that is null counts as absent, as in DynamoDB.
func (d *decoder) value(level int) error {
	if err := d.r.BeginStructure(); err != nil {
		return noStructure(err)
	}
	found := false
	for {
		name, ok, err := d.r.NextName()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		kind := kindOf(name)
		if null, err := d.r.SkipNull(); null || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		switch {
		case kind == Invalid:
			return invalid(textNoType)
		case found:
			return invalid(textManyTypes)
		}
		found = true
		if err := d.payload(kind, level); err != nil {
			return err
		}
	}
	if !found {
		return invalid(textNoType)
	}
	return nil
}

// noStructure tells null, which is a value without any type, from what is no value at all.
func noStructure(err error) error {
	var wrong *strictjson.TypeError
	if errors.As(err, &wrong) && wrong.Found == strictjson.Null {
		return invalid(textNoType)
	}
	return err
}

func kindOf(name []byte) Kind {
	switch string(name) {
	case "S":
		return S
	case "N":
		return N
	case "B":
		return B
	case "BOOL":
		return BOOL
	case "NULL":
		return NULL
	case "M":
		return M
	case "L":
		return L
	case "SS":
		return SS
	case "NS":
		return NS
	case "BS":
		return BS
	}
	return Invalid
}

func (d *decoder) payload(kind Kind, level int) error {
	switch kind {
	case S, N, B:
		return d.scalar(kind)
	case BOOL:
		b, err := d.r.ReadBool()
		d.buf = AppendBool(d.buf, b)
		return err
	case NULL:
		return d.null()
	case M:
		return d.attributes(level + 1)
	case L:
		return d.list(level + 1)
	}
	return d.set(kind)
}

func (d *decoder) null() error {
	b, err := d.r.ReadBool()
	if err != nil {
		return err
	}
	if !b {
		return invalid(textNullFalse)
	}
	d.buf = AppendNull(d.buf)
	return nil
}

// scalar reads the string that an S, N or B is written as.
func (d *decoder) scalar(kind Kind) error {
	text, err := d.r.ReadString()
	if err != nil {
		if kind == B {
			err = strictjson.Wanted(err, "Blob")
		}
		return err
	}
	d.buf = append(d.buf, kind.tag())
	switch kind {
	case S:
		d.buf = append(d.buf, text...)
	case N:
		d.buf, err = appendParsed(d.buf, text)
	default:
		d.buf, err = appendBase64(d.buf, text)
	}
	return err
}

// appendBase64 decodes text. encoding/base64 passes over line ends, which DynamoDB does not, hence the look
// at the length.
func appendBase64(dst, text []byte) ([]byte, error) {
	if len(text)%4 != 0 {
		return dst, &SerializationError{Message: textBase64Length + strconv.Itoa(len(text))}
	}
	want := len(dst) + len(text)/4*3
	for i := len(text); i > 0 && i > len(text)-2 && text[i-1] == '='; i-- {
		want--
	}
	dst, err := strictBase64.AppendDecode(dst, text)
	if err != nil || len(dst) != want {
		return dst, &SerializationError{Message: textBase64Symbol}
	}
	return dst, nil
}

// inline is how many members of a map or set can be put in order without an allocation.
const inline = 32

// attributes reads {"name": value, …} as an M.
func (d *decoder) attributes(level int) error {
	if err := d.r.BeginObject(); err != nil {
		return err
	}
	if level > MaxNesting {
		return invalid(textNested)
	}
	start := len(d.buf)
	d.buf = append(d.buf, M.tag(), 0)
	var room [inline]entry
	entries, sorted := room[:0], true
	for {
		name, ok, err := d.r.NextName()
		if err != nil {
			return err
		}
		if !ok {
			return d.closeMap(start, entries, sorted)
		}
		if len(name) > maxNameLength {
			return invalid(textNameTooLong)
		}
		e := entry{start: len(d.buf)}
		d.buf = appendSized(d.buf, name)
		e.key, e.keyEnd = len(d.buf)-len(name), len(d.buf)
		if err := d.sized(level); err != nil {
			return err
		}
		e.end = len(d.buf)
		entries = append(entries, e)
		sorted = sorted && ordered(d.buf, entries)
	}
}

func (d *decoder) closeMap(start int, entries []entry, sorted bool) error {
	if !sorted {
		if sortEntries(d.buf, entries) {
			return &SerializationError{Message: textNameTwice}
		}
		d.buf = permute(d.buf, start+2, entries)
	}
	d.buf = closeLength(d.buf, start+1, len(entries))
	return nil
}

// sized reads a value and puts its length before it.
func (d *decoder) sized(level int) error {
	mark := len(d.buf)
	d.buf = append(d.buf, 0)
	if err := d.value(level); err != nil {
		return err
	}
	d.buf = closeLength(d.buf, mark, len(d.buf)-mark-1)
	return nil
}

// list reads [value, …] as an L.
func (d *decoder) list(level int) error {
	if err := d.r.BeginArray(); err != nil {
		return err
	}
	if level > MaxNesting {
		return invalid(textNested)
	}
	start, count := len(d.buf), 0
	d.buf = append(d.buf, L.tag(), 0)
	for {
		ok, err := d.r.NextElement()
		if err != nil {
			return err
		}
		if !ok {
			d.buf = closeLength(d.buf, start+1, count)
			return nil
		}
		if err := d.sized(level); err != nil {
			return err
		}
		count++
	}
}

// set reads ["member", …] as an SS, NS or BS.
func (d *decoder) set(kind Kind) error {
	if err := d.r.BeginArray(); err != nil {
		return err
	}
	start := len(d.buf)
	d.buf = append(d.buf, kind.tag(), 0)
	var room [inline]entry
	entries := room[:0]
	for {
		ok, err := d.r.NextElement()
		if err != nil {
			return err
		}
		if !ok {
			d.buf, err = closeSet(d.buf, start, entries)
			return err
		}
		mark := len(d.buf)
		d.buf = append(d.buf, 0)
		if err := d.scalar(kind.member()); err != nil {
			return err
		}
		size := len(d.buf) - mark - 1
		d.buf = closeLength(d.buf, mark, size)
		entries = append(entries, entry{mark, len(d.buf) - size, len(d.buf), len(d.buf)})
	}
}
