// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// Module is the import path of this module.
const Module = "github.com/bulkhead-net/bulkhead"

// File is one file of the tree. Syntax is nil when it is no Go file.
type File struct {
	Path   string
	Text   []byte
	Syntax *ast.File
}

// Package is the directory of the file relative to the module, which names its package.
func (f File) Package() string { return path.Dir(f.Path) }

// IsTest tells whether the file is compiled into tests only.
func (f File) IsTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

// isText tells whether the file is meant to be read.
func (f File) isText() bool { return !bytes.Contains(f.Text, []byte{0}) }

// Tree is a set of source files, parsed once for all laws.
type Tree struct {
	Files []File
	fset  *token.FileSet
}

// NewTree reads and parses files. Paths are relative to the root of the module.
func NewTree(fsys fs.FS, paths []string) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet()}
	for _, p := range paths {
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return nil, fmt.Errorf("source file: %w", err)
		}
		f := File{Path: p, Text: text}
		// Go files under testdata are data: no build ever compiles them.
		if path.Ext(p) == ".go" && !strings.Contains(p, "testdata/") {
			f.Syntax, err = parser.ParseFile(t.fset, p, text, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("source file: %w", err)
			}
		}
		t.Files = append(t.Files, f)
	}
	return t, nil
}

// code yields the Go files.
func (t *Tree) code(yield func(File) bool) {
	for _, f := range t.Files {
		if f.Syntax != nil && !yield(f) {
			return
		}
	}
}

func (t *Tree) line(p token.Pos) int { return t.fset.Position(p).Line }

// lines is how many lines a piece of syntax covers.
func (t *Tree) lines(n ast.Node) int { return t.line(n.End()) - t.line(n.Pos()) + 1 }

// Violation is one place that breaks a law.
type Violation struct {
	File string
	Line int
	What string
	Why  string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.File, v.Line, v.What, v.Why)
}

// Law is one rule and the function that finds where the tree breaks it.
type Law struct {
	Name  string
	Check func(*Tree) []Violation
}

// Laws are all laws of this module.
func Laws() []Law {
	return []Law{
		{"pure packages", pureImports},
		{"exclusive imports", exclusiveImports},
		{"calls", calls},
		{"skips", skips},
		{"sizes", sizes},
		{"licence", licences},
		{"package docs", packageDocs},
		{"unfinished", unfinished},
		{"machine paths", machinePaths},
		{"tools", tools},
	}
}
