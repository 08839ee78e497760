package document

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar fills n with the meaning that YAML 1.1 gives to a scalar. The library resolves by YAML 1.2 and knows
// dates, so only whether a scalar was quoted or tagged is taken from it.
func scalar(n *Node, y *yaml.Node) error {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	n.Text = y.Value
	switch {
	case y.Style&yaml.TaggedStyle != 0:
		return tagged(n, y.Tag)
	case y.Style&quoted != 0:
		n.Kind = String
	default:
		plainScalar(n)
	}
	return nil
}

// tagged gives a scalar the kind that its tag asks for.
func tagged(n *Node, tag string) error {
	switch tag {
	case "!!str", "!":
		n.Kind = String
		return nil
	case "!!int", "!!float":
		if !isInt(n.Text) && !isFloat(n.Text) {
			return notYAML(n.Pos)
		}
		n.Kind = Number
		return nil
	case "!!bool":
		plainScalar(n)
		if n.Kind != Bool {
			return notYAML(n.Pos)
		}
		return nil
	case "!!null":
		n.Kind, n.Text = Null, ""
		return nil
	}
	return notYAML(n.Pos)
}

// plainScalar gives an unquoted scalar its kind. Dates stay text, as do the infinities and base-60 numbers,
// which JSON has no form for.
func plainScalar(n *Node) {
	switch n.Text {
	case "", "~", "null", "Null", "NULL":
		n.Kind, n.Text = Null, ""
		return
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		n.Kind, n.Text = Bool, "true"
		return
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		n.Kind, n.Text = Bool, "false"
		return
	}
	n.Kind = String
	if isInt(n.Text) || isFloat(n.Text) {
		n.Kind = Number
	}
}

func unsigned(text string) string {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		return text[1:]
	}
	return text
}

// all reports whether text is not empty and has only characters of a set.
func all(text, set string) bool {
	return text != "" && strings.Trim(text, set) == ""
}

// isInt follows https://yaml.org/type/int.html without base 60.
func isInt(text string) bool {
	text = unsigned(text)
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return all(digits, "0123456789abcdefABCDEF_")
	}
	if digits, ok := strings.CutPrefix(text, "0b"); ok {
		return all(digits, "01_")
	}
	if digits, ok := strings.CutPrefix(text, "0"); ok && digits != "" {
		return all(digits, "01234567_")
	}
	return text != "" && text[0] != '_' && all(text, "0123456789_")
}

// isFloat follows https://yaml.org/type/float.html without base 60: there is a dot, and an exponent has a
// sign. So 12e4, which may well be the beginning of a hash, is text.
func isFloat(text string) bool {
	text = unsigned(text)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exponent := text[i+1:]
		if unsigned(exponent) == exponent || !all(unsigned(exponent), "0123456789") {
			return false
		}
		text = text[:i]
	}
	whole, fraction, dot := strings.Cut(text, ".")
	if !dot {
		return false
	}
	if whole == "" {
		return all(fraction, "0123456789")
	}
	return whole[0] != '_' && all(whole, "0123456789_") && (fraction == "" || all(fraction, "0123456789_"))
}
