package api

import (
	"strconv"

	"github.com/sealtable/sealtable/internal/attribute"
)

// attributeText stands for every attribute value. The service prints the identity of a Java object here,
// which says as little; item data never enters an error.
const attributeText = "com.amazonaws.dynamodb.v20120810.AttributeValue@0"

// bufferText is what the services print for a blob.
func bufferText(n int) string {
	length := strconv.Itoa(n)
	return "java.nio.HeapByteBuffer[pos=0 lim=" + length + " cap=" + length + "]"
}

// display writes values the way that the services' messages show them: KeySchemaElement(attributeName=pk,
// keyType=HASH).
type display struct {
	on    int // how many values are being displayed, one inside the other
	text  []byte
	fresh bool // no comma is due
}

func (d *display) active() bool { return d != nil && d.on > 0 }

func (w *Walk) beginDisplay() int {
	if w.display == nil {
		w.display = &display{}
	}
	return w.display.begin()
}

// begin starts a value and returns where.
func (d *display) begin() int {
	if d.on == 0 {
		d.text = d.text[:0]
	}
	d.on++
	d.fresh = true
	return len(d.text)
}

// finish returns the value that began at start.
func (d *display) finish(start int) string {
	d.on--
	return clip(d.text[start:], maxEcho)
}

// cut takes back what was written since start, where a value stood that was displayed once already.
func (d *display) cut(start int) {
	d.text = d.text[:start]
	d.fresh = false
}

// put stops early: what is shown of a value is cut at maxEcho.
func (d *display) put(s string) {
	if len(d.text) < 4*maxEcho {
		d.text = append(d.text, clip(s, maxEcho)...)
	}
}

func (d *display) separate() {
	if !d.fresh {
		d.put(", ")
	}
	d.fresh = false
}

func (d *display) label(name string) { d.key(lowerFirst(name)) }

func (d *display) key(key string) {
	d.separate()
	d.put(key)
	d.put("=")
	d.fresh = true
}

func (d *display) member(name, value string) {
	d.label(name)
	d.element(value, false)
}

func (d *display) textMember(name, value string, hidden bool) {
	d.label(name)
	d.element(value, hidden)
}

func (d *display) element(value string, hidden bool) {
	d.separate()
	if hidden {
		value = "***"
	}
	d.put(value)
}

func (d *display) open(bracket string) {
	d.separate()
	d.put(bracket)
	d.fresh = true
}

func (d *display) close(bracket string) {
	d.put(bracket)
	d.fresh = false
}

func (d *display) item(name string, item attribute.Item) {
	d.label(name)
	d.itemText(item)
}

func (d *display) itemText(item attribute.Item) {
	d.open("{")
	for name := range item.All() {
		d.key(name)
		d.element(attributeText, false)
	}
	d.close("}")
}
