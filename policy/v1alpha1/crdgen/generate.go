// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	apiGroup   = "bulkhead.dev"
	apiVersion = "v1alpha1"
)

// declaration is one type with its comment.
type declaration struct {
	name string
	doc  comment
	expr ast.Expr
}

// source is every type of the package by name.
type source struct {
	types map[string]declaration
	order []string
}

// generate returns the definitions by file name.
func generate(files []string) (map[string][]byte, error) {
	s := source{types: map[string]declaration{}}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		s.declare(file)
	}
	definitions := map[string][]byte{}
	for _, name := range s.order {
		d := s.types[name]
		plural := d.doc.marker("crd:plural")
		if plural == "" {
			continue
		}
		text, err := s.definition(d, plural)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", name, err)
		}
		definitions[apiGroup+"_"+plural+".yaml"] = text
	}
	return definitions, nil
}

func (s *source) declare(file *ast.File) {
	for _, d := range file.Decls {
		general, ok := d.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			t := spec.(*ast.TypeSpec)
			doc := t.Doc
			if doc == nil {
				doc = general.Doc
			}
			s.types[t.Name.Name] = declaration{t.Name.Name, readComment(doc), t.Type}
			s.order = append(s.order, t.Name.Name)
		}
	}
}

const header = `# SPDX-License-Identifier: Apache-2.0
# Generated from the Go types by "go generate ./policy/v1alpha1"; not to be edited.
`

func (s *source) definition(d declaration, plural string) ([]byte, error) {
	root, err := s.named(d.name)
	if err != nil {
		return nil, err
	}
	text := func() *schema { return &schema{Type: "string"} }
	root.Properties["apiVersion"], root.Properties["kind"] = text(), text()
	root.Properties["metadata"] = &schema{Type: "object"}
	names := map[string]any{"kind": d.name, "listKind": d.name + "List", "plural": plural,
		"singular": strings.ToLower(d.name), "shortNames": []string{d.doc.marker("crd:shortName")}}
	version := map[string]any{"name": apiVersion, "served": true, "storage": true,
		"schema":       map[string]any{"openAPIV3Schema": root},
		"subresources": map[string]any{"status": map[string]any{}}}
	crd := map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": plural + "." + apiGroup},
		"spec": map[string]any{"group": apiGroup, "scope": "Cluster", "names": names,
			"versions": []any{version}},
	}
	var b bytes.Buffer
	b.WriteString(header)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(crd); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// named returns the schema of a type of this package.
func (s *source) named(name string) (*schema, error) {
	d, ok := s.types[name]
	if !ok {
		return nil, fmt.Errorf("unknown type %s", name)
	}
	found, err := s.expression(d.expr)
	if err != nil {
		return nil, err
	}
	return found, d.doc.apply(found)
}

func (s *source) expression(e ast.Expr) (*schema, error) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return s.expression(e.X)
	case *ast.ArrayType:
		items, err := s.expression(e.Elt)
		return &schema{Type: "array", Items: items}, err
	case *ast.StructType:
		return s.structure(e)
	case *ast.SelectorExpr:
		switch e.Sel.Name {
		case "LabelSelector":
			return labelSelector(), nil
		case "Condition":
			return condition(), nil
		}
		return nil, fmt.Errorf("unknown imported type %s", e.Sel.Name)
	case *ast.Ident:
		switch e.Name {
		case "string":
			return &schema{Type: "string"}, nil
		case "bool":
			return &schema{Type: "boolean"}, nil
		case "int32":
			return &schema{Type: "integer", Format: "int32"}, nil
		}
		return s.named(e.Name)
	}
	return nil, fmt.Errorf("cannot describe a %T", e)
}

// structure returns the schema of a struct; embedded fields are those of every object, which
// the API server describes itself.
func (s *source) structure(t *ast.StructType) (*schema, error) {
	o := &schema{Type: "object", Properties: map[string]*schema{}}
	for _, field := range t.Fields.List {
		if len(field.Names) == 0 {
			continue
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		doc := readComment(field.Doc)
		property, err := s.expression(field.Type)
		if err == nil {
			err = doc.apply(property)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		o.Properties[name] = property
		if !doc.has("optional") {
			o.Required = append(o.Required, name)
		}
	}
	return o, nil
}
