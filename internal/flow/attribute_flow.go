// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// AttributeFlow explains refusals that only the per-flow sets tell of, by the policies of the
// time. It reports false if no generation that is remembered would have refused the flow, or if
// its ends are nobody's.
func (h *History) AttributeFlow(at time.Time, k FlowKey) (Attributed, bool) {
	for s := range h.Candidates(at) {
		if out, ok := s.attributeFlow(at, k); ok {
			return out, true
		}
	}
	return Attributed{}, false
}

func (s *Snapshot) attributeFlow(at time.Time, k FlowKey) (Attributed, bool) {
	a := attempt{snapshot: s, flow: k, fits: true, agrees: true}
	a.client, a.server = s.owner(k.Client, 0), s.owner(k.Server, k.Port)
	ev := Event{Time: at, Family: k.family(), Proto: k.Proto}
	if k.Direction == policy.Ingress {
		a.server, _ = s.behindProxy(a.server, k.Proto)
	}
	ev.Prefix.Kind = kindOf(k.Direction, a)
	subject, peer := a.judged(ev.Prefix.Kind)
	if subject.endpoint == nil || !subject.endpoint.Local {
		return Attributed{}, false
	}
	guess := ""
	switch k.Proto {
	case policy.ProtocolICMP:
		ev.ICMPType, guess = icmpEcho, takenForEcho
	case policy.ProtocolICMPv6:
		ev.ICMPType, guess = icmp6Echo, takenForEcho
	}
	a.decision = s.Policies.EvaluateDirection(k.Direction, a.policyFlow(&ev))
	if a.decision.Action == policy.Accept {
		return Attributed{}, false
	}
	ev.Prefix.Word = wordOf(a.decision)
	ev.Prefix.Group, _ = s.group(subject.endpoint, ev.Prefix.Kind)
	out := Attributed{Flow: k, Record: a.record(&ev, ev.Prefix.Counter(ev.Family))}
	r := &out.Record
	r.Direction, r.Source = k.Direction, FromKernel
	r.Packets, r.Bytes, r.Sampled = 0, 0, 0
	r.explain(a.decision)
	r.Why += guess
	out.Key = keyOf(r, subject, peer)
	return out, true
}

// The sets keep no ICMP types.
const takenForEcho = " (no packet was sampled: taken for an echo request)"

// owner is the end at an address, where no packet says by which way it came.
func (s *Snapshot) owner(a netip.Addr, port uint16) end {
	e := end{addr: a, port: port, host: s.Host[a]}
	if !e.host {
		e.endpoint = s.Index.addresses[a]
	}
	if e.endpoint != nil {
		e.device = e.endpoint.Port
	}
	return e
}

// kindOf is the question that was asked about the flow.
func kindOf(d policy.Direction, a attempt) string {
	switch {
	case d == policy.Egress && a.server.host:
		return kindToHost
	case d == policy.Egress:
		return kindEgress
	case a.client.host:
		return kindFromHost
	}
	return kindIngress
}
