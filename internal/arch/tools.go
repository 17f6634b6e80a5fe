// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// depsScript makes a fresh machine ready. Each tool stands on a line with its package.
const depsScript = "hack/deps"

var toolLine = regexp.MustCompile(`(?m)^([a-z-]+) [a-z0-9-]+$`)

// always is what every Debian machine with Go has.
var always = []string{"cat", "go", "gofmt", "readlink", "sh", "sleep", "true"}

// tools finds commands that tests run and that a fresh machine would lack. Who names a command
// by its path has put it there.
func tools(t *Tree) []Violation {
	installed := slices.Clone(always)
	for _, f := range t.Files {
		if f.Path == depsScript {
			for _, m := range toolLine.FindAllSubmatch(f.Text, -1) {
				installed = append(installed, string(m[1]))
			}
		}
	}
	var out []Violation
	for f := range t.code {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			tool := toolOf(call)
			if tool != "" && !strings.Contains(tool, "/") && !slices.Contains(installed, tool) {
				out = append(out, Violation{f.Path, t.line(call.Pos()), "runs " + tool +
					", which " + depsScript + " does not install",
					"the tests must run on a fresh machine"})
			}
			return true
		})
	}
	return out
}

// toolOf is the command that a call of exec.Command, exec.CommandContext, Namespace.Command or
// Namespace.Run starts, if it is written out.
func toolOf(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	x, _ := sel.X.(*ast.Ident)
	isExec := x != nil && x.Name == "exec"
	position := 1
	if isExec && sel.Sel.Name == "Command" {
		position = 0
	}
	known := isExec && sel.Sel.Name == "CommandContext" || sel.Sel.Name == "Command" ||
		sel.Sel.Name == "Run"
	if !known || len(call.Args) <= position {
		return ""
	}
	literal, ok := call.Args[position].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	// The parser has accepted the literal, so it can be unquoted.
	name, _ := strconv.Unquote(literal.Value)
	return name
}
