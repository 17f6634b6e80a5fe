// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Ethertypes (IEEE 802 numbers).
const (
	etherIP    = 0x0800
	etherARP   = 0x0806
	etherIP6   = 0x86dd
	ether8021Q = 0x8100
	ether8021A = 0x88a8
)

// unmarkPriority is after other people's bridge filters (-200) and right before br_netfilter
// (-1 or 0, by the kernel's version) asks the IP hooks.
const unmarkPriority = -10

var bridgeDrops = []string{"ethertype", "spoof", "router", "dhcp-server", "unknown-port",
	"unjudged", "misdelivered", "options"}

// bridgeTable writes the guard of bridged endpoints. On kernels without bridge meta support a
// rule here cannot name the bridge, only the port: every rule that drops names known ports,
// addresses bound on this node, or link kinds that the configuration declares ours, so that
// other people's bridges are left alone.
func (c *compiler) bridgeTable() ruleset.Table {
	t := newTable(ruleset.Bridge)
	t.set("ports", ruleset.TypeIfname)
	t.set("macs", ruleset.TypeIfname, ruleset.TypeEther)
	t.set("bound-macs", ruleset.TypeEther)
	for _, v := range []struct {
		digit string
		typ   ruleset.Type
	}{{"4", ruleset.TypeIPv4}, {"6", ruleset.TypeIPv6}} {
		t.set("bind"+v.digit, ruleset.TypeIfname, ruleset.TypeEther, v.typ)
		t.set("own"+v.digit, ruleset.TypeIfname, v.typ)
		t.set("bound"+v.digit, v.typ)
	}
	t.set("targets", ruleset.TypeIfname, ruleset.TypeTarget)
	t.set("clients", ruleset.TypeIfname, ruleset.TypeClient)
	t.set("log-limit", ruleset.TypeIfname).Dynamic =
		&ruleset.Dynamic{Size: 65536, Timeout: time.Minute}
	c.bridgeGuard(t)
	c.bridgeForward(t)
	c.bridgeDrops(t)
	c.attachBridged(t)
	return t.finish()
}

// bridgeGuard runs before br_netfilter (0) hands a frame to the IP hooks.
func (c *compiler) bridgeGuard(t *table) {
	tag := func(ethertype uint16) ruleset.Rule {
		// A priority tag (VID 0) is taken off by the receiver: behind it a packet would walk
		// past everything that looks for IP.
		return rule(is(ruleset.EtherType, ruleset.Word(ethertype)),
			is(ruleset.VLANID, ruleset.Word(0)),
			is(ruleset.IIFKind, ruleset.Ifname("veth")), goTo("drop-ethertype"))
	}
	t.base("guard", ruleset.Prerouting, -250, slices.Concat(
		list(rule(in("ports", ruleset.IIFName), goTo("guard-port"))),
		c.unknownPorts(ruleset.IIFName, ruleset.IIFKind),
		list(
			tag(ether8021Q),
			tag(ether8021A),
			rule(in("bound4", ruleset.IPSaddr), goTo("drop-spoof")),
			rule(in("bound4", ruleset.ARPSenderIP), goTo("drop-spoof")),
			rule(in("bound6", ruleset.IP6Saddr), goTo("drop-spoof")),
			// The bridge would learn it, and send its owner's frames there.
			rule(in("bound-macs", ruleset.EtherSaddr), goTo("drop-spoof"))),
	)...)
	t.chain("guard-port",
		// On its own: a match on ip would look through an accelerated tag at the inner type.
		rule(ruleset.OneOf{Field: ruleset.EtherType, Not: true, Values: []ruleset.Key{
			ruleset.Word(etherIP), ruleset.Word(etherARP), ruleset.Word(etherIP6),
		}}, goTo("drop-ethertype")),
		rule(in("bind4", ruleset.IIFName, ruleset.EtherSaddr, ruleset.IPSaddr), goTo("guard-ip")),
		rule(in("bind6", ruleset.IIFName, ruleset.EtherSaddr, ruleset.IP6Saddr), goTo("guard-ip6")),
		rule(in("bind4", ruleset.IIFName, ruleset.EtherSaddr, ruleset.ARPSenderIP),
			goTo("guard-arp")),
		rule(in("macs", ruleset.IIFName, ruleset.EtherSaddr), goTo("guard-unaddressed")),
		rule(goTo("drop-spoof")))
	c.guardContent(t)
}

