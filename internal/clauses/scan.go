// SPDX-License-Identifier: Apache-2.0

package clauses

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var tag = regexp.MustCompile(`\bS[0-9]+\.[0-9]+(\.[a-z]\b)?`)

// Tags are the clauses that a text names, such as the title of a test.
func Tags(text string) []string {
	return tag.FindAllString(strings.ReplaceAll(text, "_", " "), -1)
}

// Proof is one test that names a clause.
type Proof struct {
	Clause string
	File   string // relative to the module
	Title  string // the name of the subtest, or of the test
}

// Scan finds the clauses that test sources and test tables name. A title that stands both in a
// table and in the Go code beside it is one test.
func Scan(fsys fs.FS, paths []string) ([]Proof, error) {
	var out []Proof
	for _, p := range paths {
		if strings.HasPrefix(p, "internal/clauses/") || strings.HasPrefix(p, "internal/suite/") {
			continue // these speak about tags and prove nothing
		}
		isTable := path.Ext(p) == ".table" && path.Base(path.Dir(p)) == "testdata"
		if !isTable && !strings.HasSuffix(p, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return nil, fmt.Errorf("test source: %w", err)
		}
		var titles []string
		if isTable {
			titles = tableTitles(text)
		} else if titles, err = goTitles(p, text); err != nil {
			return nil, fmt.Errorf("test source: %w", err)
		}
		for _, title := range titles {
			for _, id := range Tags(title) {
				out = append(out, Proof{id, p, title})
			}
		}
	}
	return withoutTwins(out), nil
}

// OfTest are the clauses that a test proves when it passes: those that its name holds, and those
// that the comment of its function names.
func OfTest(proofs []Proof, name string) []string {
	out := Tags(name)
	function, _, _ := strings.Cut(name, "/")
	for _, p := range proofs {
		if strings.HasSuffix(p.Title, " "+function) && strings.HasPrefix(function, "Test") {
			out = append(out, p.Clause)
		}
	}
	return out
}

// tableTitles are the headings of a table of cases.
func tableTitles(text []byte) []string {
	var out []string
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			out = append(out, strings.TrimSpace(title))
		}
	}
	return out
}

// goTitles are the strings of a test that name a clause, and the tests whose comment does.
func goTitles(name string, text []byte) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			ids := Tags(n.Doc.Text())
			if len(ids) > 0 && strings.HasPrefix(n.Name.Name, "Test") {
				out = append(out, strings.Join(ids, " ")+" "+n.Name.Name)
			}
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING &&
				!strings.Contains(s, "\n") && len(Tags(s)) > 0 {
				out = append(out, strings.TrimSpace(s))
			}
		}
		return true
	})
	return out, nil
}

// withoutTwins drops what the same package says twice.
func withoutTwins(all []Proof) []Proof {
	type key struct{ clause, dir, title string }
	seen := map[key]bool{}
	return slices.DeleteFunc(all, func(p Proof) bool {
		dir := path.Dir(p.File)
		k := key{p.Clause, strings.TrimSuffix(dir, "/testdata"), p.Title}
		twin := seen[k]
		seen[k] = true
		return twin
	})
}
