package main

import "fmt"

// writeForm writes the ReadForm methods of the query protocol.
func (p *plan) writeForm(out *source) error {
	if p.isJSON() {
		return nil
	}
	for _, name := range sortedKeys(p.read) {
		members := p.bodyMembers(p.Shapes[name])
		out.line("func (x *%s) ReadForm(f *api.Form) error {", exported(name))
		out.line("o := api.OpenForm(f, %q)\nfor o.Next() {", name)
		if len(members) > 0 {
			out.line("switch o.Name {")
			for _, m := range members {
				call, err := p.formMember(m)
				if err != nil {
					return fmt.Errorf("%s.%s: %w", name, m.name, err)
				}
				out.line("case %q:\n%s", m.name, call)
			}
			out.line("default:\no.Unknown()\n}")
		} else {
			out.line("o.Unknown()")
		}
		out.line("}\nreturn o.Err\n}\n")
	}
	return nil
}

func (p *plan) formMember(m member) (string, error) {
	switch m.kind {
	case structKind:
		return fmt.Sprintf("x.%s = new(%s)\no.Err = x.%[1]s.ReadForm(o.Value)", m.field,
			exported(m.shape.Name)), nil
	case listKind:
		element := p.Shapes[m.shape.Member.Shape]
		switch p.kindOf(element) {
		case structKind:
			return fmt.Sprintf("x.%s = api.FormList(&o, (*%s).ReadForm)", m.field,
				exported(element.Name)), nil
		case textKind:
			return fmt.Sprintf("x.%s = api.FormList(&o, api.FormText)", m.field), nil
		}
		return "", fmt.Errorf("a list of %s in a form", element.Type)
	case mapKind:
		if p.kindOf(p.Shapes[m.shape.Value.Shape]) != textKind {
			return "", fmt.Errorf("a map of %s in a form", p.Shapes[m.shape.Value.Shape].Type)
		}
		return fmt.Sprintf("x.%s = api.FormMap(&o)", m.field), nil
	}
	return fmt.Sprintf("x.%s = o.%s()", m.field, scalarName(m.kind)), nil
}

// writeXML writes the AppendXML methods of the query protocol.
func (p *plan) writeXML(out *source) error {
	if p.isJSON() {
		return nil
	}
	for _, name := range sortedKeys(p.append) {
		out.line("func (x *%s) AppendXML(dst []byte) []byte {", exported(name))
		for _, m := range p.bodyMembers(p.Shapes[name]) {
			call, err := p.xmlMember(m)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", name, m.name, err)
			}
			out.line("%s", call)
		}
		out.line("return dst\n}\n")
	}
	return nil
}

func (p *plan) xmlMember(m member) (string, error) {
	switch m.kind {
	case structKind:
		return fmt.Sprintf("if x.%s != nil {\ndst = api.XMLClose(x.%[1]s.AppendXML(api.XMLOpen(dst, %q)), "+
			"%[2]q)\n}", m.field, m.name), nil
	case listKind:
		element, err := p.xmlElement(p.Shapes[m.shape.Member.Shape])
		return fmt.Sprintf("dst = api.XMLList(dst, %q, x.%s, %s)", m.name, m.field, element), err
	case mapKind:
		element, err := p.xmlElement(p.Shapes[m.shape.Value.Shape])
		return fmt.Sprintf("dst = api.XMLMap(dst, %q, x.%s, %s)", m.name, m.field, element), err
	}
	return fmt.Sprintf("dst = api.XML%s(dst, %q, x.%s)", outName(m.kind), m.name, m.field), nil
}

func (p *plan) xmlElement(s *shape) (string, error) {
	switch k := p.kindOf(s); k {
	case structKind:
		return "(*" + exported(s.Name) + ").AppendXML", nil
	case textKind:
		return "api.XMLTextOut", nil
	case integerKind, longKind, boolKind:
		return "api." + outName(k) + "Out", nil
	}
	return "", fmt.Errorf("a collection of %s in XML", s.Type)
}
