// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Priorities of our base chains (linux/netfilter_ipv4.h, linux/netfilter_bridge.h).
const (
	// guardPriority is before defragmentation (-400) and conntrack (-200): a forged first
	// fragment would join another sender's genuine second one, a forged packet would seed the
	// reply entry that opens a default deny.
	guardPriority = -450
	// filterPriority is filter - 10: destination NAT has happened.
	filterPriority = -10
	// postroutingPriority is srcnat - 10: the source is still the true one.
	postroutingPriority = 90
)

// DHCP and DHCPv6 ports (RFC 2131, RFC 8415).
const (
	dhcpServer   = 67
	dhcpClient   = 68
	dhcp6Client  = 546
	dhcp6Server  = 547
	mldQuery     = 130
	mldReport    = 131
	mldDone      = 132
	routerSol    = 133
	routerAdv    = 134
	neighbourSol = 135
	neighbourAdv = 136
	ndRedirect   = 137
	mld2Report   = 143
	mrdAdvert    = 151
	icmpRedirect = 5
	igmpQuery    = 0x11
	igmpRouter   = 0x30
	protoIGMP    = 2
	protoPIM     = 103
)

// IPv6 extension headers (IANA protocol numbers).
const (
	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoDestOptions = 60
)

// guard is anti-spoofing at layer 3: a packet from a managed interface must carry an address
// that is bound to that interface. An allow-list: what is not named is dropped.
func (c *compiler) guard(t *table, f family) {
	t.base("guard", ruleset.Prerouting, guardPriority, slices.Concat(
		plain(f),
		list(
			// Before all else, since most packets end here; it binds bridges and routed links,
			// never ports.
			rule(in("bind", ruleset.IIFName, f.saddr), goTo("guard-bound")),
			// IP belongs to the bridge, never to its port. But the kernel takes a frame to one of
			// the groups 01:80:c2:00:00:0x at the port, past every hook of the bridge.
			rule(in("ports", ruleset.IIFName), goTo("drop-spoof")),
			rule(in("routed", ruleset.IIFName), goTo("guard-routed")),
		),
		c.managedIn(goTo("guard-unknown")),
		list(
			// An address of ours that arrives from anywhere else is forged.
			rule(in("addresses", f.saddr), goTo("drop-spoof")),
			// Loopback addresses on a wire: with route_localnet the node would take them for its
			// own, and with it ports that are published there.
			rule(within(f.daddr, f.loopback), isNot(ruleset.IIFName, ruleset.Ifname("lo")),
				goTo("drop-loopback")),
			rule(within(f.saddr, f.loopback), isNot(ruleset.IIFName, ruleset.Ifname("lo")),
				goTo("drop-loopback"))),
	)...)
	t.chain("guard-bound", guardBound(f)...)
	t.chain("guard-routed",
		rule(jump("guard-unaddressed")),
		rule(goTo("drop-spoof")))
	t.chain("guard-unknown",
		rule(jump("guard-unaddressed")),
		rule(in("addresses", f.saddr), goTo("drop-spoof")),
		rule(goTo("drop-quarantine")))
	t.chain("guard-unaddressed", guardUnaddressed(f)...)
}

// plain accepts what needs no more than the binding: an IPv4 header without options.
func plain(f family) []ruleset.Rule {
	if f.v6() {
		return nil
	}
	return list(rule(in("bind", ruleset.IIFName, f.saddr),
		is(ruleset.IPHdrLength, ruleset.Byte(5)), accept()))
}

// guardBound stops source routing, which would carry a packet past the address it is judged by.
func guardBound(f family) []ruleset.Rule {
	if f.v6() {
		return slices.Concat(hidden(), list(
			rule(ruleset.RoutingHeader{}, goTo("drop-options")),
			rule(accept())))
	}
	return list(
		// IGMP carries the router alert option (RFC 3376).
		rule(is(ruleset.IPProtocol, ruleset.Byte(protoIGMP)),
			within(ruleset.IPDaddr, f.multicast), accept()),
		rule(goTo("drop-options")))
}

// guardUnaddressed lets pass what an endpoint must send before or without its own address:
// DHCP from 0.0.0.0; neighbour discovery, multicast listening and DHCPv6 from the link-local
// address or from ::. It returns for everything else.
func guardUnaddressed(f family) []ruleset.Rule {
	if !f.v6() {
		return list(rule(
			is(ruleset.IPSaddr, ruleset.Addr(f.zero)),
			is(ruleset.UDPSourcePort, ruleset.Word(dhcpClient)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcpServer)),
			accept()))
	}
	discovery := protocolKeys(mldReport, mldDone, routerSol, neighbourSol, neighbourAdv, mld2Report)
	return slices.Concat(hidden(), list(
		rule(in("neighbours", ruleset.IIFName, f.saddr),
			oneOf(ruleset.ICMPv6Type, discovery...), accept()),
		rule(in("neighbours", ruleset.IIFName, f.saddr),
			is(ruleset.UDPSourcePort, ruleset.Word(dhcp6Client)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcp6Server)), accept()),
		rule(is(f.saddr, ruleset.Addr(f.zero)),
			oneOf(ruleset.ICMPv6Type, protocolKeys(neighbourSol, mld2Report)...), accept()),
		rule(in("neighbours", ruleset.IIFName, f.saddr), goTo("drop-link-local")),
	))
}

