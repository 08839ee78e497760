package template

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

func (e *Evaluator) newText(text string, pos Position) (*Node, error) {
	return &Node{Kind: document.String, Text: text, Pos: pos}, e.grow(len(text), pos)
}

// text evaluates a node that must be a scalar. ok is false where it is not known, and then value says why.
func (e *Evaluator) text(n *Node, form string) (value *Node, ok bool, err error) {
	value, err = e.Value(n)
	switch {
	case err != nil:
		return nil, false, err
	case value.Is(document.Unknown):
		return value, false, nil
	case !value.IsScalar():
		return nil, false, templateError(n.Pos, "%s", form)
	}
	return value, true, nil
}

func (e *Evaluator) sub(arg *Node) (*Node, error) {
	text, variables := subArguments(arg)
	parts, err := splitSub(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	missing := ""
	for _, part := range parts {
		if !part.variable {
			b.WriteString(part.text)
			continue
		}
		value, err := e.variable(part.text, variables, text.Pos)
		if err != nil {
			return nil, err
		}
		if value.Is(document.Unknown) {
			missing = joinNames(missing, value.Text)
		} else if value != nil {
			b.WriteString(value.Text)
		}
		if b.Len() > MaxEvaluated {
			return nil, e.grow(b.Len(), text.Pos)
		}
	}
	if missing != "" {
		return &Node{Kind: document.Unknown, Text: missing, Pos: arg.Pos}, nil
	}
	out, err := e.newText(b.String(), arg.Pos)
	if err != nil {
		return nil, err
	}
	return e.dynamic(out)
}

// variable returns the value of ${name}: of the map, else of what the template has under the name.
func (e *Evaluator) variable(name string, variables *Node, pos Position) (*Node, error) {
	var value *Node
	var err error
	if given := variables.Get(name); given != nil {
		value, err = e.Value(given)
	} else if resource, attribute, ok := strings.Cut(name, "."); ok {
		value, err = e.attribute(resource, attribute, pos)
	} else {
		value, err = e.ref(name, pos)
	}
	if err != nil {
		return nil, err
	}
	if value != nil && !value.IsScalar() && !value.Is(document.Unknown) {
		return nil, templateError(pos, "variable %s in Fn::Sub expression does not resolve to a string", name)
	}
	return value, nil
}

// items evaluates a node that must be a list. ok is false where it is not known as a whole.
func (e *Evaluator) items(n *Node, form string) (value *Node, ok bool, err error) {
	value, err = e.Value(n)
	switch {
	case err != nil:
		return nil, false, err
	case value.Is(document.Unknown):
		return value, false, nil
	case !value.Is(document.List):
		return nil, false, templateError(n.Pos, "%s", form)
	}
	return value, true, nil
}

func (e *Evaluator) join(arg *Node) (*Node, error) {
	list, ok, err := e.items(arg.Items[1], joinForm)
	if err != nil || !ok {
		return list, err
	}
	var b strings.Builder
	missing := ""
	for i, item := range list.Items {
		if item.Is(document.Unknown) {
			missing = joinNames(missing, item.Text)
			continue
		}
		if !item.IsScalar() {
			return nil, templateError(arg.Pos, "%s", joinForm)
		}
		if i > 0 {
			b.WriteString(arg.Items[0].Text)
		}
		b.WriteString(item.Text)
		if b.Len() > MaxEvaluated {
			return nil, e.grow(b.Len(), arg.Pos)
		}
	}
	if missing != "" {
		return &Node{Kind: document.Unknown, Text: missing, Pos: arg.Pos}, nil
	}
	out, err := e.newText(b.String(), arg.Pos)
	if err != nil {
		return nil, err
	}
	return e.dynamic(out)
}

func (e *Evaluator) split(arg *Node) (*Node, error) {
	text, ok, err := e.text(arg.Items[1], splitForm)
	if err != nil || !ok {
		return text, err
	}
	parts := strings.Split(text.Text, arg.Items[0].Text)
	return at(document.From(parts), arg.Pos), e.grow(len(text.Text), arg.Pos)
}

func (e *Evaluator) selectItem(arg *Node) (*Node, error) {
	index, ok, err := e.text(arg.Items[0], selectForm)
	if err != nil || !ok {
		return index, err
	}
	i, bad := strconv.Atoi(index.Text)
	if bad != nil {
		return nil, templateError(arg.Pos, "%s", selectForm)
	}
	list, ok, err := e.items(arg.Items[1], selectForm)
	if err != nil || !ok {
		return list, err
	}
	if i < 0 || i >= len(list.Items) {
		return nil, templateError(arg.Pos, "Fn::Select cannot select nonexistent value at index %d", i)
	}
	return list.Items[i], nil
}

func (e *Evaluator) findInMap(n, arg *Node) (*Node, error) {
	var keys [3]string
	for i, item := range arg.Items[:3] {
		key, ok, err := e.text(item, mapForm)
		if err != nil || !ok {
			return key, err
		}
		keys[i] = key.Text
	}
	if value := e.template.Mappings.Get(keys[0]).Get(keys[1]).Get(keys[2]); value != nil {
		return value, nil
	}
	if len(arg.Items) == 4 {
		return e.Value(arg.Items[3].Get("DefaultValue"))
	}
	if !e.template.Mappings.Has(keys[0]) {
		return nil, templateError(n.Pos, "Mapping named '%s' is not present in the 'Mappings' section of "+
			"template.", keys[0])
	}
	return nil, templateError(n.Pos, "Unable to get mapping for %s::%s::%s", keys[0], keys[1], keys[2])
}

func (e *Evaluator) base64(arg *Node) (*Node, error) {
	text, ok, err := e.text(arg, forms["Fn::Base64"].text)
	if err != nil || !ok {
		return text, err
	}
	return e.newText(base64.StdEncoding.EncodeToString([]byte(text.Text)), arg.Pos)
}

func (e *Evaluator) zones(arg *Node) (*Node, error) {
	region, ok, err := e.text(arg, forms["Fn::GetAZs"].text)
	if err != nil || !ok {
		return region, err
	}
	name := region.Text
	if name == "" {
		name = e.env.Region
	}
	if name == "" {
		return unknown("AWS::Region"), nil
	}
	if e.env.AvailabilityZones != nil {
		return at(document.From(e.env.AvailabilityZones(name)), arg.Pos), nil
	}
	return at(document.From([]string{name + "a", name + "b", name + "c"}), arg.Pos), nil
}

func (e *Evaluator) importValue(n, arg *Node) (*Node, error) {
	references, err := References(arg)
	if err != nil {
		return nil, err
	}
	for _, r := range references {
		if r.Kind == ToAttribute || r.Kind == ToName && e.template.resources[r.Name] != nil {
			return nil, templateError(n.Pos, "the attribute in Fn::ImportValue must not depend on any "+
				"resources, "+
				"imported values, or Fn::GetAZs")
		}
	}
	name, ok, err := e.text(arg, forms["Fn::ImportValue"].text)
	if err != nil || !ok {
		return name, err
	}
	if e.env.Exports == nil {
		return unknown(name.Text), nil
	}
	value, err := e.env.Exports.Import(name.Text)
	if err != nil {
		return nil, err
	}
	return e.newText(value, n.Pos)
}

func (e *Evaluator) length(arg *Node) (*Node, error) {
	list, ok, err := e.items(arg, forms["Fn::Length"].text)
	if err != nil || !ok {
		return list, err
	}
	return at(document.From(len(list.Items)), arg.Pos), nil
}

func (e *Evaluator) toJSON(arg *Node) (*Node, error) {
	value, err := e.Value(arg)
	if err != nil {
		return nil, err
	}
	if missing := dependsOn(value); missing != "" {
		return unknown(missing), nil
	}
	if value == nil || value.IsScalar() {
		return nil, templateError(arg.Pos, "%s", jsonForm)
	}
	return e.newText(string(value.AppendJSON(nil)), arg.Pos)
}

// cidr cuts a block of addresses into blocks that leave the given number of bits to hosts.
func (e *Evaluator) cidr(arg *Node) (*Node, error) {
	values := make([]string, 3)
	values[2] = "8"
	for i, item := range arg.Items {
		value, ok, err := e.text(item, cidrForm)
		if err != nil || !ok {
			return value, err
		}
		values[i] = value.Text
	}
	block, err1 := netip.ParsePrefix(values[0])
	count, err2 := strconv.Atoi(values[1])
	bits, err3 := strconv.Atoi(values[2])
	if err1 != nil || err2 != nil || err3 != nil || count < 1 || count > 256 {
		return nil, templateError(arg.Pos, "%s", cidrForm)
	}
	blocks, ok := cut(block.Masked(), count, bits)
	if !ok {
		return nil, templateError(arg.Pos, "Unable to generate %d cidr blocks with %d cidr bits from %s",
			count, bits, values[0])
	}
	return at(document.From(blocks), arg.Pos), nil
}

func cut(block netip.Prefix, count, bits int) ([]string, bool) {
	size := block.Addr().BitLen() - bits
	if bits < 1 || size < block.Bits() {
		return nil, false
	}
	var blocks []string
	address := block.Addr()
	for range count {
		if !address.IsValid() || !block.Contains(address) {
			return nil, false
		}
		blocks = append(blocks, netip.PrefixFrom(address, size).String())
		address = skip(address, bits)
	}
	return blocks, true
}

// skip adds 2^bits to an address; the invalid address stands for what lies beyond the last.
func skip(address netip.Addr, bits int) netip.Addr {
	bytes := address.AsSlice()
	carry := 1 << (bits % 8)
	i := len(bytes) - 1 - bits/8
	for ; i >= 0 && carry > 0; i-- {
		sum := int(bytes[i]) + carry
		bytes[i], carry = byte(sum), sum>>8
	}
	if carry > 0 {
		return netip.Addr{}
	}
	next, _ := netip.AddrFromSlice(bytes)
	return next
}
