package api

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// TextRule is what the model demands of a string shape. Lengths are in characters.
type TextRule struct {
	Min, Max  int // Max 0: no limit
	Pattern   string
	Match     func(string) bool // full match of Pattern; nil without one
	Enum      []string
	Sensitive bool
}

// broken says which demands s does not meet. Most calls find none, and allocate nothing.
func (t *TextRule) broken(s string) (enum, pattern, long, short bool) {
	if t == nil {
		return
	}
	enum = t.Enum != nil && !contains(t.Enum, s)
	pattern = t.Match != nil && !t.Match(s)
	if t.Max > 0 && len(s) > t.Max {
		long = utf8.RuneCountInString(s) > t.Max
	}
	if t.Min > 0 && len(s) < t.Min*utf8.UTFMax {
		short = utf8.RuneCountInString(s) < t.Min
	}
	return
}

func (t *TextRule) allows(s string) bool {
	enum, pattern, long, short := t.broken(s)
	return !enum && !pattern && !long && !short
}

func contains(set []string, s string) bool {
	for _, member := range set {
		if member == s {
			return true
		}
	}
	return false
}

func (t *TextRule) hidden() bool { return t != nil && t.Sensitive }

// demands lists everything the rule demands, for violations of list elements and map entries.
func (t *TextRule) demands() string {
	var all []string
	if t.Enum != nil {
		all = append(all, t.enumDemand())
	}
	if t.Max > 0 {
		all = append(all, atMost(t.Max))
	}
	if t.Min > 0 {
		all = append(all, atLeast(t.Min))
	}
	if t.Match != nil {
		all = append(all, t.patternDemand())
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (t *TextRule) enumDemand() string {
	return "Member must satisfy enum value set: [" + strings.Join(t.Enum, ", ") + "]"
}

func (t *TextRule) patternDemand() string {
	return "Member must satisfy regular expression pattern: " + t.Pattern
}

func atMost(n int) string {
	return "Member must have length less than or equal to " + strconv.Itoa(n)
}

func atLeast(n int) string {
	return "Member must have length greater than or equal to " + strconv.Itoa(n)
}

// SizeRule is what the model demands of the length of a list, a map or a blob.
type SizeRule struct {
	Min, Max  int // Max 0: no limit
	Sensitive bool
}

// Allows says whether n keeps the rule.
func (s *SizeRule) Allows(n int) bool { return s.demand(n) == "" }

func (s *SizeRule) demand(n int) string {
	switch {
	case s != nil && s.Max > 0 && n > s.Max:
		return atMost(s.Max)
	case s != nil && n < s.Min:
		return atLeast(s.Min)
	}
	return ""
}

func (s *SizeRule) demands() string {
	return (&TextRule{Min: s.Min, Max: s.Max}).demands()
}

// NumberRule is what the model demands of a number.
type NumberRule struct {
	Min, Max       float64
	HasMin, HasMax bool
}

func (n *NumberRule) demand(v float64) string {
	switch {
	case n != nil && n.HasMax && v > n.Max:
		return "Member must have value less than or equal to " + strconv.FormatFloat(n.Max, 'f', -1, 64)
	case n != nil && n.HasMin && v < n.Min:
		return "Member must have value greater than or equal to " + strconv.FormatFloat(n.Min, 'f', -1, 64)
	}
	return ""
}

// OnlyASCII says whether s consists of the ASCII characters in the set: character c is in it when bit c of
// low (c < 64) or bit c-64 of high is set.
func OnlyASCII(s string, low, high uint64) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf || (c < 64 && low>>c&1 == 0) || (c >= 64 && high>>(c-64)&1 == 0) {
			return false
		}
	}
	return true
}

// Pattern is a regular expression that is compiled when it is first needed. Absent, if not empty, is a second
// expression that must not match: it stands for the look-around of the model's pattern, which Go's
// expressions do not have.
type Pattern struct {
	Text, Absent string
	once         sync.Once
	text, absent *regexp.Regexp
}

// Match says whether s matches.
func (p *Pattern) Match(s string) bool {
	p.once.Do(func() {
		p.text = regexp.MustCompile(p.Text)
		if p.Absent != "" {
			p.absent = regexp.MustCompile(p.Absent)
		}
	})
	return p.text.MatchString(s) && (p.absent == nil || !p.absent.MatchString(s))
}

// OnlyRunes says whether s consists of characters in the ranges, which are pairs of a first and a last
// character.
func OnlyRunes(s string, ranges ...rune) bool {
	for _, r := range s {
		in := false
		for i := 0; i < len(ranges) && !in; i += 2 {
			in = ranges[i] <= r && r <= ranges[i+1]
		}
		if !in {
			return false
		}
	}
	return true
}
