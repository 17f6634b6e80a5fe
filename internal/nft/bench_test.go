// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"fmt"
	"testing"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// filled is a set of n elements in the kernel, and the set without its elements.
func filled(b *testing.B, h host, n int) *rs.Set {
	set := manySets(n)[0]
	h.apply(b, rs.Op{Kind: rs.AddTable}, rs.Op{Kind: rs.AddSet, Set: &set},
		rs.Op{Kind: rs.AddElements, Set: &set, Elements: set.Elements})
	return &rs.Set{Name: set.Name, Types: set.Types}
}

// One element comes or goes, as when a pod starts or ends.
func BenchmarkOneElement(b *testing.B) {
	for _, n := range []int{0, 10_000, 100_000} {
		b.Run(fmt.Sprintf("in=%d", n), func(b *testing.B) {
			h := newHost(b)
			set := filled(b, h, n)
			element := []rs.Element{{Key: numbered(1 << 23)}}
			ops := [2][]rs.Op{
				{{Kind: rs.AddElements, Set: set, Elements: element}},
				{{Kind: rs.DeleteElements, Set: set, Elements: element}},
			}
			for i := 0; b.Loop(); i++ {
				if err := h.Apply(b.Context(), ops[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A table with 10,000 elements in one set is loaded and removed.
func BenchmarkLoad10k(b *testing.B) {
	h := newHost(b)
	set := manySets(10_000)[0]
	ops := []rs.Op{{Kind: rs.AddTable}, {Kind: rs.AddSet, Set: &set},
		{Kind: rs.AddElements, Set: &set, Elements: set.Elements}}
	for b.Loop() {
		h.apply(b, ops...)
		b.StopTimer()
		if err := h.Remove(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// A ruleset with 10,000 elements is read back and compared.
func BenchmarkVerify10k(b *testing.B) {
	h := newHost(b)
	sets := manySets(10_000)[:1]
	r := &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP, Sets: sets}}}
	h.install(b, r)
	for b.Loop() {
		if got := h.drift(b, r); len(got) > 0 {
			b.Fatalf("got %v, want no drift", got)
		}
	}
}

// Everything is read from sets that are full, as once in ten seconds while somebody scans.
func BenchmarkTotals64k(b *testing.B) {
	h := newHost(b)
	h.install(b, &rs.Ruleset{Tables: []rs.Table{flowTable(rs.IP)}})
	for i := 0; i < 65536; i += 4096 {
		h.manyFlows(b, i, i+4096)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(totals(b, h).Flows); got != 65536 {
			b.Fatalf("got %d flows, want all", got)
		}
	}
}
