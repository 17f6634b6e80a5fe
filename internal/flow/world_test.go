// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// world is a random node: its policies and endpoints, the rules that they compile to, and what
// the agent knows about them.
type world struct {
	dice     randpolicy.Dice
	places   []randpolicy.Endpoint
	law      *policy.Set
	tracer   *ruleset.Tracer
	snapshot *Snapshot
}

const liveEpoch, oldMark = 7, 6 << 16

func newWorld(t testing.TB, d randpolicy.Dice, generation uint32, at time.Time) *world {
	t.Helper()
	return worldOf(t, d, d.Policies(), d.Endpoints(), generation, at)
}

func worldOf(t testing.TB, d randpolicy.Dice, law *policy.Set, places []randpolicy.Endpoint,
	generation uint32, at time.Time) *world {
	t.Helper()
	w := &world{dice: d, law: law, places: places}
	in := compile.Input{Policies: w.law, Config: compile.DefaultConfig()}
	var known []Endpoint
	for i := range w.places {
		p := &w.places[i]
		e := compile.Endpoint{Endpoint: p.Endpoint}
		if !p.Remote {
			e.Local = &compile.Local{Port: p.Port, Bridge: p.Bridge, MAC: p.MAC}
		}
		in.Endpoints = append(in.Endpoints, e)
		known = append(known, Endpoint{Endpoint: p.Endpoint, Local: !p.Remote, Port: p.Port,
			Bridge: p.Bridge})
	}
	r, _ := compile.Compile(in)
	r = in.Config.Stamped(r, compile.Stamp{Generation: 1, Epoch: liveEpoch})
	tracer, err := ruleset.NewTracer(r)
	if err != nil {
		t.Fatal(err)
	}
	w.tracer = tracer
	w.snapshot = &Snapshot{Generation: generation, Before: at, Since: at, Policies: w.law,
		Index: NewIndex(known), Groups: groupsOf(r, known), Host: map[netip.Addr]bool{}}
	for _, a := range randpolicy.HostAddresses {
		w.snapshot.Host[netip.MustParseAddr(a)] = true
	}
	return w
}

// groupsOf reads the dispatch maps: there stands which group judges whom.
func groupsOf(r *ruleset.Ruleset, endpoints []Endpoint) map[string]Groups {
	leads := map[string]string{}
	for _, t := range r.Tables {
		for _, s := range t.Sets {
			for _, e := range s.Elements {
				if s.Verdicts {
					leads[s.Name+string(e.Key)] = strings.TrimPrefix(e.Verdict.Chain, s.Name+"-")
				}
			}
		}
	}
	out := map[string]Groups{}
	for _, e := range endpoints {
		if !e.Local {
			continue
		}
		for _, a := range e.Addresses {
			key := string(ruleset.Join(ruleset.Ifname(e.device()), ruleset.Addr(a)))
			out[e.ID] = Groups{leads["egress"+key], leads["ingress"+key], leads["to-host"+key],
				leads["from-host"+key]}
		}
	}
	return out
}

// trip is a flow, and the way of its packets through the node.
type trip struct {
	randpolicy.Flow
	routed bool
}

func (w *world) trip() trip {
	f := w.dice.Flow(w.places)
	return trip{Flow: f, routed: f.ViaService || w.dice.IntN(5) == 0}
}

func device(p policy.Party, e *randpolicy.Endpoint) ruleset.Device {
	switch {
	case e != nil:
		return ruleset.Device{Name: e.Port, Kind: "veth", Bridge: e.Bridge}
	case p.Host:
		return ruleset.Device{}
	}
	return ruleset.Device{Name: "eth0"}
}

const clientPort = 40000

// packet is the flow's first packet, or a later one of the other direction.
func (t trip) packet(reply bool) (ruleset.Path, *ruleset.Packet) {
	f := t.Flow.Flow
	p := &ruleset.Packet{Src: f.From.Addr, Dst: f.To.Addr, Protocol: f.Protocol, HopLimit: 64,
		SrcPort: clientPort, DstPort: f.Port, ICMPType: f.ICMPType, ICMPCode: f.ICMPCode,
		TCPFlags: tcpSYN, SourceLocal: f.From.Host}
	if !policy.HasPorts(f.Protocol) {
		p.SrcPort = 0
	}
	origin := f.Port
	if isICMP(f.Protocol) {
		origin = uint16(f.ICMPType)<<8 | uint16(f.ICMPCode)
	}
	p.CT = ruleset.Conntrack{State: ruleset.StateNew, OrigSrc: f.From.Addr, ReplySrc: f.To.Addr,
		ReplyPort: f.Port, OrigPort: origin}
	in, out := device(f.From, t.From), device(f.To, t.To)
	if t.From != nil {
		p.EtherSrc = t.From.MAC
	}
	if reply {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		p.ICMPType = map[uint8]uint8{icmpEcho: icmpEchoReply, icmpTimestamp: icmpTimestampReply,
			icmp6Echo: icmp6EchoReply}[f.ICMPType]
		p.TCPFlags, p.SourceLocal = tcpACK, f.To.Host
		p.CT.State, p.CT.Confirmed, p.CT.Reply = ruleset.StateEstablished, true, true
		p.CT.Mark = oldMark
		in, out = out, in
		p.EtherSrc = [6]byte{}
		if t.To != nil {
			p.EtherSrc = t.To.MAC
		}
	}
	return ruleset.Path{In: in, Out: out, Routed: t.routed}, p
}

var hooks = map[string]Hook{"guard": HookPrerouting, "forward": HookForward, "input": HookInput,
	"postrouting": HookPostrouting, "deliver": HookPostrouting, "unmark": HookForward}

// events are what the kernel's log would hand over of one packet on its way.
func (w *world) events(path ruleset.Path, p *ruleset.Packet, at time.Time) []Event {
	var out []Event
	hook := HookPrerouting
	for _, s := range w.tracer.Walk(path, p).Steps {
		if h, ok := hooks[s.Chain]; ok {
			hook = h
		}
		for _, statement := range s.Rule.Statements {
			l, ok := statement.(ruleset.Log)
			if !ok {
				continue
			}
			prefix, err := ParsePrefix(l.Prefix)
			if err != nil {
				panic(err)
			}
			ev := Event{Time: at, Family: s.Family.String(), Hook: hook, Prefix: prefix,
				MAC: p.EtherSrc, Src: p.Src, Dst: p.Dst, Proto: p.Protocol,
				SrcPort: p.SrcPort, DstPort: p.DstPort, TCPFlags: p.TCPFlags,
				ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, Length: 60}
			w.devices(&ev, path)
			out = append(out, ev)
		}
	}
	return out
}

// devices shows them as the kernel does. Ports are known while the bridge has the frame, and
// sometimes later.
func (w *world) devices(ev *Event, path ruleset.Path) {
	name := func(d ruleset.Device, also bool) (string, string) {
		switch {
		case ev.Family == "bridge" || d.Bridge == "":
			return d.Name, ""
		case also:
			return d.Bridge, d.Name
		}
		return d.Bridge, ""
	}
	known := !path.Routed && path.In.Bridge == path.Out.Bridge
	if ev.Hook != HookPostrouting {
		ev.In, ev.PhysIn = name(path.In, known || w.dice.IntN(2) == 0)
	}
	if ev.Hook == HookForward || ev.Hook == HookPostrouting {
		ev.Out, ev.PhysOut = name(path.Out, known)
	}
}
