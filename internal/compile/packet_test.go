// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// world is a random input, and the flows that go through it.
type world struct {
	dice   randpolicy.Dice
	places []randpolicy.Endpoint
	Input
}

func newWorld(d randpolicy.Dice) *world {
	w := &world{dice: d}
	w.Policies, w.Config = d.Policies(), DefaultConfig()
	w.places = d.Endpoints()
	for i := range w.places {
		p := &w.places[i]
		w.Endpoints = append(w.Endpoints, Endpoint{Endpoint: p.Endpoint, Local: local(p)})
	}
	return w
}

func local(p *randpolicy.Endpoint) *Local {
	if p == nil || p.Remote {
		return nil
	}
	return &Local{Port: p.Port, Bridge: p.Bridge, MAC: p.MAC}
}

// trip is a flow with the way its packets take through the node.
type trip struct {
	flow     policy.Flow
	from, to *Local
	routed   bool
}

func (w *world) trip() trip {
	f := w.dice.Flow(w.places)
	return trip{flow: f.Flow, from: local(f.From), to: local(f.To),
		routed: f.ViaService || w.dice.IntN(5) == 0}
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

// second is a later packet of a flow that nobody has answered.
func (t trip) second(mark uint32) (ruleset.Path, *ruleset.Packet) {
	path, p := t.first(mark)
	p.CT.Confirmed = true
	return path, p
}

func (t trip) reply(mark uint32) (ruleset.Path, *ruleset.Packet) {
	f := t.flow
	p := &ruleset.Packet{Src: f.To.Addr, Dst: f.From.Addr, Protocol: f.Protocol, HopLimit: 64,
		SrcPort: f.Port, DstPort: 40000, TCPFlags: tcpACK, SourceLocal: f.To.Host}
	p.CT = ruleset.Conntrack{State: ruleset.StateEstablished, Confirmed: true, Reply: true,
		Mark:    mark,
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
