package remedy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/sealtable/sealtable/internal/audit"
)

// terraformEdits sets a property of a resource of a Terraform file, and leaves everything else as it stands.
func terraformEdits(path, text string, about *audit.Resource, want property) ([]edit, error) {
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), path, hcl.Pos{Line: 1, Column: 1})
	if diagnostics.HasErrors() {
		return nil, errors.New("the file can't be read")
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, errors.New("the file can't be read")
	}
	for _, b := range body.Blocks {
		if b.Type == "resource" && len(b.Labels) == 2 && names(about.Address, b.Labels[0]+"."+b.Labels[1]) {
			return setBlock(text, b, want)
		}
	}
	return nil, errors.New("the resource is not in this file")
}

// names reports whether an address, of a module and with an index perhaps, is of a resource.
func names(address, resource string) bool {
	if at := strings.LastIndex(address, "["); at > 0 && strings.HasSuffix(address, "]") {
		address = address[:at]
	}
	return address == resource || strings.HasSuffix(address, "."+resource)
}

func setBlock(text string, b *hclsyntax.Block, want property) ([]edit, error) {
	if want.block == "" {
		return setAttribute(text, b, want.name, want.value)
	}
	var found *hclsyntax.Block
	for _, inner := range b.Body.Blocks {
		if inner.Type == want.block {
			found = inner
		}
		if inner.Type == "dynamic" && len(inner.Labels) == 1 && inner.Labels[0] == want.block {
			return nil, fmt.Errorf("a dynamic block decides over %s; change its variables by hand",
				want.block)
		}
	}
	if found == nil {
		return addBlock(text, b, want), nil
	}
	edits, err := setAttribute(text, found, want.name, want.value)
	for _, pair := range want.more {
		if err == nil {
			var more []edit
			more, err = setAttribute(text, found, pair[0], pair[1])
			edits = append(edits, more...)
		}
	}
	return edits, err
}

// setAttribute replaces a literal, or adds the attribute at the end of the block. An expression is left
// alone.
func setAttribute(text string, b *hclsyntax.Block, name, value string) ([]edit, error) {
	a := b.Body.Attributes[name]
	if a == nil {
		return insertBefore(text, b, indentOf(text, b)+"  "+name+" = "+value+"\n"), nil
	}
	if len(a.Expr.Variables()) > 0 {
		return nil, fmt.Errorf("%s depends on %s; change that by hand", name,
			a.Expr.Variables()[0].RootName())
	}
	at := a.Expr.Range()
	return []edit{{at.Start.Byte, at.End.Byte, value}}, nil
}

func addBlock(text string, b *hclsyntax.Block, want property) []edit {
	indent := indentOf(text, b) + "  "
	width := len(want.name)
	for _, pair := range want.more {
		width = max(width, len(pair[0]))
	}
	line := func(name, value string) string {
		return indent + "  " + name + strings.Repeat(" ", width-len(name)) + " = " + value + "\n"
	}
	out := "\n" + indent + want.block + " {\n" + line(want.name, want.value)
	for _, pair := range want.more {
		out += line(pair[0], pair[1])
	}
	return insertBefore(text, b, out+indent+"}\n")
}

// insertBefore puts lines before the brace that closes a block, which is on a line of its own unless the
// block is empty.
func insertBefore(text string, b *hclsyntax.Block, lines string) []edit {
	at := b.CloseBraceRange.Start.Byte
	start := strings.LastIndexByte(text[:at], '\n') + 1
	if strings.TrimSpace(text[start:at]) != "" { // on one line: resource "a" "b" { name = "c" }
		return []edit{{at, at, "\n" + lines + indentOf(text, b)}}
	}
	return []edit{{start, start, lines}}
}

func indentOf(text string, b *hclsyntax.Block) string {
	at := b.DefRange().Start.Byte
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return text[start:at]
}
