// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// variant is one set of rules on a host of its own.
type variant struct {
	name string
	// bridged puts a and b on one bridge; netfilter lets it hand frames to the IP hooks.
	bridged, netfilter bool
	// spoofed sends from an address that is not a's.
	spoofed bool
	// packets says that only the packet sender is of interest.
	packets bool
	rules   func(*rig, *host)
}

// The variants that others are compared with.
const (
	none  = "none"
	floor = "floor"
)

func variants() []variant {
	list := []variant{
		{name: none},
		{name: "empty chain", rules: func(r *rig, h *host) { h.Nft(r, emptyChain) }},
		{name: floor, rules: floorRules},
		{name: "floor again", rules: floorRules},
	}
	for _, n := range []int{10, 1000, 10_000, 100_000} {
		list = append(list, variant{name: fmt.Sprintf("ours, %d peers", n),
			rules: func(r *rig, h *host) { install(r, h.FD(), h.peers(n)) }})
	}
	for _, n := range []int{1, 100, 1000, 10_000} {
		list = append(list, variant{name: fmt.Sprintf("ours, %d policies", n),
			rules: func(r *rig, h *host) { install(r, h.FD(), h.policies(n)) }})
	}
	const linear = 1000
	return append(list,
		variant{name: fmt.Sprintf("linear, %d policies", linear),
			rules: func(r *rig, h *host) { h.Nft(r, h.linear(linear)) }},
		variant{name: "guard only", packets: true, rules: guardOnly},
		variant{name: "guard only, spoofed", packets: true, spoofed: true, rules: guardOnly},
		variant{name: "bridged none", bridged: true},
		variant{name: "bridged floor", bridged: true, netfilter: true, rules: floorRules},
		variant{name: "bridged ours", bridged: true, netfilter: true,
			rules: func(r *rig, h *host) { install(r, h.FD(), h.peers(1000)) }},
	)
}

const emptyChain = `table ip bench { chain forward {
	type filter hook forward priority -10; policy accept; }; }`

// floorRules is the least that any stateful segmentation does: conntrack in the hooks that we
// use, established flows accepted, and a look-up that stops forged sources.
func floorRules(r *rig, h *host) {
	in := func(p string) string {
		if h.aPlug.Bridge != "" {
			return h.aPlug.Bridge
		}
		return p
	}
	h.Nft(r, fmt.Sprintf(`table ip bench {
	set bind { type ifname . ipv4_addr; elements = { "%s" . %s, "%s" . %s }; }
	chain guard { type filter hook prerouting priority -450; policy accept;
		iifname . ip saddr @bind accept
		drop
	}
	chain forward { type filter hook forward priority -10; policy accept;
		ct state established,related accept
	}
	chain input { type filter hook input priority -10; policy accept;
		ct state established,related accept
	}
	chain postrouting { type filter hook postrouting priority 90; policy accept;
		ct state established,related accept
	}
}`, in("va"), h.aAddr, in("vb"), h.bAddr))
}

// peers is one policy that names n peers.
func (h *host) peers(n int) compile.Input {
	others := make([]compile.Endpoint, 0, n)
	for i := range n - 1 { // a is one of them
		others = append(others, remoteEndpoint(i, map[string]string{"role": "client"}))
	}
	return h.input([]string{allowClients}, others)
}

// policies is n policies on b with 50 peers.
func (h *host) policies(n int) compile.Input {
	documents := []string{allowClients}
	for i := range n - 1 {
		documents = append(documents, servicePolicy(i, "b"))
	}
	var others []compile.Endpoint
	for i := range 50 {
		others = append(others, remoteEndpoint(i, map[string]string{"caller": fmt.Sprintf("c%d", i)}))
	}
	return h.input(documents, others)
}

// linear is the same policies the way that they are written by hand: one rule each, behind the
// rule for established flows.
func (h *host) linear(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table ip bench { chain forward { type filter hook forward priority -10; "+
		"policy accept;\nct state established,related accept\n")
	for i := range n - 1 {
		fmt.Fprintf(&b, "oifname \"vb\" ip saddr %s tcp dport %d accept\n", peerAddress(i%50),
			servicePort(i))
	}
	fmt.Fprintf(&b, "oifname \"vb\" ip saddr %s tcp dport 7 accept\n", h.aAddr)
	fmt.Fprintf(&b, "oifname \"vb\" ip saddr %s udp dport { 9, 4000-4999 } accept\n", h.aAddr)
	b.WriteString("oifname \"vb\" drop\n}; }")
	return b.String()
}

// guardOnly is our ruleset as far as its guard reaches: what anti-spoofing alone costs. Nothing
// else may stay, because a rule that nobody reaches turns conntrack on all the same.
func guardOnly(r *rig, h *host) {
	full, _ := compile.Compile(h.peers(10))
	for i := range full.Tables {
		t := &full.Tables[i]
		reached := map[string]bool{"guard": true}
		for again := true; again; {
			again = false
			for _, c := range t.Chains {
				again = reached[c.Name] && reach(c, reached) || again
			}
		}
		t.Chains = slices.DeleteFunc(t.Chains, func(c ruleset.Chain) bool {
			return !reached[c.Name]
		})
		for j := range t.Sets {
			if t.Sets[j].Verdicts {
				t.Sets[j].Elements = nil // they lead to chains that are gone
			}
		}
	}
	installRuleset(r, h.FD(), full)
}

// reach adds the chains to which the rules of a chain lead, and tells whether any was new.
func reach(c ruleset.Chain, reached map[string]bool) bool {
	before := len(reached)
	for _, rule := range c.Rules {
		for _, s := range rule.Statements {
			if v, ok := s.(ruleset.Verdict); ok && v.Chain != "" {
				reached[v.Chain] = true
			}
		}
	}
	return len(reached) > before
}
