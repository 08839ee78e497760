package main

import "fmt"

// writeWalk writes the walk methods of everything that can be part of an input, and Validate and Present of
// the inputs.
func (p *plan) writeWalk(out *source) error {
	roots := map[string]bool{}
	for _, op := range p.Operations {
		roots[op.Input.Shape] = true
	}
	for _, name := range sortedKeys(p.inputs) {
		goName := exported(name)
		if roots[name] {
			out.line("func (x *%s) Validate() error {\nvar w api.Walk\nx.walk(&w)\nreturn w.Err(%q)\n}\n",
				goName, p.invalid)
			out.line("func (x *%s) Present() []string {\nw := api.NewListing()\nx.walk(&w)\nreturn "+
				"w.Paths()\n}\n", goName)
		}
		out.line("func (x *%s) walk(w *api.Walk) {", goName)
		if !roots[name] {
			out.line("w.Begin(%q)", name)
		}
		for _, m := range p.members(p.Shapes[name]) {
			text, err := p.walkMember(m)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", name, m.name, err)
			}
			out.line("%s", text)
		}
		if !roots[name] {
			out.line("w.End()")
		}
		out.line("}\n")
	}
	return nil
}

func (p *plan) walkMember(m member) (string, error) {
	r := p.rules
	switch m.kind {
	case boolKind, timeKind, valueKind, itemKind:
		method := map[kind]string{boolKind: "Bool", timeKind: "Time", valueKind: "Value",
			itemKind: "Item"}[m.kind]
		return fmt.Sprintf("w.%s(%q, x.%s, %t)", method, m.name, m.field, m.required), nil
	case textKind:
		return fmt.Sprintf("w.Text(%q, x.%s, %s, %t)", m.name, m.field, r.text(m.shape), m.required), nil
	case integerKind, longKind, floatKind:
		return fmt.Sprintf("w.%s(%q, x.%s, %s, %t)", outName(m.kind), m.name, m.field, r.number(m.shape),
			m.required), nil
	case blobKind:
		return fmt.Sprintf("w.Blob(%q, x.%s, %s, %t)", m.name, m.field, r.size(m.shape), m.required), nil
	case structKind:
		return fmt.Sprintf("if w.Enter(%q, x.%s != nil, %t) {\nx.%[2]s.walk(w)\nw.Leave()\n}", m.name,
			m.field, m.required), nil
	case listKind:
		return p.walkList(m)
	}
	return p.walkMap(m)
}

func (p *plan) walkList(m member) (string, error) {
	element, size := p.Shapes[m.shape.Member.Shape], p.rules.size(m.shape)
	switch p.kindOf(element) {
	case textKind:
		return fmt.Sprintf("w.Texts(%q, x.%s, %s, %s, %t)", m.name, m.field, size, p.rules.text(element),
			m.required), nil
	case itemKind:
		return fmt.Sprintf("w.Items(%q, x.%s, %s, %t)", m.name, m.field, size, m.required), nil
	case valueKind:
		return fmt.Sprintf("w.Values(%q, x.%s, %s, %t)", m.name, m.field, size, m.required), nil
	case structKind:
		return fmt.Sprintf(`if w.List(%q, x.%s != nil, len(x.%[2]s), %s, %t) {
			for i := range x.%[2]s {
				w.Element(i)
				x.%[2]s[i].walk(w)
				w.Leave()
			}
			w.LeaveList()
		}`, m.name, m.field, size, m.required), nil
	}
	return "", fmt.Errorf("a list of %s in an input", element.Type)
}

func (p *plan) walkMap(m member) (string, error) {
	value, size := p.Shapes[m.shape.Value.Shape], p.rules.size(m.shape)
	key := p.rules.text(p.Shapes[m.shape.Key.Shape])
	brokenKeys := "nil"
	if key != "nil" {
		brokenKeys = fmt.Sprintf("api.BrokenKeys(x.%s, %s)", m.field, key)
	}
	loop := fmt.Sprintf("for _, k := range api.Keys(x.%s) {\nw.Entry(k)\nv := x.%[1]s[k]", m.field)
	switch p.kindOf(value) {
	case textKind:
		return fmt.Sprintf("w.TextMap(%q, x.%s, %s, %s, %s, %t)", m.name, m.field, size, key,
			p.rules.text(value), m.required), nil
	case floatKind:
		if size != "nil" {
			break
		}
		return fmt.Sprintf("w.FloatMap(%q, x.%s, %s, %s, %t)", m.name, m.field, key, p.rules.number(value),
			m.required), nil
	case structKind:
		return fmt.Sprintf("if w.Map(%q, x.%s != nil, len(x.%[2]s), %s, %t, %s, nil) "+
			"{\n%s\nv.walk(w)\nw.Leave()\n}\nw.LeaveMap()\n}",
			m.name, m.field, size, m.required, brokenKeys, loop), nil
	case listKind:
		broken, each := "nil", "v[i].walk(w)"
		if rule := p.rules.size(value); rule != "nil" {
			broken = fmt.Sprintf("api.BrokenSizes(x.%s, %s)", m.field, rule)
		}
		element := p.Shapes[value.Member.Shape]
		inner := fmt.Sprintf(`if w.List("", true, len(v), nil, false) {
			for i := range v {
				w.Element(i)
				%s
				w.Leave()
			}
			w.LeaveList()
		}`, each)
		if p.kindOf(element) == textKind {
			inner = fmt.Sprintf(`w.Texts("", v, nil, %s, false)`, p.rules.text(element))
		} else if p.kindOf(element) != structKind {
			break
		}
		return fmt.Sprintf("if w.Map(%q, x.%s != nil, len(x.%[2]s), %s, %t, %s, %s) "+
			"{\n%s\n%s\nw.Leave()\n}\nw.LeaveMap()\n}",
			m.name, m.field, size, m.required, brokenKeys, broken, loop, inner), nil
	}
	return "", fmt.Errorf("a map of %s in an input", value.Type)
}
