package terraform

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those of Terraform's that make no call and read no file.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "alltrue": allTrue(), "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc,
		"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc,
		"coalescelist": stdlib.CoalesceListFunc,
		"compact":      stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
		"floor": stdlib.FloorFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc,
		"lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc,
		"merge": stdlib.MergeFunc,
		"min":   stdlib.MinFunc, "range": stdlib.RangeFunc, "regex": stdlib.RegexFunc,
		"replace": stdlib.ReplaceFunc,
		"reverse": stdlib.ReverseListFunc, "setproduct": stdlib.SetProductFunc,
		"setunion": stdlib.SetUnionFunc,
		"slice":    stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc,
		"substr": stdlib.SubstrFunc,
		"title":  stdlib.TitleFunc, "tobool": stdlib.MakeToFunc(cty.Bool), "trimspace": stdlib.TrimSpaceFunc,
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "trimprefix": stdlib.TrimPrefixFunc,
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
		"trimsuffix": stdlib.TrimSuffixFunc, "try": tryfunc.TryFunc, "upper": stdlib.UpperFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
	}
}

func allTrue() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out := cty.True
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				out = out.And(v)
			}
			return out, nil
		},
	})
}

// text is a known string; numbers and booleans are written out.
func text(v cty.Value) (string, bool) {
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || !s.IsKnown() || s.IsNull() {
		return "", false
	}
	return s.AsString(), true
}

// truth is a known boolean; the strings true and false count.
func truth(v cty.Value) (value, known bool) {
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() {
		return false, false
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || !b.IsKnown() || b.IsNull() {
		return false, false
	}
	return b.True(), true
}

// number is a known whole number that is not negative.
func number(v cty.Value) (int, bool) {
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() {
		return 0, false
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil || !n.IsKnown() || n.IsNull() {
		return 0, false
	}
	i, _ := n.AsBigFloat().Int64()
	return int(min(max(i, 0), 1<<30)), true
}

// elements are the entries of a map or an object, or the members of a set of strings, by their names.
func elements(v cty.Value) (map[string]cty.Value, bool) {
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil, v != cty.NilVal && v.IsKnown() && v.IsNull()
	}
	out := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		k, element := it.Element()
		name, ok := text(k)
		if v.Type().IsSetType() {
			name, ok = text(element)
		}
		if !ok {
			return nil, false
		}
		out[name] = element
		if len(out) >= maxInstances {
			break
		}
	}
	return out, true
}

func sortedKeys(m map[string]cty.Value) []string { return slices.Sorted(maps.Keys(m)) }