// hidden drops IPv6 fragments that could show their receiver another message than us. The first
// fragment must hold all headers (RFC 7112); a header that may be followed by more of them could
// fill it alone. Discovery is never fragmented (RFC 6980): its target would be in the second.
func hidden() []ruleset.Rule {
	discovery := protocolKeys(mldQuery, mldReport, mldDone, routerSol, routerAdv, neighbourSol,
		neighbourAdv, ndRedirect, mld2Report, mrdAdvert)
	return list(
		rule(oneOf(ruleset.FragmentNext, protocolKeys(protoHopByHop, protoRouting, protoFragment,
			protoDestOptions)...), goTo("drop-options")),
		rule(is(ruleset.FragmentNext, ruleset.Byte(policy.ProtocolICMPv6)),
			oneOf(ruleset.ICMPv6Type, discovery...), goTo("drop-options")))
}

// hooks are the base chains of policy. Each asks for a live flow, and leaves all else to a chain
// of its own: is the packet ours to judge at all? The base chains hold what changes with the
// epoch, and are written anew with it, so they are short.
func (c *compiler) hooks(t *table, f family) {
	base := func(name string, hook ruleset.Hook, priority int, fast ...ruleset.Statement) {
		t.base(name, hook, priority, c.fast(fast...), c.unanswered(fast...),
			rule(goTo(name+"-new")))
	}
	base("forward", ruleset.Forward, filterPriority, c.passedMark(), accept())
	base("input", ruleset.Input, filterPriority, accept())
	// What is forwarded comes by here too.
	base("postrouting", ruleset.Postrouting, postroutingPriority, accept())
	// An error about a flow is related, never established, so the fast rule left it alone.
	t.chain("forward-new", slices.Concat(
		list(errorsFirst(f)),
		c.managedIn(goTo("forward-judge")),
		c.managedOut(goTo("forward-judge")),
		ours(f.saddr, goTo("forward-judge")),
		ours(f.daddr, goTo("forward-judge")),
	)...)
	t.chain("input-new", slices.Concat(
		c.canary(t, f),
		list(rule(is(ruleset.IIFName, ruleset.Ifname("lo")), accept()), errorsFirst(f)),
		c.managedIn(goTo("input-judge")),
		ours(f.saddr, goTo("input-judge")),
	)...)
	t.chain("postrouting-new", slices.Concat(
		list(rule(is(ruleset.OIFName, ruleset.Ifname("lo")), accept())),
		c.managedOut(goTo("host-judge")),
		ours(f.daddr, goTo("host-judge")),
	)...)
	t.chain("forward-judge", slices.Concat(list(rule(jump("judge"))), c.answer())...)
	t.chain("input-judge", slices.Concat(list(rule(jump("judge-to-host"))), c.answer())...)
	t.chain("host-judge",
		rule(jump("judge-from-host")),
		c.fellOut(),
		rule(drop()))
	t.chain("passed",
		// The bridge table drops frames between endpoints that were not judged here: with
		// br_netfilter off, nothing passes.
		rule(c.passedMark(), accept()))
	t.chain("judged", rule(ruleset.SetMark{CT: true, Keep: ^c.config.EpochMask}))
	t.chain("done", rule(jump("judged")), rule(goTo("passed")))
	// Between an endpoint and the own node nothing crosses a bridge, and the bit is not set: what
	// the node's balancer sends on from here is judged again where it leaves.
	t.chain("done-host", rule(jump("judged")), rule(accept()))
}

// passedMark sets the bit that says "judged in forward".
func (c *compiler) passedMark() ruleset.Statement {
	return ruleset.SetMark{Keep: ^c.config.PassedMark, Or: c.config.PassedMark}
}

// ours matches the addresses of endpoints and of managed networks, whatever the interface.
func ours(addr ruleset.Field, then ruleset.Statement) []ruleset.Rule {
	return list(rule(in("addresses", addr), then), rule(in("subnets", addr), then))
}

// errorsFirst sends ICMP to the chain that knows errors about flows: they carry the conntrack
// mark of the flow they speak of, and whoever sends one must be an end of that flow.
func errorsFirst(f family) ruleset.Rule {
	if f.v6() {
		// ip6 nexthdr would miss a message behind an extension header.
		return rule(is(ruleset.L4Proto, ruleset.Byte(policy.ProtocolICMPv6)), jump("errors"))
	}
	return rule(is(ruleset.IPProtocol, ruleset.Byte(policy.ProtocolICMP)), jump("errors"))
}

// answer is what a base chain does when a refusal returns: it rejects. The answer to TCP is a
// reset, to all else ICMP admin-prohibited.
func (c *compiler) answer() []ruleset.Rule {
	return list(
		c.fellOut(),
		rule(is(ruleset.L4Proto, ruleset.Byte(policy.ProtocolTCP)), ruleset.RejectWith{TCPReset: true}),
		rule(ruleset.RejectWith{}),
		rule(drop()))
}

// refused marks a packet as one to answer. It is the bit that says "passed" as well: this
// packet goes nowhere any more.
func (c *compiler) refused() ruleset.Statement { return c.passedMark() }

// fellOut drops what came back without a refusal. A packet keeps the rules of the generation in
// which it entered, but asks sets of the present one: during a commit a new map element can lead
// it to a chain that its own generation does not have yet, and which is empty for it. It may
// belong to a connection that is allowed, which silence delays and a reset would end.
func (c *compiler) fellOut() ruleset.Rule {
	return rule(ruleset.Masked{Field: ruleset.PacketMark, Mask: c.config.PassedMark},
		goTo("drop-quarantine"))
}
