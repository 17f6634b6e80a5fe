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
		list(
			rule(ruleset.OneOf{Field: ruleset.PacketType,
				Values: []ruleset.Key{ruleset.Byte(ruleset.PacketBroadcast),
					ruleset.Byte(ruleset.PacketMulticast)}}, goTo("drop-multicast")),
			rule(within(f.daddr, f.multicast), goTo("drop-multicast")),
			// Port isolation alone is no isolation: the gateway would carry the packet back.
			rule(in("isolated", ruleset.IIFName, ruleset.CTOrigSaddr),
				in("isolated", ruleset.IIFName, ruleset.CTReplySaddr), goTo("drop-isolated")),
		),
		c.tunnels(true, true),
		dispatch(egress, ruleset.IIFName, ruleset.OIFName, ruleset.CTOrigSaddr),
		list(
			rule(original(), jump("closed-in")),
			rule(reply(), jump("closed-out")),
			// An address of ours behind an interface that is not its own: a renamed veth.
			rule(in("addresses", ruleset.CTOrigSaddr), goTo("drop-quarantine")),
			rule(in("subnets", ruleset.CTOrigSaddr), goTo("drop-quarantine")),
			rule(goTo("ingress-stage"))),
	)...)
	t.chain("ingress-stage", slices.Concat(
		dispatch(ingress, ruleset.OIFName, ruleset.IIFName, ruleset.CTReplySaddr),
		list(
			rule(original(), jump("closed-out")),
			rule(reply(), jump("closed-in")),
			rule(in("addresses", ruleset.CTReplySaddr), goTo("drop-quarantine")),
			rule(in("subnets", ruleset.CTReplySaddr), goTo("drop-quarantine")),
			rule(goTo("done"))),
	)...)
	t.chain("closed-in", c.managedIn(goTo("drop-quarantine"))...)
	t.chain("closed-out", c.managedOut(goTo("drop-quarantine"))...)
	t.chain("untracked", slices.Concat(neighbours(f), list(rule(goTo("drop-untracked"))))...)
	t.chain("untracked-to-host", slices.Concat(neighbours(f), groupReports(f),
		list(rule(goTo("drop-untracked"))))...)
	c.judgeToHost(t, f)
	c.judgeFromHost(t, f)
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

// dispatch looks the endpoint up by interface and address: towards it in one direction of the
// flow, from it in the other. No answer means neither a policy nor the lack of one is known.
func dispatch(k kind, originalName, replyName, addr ruleset.Field) []ruleset.Rule {
	return list(
		rule(original(), vmap(k.String(), originalName, addr)),
		rule(reply(), vmap(k.String(), replyName, addr)),
		rule(original(), in(k.open(), originalName, addr), goTo(k.next())),
		rule(reply(), in(k.open(), replyName, addr), goTo(k.next())))
}

// tunnels drops encapsulation that begins in an endpoint, in packets of both directions: a reply
// that passed would make the flow live again.
func (c *compiler) tunnels(there, back bool) []ruleset.Rule {
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
			rule(protocol, original(), bound, drop),
			rule(oneOf(ruleset.UDPDestPort, ports...), original(), bound, drop))
	}
	if back {
		bound := in("bind", ruleset.OIFName, ruleset.CTOrigSaddr)
		out = append(out,
			rule(protocol, reply(), bound, drop),
			rule(oneOf(ruleset.UDPSourcePort, ports...), reply(), bound, drop))
	}
	return out
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
		list(
			rule(within(f.daddr, f.multicast), goTo("drop-multicast")),
			rule(oneOf(ruleset.PacketType, ruleset.Byte(ruleset.PacketBroadcast),
				ruleset.Byte(ruleset.PacketMulticast)), goTo("drop-multicast"))),
		c.tunnels(true, false),
		list(rule(original(), vmap("published", f.daddr, ruleset.L4Proto, ruleset.DestPort))),
		list(
			rule(original(), vmap("to-host", ruleset.IIFName, ruleset.CTOrigSaddr)),
			rule(reply(), vmap("from-host", ruleset.IIFName, ruleset.CTReplySaddr)),
			rule(original(), in("open-to-host", ruleset.IIFName, ruleset.CTOrigSaddr), goTo("done")),
			rule(reply(), in("open-from-host", ruleset.IIFName, ruleset.CTReplySaddr), goTo("done")),
			rule(goTo("drop-quarantine"))),
	)...)
}

// hostServices are the exact protocols that a network needs from its node, whatever the policy.
func hostServices(f family) []ruleset.Rule {
	if f.v6() {
		return list(rule(within(f.daddr, "ff02::/16"),
			is(ruleset.UDPSourcePort, ruleset.Word(dhcp6Client)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcp6Server)), goTo("passed")))
	}
	return list(
		rule(is(ruleset.UDPSourcePort, ruleset.Word(dhcpClient)),
			is(ruleset.UDPDestPort, ruleset.Word(dhcpServer)), goTo("passed")),
		rule(is(ruleset.IPProtocol, ruleset.Byte(protoIGMP)),
			within(ruleset.IPDaddr, f.multicast), goTo("passed")))
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
		c.tunnels(false, true),
		list(
			rule(within(f.daddr, f.multicast), goTo("drop-multicast")),
			// A process of the node that borrows another's address is nobody we can judge.
			rule(isNot(ruleset.FibSaddrType, ruleset.Byte(ruleset.AddrLocal)),
				goTo("drop-quarantine")),
			rule(reply(), vmap("published", f.saddr, ruleset.L4Proto, ruleset.SourcePort)),
			rule(original(), vmap("from-host", ruleset.OIFName, ruleset.CTReplySaddr)),
			rule(reply(), vmap("to-host", ruleset.OIFName, ruleset.CTOrigSaddr)),
			rule(original(), in("open-from-host", ruleset.OIFName, ruleset.CTReplySaddr), goTo("done")),
			rule(reply(), in("open-to-host", ruleset.OIFName, ruleset.CTOrigSaddr), goTo("done")),
			rule(goTo("drop-quarantine"))),
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
