// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

var worldAddresses = []string{
	"192.0.2.1", "192.0.2.200", "203.0.113.7", "10.1.0.1", "10.9.9.9", "8.8.8.8",
	"2001:db8::1", "2001:db8:1::1", "2001:db8:ffff::1", "fd00:9::9",
}

// hostAddresses are the node's own; one lies inside a block that policies name.
var hostAddresses = []string{"10.1.0.254", "198.51.100.1", "fd00:1::ffff", "2001:db8:5::1"}

func (d dice) party(endpoints []Endpoint, v6 bool) (policy.Party, *Local) {
	family := func(list []string) netip.Addr {
		for {
			if a := netip.MustParseAddr(roll(d, list...)); a.Is6() == v6 {
				return a
			}
		}
	}
	switch d.IntN(8) {
	case 0:
		return policy.Party{Host: true, Addr: family(hostAddresses)}, nil
	case 1:
		return policy.Party{Addr: family(worldAddresses)}, nil
	}
	e := endpoints[d.IntN(len(endpoints))]
	i := 0
	if v6 {
		i = 1
	}
	return policy.Party{Endpoint: e.Endpoint, Addr: e.Addresses[i]}, e.Local
}

// trip is a flow with the way its packets take through the node.
type trip struct {
	flow     policy.Flow
	from, to *Local
	routed   bool
}

// flow makes a connection attempt that this node gets to see.
func (d dice) flow(endpoints []Endpoint) trip {
	for {
		v6 := d.percent(50)
		t := trip{routed: d.percent(20)}
		t.flow.From, t.from = d.party(endpoints, v6)
		t.flow.To, t.to = d.party(endpoints, v6)
		if t.from == nil && t.to == nil || t.flow.From.Host && t.flow.To.Host {
			continue // nothing of ours
		}
		if t.flow.From.Endpoint == t.flow.To.Endpoint && t.flow.From.Endpoint != nil {
			t.flow.ViaService, t.routed = true, true
		}
		t.flow.Protocol = roll[uint8](d, 6, 6, 6, 17, 17, 132, 1, 50, 89, 6)
		t.flow.Port = roll[uint16](d, 53, 80, 443, 8080, 49, 8001, 65535)
		switch t.flow.Protocol {
		case policy.ProtocolTCP, policy.ProtocolUDP, policy.ProtocolSCTP:
		case policy.ProtocolICMP:
			t.flow.Port = 0
			t.flow.ICMPType, t.flow.ICMPCode = roll[uint8](d, 8, 13), roll[uint8](d, 0, 0, 1)
			if v6 {
				t.flow.Protocol, t.flow.ICMPType = policy.ProtocolICMPv6, 128
			}
		default:
			t.flow.Port = 0
		}
		return t
	}
}

func device(p policy.Party, l *Local) ruleset.Device {
	switch {
	case l != nil:
		return ruleset.Device{Name: l.Port, Kind: "veth", Bridge: l.Bridge}
	case p.Host:
		return ruleset.Device{}
	}
	return ruleset.Device{Name: "eth0"}
}

// first is the flow's first packet, reply a later one of the other direction, both with the
// conntrack mark given.
func (t trip) first(mark uint32) (ruleset.Path, *ruleset.Packet) {
	f := t.flow
	p := &ruleset.Packet{Src: f.From.Addr, Dst: f.To.Addr, Protocol: f.Protocol, HopLimit: 64,
		SrcPort: 40000, DstPort: f.Port, ICMPType: f.ICMPType, ICMPCode: f.ICMPCode,
		TCPFlags: tcpSYN, SourceLocal: f.From.Host}
	p.CT = ruleset.Conntrack{State: ruleset.StateNew, Mark: mark, OrigSrc: f.From.Addr,
		ReplySrc: f.To.Addr, ReplyPort: f.Port, OrigPort: t.origPort()}
	return t.frame(p, f.From, f.To, t.from, t.to)
}

func (t trip) reply(mark uint32) (ruleset.Path, *ruleset.Packet) {
	f := t.flow
	p := &ruleset.Packet{Src: f.To.Addr, Dst: f.From.Addr, Protocol: f.Protocol, HopLimit: 64,
		SrcPort: f.Port, DstPort: 40000, TCPFlags: tcpACK, SourceLocal: f.To.Host}
	p.CT = ruleset.Conntrack{State: ruleset.StateEstablished, Reply: true, Mark: mark,
		OrigSrc: f.From.Addr, ReplySrc: f.To.Addr, ReplyPort: f.Port, OrigPort: t.origPort()}
	return t.frame(p, f.To, f.From, t.to, t.from)
}

func (t trip) origPort() uint16 {
	if t.flow.Protocol == policy.ProtocolICMP || t.flow.Protocol == policy.ProtocolICMPv6 {
		return uint16(t.flow.ICMPType)<<8 | uint16(t.flow.ICMPCode)
	}
	return t.flow.Port
}

func (t trip) frame(p *ruleset.Packet, from, to policy.Party, in, out *Local) (ruleset.Path,
	*ruleset.Packet) {
	p.EtherType = etherIP
	if p.Src.Is6() {
		p.EtherType = etherIP6
	}
	if in != nil {
		p.EtherSrc = in.MAC
	}
	return ruleset.Path{In: device(from, in), Out: device(to, out), Routed: t.routed}, p
}