// guardContent looks into what comes from its sender's own addresses, or from none yet.
func (c *compiler) guardContent(t *table) {
	toServer := is(ruleset.UDPDestPort, ruleset.Word(dhcpServer))
	// A bridge that snoops on multicast sends all groups where a router seems to be.
	pim := rule(is(ruleset.L4Proto, ruleset.Byte(protoPIM)), goTo("drop-router"))
	t.chain("guard-ip",
		rule(is(ruleset.UDPDestPort, ruleset.Word(dhcpClient)), goTo("drop-dhcp-server")),
		rule(oneOf(ruleset.IGMPType, protocolKeys(igmpQuery, igmpRouter)...), goTo("drop-router")),
		pim,
		// A release or a renewal in another's name.
		rule(toServer, in("clients", ruleset.IIFName, ruleset.DHCPClient), accept()),
		rule(toServer, goTo("drop-spoof")),
		rule(accept()))
	t.chain("guard-ip6", slices.Concat(hidden(), list(
		rule(oneOf(ruleset.ICMPv6Type, protocolKeys(mldQuery, routerAdv, ndRedirect, mrdAdvert)...),
			goTo("drop-router")),
		pim,
		// Not "not in": a target that cannot be read would be none of the wrong ones.
		rule(is(ruleset.ICMPv6Type, ruleset.Byte(neighbourAdv)),
			in("targets", ruleset.IIFName, ruleset.NDTarget), accept()),
		rule(is(ruleset.ICMPv6Type, ruleset.Byte(neighbourAdv)), goTo("drop-spoof")),
		rule(is(ruleset.UDPDestPort, ruleset.Word(dhcp6Client)), goTo("drop-dhcp-server")),
		rule(accept())))...)
	t.chain("guard-arp",
		rule(ruleset.OneOf{Field: ruleset.ARPOperation, Not: true, Values: portKeys(1, 2)},
			goTo("drop-spoof")),
		rule(in("bind4", ruleset.IIFName, ruleset.ARPSenderEther, ruleset.ARPSenderIP), accept()),
		rule(goTo("drop-spoof")))
	t.chain("guard-unaddressed",
		rule(is(ruleset.IPSaddr, ruleset.Addr(ipv4.zero)),
			is(ruleset.UDPSourcePort, ruleset.Word(dhcpClient)), toServer,
			in("clients", ruleset.IIFName, ruleset.DHCPClient), accept()),
		// Address conflict detection (RFC 5227) asks from 0.0.0.0 and poisons nobody.
		rule(is(ruleset.ARPOperation, ruleset.Word(1)),
			is(ruleset.ARPSenderIP, ruleset.Addr(ipv4.zero)),
			in("macs", ruleset.IIFName, ruleset.ARPSenderEther), accept()),
		rule(is(ruleset.IP6Saddr, ruleset.Addr(ipv6.zero)),
			is(ruleset.ICMPv6Type, ruleset.Byte(neighbourSol)),
			in("targets", ruleset.IIFName, ruleset.NDTarget), accept()),
		rule(is(ruleset.IP6Saddr, ruleset.Addr(ipv6.zero)),
			is(ruleset.ICMPv6Type, ruleset.Byte(mld2Report)), accept()),
		rule(goTo("drop-spoof")))
}

