// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"container/heap"
	"net/netip"
	"slices"
)

// span is a range of addresses, both ends included, that the entry with that index names.
type span struct {
	first, last netip.Addr
	index       int
}

// piece is a range of addresses for which the same entry comes first. It reaches from first
// to the next piece's first.
type piece struct {
	first netip.Addr
	index int // none: no entry names these addresses
}

// pieces cuts the family's whole address space into ranges by the lowest index that covers
// them: a sweep over the ends of the spans with a heap of the indexes in force, so that
// 100,000 blocks cost 100,000 times their logarithm.
func pieces(zero netip.Addr, spans []span) []piece {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.index, b.index))
	})
	var starts []netip.Addr
	starts = append(starts, zero)
	for _, s := range spans {
		starts = append(starts, s.first)
		if next := s.last.Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)

	var out []piece
	var open openSpans
	next := 0
	for _, at := range starts {
		for next < len(spans) && spans[next].first.Compare(at) <= 0 {
			heap.Push(&open, spans[next])
			next++
		}
		for len(open) > 0 && open[0].last.Less(at) {
			heap.Pop(&open)
		}
		index := none
		if len(open) > 0 {
			index = open[0].index
		}
		if len(out) == 0 || out[len(out)-1].index != index {
			out = append(out, piece{first: at, index: index})
		}
	}
	return out
}

// openSpans is a heap by index. A span that has ended is dropped when it comes to the top.
type openSpans []span

func (o openSpans) Len() int           { return len(o) }
func (o openSpans) Less(i, j int) bool { return o[i].index < o[j].index }
func (o openSpans) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *openSpans) Push(x any)        { *o = append(*o, x.(span)) }

func (o *openSpans) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

// indexAt finds the piece that holds a.
func indexAt(list []piece, a netip.Addr) int {
	i, found := slices.BinarySearchFunc(list, a, func(p piece, a netip.Addr) int {
		return p.first.Compare(a)
	})
	if !found {
		i--
	}
	return list[i].index
}

// lastOf is the highest address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
