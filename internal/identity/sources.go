package identity

import "github.com/sealtable/sealtable/internal/auth/policy"

// Source is one policy that applies to a principal, by the name that simulations give it.
type Source struct {
	Name     string
	Text     string
	Compiled *policy.Policy
}

// Sources are the policies that allow or deny what a principal does: its own, and those of a user's groups.
func (d *Directory) Sources(p *Principal) []Source {
	s := d.view(p.Account)
	list := d.sourcesOf(nil, s, p)
	for _, groupID := range p.Groups {
		if group, ok := s.principals[groupID]; ok {
			list = d.sourcesOf(list, s, group)
		}
	}
	return list
}

func (d *Directory) sourcesOf(list []Source, s *snapshot, p *Principal) []Source {
	for i := range p.Inline {
		inline := &p.Inline[i]
		list = append(list, Source{
			Name: string(p.Kind) + "_" + p.Name + "_" + inline.Name, Text: inline.Document.Text,
			Compiled: inline.Document.compiled,
		})
	}
	for _, policyARN := range p.Attached {
		if managed, ok := d.policyIn(s, policyARN); ok {
			list = append(list, managed.source())
		}
	}
	return list
}

// BoundarySource is the permissions boundary of a principal; ok is false for one that has none.
func (d *Directory) BoundarySource(p *Principal) (source Source, ok bool) {
	if p.Boundary == "" {
		return Source{}, false
	}
	if managed, known := d.policyIn(d.view(p.Account), p.Boundary); known {
		return managed.source(), true
	}
	return Source{Name: p.Boundary, Text: denyAllIdentity, Compiled: denyAll(policy.Identity)}, true
}

func (p *Policy) source() Source {
	text := denyAllIdentity
	if v, err := p.Version(p.Default); err == nil {
		text = v.Document.Text
	}
	return Source{Name: p.Name, Text: text, Compiled: p.compiled()}
}
