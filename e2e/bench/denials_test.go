// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// A flood hits what is closed, or the world behind the uplink, and as many flows as its name says.
func TestFloodsAim(t *testing.T) {
	closed := netip.MustParseAddr("10.1.0.9")
	for _, k := range floodKinds {
		next, flows := aimedAt(k, closed), map[netip.AddrPort]bool{}
		for range 1000 {
			at := next()
			flows[at] = true
			if at.Addr() != closed && !worldNet.Contains(at.Addr()) || at.Port() == 0 {
				t.Fatalf("%s: got %s, want %s or an address in %s, and a port", k.name, at, closed,
					worldNet)
			}
		}
		if one := strings.HasPrefix(k.name, "one"); one != (len(flows) == 1) || !one && len(flows) < 900 {
			t.Errorf("%s: got %d flows of 1000 packets", k.name, len(flows))
		}
	}
}

// Where every packet is to be logged, no rule holds a rate in front of its log, and all else stays.
func TestLogAllTakesRatesOnly(t *testing.T) {
	in := compile.Input{Policies: loadPolicies(closedB), Config: compile.DefaultConfig(),
		Endpoints: []compile.Endpoint{localEndpoint("b", map[string]string{"app": "b"},
			compile.Local{Port: "vb"}, netip.MustParseAddr("10.1.0.3"))}}
	before, _ := compile.Compile(in)
	after, _ := compile.Compile(in)
	logAll(after)
	logs := func(r *ruleset.Ruleset) (all, limited int) {
		for _, table := range r.Tables {
			for _, c := range table.Chains {
				for _, rule := range c.Rules {
					has := [2]int{}
					for _, s := range rule.Statements {
						if isLog(s) {
							has[0] = 1
						}
						if isUpdate(s) {
							has[1] = 1
						}
					}
					all, limited = all+has[0], limited+has[0]*has[1]
				}
			}
		}
		return all, limited
	}
	all, limited := logs(before)
	if a, l := logs(after); a != all || l != 0 || limited == 0 {
		t.Errorf("got %d logs, %d within a rate, want %d and none; before, %d were", a, l, all, limited)
	}
}

func TestScansFillSets(t *testing.T) {
	s := scan{sets: []string{"ingress"}, elements: 1000, scanners: 1}
	dice := rand.New(rand.NewPCG(1, 2))
	for _, family := range []string{"ip", "ip6"} {
		text := s.elementsOf(dice, family, "ingress")
		if got := strings.Count(text, "counter packets 3"); got != 1000 {
			t.Errorf("%s: got %d elements, want 1000", family, got)
		}
	}
}
