// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document is one document, or one item of a List, while it is being read.
type document struct {
	file string
	// line is where the document begins in its file, and raw its text from there.
	line int
	raw  []byte
	node *yaml.Node
	ref  Ref
	kind *kind
	// problems are bounded by maxProblems; errors counts those that reject the document.
	problems []Problem
	errors   int
	segments segmentIndex
	// path leads to an item of a List, and is empty for a document of its own.
	path string
	// implied is the kind of an item of a typed list, which does not repeat it.
	implied *kind
}

// value is one place in a document. Everything is read through values, straight from the node
// tree: a typed decoder would drop what it does not know, and an unknown field may be the one
// that narrows a rule.
type value struct {
	doc  *document
	node *yaml.Node
	path string
}

// object is a mapping whose keys were checked. Fields that are null count as absent, as they
// do for the Kubernetes API server.
type object struct {
	value
	fields map[string]value
	// keys are in the order of the document.
	keys []*yaml.Node
	// unknown says that a field was not recognised, so that what is missing may be just that.
	unknown bool
}

func (d *document) root() value { return value{doc: d, node: d.node, path: d.path} }

func (d *document) position(n *yaml.Node) Position {
	return Position{File: d.file, Line: n.Line, Column: n.Column}
}

func (d *document) report(p Problem) {
	if p.Severity == SeverityError {
		d.errors++
	}
	p.Ref = d.ref
	switch {
	case len(d.problems) < maxProblems:
		d.problems = append(d.problems, p)
	case len(d.problems) == maxProblems:
		p.Severity, p.Field, p.Found, p.Accepted = SeverityWarning, "", "", ""
		p.Message = fmt.Sprintf("more than %d problems, the rest is not listed", maxProblems)
		d.problems = append(d.problems, p)
	}
}

func (v value) position() Position { return v.doc.position(v.node) }

// target is the node itself, or what it is an alias of.
func (v value) target() *yaml.Node {
	n := v.node
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// reject records an error: what was found and what would have been accepted.
func (v value) reject(found, accepted string) {
	v.note(SeverityError, found, accepted, "found "+found+", accepted "+accepted)
}

// wrong rejects the value itself.
func (v value) wrong(accepted string) { v.reject(v.describe(), accepted) }

func (v value) warn(format string, args ...any) {
	v.note(SeverityWarning, "", "", fmt.Sprintf(format, args...))
}

func (v value) notEnforced(format string, args ...any) {
	v.note(SeverityNotEnforced, "", "", fmt.Sprintf(format, args...))
}

func (v value) note(severity Severity, found, accepted, message string) {
	v.doc.report(Problem{Position: v.position(), Severity: severity, Field: v.path,
		Found: found, Accepted: accepted, Message: message})
}

// describe says what kind of thing the value is, in words that are safe to print.
func (v value) describe() string {
	n := v.target()
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "null"
	case n.ShortTag() == "!!str":
		return quoted(n.Value)
	}
	return strings.Trim(quoted(n.Value), `"`)
}

func (v value) isNull() bool {
	n := v.target()
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// child is the value at a key of a mapping.
func (v value) child(key string, n *yaml.Node) value {
	return value{doc: v.doc, node: n, path: joinPath(v.path, key)}
}

func joinPath(path, key string) string {
	simple := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) < 0
	switch {
	case !simple:
		return path + "[" + quoted(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// object reads a mapping that may hold the given fields and no others.
func (v value) object(accepted ...string) (object, bool) {
	o, ok := v.mapping("a mapping with " + oneOf(accepted))
	for _, key := range o.keys {
		if slices.Contains(accepted, key.Value) {
			continue
		}
		o.unknown = true
		delete(o.fields, key.Value)
		v.child(key.Value, key).reject("an unknown field",
			oneOf(accepted)+suggestion(key.Value, accepted))
	}
	return o, ok
}

// mapping reads a mapping with any keys. A key that occurs twice is an error, since readers
// differ on which of the two counts.
func (v value) mapping(accepted string) (object, bool) {
	o := object{value: v, fields: map[string]value{}}
	n := v.target()
	if n.Kind != yaml.MappingNode {
		v.wrong(accepted)
		return o, false
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := value{doc: v.doc, node: n.Content[i], path: v.path}
		name, ok := key.key()
		if !ok {
			o.unknown = true
			continue
		}
		key.path = joinPath(v.path, name)
		if line, again := first[name]; again {
			key.reject(fmt.Sprintf("the field a second time (first on line %d)", line),
				"each field once")
			continue
		}
		first[name] = key.node.Line
		o.keys = append(o.keys, key.target())
		if field := v.child(name, n.Content[i+1]); !field.isNull() {
			o.fields[name] = field
		}
	}
	return o, true
}

// key returns the text of a mapping's key.
func (v value) key() (string, bool) {
	n := v.target()
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return n.Value, true
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!merge" {
		v.reject("a merge key (<<)", "the fields written out")
		return "", false
	}
	v.reject("a key that is "+v.describe(), "keys that are text")
	return "", false
}

// field returns a field that may be absent.
func (o object) field(name string) (value, bool) {
	v, ok := o.fields[name]
	return v, ok
}

// required returns a field and rejects the object when it is absent.
func (o object) required(name, accepted string) (value, bool) {
	if v, ok := o.fields[name]; ok {
		return v, true
	}
	if !o.unknown {
		at := o.value
		at.path = joinPath(o.path, name)
		at.reject("nothing"+o.nullHint(name), accepted)
	}
	return value{}, false
}

// exactlyOne returns the one field of names that is set.
func (o object) exactlyOne(names ...string) (string, value, bool) {
	var set []string
	for _, name := range names {
		if _, ok := o.fields[name]; ok {
			set = append(set, name)
		}
	}
	switch {
	case len(set) == 1:
		return set[0], o.fields[set[0]], !o.unknown
	case len(set) > 1:
		o.reject(strings.Join(set, " and "), "exactly one of "+strings.Join(names, ", "))
	case !o.unknown:
		o.reject("none of them"+o.nullHint(names...), "exactly one of "+strings.Join(names, ", "))
	}
	return "", value{}, false
}

// nullHint explains the commonest mistake: a selector left blank where {} was meant.
func (o object) nullHint(names ...string) string {
	for _, name := range names {
		if o.isNullField(name) {
			return " (" + name + " is null, which counts as absent; everything is {})"
		}
	}
	return ""
}

func (o object) isNullField(name string) bool {
	_, set := o.fields[name]
	return !set && slices.ContainsFunc(o.keys, func(k *yaml.Node) bool { return k.Value == name })
}
