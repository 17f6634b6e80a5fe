// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// ipDrops are the reasons of what the IP tables drop whatever the policy.
var ipDrops = []string{
	"spoof", "quarantine", "options", "invalid", "untracked", "midstream", "related", "redirect",
	"multicast", "loopback", "link-local", "encapsulation", "isolated", "published",
}

// staticDrops writes a chain for each reason: log, count, drop, three rules apart.
func (c *compiler) staticDrops(t *table, f family) {
	for _, reason := range ipDrops {
		t.counters["drop-"+reason] = true
		t.chain("drop-"+reason, slices.Concat(
			c.sampled(f, reason),
			list(rule(ruleset.CounterRef{Name: "drop-" + reason}, drop())))...)
	}
}

// sampled logs what no group refuses: within the rate of the endpoint that sent it, if its
// address is bound where it comes from, otherwise within that of the interface. A forged address
// is nobody's.
func (c *compiler) sampled(f family, reason string) []ruleset.Rule {
	log := c.log("-", "-", reason)
	stranger := sample("log-limit-interface", log, ruleset.IIFName)
	if reason == "spoof" {
		return list(stranger)
	}
	own := sample("log-limit", log, f.saddr)
	own.Statements = slices.Concat(
		[]ruleset.Statement{in("bind", ruleset.IIFName, f.saddr)}, own.Statements)
	stranger.Statements = slices.Concat(
		[]ruleset.Statement{notIn("bind", ruleset.IIFName, f.saddr)}, stranger.Statements)
	return list(own, stranger)
}

// countChains note refused packets per flow: detail beside the permanent counters. The sets
// are keyed as the flow began, so a reply packet swaps ends. A new key is inserted only within
// its endpoint's own rate: a scanner fills its share, not the set. A packet is in the set or in the
// overflow, once.
func (c *compiler) countChains(t *table, f family) {
	for _, d := range []policy.Direction{policy.Egress, policy.Ingress} {
		name := d.String()
		overflow := "overflow-" + name
		t.counters[overflow] = true
		there := noted{f.saddr, f.daddr, ruleset.DestPort}
		back := noted{f.daddr, f.saddr, ruleset.SourcePort}
		t.chain("count-"+name, slices.Concat(
			list(rule(reply(), goTo("count-"+name+"-reply"))),
			there.rules(name),
			list(rule(ruleset.CounterRef{Name: overflow})),
		)...)
		t.chain("count-"+name+"-reply", slices.Concat(
			back.rules(name),
			list(rule(ruleset.CounterRef{Name: overflow})),
		)...)
	}
}

// noted are the packet's fields that hold the flow's client, server and service port.
type noted struct{ client, server, port ruleset.Field }

func (n noted) rules(direction string) []ruleset.Rule {
	subject := n.client
	if direction == policy.Ingress.String() {
		subject = n.server
	}
	within := ruleset.Update{Set: "insert-limit", Fields: []ruleset.Field{subject},
		Limit: &ruleset.Rate{PerSecond: 64, Burst: 512}}
	var out []ruleset.Rule
	for _, ported := range []bool{true, false} {
		match := ruleset.OneOf{Field: ruleset.L4Proto, Values: protocolKeys(portProtocols...),
			Not: !ported}
		set := "denied-" + direction
		key := []ruleset.Field{n.client, n.server, ruleset.L4Proto, n.port}
		if !ported {
			set, key = set+"-other", key[:3]
		}
		insert := ruleset.Update{Set: set, Fields: key}
		// Never "in": a look-up that finds an element counts on it, and so does the update.
		out = append(out,
			rule(match, notIn(set, key...), within, insert, giveBack()),
			rule(match, notIn(set, key...),
				ruleset.CounterRef{Name: "overflow-" + direction}, giveBack()),
			rule(match, insert, giveBack()))
	}
	return out
}
