// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/binary"

	"go.yaml.in/yaml/v4"
)

// Cache keeps what parsing YAML came to, by the text that was parsed: of a directory of policies
// one file changes at a time. Everything behind the parser, from decoding to the last check, is
// done anew with each Load. The zero Cache is empty and ready. A Cache is not for two goroutines.
type Cache struct {
	trees map[cacheKey]*yaml.Node
	// fresh says that Load has found texts that the cache did not hold.
	fresh bool
}

// cacheKey is the hash of a document's text and the line where it begins: trees hold positions.
type cacheKey [sha256.Size]byte

func keyOf(c chunk) cacheKey {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(c.line)))
	h.Write(c.data)
	return cacheKey(h.Sum(nil))
}

// Load is the function Load; texts that the cache holds are not parsed again. Afterwards the
// cache holds the documents of these files and no others, and of these only such that parse.
func (c *Cache) Load(files []File, lastGood []Document) *Set {
	parsed := parseAll(files, c.trees)
	next := make(map[cacheKey]*yaml.Node, len(c.trees))
	c.fresh = false
	for _, list := range parsed {
		for _, p := range list {
			if p.node == nil || p.problem != nil {
				continue
			}
			if c.trees[p.key] == nil {
				c.fresh = true
			}
			next[p.key] = p.node
		}
	}
	c.fresh = c.fresh || len(next) != len(c.trees)
	c.trees = next
	return loadParsed(files, parsed, lastGood)
}

// Changed says whether the last Load changed what the cache holds.
func (c *Cache) Changed() bool { return c.fresh }
