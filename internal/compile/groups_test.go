// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
)

// The groups that are told of an endpoint are those of the rules, and all of them.
func TestGroupsAreThoseOfTheRules(t *testing.T) {
	dice := randpolicy.New(3, 9)
	found := 0
	for range 100 {
		w := newWorld(dice)
		r, groups, _ := CompileGroups(w.Input)
		told := map[string]bool{}
		for _, e := range w.Endpoints {
			g, known := groups[e.ID]
			if known != (e.Local != nil) {
				t.Fatalf("%s: got groups %t, want them for endpoints of this node", e.ID, known)
			}
			for kind, hash := range map[string]string{"egress": g.Egress, "ingress": g.Ingress,
				"to-host": g.ToHost, "from-host": g.FromHost} {
				if hash != "" {
					told[kind+"-"+hash] = true
				}
			}
		}
		ruled := map[string]bool{}
		for _, table := range r.Tables {
			for _, c := range table.Counters {
				for _, kind := range []string{"egress-", "ingress-", "to-host-", "from-host-"} {
					if rest, ok := strings.CutPrefix(c, kind); ok {
						hash, _, _ := strings.Cut(rest, "-")
						ruled[kind+hash] = true
					}
				}
			}
		}
		for g := range ruled {
			if !told[g] {
				t.Fatalf("group %s has counters, and is no endpoint's", g)
			}
		}
		found += len(ruled)
	}
	if found < 100 {
		t.Errorf("groups: got %d, want some in each world", found)
	}
}
