package main

import "fmt"

func (p *plan) isJSON() bool { return p.Metadata.Protocol != "query" }

// writeRead writes the ReadJSON methods.
func (p *plan) writeRead(out *source) error {
	if !p.isJSON() {
		return nil
	}
	for _, name := range sortedKeys(p.read) {
		members := p.bodyMembers(p.Shapes[name])
		out.line("func (x *%s) ReadJSON(r *strictjson.Reader) error {", exported(name))
		out.line("o := api.OpenObject(r, %q)\nfor o.Next() {", name)
		if len(members) > 0 {
			out.line("switch string(o.Name) {")
			for i, m := range members {
				out.line("case %q:\nif o.Take(%d) {\n%s\n}", m.name, i, p.readMember(name, m))
			}
			out.line("default:\no.Unknown()\n}")
		} else {
			out.line("o.Unknown()")
		}
		out.line("}\nreturn o.Err\n}\n")
	}
	return nil
}

func (p *plan) readMember(structure string, m member) string {
	call := ""
	switch m.kind {
	case structKind:
		return fmt.Sprintf("x.%s = new(%s)\no.Err = x.%[1]s.ReadJSON(r)", m.field, exported(m.shape.Name))
	case listKind:
		call = fmt.Sprintf("api.ReadList(r, %s)", p.readElement(p.Shapes[m.shape.Member.Shape]))
	case mapKind:
		call = fmt.Sprintf("api.ReadMap(r, %s)", p.readElement(p.Shapes[m.shape.Value.Shape]))
	case valueKind:
		call = "attribute.ReadValue(r, nil)"
	case itemKind:
		call = fmt.Sprintf("attribute.ReadItem(r, %s)", p.itemMemory(structure, m))
	default:
		call = "api.Read" + scalarName(m.kind) + "(r)"
	}
	return fmt.Sprintf("x.%s, o.Err = %s", m.field, call)
}

// itemMemory is what an item is read into. An input's own item starts with room for the usual one, so that it
// does not grow step by step; items in lists do not, because a small body can hold many of them.
func (p *plan) itemMemory(structure string, m member) string {
	for _, op := range p.Operations {
		if op.Input.Shape != structure {
			continue
		}
		if m.shape.Name == "Key" {
			return "make([]byte, 0, 64)"
		}
		return "make([]byte, 0, 512)"
	}
	return "nil"
}

// readElement is a function that reads an element of a list or map into its place.
func (p *plan) readElement(s *shape) string {
	switch p.kindOf(s) {
	case structKind:
		return "(*" + exported(s.Name) + ").ReadJSON"
	case valueKind:
		return "api.ValueIn"
	case itemKind:
		return "api.ItemIn"
	case listKind:
		return fmt.Sprintf("func(v *%s, r *strictjson.Reader) (err error) {\n*v, err = api.ReadList(r, "+
			"%s)\nreturn err\n}",
			p.elementType(s), p.readElement(p.Shapes[s.Member.Shape]))
	case mapKind:
		return fmt.Sprintf("func(v *%s, r *strictjson.Reader) (err error) {\n*v, err = api.ReadMap(r, "+
			"%s)\nreturn err\n}",
			p.elementType(s), p.readElement(p.Shapes[s.Value.Shape]))
	}
	return "api." + scalarName(p.kindOf(s)) + "In"
}

func scalarName(k kind) string {
	switch k {
	case textKind:
		return "Text"
	case integerKind:
		return "Integer"
	case longKind:
		return "Long"
	case floatKind:
		return "Float"
	case boolKind:
		return "Bool"
	case timeKind:
		return "Time"
	}
	return "Blob"
}

// outName is scalarName for writing, where both sizes of whole numbers are the same.
func outName(k kind) string {
	if k == integerKind || k == longKind {
		return "Int"
	}
	return scalarName(k)
}

// writeAppend writes the AppendJSON methods.
func (p *plan) writeAppend(out *source) error {
	if !p.isJSON() {
		return nil
	}
	for _, name := range sortedKeys(p.append) {
		out.line("func (x *%s) AppendJSON(dst []byte) []byte {\ndst = append(dst, '{')", exported(name))
		for _, m := range p.bodyMembers(p.Shapes[name]) {
			out.line("%s", p.appendMember(m, "x."+m.field))
		}
		out.line("return append(dst, '}')\n}\n")
	}
	return nil
}

func (p *plan) appendMember(m member, value string) string {
	switch m.kind {
	case structKind:
		return fmt.Sprintf("if %s != nil {\ndst = %[1]s.AppendJSON(strictjson.AppendName(dst, %q))\n}", value,
			m.name)
	case listKind:
		return fmt.Sprintf("dst = api.AppendList(dst, %q, %s, %s)", m.name, value,
			p.appendElement(p.Shapes[m.shape.Member.Shape]))
	case mapKind:
		return fmt.Sprintf("dst = api.AppendMap(dst, %q, %s, %s)", m.name, value,
			p.appendElement(p.Shapes[m.shape.Value.Shape]))
	case valueKind:
		return fmt.Sprintf("dst = api.AppendValue(dst, %q, %s)", m.name, value)
	case itemKind:
		return fmt.Sprintf("dst = api.AppendItem(dst, %q, %s)", m.name, value)
	}
	return fmt.Sprintf("dst = api.Append%s(dst, %q, %s)", outName(m.kind), m.name, value)
}

// appendElement is a function that appends an element of a list or map.
func (p *plan) appendElement(s *shape) string {
	switch p.kindOf(s) {
	case structKind:
		return "(*" + exported(s.Name) + ").AppendJSON"
	case valueKind:
		return "api.ValueOut"
	case itemKind:
		return "api.ItemOut"
	case listKind:
		return fmt.Sprintf("func(v *%s, dst []byte) []byte {\nreturn api.ListOut(*v, dst, %s)\n}",
			p.elementType(s), p.appendElement(p.Shapes[s.Member.Shape]))
	case mapKind:
		panic("a map inside a list or map of an output: " + s.Name)
	}
	return "api." + outName(p.kindOf(s)) + "Out"
}
