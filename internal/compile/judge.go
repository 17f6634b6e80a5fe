// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Flags of the TCP header (RFC 9293).
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
)

// judgement is the slow path: new flows, and flows of an old epoch.
func (c *compiler) judgement(t *table, f family) {
	t.chain("judge", slices.Concat(
		untrackable("untracked"),
		casts(f),
		// Port isolation alone is no isolation: the gateway would carry the packet back.
		when(c.isolates(), rule(in("isolated", ruleset.IIFName, ruleset.CTOrigSaddr),
			in("isolated", ruleset.IIFName, ruleset.CTReplySaddr), goTo("drop-isolated"))),
		c.tunnels(t, "tunnels", true, true),
		list(rule(reply(), goTo("judge-reply"))),
		dispatch(egress, ruleset.IIFName, ruleset.CTOrigSaddr),
		list(rule(jump("closed-in")), rule(goTo("judge-unbound"))),
	)...)
	t.chain("judge-reply", slices.Concat(
		dispatch(egress, ruleset.OIFName, ruleset.CTOrigSaddr),
		list(rule(jump("closed-out")), rule(goTo("judge-unbound"))),
	)...)
	// An address of ours behind an interface that is not its own: a renamed veth.
	t.chain("judge-unbound", slices.Concat(ours(ruleset.CTOrigSaddr, goTo("drop-quarantine")),
		list(rule(goTo("ingress-stage"))))...)
	t.chain("ingress-stage", slices.Concat(
		list(rule(reply(), goTo("ingress-stage-reply"))),
		dispatch(ingress, ruleset.OIFName, ruleset.CTReplySaddr),
		list(rule(jump("closed-out")), rule(goTo("ingress-unbound"))),
	)...)
	t.chain("ingress-stage-reply", slices.Concat(
		dispatch(ingress, ruleset.IIFName, ruleset.CTReplySaddr),
		list(rule(jump("closed-in")), rule(goTo("ingress-unbound"))),
	)...)
	t.chain("ingress-unbound", slices.Concat(ours(ruleset.CTReplySaddr, goTo("drop-quarantine")),
		list(rule(goTo("done"))))...)
	t.chain("closed-in", c.managedIn(goTo("drop-quarantine"))...)
	t.chain("closed-out", c.managedOut(goTo("drop-quarantine"))...)
	t.chain("untracked", slices.Concat(neighbours(f), list(rule(goTo("drop-untracked"))))...)
	t.chain("untracked-to-host", slices.Concat(neighbours(f), groupReports(f),
		list(rule(goTo("drop-untracked"))))...)
	c.judgeToHost(t, f)
	c.judgeFromHost(t, f)
}

// when keeps rules for what some node has and most have not.
func when(is bool, rules ...ruleset.Rule) []ruleset.Rule {
	if !is {
		return nil
	}
	return rules
}

// isolates says whether any endpoint has an isolated port.
func (c *compiler) isolates() bool {
	return slices.ContainsFunc(c.endpoints, func(e Endpoint) bool {
		return e.Local != nil && e.Local.Isolated
	})
}

// casts drops what is for many: by the frame's address, and by the packet's.
func casts(f family) []ruleset.Rule {
	return list(
		rule(is(ruleset.PacketType, ruleset.Byte(ruleset.PacketBroadcast)), goTo("drop-multicast")),
		rule(is(ruleset.PacketType, ruleset.Byte(ruleset.PacketMulticast)), goTo("drop-multicast")),
		rule(within(f.daddr, f.multicast), goTo("drop-multicast")))
}

// untrackable is what no tuple can judge: packets without a conntrack entry, and TCP that
// begins in the middle, which loose tracking would otherwise adopt with its roles reversed.
func untrackable(untracked string) []ruleset.Rule {
	return list(
		rule(state(ruleset.StateUntracked), goTo(untracked)),
		rule(state(ruleset.StateInvalid), goTo("drop-invalid")),
		rule(state(ruleset.StateNew),
			ruleset.Masked{Field: ruleset.TCPFlags, Mask: tcpFIN | tcpSYN | tcpRST | tcpACK,
				Value: tcpSYN, Not: true},
			goTo("drop-midstream")))
}

// dispatch looks the endpoint up by interface and address: the interface that leads to it in
// this direction of the flow. No answer means neither a policy nor the lack of one is known.
func dispatch(k kind, name, addr ruleset.Field) []ruleset.Rule {
	return list(
		rule(vmap(k.String(), name, addr)),
		rule(in(k.open(), name, addr), goTo(k.next())))
}

