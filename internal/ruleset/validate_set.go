// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxKey is the room the kernel has for a set key (NFT_DATA_VALUE_MAXLEN).
const maxKey = 64

func (ix *index) validateSet(s *Set) error {
	if err := s.validateShape(ix.table.Family); err != nil {
		return err
	}
	width := s.width()
	for i := range s.Elements {
		e := &s.Elements[i]
		if err := ix.validateElement(s, e, width); err != nil {
			return fmt.Errorf("element %s: %w", s.keyText(*e), err)
		}
		if i > 0 && s.Elements[i-1].last() >= e.Key {
			return fmt.Errorf("element %s: is not in order or overlaps", s.keyText(*e))
		}
	}
	return nil
}

// last is the last key of an element: its only one, unless it is a range.
func (e *Element) last() Key {
	if e.Last != "" {
		return e.Last
	}
	return e.Key
}

// width is the number of bytes of the set's keys.
func (s *Set) width() int {
	if len(s.Types) == 1 {
		return types[s.Types[0]].width
	}
	n := 0
	for _, t := range s.Types {
		n += padded(types[t].width)
	}
	return n
}

func (s *Set) validateShape(family Family) error {
	for _, t := range s.Types {
		if int(t) >= len(types) {
			return errors.New("has an unknown type")
		}
	}
	switch d := s.Dynamic; {
	case len(s.Types) == 0:
		return errors.New("has no type")
	case s.width() > maxKey:
		return errors.New("has a key that is too long")
	case s.Interval && len(s.Types) != 1:
		return errors.New("is of intervals, but its key has several fields")
	case s.Interval && (s.Types[0] == TypeIfname || s.Types[0].Raw()):
		return errors.New("is of intervals, but its type has none")
	case s.Verdicts && slices.ContainsFunc(s.Types, Type.Raw):
		return errors.New("is a map with a raw key, which nft 1.0.6 cannot name")
	case d == nil:
		return nil
	case s.Interval || s.Verdicts || len(s.Elements) > 0:
		return errors.New("is dynamic, but a map, of intervals, or not empty")
	case d.Timeout < 0 || d.Timeout%time.Millisecond != 0:
		return errors.New("has a timeout that is not in whole milliseconds")
	}
	return nil
}

func (ix *index) validateElement(s *Set, e *Element, width int) error {
	switch {
	case len(e.Key) != width:
		return fmt.Errorf("key has %d bytes, not %d", len(e.Key), width)
	case e.Last == "":
	case !s.Interval:
		return errors.New("is a range in a set of single keys")
	case len(e.Last) != width || e.Last <= e.Key:
		return errors.New("is not a range")
	}
	if s.Types[0] == TypeIfname {
		if err := validIfname(e.Key[:16]); err != nil {
			return err
		}
	}
	switch {
	case !s.Verdicts && e.Verdict != Verdict{}:
		return errors.New("has a verdict in a set")
	case s.Verdicts:
		return ix.validateVerdict(e.Verdict)
	}
	return nil
}

func validIfname(k Key) error {
	n := len(k)
	for n > 0 && k[n-1] == 0 {
		n--
	}
	return ValidInterface(string(k[:n]))
}

func (ix *index) validateVerdict(v Verdict) error {
	switch v.Kind {
	case AcceptVerdict, DropVerdict, ReturnVerdict:
		if v.Chain != "" {
			return errors.New("has a verdict with a chain it does not use")
		}
		return nil
	case JumpVerdict, GotoVerdict:
		c := ix.chains[v.Chain]
		if c == nil {
			return fmt.Errorf("leads to chain %q, which does not exist", v.Chain)
		}
		if c.Base != nil {
			return fmt.Errorf("leads to chain %s, which is a base chain", v.Chain)
		}
		return nil
	}
	return errors.New("has no verdict")
}
