// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"github.com/bulkhead-net/bulkhead/policy"
)

// Attributed is a packet, or a flow of the per-flow sets, of which it is known whom it concerns.
type Attributed struct {
	// Record lacks an identity, and counts what it was made from: one packet, or none.
	Record Record
	Key    Key
	// Flow is the element of the per-flow sets, if Counter is one of a group's refusals.
	Flow FlowKey
	// Disagrees says that policy does not explain what the kernel did: a transaction overtook
	// the packet, or somebody else had a hand in the rules. The kernel's word stands.
	Disagrees bool
}

// attempt is the packet seen with the eyes of one generation.
type attempt struct {
	snapshot       *Snapshot
	client, server end
	flow           FlowKey
	decision       policy.Decision
	// fits says that the group of the prefix is the judged endpoint's.
	fits, agrees bool
}

// nothing is what is known before the first generation.
var nothing = &Snapshot{Policies: &policy.Set{}, Index: NewIndex(nil)}

// Attribute finds out who sent the packet to whom, and which rule of which policy refused it. What
// happened is the kernel's word, in the log's prefix; the generation that was in force then
// explains it, if it can.
func (h *History) Attribute(ev *Event) Attributed {
	if ev.Prefix.Group == "" {
		s := h.At(ev.Time)
		if s == nil {
			s = nothing
		}
		return s.unjudged(ev)
	}
	var best attempt
	for s := range h.Candidates(ev.Time) {
		a := s.attempt(ev)
		if best.snapshot == nil || a.fits && !best.fits || a.fits && a.agrees && !best.agrees {
			best = a
		}
		if best.fits && best.agrees {
			break
		}
	}
	if best.snapshot == nil {
		best = nothing.attempt(ev)
	}
	return best.attributed(ev)
}

func (s *Snapshot) attempt(ev *Event) attempt {
	a := attempt{snapshot: s}
	a.client, a.server = s.roles(ev)
	a.flow = flowKey(ev, a.client, a.server)
	if a.server.host && (ev.Prefix.Kind == kindIngress || ev.Prefix.Kind == kindEgress) {
		a.server, _ = s.behindProxy(a.server, ev.Proto)
	}
	judged, _ := a.judged(ev.Prefix.Kind)
	a.fits = s.judges(ev.Prefix, judged.endpoint)
	a.decision = s.Policies.EvaluateDirection(directionOf(ev.Prefix.Kind), a.policyFlow(ev))
	a.agrees = a.fits && agree(ev.Prefix.Word, a.decision)
	return a
}

// agree reports whether the rules count under the word what policy decides so. Accepted packets
// are counted for a rule that asks for it, whatever else is counted about them.
func agree(word string, d policy.Decision) bool {
	if word == "allow" {
		return d.Action == policy.Accept && len(d.Logged) > 0
	}
	return word == wordOf(d)
}

// flowKey is the element that the rules keep: of the addresses and ports in the packet.
func flowKey(ev *Event, client, server end) FlowKey {
	k := FlowKey{Direction: directionOf(ev.Prefix.Kind), Client: client.addr, Server: server.addr,
		Proto: ev.Proto}
	if policy.HasPorts(ev.Proto) {
		k.Port = server.port
	}
	return k
}

// judged is the end that the question is about, and its peer.
func (a attempt) judged(kind string) (subject, peer end) {
	if directionOf(kind) == policy.Egress {
		return a.client, a.server
	}
	return a.server, a.client
}

func (a attempt) policyFlow(ev *Event) policy.Flow {
	f := policy.Flow{From: a.client.party(), To: a.server.party(), Protocol: ev.Proto}
	f.ViaService = f.From.Endpoint != nil && f.From.Endpoint == f.To.Endpoint
	if policy.HasPorts(ev.Proto) {
		f.Port = a.server.port
	}
	if isICMP(ev.Proto) {
		f.ICMPType, f.ICMPCode = request(ev.Proto, ev.ICMPType), ev.ICMPCode
	}
	return f
}

func (a attempt) attributed(ev *Event) Attributed {
	counter := ev.Prefix.Counter(ev.Family)
	out := Attributed{Flow: a.flow, Disagrees: !a.agrees, Record: a.record(ev, counter)}
	r := &out.Record
	r.Direction = directionOf(ev.Prefix.Kind)
	if a.agrees {
		r.explain(a.decision)
	}
	if !a.agrees {
		r.Why = disagreement(r, a)
	}
	subject, peer := a.judged(ev.Prefix.Kind)
	out.Key = keyOf(r, subject, peer)
	return out
}

// record is what the packet itself tells.
func (a attempt) record(ev *Event, counter Counter) Record {
	r := Record{
		Schema: Schema, Kind: counter.Tells(), Start: ev.Time.UTC(), End: ev.Time.UTC(),
		Action: counter.Action(), Reason: counter.Reason(), Counter: counter,
		Generation: a.snapshot.Generation, Policies: a.snapshot.Documents,
		Client: a.client.told(), Server: a.server.told(),
		Proto: ev.Proto, TCPFlags: ev.TCPFlags, Community: ev.Community,
		Packets: 1, Bytes: ev.Length, Source: FromSamples, Sampled: 1,
	}
	if r.Action == Reject && ev.Hook == HookPostrouting {
		r.Action = Drop // no ruleset may reject there
	}
	r.Client.Port = a.client.port
	switch {
	case ev.EtherType != etherIP && ev.EtherType != etherIP6 && ev.EtherType != 0:
		r.EtherType = ev.EtherType
	case policy.HasPorts(ev.Proto):
		r.Port = a.server.port
	case isICMP(ev.Proto):
		r.Type, r.Code = ev.ICMPType, ev.ICMPCode
		if counter.Group != "" {
			r.Type = request(ev.Proto, ev.ICMPType)
		}
	}
	r.countEnds()
	return r
}

// countEnds says how many ports and peers a record of a single key tells of.
func (r *Record) countEnds() {
	r.Ports, r.Peers = 0, 1
	if policy.HasPorts(r.Proto) {
		r.Ports = 1
	}
}

// explain takes over what policy says.
func (r *Record) explain(d policy.Decision) {
	r.Rule, r.Isolating, r.Why = d.Rule, d.Isolating, d.Why
	if r.Kind == WouldDeny {
		// The rule that accepts is not what this is about.
		r.Rule, r.Isolating, r.WouldDeny, r.Why = nil, nil, d.WouldDeny, auditWhy(d.WouldDeny)
	}
}

// keyOf is the key of a record whose names are known.
func keyOf(r *Record, subject, peer end) Key {
	k := Key{
		Subject: subject.name(), Direction: r.Direction, Action: r.Action, Counter: r.Counter,
		Cause: cause(r), Peer: peer.name(), Proto: r.Proto, Port: r.Port, Type: r.Type,
		Code: r.Code, EtherType: r.EtherType,
	}
	if k.Subject == "" && subject.device != "" {
		k.Subject = "device " + subject.device
	}
	if k.Peer == "" {
		k.PeerAddr = peer.addr
	}
	return k
}
