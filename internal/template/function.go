package template

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// The forms of functions that CloudFormation refuses at once, whatever the values are.
const (
	joinForm = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of " +
		"strings " +
		"to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	splitForm = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string " +
		"to be " +
		"split or a function that returns a string to be split."
	selectForm = "Fn::Select requires a list argument with two elements: an integer index and a list"
	getAttForm = "every Fn::GetAtt object requires two non-empty parameters, the resource name and the " +
		"resource attribute"
	mapForm = "every Fn::FindInMap object requires three parameters, the map name, map key and the " +
		"attribute " +
		"for return value"
	subForm = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string " +
		"as " +
		"first argument, and an optional second argument to specify a mapping of values to replace in the " +
		"string"
	subNames = "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, " +
		"periods, and colons"
	ifForm   = "Fn::If requires a list argument with three elements"
	cidrForm = "every Fn::Cidr object requires two or three parameters, the IP address block, the number " +
		"of " +
		"CIDRs and the number of subnet bits"
	andForm  = "every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."
	orForm   = "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters."
	jsonForm = "every Fn::ToJsonString object requires an object or a list."
)

// forms holds, for each function, whether an argument has the right form; the text is the refusal.
var forms = map[string]struct {
	text  string
	check func(arg *Node) bool
}{
	"Ref":              {"every Ref object must have a single String value.", isText},
	"Fn::GetAtt":       {getAttForm, isGetAtt},
	"Fn::Sub":          {subForm, isSub},
	"Fn::Join":         {joinForm, isJoin},
	"Fn::Split":        {splitForm, isSplit},
	"Fn::Select":       {selectForm, isSelect},
	"Fn::FindInMap":    {mapForm, isFindInMap},
	"Fn::Base64":       {"every Fn::Base64 object must have a String-typed value.", mayBeText},
	"Fn::GetAZs":       {"every Fn::GetAZs object must have a String-typed value.", mayBeText},
	"Fn::ImportValue":  {"every Fn::ImportValue object must have a String-typed value.", mayBeText},
	"Fn::Cidr":         {cidrForm, isCidr},
	"Fn::If":           {ifForm, isIf},
	"Fn::Equals":       {"every Fn::Equals object requires a list of 2 string parameters.", isPair},
	"Fn::And":          {andForm, isTwoToTen},
	"Fn::Or":           {orForm, isTwoToTen},
	"Fn::Not":          {"every Fn::Not object requires one boolean parameter.", isOne},
	"Fn::Length":       {"every Fn::Length object requires a list.", mayBeList},
	"Fn::ToJsonString": {jsonForm, func(n *Node) bool { return !n.IsScalar() }},
}

func isJoin(n *Node) bool { return isPair(n) && n.Items[0].IsScalar() && mayBeList(n.Items[1]) }

func isSplit(n *Node) bool { return isPair(n) && isDelimiter(n.Items[0]) && mayBeText(n.Items[1]) }

func isSelect(n *Node) bool { return isPair(n) && mayBeText(n.Items[0]) && mayBeList(n.Items[1]) }

func isCidr(n *Node) bool { return n.Is(document.List) && (len(n.Items) == 2 || len(n.Items) == 3) }

func isIf(n *Node) bool { return n.Is(document.List) && len(n.Items) == 3 && isText(n.Items[0]) }

func isText(n *Node) bool { return n.Is(document.String) }

func isPair(n *Node) bool { return n.Is(document.List) && len(n.Items) == 2 }

func isOne(n *Node) bool { return n.Is(document.List) && len(n.Items) == 1 }

func isTwoToTen(n *Node) bool {
	return n.Is(document.List) && len(n.Items) >= 2 && len(n.Items) <= 10
}

func isDelimiter(n *Node) bool { return n.IsScalar() && n.Text != "" }

func mayBeText(n *Node) bool { return n.IsScalar() || IsFunction(n) }

func mayBeList(n *Node) bool { return n.Is(document.List) || IsFunction(n) }

func isGetAtt(n *Node) bool {
	if isText(n) {
		resource, attribute, _ := strings.Cut(n.Text, ".")
		return resource != "" && attribute != ""
	}
	if !isPair(n) || !isText(n.Items[0]) || n.Items[0].Text == "" {
		return false
	}
	return isText(n.Items[1]) && n.Items[1].Text != "" || IsFunction(n.Items[1])
}

func isSub(n *Node) bool {
	return isText(n) || isPair(n) && isText(n.Items[0]) && n.Items[1].Is(document.Map)
}

func isFindInMap(n *Node) bool {
	if !n.Is(document.List) || len(n.Items) != 3 && len(n.Items) != 4 {
		return false
	}
	for _, item := range n.Items[:3] {
		if !mayBeText(item) {
			return false
		}
	}
	return len(n.Items) == 3 || len(n.Items[3].Entries) == 1 && n.Items[3].Has("DefaultValue")
}

// IsFunction reports whether a node is the call of a function: a map with one member, named Ref or Fn::….
func IsFunction(n *Node) bool {
	name, _, ok := n.Single()
	return ok && isFunctionName(name)
}

func isFunctionName(name string) bool {
	return name == "Ref" || strings.HasPrefix(name, "Fn::") && !strings.HasPrefix(name, "Fn::ForEach::")
}

// call returns the name and the argument of a function after its form was checked; ok is false for what is no
// function.
func call(n *Node) (name string, arg *Node, ok bool, err error) {
	name, arg, ok = n.Single()
	if !ok || !isFunctionName(name) {
		return "", nil, false, nil
	}
	form, known := forms[name]
	if !known {
		return name, arg, true, templateError(n.Pos, "unrecognized function %s", name)
	}
	if !form.check(arg) {
		return name, arg, true, templateError(n.Pos, "%s", form.text)
	}
	return name, arg, true, nil
}

// getAtt returns the two parts of an argument of Fn::GetAtt.
func getAtt(arg *Node) (resource string, attribute *Node) {
	if arg.Kind == document.String {
		name, rest, _ := strings.Cut(arg.Text, ".")
		return name, &Node{Kind: document.String, Text: rest, Pos: arg.Pos}
	}
	return arg.Items[0].Text, arg.Items[1]
}

// A subPart is a piece of the text of Fn::Sub: text, or the name of a variable.
type subPart struct {
	text     string
	variable bool
}

// splitSub cuts the text of Fn::Sub at its variables. ${!X} is the text ${X}.
func splitSub(n *Node) ([]subPart, error) {
	text := n.Text
	var parts []subPart
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			return append(parts, subPart{text: text}), nil
		}
		length := strings.IndexByte(text[start:], '}')
		if length < 0 {
			return append(parts, subPart{text: text}), nil
		}
		name := text[start+2 : start+length]
		parts = append(parts, subPart{text: text[:start]})
		text = text[start+length+1:]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, subPart{text: "${" + literal + "}"})
			continue
		}
		if !isVariable(name) {
			return nil, templateError(n.Pos, "%s", subNames)
		}
		parts = append(parts, subPart{text: name, variable: true})
	}
}

func isVariable(name string) bool {
	return name != "" && isAlphanumeric(strings.NewReplacer("_", "a", ".", "a", ":", "a").Replace(name))
}

// subArguments returns the text and the map of Fn::Sub; the map may be nil.
func subArguments(arg *Node) (text, variables *Node) {
	if arg.Kind == document.String {
		return arg, nil
	}
	return arg.Items[0], arg.Items[1]
}
