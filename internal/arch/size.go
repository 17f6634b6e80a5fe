// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"regexp"
	"unicode/utf8"
)

// What one reader can hold at once. A tab counts as one column.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
	maxColumns       = 100
)

// A marker is read by a generator, which wants it on one line.
var marker = regexp.MustCompile(`^\s*// ?(\+|go:)`)

const whySize = "a piece that does not fit into one reader's head is not reviewed; split it " +
	"by what it is about"

func sizes(t *Tree) []Violation {
	var out []Violation
	for f := range t.code {
		if ast.IsGenerated(f.Syntax) {
			continue
		}
		if n := bytes.Count(f.Text, []byte("\n")) - t.dataLines(f, f.Syntax); n > maxFileLines {
			out = append(out, Violation{f.Path, 1, fmt.Sprintf("%d lines, more than %d", n,
				maxFileLines), whySize})
		}
		for i, line := range bytes.Split(f.Text, []byte("\n")) {
			if n := utf8.RuneCount(line); n > maxColumns && !marker.Match(line) {
				out = append(out, Violation{f.Path, i + 1, fmt.Sprintf(
					"%d columns, more than %d", n, maxColumns), whySize})
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			fn, ok := n.(*ast.FuncDecl)
			if !ok {
				return true
			}
			if n := t.lines(fn) - t.dataLines(f, fn); n > maxFunctionLines {
				out = append(out, Violation{f.Path, t.line(fn.Pos()), fmt.Sprintf(
					"function %s has %d lines, more than %d", fn.Name.Name, n,
					maxFunctionLines), whySize})
			}
			return false
		})
	}
	return out
}

// dataLines counts the lines inside the tables of a test: rows are read one by one, not as a
// whole. Outside tests it is zero. A literal that holds a function is code.
func (t *Tree) dataLines(f File, root ast.Node) int {
	if !f.IsTest() {
		return 0
	}
	total := 0
	ast.Inspect(root, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || holdsFunction(literal) {
			return true
		}
		total += t.lines(literal) - 1
		return false
	})
	return total
}

func holdsFunction(root ast.Node) bool {
	found := false
	ast.Inspect(root, func(n ast.Node) bool {
		_, ok := n.(*ast.FuncLit)
		found = found || ok
		return !found
	})
	return found
}
