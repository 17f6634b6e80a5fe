// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
)

// ban forbids names of a package that itself may be imported.
type ban struct {
	from  string
	names []string
	holds func(File) bool
	why   string
}

func isPure(f File) bool {
	_, ok := purePackages[f.Package()]
	return ok && !f.IsTest()
}

func isProduct(f File) bool {
	return !f.IsTest() && !slices.ContainsFunc([]string{"internal/testnet", "internal/suite",
		"e2e"}, func(dir string) bool { return below(f.Package(), dir) })
}

var bans = []ban{
	{"time", []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
		"NewTimer", "NewTicker"}, isPure, "a pure package reads no clock; " + whyPure},
	{"fmt", []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}, isPure,
		"a pure package has no streams; " + whyPure},
	{"os", []string{"StartProcess"}, isProduct, "the product starts no other program"},
	{"syscall", []string{"Exec", "ForkExec", "StartProcess"}, isProduct,
		"the product starts no other program"},
}

// calls finds uses of banned names, under whatever name their package is imported.
func calls(t *Tree) []Violation {
	var out []Violation
	for f := range t.code {
		for _, b := range bans {
			local, ok := localName(f.Syntax, b.from)
			if !ok || !b.holds(f) {
				continue
			}
			for sel := range selectors(f.Syntax) {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == local &&
					slices.Contains(b.names, sel.Sel.Name) {
					out = append(out, Violation{f.Path, t.line(sel.Pos()),
						f.Package() + " uses " + b.from + "." + sel.Sel.Name, b.why})
				}
			}
		}
	}
	return out
}

const whySkip = "a test that does not run proves nothing, and nobody notices its absence"

// skips finds tests that may leave before they have tested.
func skips(t *Tree) []Violation {
	var out []Violation
	for f := range t.code {
		local, ok := localName(f.Syntax, "testing")
		if !ok {
			continue
		}
		for sel := range selectors(f.Syntax) {
			name := sel.Sel.Name
			x, _ := sel.X.(*ast.Ident)
			short := name == "Short" && x != nil && x.Name == local
			if short || name == "Skip" || name == "Skipf" || name == "SkipNow" {
				out = append(out, Violation{f.Path, t.line(sel.Pos()), "test uses " + name,
					whySkip})
			}
		}
	}
	return out
}

func selectors(file *ast.File) func(func(*ast.SelectorExpr) bool) {
	return func(yield func(*ast.SelectorExpr) bool) {
		done := false
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && !done {
				done = !yield(sel)
			}
			return !done
		})
	}
}

// localName is the name by which a file calls an imported package of the standard library.
func localName(file *ast.File, imported string) (string, bool) {
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || name != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name, true
		}
		return path.Base(name), true
	}
	return "", false
}
