// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Elements are sent in messages of at most so many elements and bytes, far below the 64 KiB
// at which the length of the list overflows.
const (
	chunkElements = 500
	chunkBytes    = 32 << 10
)

// kernelElement is an element in the kernel's form. An interval is two of them: its first key,
// and, as an end mark, the first key behind it.
type kernelElement struct {
	key     []byte
	end     bool
	verdict rs.Verdict
	udata   udata
}

// kernelElements is an element as the kernel stores it: one key, or the bounds of an interval.
func kernelElements(s *rs.Set, e rs.Element) ([]kernelElement, error) {
	want := keyLen(s.Types)
	if len(e.Key) != want || (e.Last != "" && len(e.Last) != want) {
		return nil, fmt.Errorf("key of %d bytes: the set has %d", len(e.Key), want)
	}
	first := kernelElement{key: swapMarks(s.Types, []byte(e.Key)), verdict: e.Verdict}
	if e.Comment != "" {
		first.udata = first.udata.comment(e.Comment)
	}
	if !s.Interval {
		return []kernelElement{first}, nil
	}
	last := e.Last
	if last == "" {
		last = e.Key
	}
	behind, ok := successor([]byte(last))
	if !ok {
		// Nothing is behind the last value of the type: the interval stays open.
		first.udata = first.udata.u32(udataElementFlags, elementOpen)
		return []kernelElement{first}, nil
	}
	return []kernelElement{first, {key: swapMarks(s.Types, behind), end: true}}, nil
}

// successor is the next number; ok is false behind the last one.
func successor(b []byte) (next []byte, ok bool) {
	next = bytes.Clone(b)
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return next, true
		}
	}
	return next, false
}

func (e kernelElement) encode() attrs {
	var a attrs
	if e.end {
		a = a.u32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	a = a.nest(unix.NFTA_SET_ELEM_KEY, attrs(nil).bytes(unix.NFTA_DATA_VALUE, e.key))
	if e.verdict.Kind != rs.NoVerdict {
		code := attrs(nil).u32(unix.NFTA_VERDICT_CODE, uint32(verdictKinds[e.verdict.Kind]))
		if e.verdict.Chain != "" {
			code = code.str(unix.NFTA_VERDICT_CHAIN, e.verdict.Chain)
		}
		a = a.nest(unix.NFTA_SET_ELEM_DATA, attrs(nil).nest(unix.NFTA_DATA_VERDICT, code))
	}
	if len(e.udata) > 0 {
		a = a.bytes(unix.NFTA_SET_ELEM_USERDATA, e.udata)
	}
	return a
}

// elements adds or deletes elements of a named set.
func (b *batch) elements(typ, flags uint16, s *rs.Set, es []rs.Element) error {
	list := elementList{set: s.Name}
	for _, e := range es {
		ks, err := kernelElements(s, e)
		if err != nil {
			return fmt.Errorf("element %s: %w", e.Text(s), err)
		}
		for _, k := range ks {
			if typ == unix.NFT_MSG_DELSETELEM {
				// An element is deleted by its key, whatever it leads to.
				k = kernelElement{key: k.key, end: k.end}
			}
			list.add(b, typ, flags, k.encode())
		}
	}
	list.flush(b, typ, flags)
	return nil
}

// elementList collects elements and turns them into messages.
type elementList struct {
	set  string
	id   uint32 // of an anonymous set
	n    int
	list attrs
}

func (l *elementList) add(b *batch, typ, flags uint16, e attrs) {
	l.list = l.list.nest(unix.NFTA_LIST_ELEM, e)
	l.n++
	if l.n >= chunkElements || len(l.list) >= chunkBytes {
		l.flush(b, typ, flags)
	}
}

func (l *elementList) flush(b *batch, typ, flags uint16) {
	if l.n == 0 {
		return
	}
	a := attrs(nil).str(unix.NFTA_SET_ELEM_LIST_TABLE, rs.TableName).
		str(unix.NFTA_SET_ELEM_LIST_SET, l.set)
	if l.id != 0 {
		a = a.u32(unix.NFTA_SET_ELEM_LIST_SET_ID, l.id)
	}
	b.message(typ, flags, a.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, l.list))
	l.n, l.list = 0, l.list[:0]
}
