// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"go.yaml.in/yaml/v4"
)

// cacheHeader names the format and its version. A cache of another version is of no use, and
// costs one parsing.
const cacheHeader = "bulkhead policy cache 1\n"

// Encode is the cache as bytes, for the next process. Trees with aliases are left out.
func (c *Cache) Encode() []byte {
	b := []byte(cacheHeader)
	for key, tree := range c.trees {
		if shared(tree) {
			continue
		}
		b = append(b, key[:]...)
		b = appendNode(b, tree)
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func shared(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return true
	}
	for _, child := range n.Content {
		if shared(child) {
			return true
		}
	}
	return false
}

func appendNode(b []byte, n *yaml.Node) []byte {
	for _, v := range []uint64{uint64(n.Kind), uint64(n.Style), uint64(n.Line), uint64(n.Column)} {
		b = binary.AppendUvarint(b, v)
	}
	for _, text := range []string{n.Tag, n.Value} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.AppendUvarint(b, uint64(len(n.Content)))
	for _, child := range n.Content {
		b = appendNode(b, child)
	}
	return b
}

// errCache marks bytes that Encode has not written.
var errCache = errors.New("not a policy cache of this version")

// DecodeCache is the inverse of Encode. What it does not understand is an error, never half a
// cache: a tree that is not the text's would be another policy.
func DecodeCache(b []byte) (*Cache, error) {
	end := len(b) - crc32.Size
	if end < len(cacheHeader) || string(b[:len(cacheHeader)]) != cacheHeader ||
		binary.BigEndian.Uint32(b[end:]) != crc32.ChecksumIEEE(b[:end]) {
		return nil, errCache
	}
	d := &cacheDecoder{rest: b[len(cacheHeader):end]}
	c := &Cache{trees: map[cacheKey]*yaml.Node{}}
	for len(d.rest) > 0 && !d.failed {
		var key cacheKey
		copy(key[:], d.take(uint64(len(key))))
		c.trees[key] = d.node(0)
	}
	if d.failed {
		return nil, errCache
	}
	return c, nil
}

type cacheDecoder struct {
	rest   []byte
	failed bool
}

func (d *cacheDecoder) number() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *cacheDecoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

// words are the tags, which repeat in every node.
var words = [][]byte{[]byte("!!str"), []byte("!!map"), []byte("!!seq"), []byte("!!int"),
	[]byte("!!bool"), []byte("!!null")}

func (d *cacheDecoder) tag() string {
	text := d.take(d.number())
	for _, w := range words {
		if bytes.Equal(text, w) {
			return string(w)
		}
	}
	return string(text)
}

func (d *cacheDecoder) node(depth int) *yaml.Node {
	if depth > maxDepth+1 {
		d.failed = true
		return nil
	}
	n := &yaml.Node{Kind: yaml.Kind(d.number()), Style: yaml.Style(d.number()),
		Line: int(d.number()), Column: int(d.number())}
	n.Tag = d.tag()
	n.Value = string(d.take(d.number()))
	children := d.number()
	if children > uint64(len(d.rest)) { // each takes some bytes
		d.failed = true
		return nil
	}
	for range children {
		if d.failed {
			return nil
		}
		n.Content = append(n.Content, d.node(depth+1))
	}
	return n
}
