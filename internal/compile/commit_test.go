// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// emptyGroups makes every group chain what it is for a packet that entered before the commit
// which adds it: there, and empty.
func emptyGroups(r *ruleset.Ruleset) {
	for i := range r.Tables {
		for j := range r.Tables[i].Chains {
			c := &r.Tables[i].Chains[j]
			for k := range kindCount {
				if strings.HasPrefix(c.Name, k.String()+"-") && c.Name != "ingress-stage" {
					c.Rules = nil
				}
			}
		}
	}
}

// A packet that is under way during a commit is let through as before, or dropped in silence.
// A reset would end a connection that the old and the new rules allow.
func TestCommitNeverAnswers(t *testing.T) {
	dice := randpolicy.New(1, 3)
	dropped := 0
	for range 50 {
		w := newWorld(dice)
		b := newBench(t, w.Input, emptyGroups)
		for range flowsPerSet {
			path, p := w.trip().first(0)
			switch result := b.tracer.Walk(path, p); {
			case result.Verdict == ruleset.Rejected:
				t.Fatalf("got reject, want drop: %v", result.Steps)
			case strings.HasSuffix(result.LogPrefix, "quarantine"):
				dropped++
			}
		}
	}
	if dropped == 0 {
		t.Error("got no packet that fell out of the rules, want many")
	}
}
