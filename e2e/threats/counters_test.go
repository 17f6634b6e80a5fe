// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

// refused sums the packets that the kernel has refused, by reason: that of a counter
// drop-<reason>, and for what a policy refused the counter's whole name.
func (s *site) refused(t testing.TB) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	n, err := node.OpenReadOnly(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	counters, err := n.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, count := range counters {
		out[strings.TrimPrefix(key.Name, "drop-")] += count.Packets
	}
	return out
}

// counts runs f, which is refused, and demands that the reasons' counters say so: each by one
// packet at least.
func (s *site) counts(t testing.TB, f func(), reasons ...string) {
	t.Helper()
	before := s.refused(t)
	f()
	after := s.refused(t)
	for _, r := range reasons {
		if after[r] <= before[r] {
			t.Errorf("counter of %s: got %d as before, want more; moved: %v",
				r, after[r], moved(before, after))
		}
	}
}

// moved is by how much each counter grew.
func moved(before, after map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for name, n := range after {
		if n != before[name] {
			out[name] = n - before[name]
		}
	}
	return out
}
