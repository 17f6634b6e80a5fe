// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// cut is a part of what an established packet meets. Leaving it out opens something; what the
// packet saves by it is what the part costs.
type cut struct {
	name string
	// chain is where the part is. It is left out whole if is is nil, and otherwise the statements
	// of its first rule for which is says so.
	chain string
	is    func(ruleset.Statement) bool
}

// whole is the ruleset without a cut.
const whole = "whole"

// cuts leave the chain forward in place: it is where a flow gets its mark.
var cuts = []cut{
	{name: whole},
	{name: "whole again (A/A)"},
	{name: "guard", chain: "guard"},
	{name: "guard: look-up of interface and source", chain: "guard", is: isA[ruleset.Lookup]},
	{name: "guard: length of the header", chain: "guard", is: isA[ruleset.Compare]},
	{name: "forward: state established", chain: "forward", is: isA[ruleset.States]},
	{name: "forward: live mark", chain: "forward", is: isA[ruleset.Lookup]},
	{name: "forward: packet mark", chain: "forward", is: isA[ruleset.SetMark]},
	{name: "postrouting", chain: "postrouting"},
	{name: "postrouting: state established", chain: "postrouting", is: isA[ruleset.States]},
	{name: "postrouting: live mark", chain: "postrouting", is: isA[ruleset.Lookup]},
}

func isA[T ruleset.Statement](s ruleset.Statement) bool {
	_, ok := s.(T)
	return ok
}

// singleRules measures what each part of an established packet's way costs, by leaving it out.
func singleRules(ctx context.Context, _ *rig, r *results) {
	var list []variant
	for _, c := range cuts {
		list = append(list, variant{name: c.name, packets: true, rules: c.install})
	}
	samples := map[string][]float64{}
	for _, s := range measured(ctx, r, list) {
		samples[s.name] = s.samples[packetMetric]
	}
	all := samples[whole]
	r.sample("established packet: whole", "ns", all)
	for _, c := range cuts[1:] {
		saved := make([]float64, len(all))
		for i := range saved {
			saved[i] = all[i] - samples[c.name][i]
		}
		r.sample("established packet: saved without "+c.name, "ns", saved)
	}
}

// install puts our ruleset without the part into the kernel.
func (c cut) install(r *rig, h *host) {
	full, _ := compile.Compile(h.peers(10))
	t := &full.Tables[0]
	i := slices.IndexFunc(t.Chains, func(x ruleset.Chain) bool { return x.Name == c.chain })
	switch {
	case c.chain == "":
	case i < 0:
		r.Fatalf("got no chain %s, want one", c.chain)
	case c.is == nil:
		t.Chains = slices.Delete(t.Chains, i, i+1)
	default:
		first := &t.Chains[i].Rules[0]
		before := len(first.Statements)
		first.Statements = slices.DeleteFunc(slices.Clone(first.Statements), c.is)
		if len(first.Statements) != before-1 {
			r.Fatalf("%s: got %d statements left out, want 1", c.name, before-len(first.Statements))
		}
	}
	installRuleset(r, h.FD(), full)
}
