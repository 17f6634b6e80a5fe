// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// identify finds the kind and the name of a document, or the items of a List. A document whose
// kind is not known has no further errors reported: they would be about another kind's fields.
func (d *document) identify() (items []*document, isList bool) {
	o, ok := d.quiet()
	if !ok {
		d.root().wrong("a mapping with apiVersion, kind, metadata and spec")
		return nil, false
	}
	name, k := "", d.implied
	if v, given := o.field("kind"); given {
		if name, ok = v.text(oneOf(d.kindNames())); !ok {
			return nil, false
		}
		k = kindNamed(name)
	} else if k == nil {
		o.lacks("kind", oneOf(d.kindNames()))
		return nil, false
	}
	if k == nil && d.path == "" {
		if of, ok := listOf(name); ok {
			return d.items(of), true
		}
	}
	if k == nil {
		o.fields["kind"].wrong(oneOf(d.kindNames()) + suggestion(name, d.kindNames()))
		return nil, false
	}
	if !o.checkVersion(k) {
		return nil, false
	}
	d.kind, d.ref = k, nameOf(o, k)
	for i := range d.problems {
		d.problems[i].Ref = d.ref
	}
	return nil, false
}

// quiet reads the top of the document without reporting what read will report.
func (d *document) quiet() (object, bool) {
	silent := &document{file: d.file}
	o, ok := value{doc: silent, node: d.node, path: d.path}.mapping("")
	o.doc = d
	for name, field := range o.fields {
		field.doc = d
		o.fields[name] = field
	}
	return o, ok
}

func (o object) lacks(name, accepted string) {
	at := o.value
	at.path = joinPath(o.path, name)
	at.reject("nothing", accepted)
}

// checkVersion reports whether the document is of our kind at all: other projects have kinds
// of the same names in groups of their own. A wrong version of the right group is an error
// like any other.
func (o object) checkVersion(k *kind) bool {
	v, given := o.field("apiVersion")
	if !given {
		if o.doc.implied == nil {
			o.lacks("apiVersion", k.apiVersion)
		}
		return true
	}
	s, ok := v.text(k.apiVersion)
	if ok && s != k.apiVersion {
		v.wrong(k.apiVersion)
	}
	return !ok || groupOf(s) == groupOf(k.apiVersion)
}

func groupOf(apiVersion string) string {
	group, _, slash := strings.Cut(apiVersion, "/")
	if !slash {
		return ""
	}
	return group
}

// listOf reports whether a kind is a list, and of what; a plain List may hold any kinds.
func listOf(name string) (*kind, bool) {
	base, ok := strings.CutSuffix(name, "List")
	if !ok {
		return nil, false
	}
	k := kindNamed(base)
	return k, base == "" || k != nil
}

// items returns the items of a List as documents of their own.
func (d *document) items(implied *kind) []*document {
	o, _ := d.root().object("apiVersion", "kind", "metadata", "items")
	v, ok := o.field("items")
	if !ok {
		return nil
	}
	nodes, _ := v.list("documents", 0, 0)
	var items []*document
	for _, item := range nodes {
		of := &document{file: d.file, line: item.node.Line, node: item.target(),
			path: item.path, implied: implied, segments: d.segments}
		raw, err := of.render()
		if err != nil {
			item.reject(fmt.Sprintf("an item that cannot be kept: %s", printable(err.Error())),
				"a document")
			continue
		}
		of.raw = raw
		items = append(items, of)
	}
	return items
}

// render writes an item of a List as a document that stands alone: without the anchors of its
// surroundings, and with the kind that a typed list leaves out.
func (d *document) render() ([]byte, error) {
	copied := expand(d.node)
	if d.implied != nil && copied.Kind == yaml.MappingNode {
		copied.imply("kind", d.implied.name)
		copied.imply("apiVersion", d.implied.apiVersion)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	if err := encoder.Encode((*yaml.Node)(copied)); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b.Bytes(), nil
}

// tree is a node tree without aliases.
type tree yaml.Node

// expand copies a tree with every alias replaced by what it stands for; measure bounded it.
func expand(n *yaml.Node) *tree {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Anchor, c.Content = "", nil
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	for _, child := range n.Content {
		c.Content = append(c.Content, (*yaml.Node)(expand(child)))
	}
	return (*tree)(&c)
}

// imply adds a field that is not there.
func (t *tree) imply(key, text string) {
	for i := 0; i+1 < len(t.Content); i += 2 {
		if t.Content[i].Value == key {
			return
		}
	}
	scalar := func(s string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	}
	t.Content = append([]*yaml.Node{scalar(key), scalar(text)}, t.Content...)
}