// tunnels drops encapsulation that begins in an endpoint, in packets of both directions: a reply
// that passed would make the flow live again. No tunnel is TCP, which most flows are.
func (c *compiler) tunnels(t *table, chain string, there, back bool) []ruleset.Rule {
	if c.policies.AllowEncapsulation {
		return nil
	}
	drop := goTo("drop-encapsulation")
	protocol := oneOf(ruleset.L4Proto, protocolKeys(policy.TunnelProtocols...)...)
	ports := portKeys(policy.TunnelPorts...)
	var out []ruleset.Rule
	if there {
		bound := in("bind", ruleset.IIFName, ruleset.CTOrigSaddr)
		out = append(out,
			rule(original(), protocol, bound, drop),
			rule(original(), oneOf(ruleset.UDPDestPort, ports...), bound, drop))
	}
	if back {
		bound := in("bind", ruleset.OIFName, ruleset.CTOrigSaddr)
		out = append(out,
			rule(reply(), protocol, bound, drop),
			rule(reply(), oneOf(ruleset.UDPSourcePort, ports...), bound, drop))
	}
	t.chain(chain, out...)
	return list(rule(isNot(ruleset.L4Proto, ruleset.Byte(policy.ProtocolTCP)), jump(chain)))
}

// neighbours accepts what neighbours on one link ask and answer. Conntrack leaves it untracked;
// the guard has checked whose it is. The hop limit proves that it comes from the link.
func neighbours(f family) []ruleset.Rule {
	if !f.v6() {
		return nil
	}
	return list(rule(
		oneOf(ruleset.ICMPv6Type, protocolKeys(neighbourSol, neighbourAdv)...),
		is(ruleset.IP6HopLimit, ruleset.Byte(255)), goTo("passed")))
}

// groupReports accepts what an endpoint tells routers: the node alone. Between endpoints it would
// be a channel that no policy closes, over any number of networks: a report is not bound to its
// link, nobody checks what follows it, and conntrack does not track it.
func groupReports(f family) []ruleset.Rule {
	if !f.v6() {
		return nil
	}
	return list(
		rule(is(ruleset.ICMPv6Type, ruleset.Byte(routerSol)),
			is(ruleset.IP6HopLimit, ruleset.Byte(255)), goTo("passed")),
		rule(oneOf(ruleset.ICMPv6Type, protocolKeys(mldReport, mldDone, mld2Report)...),
			goTo("passed")))
}

// judgeToHost is the way from an endpoint to the own node: other networks' gateways, link-local
// addresses and, with route_localnet, the loopback are the node too.
func (c *compiler) judgeToHost(t *table, f family) {
	t.chain("judge-to-host", slices.Concat(
		untrackable("untracked-to-host"),
		list(rule(within(f.daddr, f.loopback), goTo("drop-loopback"))),
		hostServices(f),
		casts(f),
		c.tunnels(t, "tunnels-to-host", true, false),
		list(rule(reply(), goTo("judge-to-host-reply")),
			rule(vmap("published", f.daddr, ruleset.L4Proto, ruleset.DestPort))),
		dispatch(toHost, ruleset.IIFName, ruleset.CTOrigSaddr),
		list(rule(goTo("drop-quarantine"))),
	)...)
	t.chain("judge-to-host-reply", slices.Concat(
		dispatch(fromHost, ruleset.IIFName, ruleset.CTReplySaddr),
		list(rule(goTo("drop-quarantine"))),
	)...)
}

// hostServices are the exact protocols that a network needs from its node, whatever the policy.
func hostServices(f family) []ruleset.Rule {
	if f.v6() {
		return list(rule(within(f.daddr, "ff02::/16"),
			is(ruleset.UDPSourcePort, ruleset.Word(dhcp6Client)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcp6Server)), accept()))
	}
	return list(
		rule(is(ruleset.UDPSourcePort, ruleset.Word(dhcpClient)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcpServer)), accept()),
		rule(is(ruleset.IPProtocol, ruleset.Byte(protoIGMP)),
			within(ruleset.IPDaddr, f.multicast), accept()))
}