// unknownPorts closes ports that the configuration declares ours and no endpoint has opened.
func (c *compiler) unknownPorts(name, kind ruleset.Field) []ruleset.Rule {
	return slices.DeleteFunc(c.managed(name, kind, goTo("drop-unknown-port")),
		func(r ruleset.Rule) bool {
			l, ok := r.Statements[0].(ruleset.Lookup)
			return ok && l.Set == "interfaces" // a port is never named there: bridges are
		})
}

// bridgeForward runs after br_netfilter has asked the IP hooks. What they did not see and pass
// does not go on: with br_netfilter off, endpoints of one bridge are closed to each other, with
// every daemon dead.
func (c *compiler) bridgeForward(t *table) {
	// The mark counts from here on: one that a foreign rule, or the device, has set on the way is
	// no judgement.
	t.base("unmark", ruleset.Forward, unmarkPriority,
		rule(in("ports", ruleset.IIFName), ruleset.SetMark{Keep: ^c.config.PassedMark}))
	t.base("forward", ruleset.Forward, 10,
		rule(in("ports", ruleset.IIFName), in("ports", ruleset.OIFName), goTo("between")),
		// A port that is no endpoint is a container before its ADD, or an uplink.
		rule(in("ports", ruleset.IIFName), goTo("drop-unknown-port")),
		rule(in("ports", ruleset.OIFName), goTo("drop-unknown-port")))
	t.chain("between",
		rule(is(ruleset.EtherType, ruleset.Word(etherARP)), accept()),
		rule(ruleset.Masked{Field: ruleset.PacketMark, Mask: c.config.PassedMark, Not: true},
			accept()),
		rule(goTo("drop-unjudged")))
	// A flooded frame reaches every port, and one that was lured away a wrong one: only the
	// address's own may take it.
	t.base("deliver", ruleset.Postrouting, 0, slices.Concat(
		list(
			rule(in("bound-macs", ruleset.EtherDaddr),
				notIn("macs", ruleset.OIFName, ruleset.EtherDaddr), goTo("drop-misdelivered")),
			rule(in("bound4", ruleset.IPDaddr), notIn("own4", ruleset.OIFName, ruleset.IPDaddr),
				goTo("drop-misdelivered")),
			rule(in("bound6", ruleset.IP6Daddr), notIn("own6", ruleset.OIFName, ruleset.IP6Daddr),
				goTo("drop-misdelivered")),
			rule(in("ports", ruleset.OIFName), accept())),
		c.unknownPorts(ruleset.OIFName, ruleset.OIFKind),
	)...)
}

func (c *compiler) bridgeDrops(t *table) {
	for _, reason := range bridgeDrops {
		t.counters["drop-"+reason] = true
		t.chain("drop-"+reason,
			rule(ruleset.Update{Set: "log-limit", Fields: []ruleset.Field{ruleset.IIFName},
				Limit: &ruleset.Rate{PerSecond: 10, Burst: 50}}, c.log("-", "-", reason)),
			rule(ruleset.CounterRef{Name: "drop-" + reason}, drop()))
	}
}

// attachBridged binds each bridged endpoint's port to its link-layer and network addresses.
// The port is known even when all its addresses are held by others: then nothing passes it.
func (c *compiler) attachBridged(t *table) {
	for i, e := range c.endpoints {
		if e.Local == nil || e.Local.Bridge == "" {
			continue
		}
		port, mac := ruleset.Ifname(e.Local.Port), ruleset.Ether(e.Local.MAC)
		own := ruleset.Addr(linkLocal(e.Local.MAC))
		t.member("ports", port)
		t.member("macs", port, mac)
		t.member("bound-macs", mac)
		t.member("clients", port, mac)
		t.member("bind6", port, mac, own)
		t.member("targets", port, own)
		for _, a := range c.owned[i] {
			addr, digit := ruleset.Addr(a), "6"
			if a.Is4() {
				digit = "4"
			} else {
				t.member("targets", port, addr)
			}
			t.member("bind"+digit, port, mac, addr)
			t.member("own"+digit, port, addr)
			t.member("bound"+digit, addr)
		}
	}
}
