// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

const licence = "SPDX-License-Identifier: Apache-2.0"

// licences looks for the licence in the first three lines of every source file. Data under
// testdata has none: tests read it byte for byte.
func licences(t *Tree) []Violation {
	var out []Violation
	for _, f := range t.Files {
		isCode := path.Ext(f.Path) == ".go" || bytes.HasPrefix(f.Text, []byte("#!"))
		if !isCode || strings.Contains(f.Path, "testdata/") {
			continue
		}
		head := bytes.SplitN(f.Text, []byte("\n"), 4)
		if !bytes.Contains(bytes.Join(head[:min(len(head), 3)], nil), []byte(licence)) {
			out = append(out, Violation{f.Path, 1, "no line " + licence,
				"whoever copies one file must find its licence in it"})
		}
	}
	return out
}

// packageDocs looks for a package comment that says what goes in and what comes out.
func packageDocs(t *Tree) []Violation {
	first, documented := map[string]File{}, map[string]bool{}
	for f := range t.code {
		dir := f.Package()
		if _, ok := first[dir]; !ok {
			first[dir] = f
		}
		documented[dir] = documented[dir] || isPackageDoc(f.Syntax)
	}
	var out []Violation
	for _, dir := range slices.Sorted(maps.Keys(first)) {
		if !documented[dir] {
			out = append(out, Violation{first[dir].Path, 1, "package " + dir +
				" has no package comment", "the first thing a reader asks is what it is for"})
		}
	}
	return out
}

// isPackageDoc tells whether a file opens with a comment on its package. A command may begin
// with its own name.
func isPackageDoc(file *ast.File) bool {
	name := file.Name.Name
	text := file.Doc.Text()
	return name == "main" && text != "" || strings.HasPrefix(text, "Package "+name+" ")
}