// judgeFromHost is the way from the own node to an endpoint. It hangs on postrouting: in output,
// a flow whose destination is translated there still shows lo.
func (c *compiler) judgeFromHost(t *table, f family) {
	t.chain("judge-from-host", slices.Concat(
		list(
			// Forwarded, and judged in forward. The node's own packets never were, whatever a
			// foreign rule in output has written into their mark.
			rule(ruleset.Masked{Field: ruleset.PacketMark, Mask: c.config.PassedMark, Not: true},
				isNot(ruleset.FibSaddrType, ruleset.Byte(ruleset.AddrLocal)), accept()),
			// Our own answers to what we reject, and the node's errors about tracked flows.
			rule(ruleset.Masked{Field: ruleset.TCPFlags, Mask: tcpRST, Value: tcpRST}, accept()),
			rule(is(ruleset.L4Proto, ruleset.Byte(f.icmp)), state(ruleset.StateRelated), accept())),
		untrackable("untracked-from-host"),
		hostOffers(f),
		c.tunnels(t, "tunnels-from-host", false, true),
		list(
			rule(within(f.daddr, f.multicast), goTo("drop-multicast")),
			// A process of the node that borrows another's address is nobody we can judge.
			rule(isNot(ruleset.FibSaddrType, ruleset.Byte(ruleset.AddrLocal)),
				goTo("drop-quarantine")),
			rule(reply(), goTo("judge-from-host-reply"))),
		dispatch(fromHost, ruleset.OIFName, ruleset.CTReplySaddr),
		list(rule(goTo("drop-quarantine"))),
	)...)
	t.chain("judge-from-host-reply", slices.Concat(
		list(rule(vmap("published", f.saddr, ruleset.L4Proto, ruleset.SourcePort))),
		dispatch(toHost, ruleset.OIFName, ruleset.CTOrigSaddr),
		list(rule(goTo("drop-quarantine"))),
	)...)
	t.chain("untracked-from-host", slices.Concat(nodeDiscovery(f),
		list(rule(goTo("drop-untracked"))))...)
}

// hostOffers are the node's halves of hostServices.
func hostOffers(f family) []ruleset.Rule {
	if f.v6() {
		return list(rule(is(ruleset.UDPSourcePort, ruleset.Word(dhcp6Server)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcp6Client)), accept()))
	}
	return list(
		rule(is(ruleset.UDPSourcePort, ruleset.Word(dhcpServer)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcpClient)), accept()),
		rule(is(ruleset.IPProtocol, ruleset.Byte(protoIGMP)),
			within(ruleset.IPDaddr, f.multicast), accept()))
}

// nodeDiscovery is neighbour discovery by the node, which may be the router of its networks.
func nodeDiscovery(f family) []ruleset.Rule {
	if !f.v6() {
		return nil
	}
	return list(rule(oneOf(ruleset.ICMPv6Type, protocolKeys(mldQuery, mldReport, mldDone, routerSol,
		routerAdv, neighbourSol, neighbourAdv, ndRedirect, mld2Report)...), accept()))
}

// icmpErrors judges errors about flows. From a managed interface one must come from an endpoint
// of the flow it speaks of: the set self holds (a, a) for every endpoint address a, so that
// looking up (source, flow's end) compares the two. Errors of flows that are not live are
// dropped; the flow's own next packet is judged first and makes it live.
func (c *compiler) icmpErrors(t *table, f family) {
	t.chain("errors", rule(state(ruleset.StateRelated), goTo("related")))
	t.chain("related", slices.Concat(
		c.managedIn(goTo("related-from-endpoint")),
		list(
			rule(c.live(), goTo("related-live"))),
		c.managedOut(goTo("drop-related")),
	)...)
	t.chain("related-from-endpoint", slices.Concat(
		noRedirect(f),
		list(
			rule(in("self", f.saddr, ruleset.CTReplySaddr), c.live(), goTo("passed")),
			rule(in("self", f.saddr, ruleset.CTOrigSaddr), c.live(), goTo("passed")),
			rule(goTo("drop-related"))),
	)...)
	t.chain("related-live", slices.Concat(noRedirect(f), list(rule(goTo("passed"))))...)
}

func noRedirect(f family) []ruleset.Rule {
	if f.v6() {
		return list(rule(is(ruleset.ICMPv6Type, ruleset.Byte(ndRedirect)), goTo("drop-redirect")))
	}
	return list(rule(is(ruleset.ICMPType, ruleset.Byte(icmpRedirect)), goTo("drop-redirect")))
}
