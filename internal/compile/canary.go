// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// CanaryReason is the reason of the packets that the agent sends to itself.
const CanaryReason = "canary"

// canaryAddr is an address of the loopback that nobody has.
var canaryAddr = netip.AddrFrom4([4]byte{127, 66, 75, 72})

// Canary is where a packet of UDP over the loopback is refused, so that its sender can tell whether
// refusals are seen in the log.
func (c Config) Canary() netip.AddrPort {
	return netip.AddrPortFrom(canaryAddr, max(c.LogGroup, 1))
}

// canary is the rule, for IPv4 only. It stands where the loopback is let in, and costs new flows of
// the loopback a comparison.
func (c *compiler) canary(t *table, f family) []ruleset.Rule {
	if f.v6() {
		return nil
	}
	at := c.config.Canary()
	name := "drop-" + CanaryReason
	t.counters[name] = true
	t.chain(name,
		sample("log-limit-interface", c.log("-", "-", CanaryReason), ruleset.IIFName),
		rule(ruleset.CounterRef{Name: name}, drop()))
	return list(rule(
		is(ruleset.IIFName, ruleset.Ifname("lo")), is(f.daddr, ruleset.Addr(at.Addr())),
		is(ruleset.L4Proto, ruleset.Byte(policy.ProtocolUDP)),
		is(ruleset.DestPort, ruleset.Word(at.Port())), goTo(name)))
}
