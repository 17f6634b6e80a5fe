// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/suggest"
)

// TestASuggestionIsAFileThatAllowsIt adds what suggest prints to the policies, and wants the flow
// allowed by the rules in the kernel.
func TestASuggestionIsAFileThatAllowsIt(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.recordAll(t)
	r := s.ask(t, "suggest", id(0))
	const head = "---\n# Allows tcp/5432 from shop/batch to shop/db: "
	const opens = "with this, tcp/5432 from shop/batch to shop/db is allowed, and nothing else " +
		"between the endpoints of this node\n"
	if r.code != 0 || !strings.HasPrefix(r.out, head) || r.err != opens {
		t.Fatalf("got %+v, want a document and what it opens", r)
	}
	if x, _ := s.explain(t, "shop/batch", "shop/db", "5432/tcp"); x.Rules.Verdict != "drop" {
		t.Fatalf("before: got %s, want drop", x.Rules.Verdict)
	}
	s.policies(t, sitePolicies+r.out)
	if a := s.run(t, "apply"); a.code != 0 {
		t.Fatalf("apply: %+v", a)
	}
	if x, code := s.explain(t, "shop/batch", "shop/db", "5432/tcp"); code != 0 || !x.Agree ||
		x.Rules.Verdict != "accept" {
		t.Errorf("after: got %+v, want all to accept", x)
	}
	again := s.ask(t, "suggest", id(0))
	if again.code != 1 || again.out != "" || !strings.Contains(again.err,
		"nothing to suggest, tcp/5432 from shop/batch to shop/db is already allowed: ") {
		t.Errorf("again: got %+v, want nothing", again)
	}
}

func TestSuggestSaysWhatStandsInTheWay(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.recordAll(t)
	for _, tc := range []struct {
		id   string
		want []string
	}{
		{id(1), []string{"no NetworkPolicy lets tcp/22 from shop/web to the own node",
			`egress: SegmentationPolicy host-closed egress[0] "ssh" rejects tcp/22`, "shop.yaml:23)"}},
		{id(2), []string{"nothing to suggest: no policy decided: spoof"}},
		{id(3), []string{"nothing to suggest: it tells of packets that no record describes"}},
		{id(4), []string{"a NetworkPolicy cannot name icmp/8/0"}},
	} {
		r := s.ask(t, "suggest", tc.id)
		if r.code != 1 || r.out != "" {
			t.Errorf("%s: got %+v, want 1 and no document", tc.id, r)
		}
		for _, want := range tc.want {
			if !strings.Contains(r.err, want) {
				t.Errorf("%s: got %q, want %q in it", tc.id, r.err, want)
			}
		}
	}
	r := s.ask(t, "suggest", id(1), "-o", "json")
	var a suggest.Answer
	if err := json.Unmarshal([]byte(r.out), &a); err != nil || r.code != 1 || len(a.Obstacles) != 1 ||
		a.Obstacles[0].Rule == nil || a.Documents == nil {
		t.Errorf("json: got %+v, %v of %+v, want one obstacle with its rule", a, err, r)
	}
}
