// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// shape is what defines a set, apart from its elements.
type shape struct {
	flags, keyType, keyLen uint32
	verdicts               bool
	size                   uint32
	timeout                uint64 // milliseconds
	counter                bool
}

func desiredShape(s *rs.Set) shape {
	d := shape{
		flags:    setFlags(s),
		keyType:  keyNumber(s.Types),
		keyLen:   uint32(keyLen(s.Types)),
		verdicts: s.Verdicts,
	}
	if s.Dynamic != nil {
		d.size, d.counter = s.Dynamic.Size, s.Dynamic.Counter
		d.timeout = uint64(s.Dynamic.Timeout / time.Millisecond)
	}
	return d
}

// installedShape reads the shape of an installed set. The kernel sets a flag of its own where
// the elements carry expressions, and reports them in one of two forms.
func installedShape(as []attr) shape {
	desc := findNest(as, unix.NFTA_SET_DESC)
	expr := findNest(as, attrSetExpr)
	counter := findString(expr, unix.NFTA_EXPR_NAME) == "counter"
	for _, e := range findNest(as, attrSetExpressions) {
		expr, _ := parseAttrs(e.data)
		counter = counter || findString(expr, unix.NFTA_EXPR_NAME) == "counter"
	}
	return shape{
		flags:    findU32(as, unix.NFTA_SET_FLAGS) &^ setFlagExpr,
		keyType:  findU32(as, unix.NFTA_SET_KEY_TYPE),
		keyLen:   findU32(as, unix.NFTA_SET_KEY_LEN),
		verdicts: findU32(as, unix.NFTA_SET_DATA_TYPE) == verdictType,
		size:     findU32(desc, unix.NFTA_SET_DESC_SIZE),
		timeout:  findU64(as, unix.NFTA_SET_TIMEOUT),
		counter:  counter,
	}
}

func isAnonymous(set []attr) bool {
	return findU32(set, unix.NFTA_SET_FLAGS)&unix.NFT_SET_ANONYMOUS != 0
}

func (c *comparison) set(s *rs.Set) error {
	as, ok := c.have.sets[s.Name]
	if !ok {
		c.report(Missing, "set %s", s.Name)
		return nil
	}
	delete(c.have.sets, s.Name)
	if desiredShape(s) != installedShape(as) {
		c.report(Different, "set %s", s.Name)
		return nil
	}
	if s.Dynamic != nil {
		return nil
	}
	return c.elements(s)
}

// elements compares the elements of a set exactly, both bounds of every interval.
func (c *comparison) elements(s *rs.Set) error {
	have := map[string]kernelElement{}
	for _, e := range c.have.elements[s.Name] {
		have[e.id()] = e
	}
	for _, e := range s.Elements {
		ks, err := kernelElements(s, e)
		if err != nil {
			return fmt.Errorf("set %s: element %s: %w", s.Name, e.Text(s), err)
		}
		kind, differs := compareElement(ks, have)
		if differs {
			c.report(kind, "element %s of set %s", e.Text(s), s.Name)
		}
	}
	for _, e := range have {
		// nft begins an interval set with an end mark at zero, which ends nothing.
		if e.end && len(bytes.Trim(e.key, "\x00")) == 0 {
			continue
		}
		c.report(Extra, "element %s of set %s", e.text(s), s.Name)
	}
	return nil
}

// compareElement compares one element and takes what it found out of the map.
func compareElement(want []kernelElement, have map[string]kernelElement) (DriftKind, bool) {
	kind, differs := Different, false
	for i, w := range want {
		h, ok := have[w.id()]
		delete(have, w.id())
		if !ok && i == 0 {
			kind = Missing
		}
		differs = differs || !ok || !w.equal(h)
	}
	return kind, differs
}

// text names an element that is not ours. The end of an interval is named as such.
func (e kernelElement) text(s *rs.Set) string {
	key := rs.Key(swapMarks(s.Types, e.key))
	if e.end {
		return "end " + rs.Element{Key: key}.Text(&rs.Set{Types: s.Types})
	}
	return rs.Element{Key: key, Verdict: e.verdict, Comment: findComment(e.udata)}.Text(s)
}
