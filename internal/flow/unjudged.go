// SPDX-License-Identifier: Apache-2.0

package flow

import "github.com/bulkhead-net/bulkhead/policy"

// unjudged attributes what no group refuses: to the endpoint by whose port the packet came, or
// else to the one that it was for, or else to the device.
func (s *Snapshot) unjudged(ev *Event) Attributed {
	a := attempt{snapshot: s}
	a.client, a.server = s.roles(ev)
	reason := Reason(ev.Prefix.Word)
	// Who is in quarantine is cut off from published ports by the same reason.
	proxied := reason == ReasonPublished || reason == ReasonQuarantine
	if server, ok := s.behindProxy(a.server, ev.Proto); ok && proxied && a.server.host {
		a.server = server
	}
	out := Attributed{Record: a.record(ev, ev.Prefix.Counter(ev.Family))}
	r := &out.Record
	r.Why = sentence(reason)
	subject, peer := a.client, a.server
	if subject.endpoint == nil && peer.endpoint != nil && peer.endpoint.Local {
		subject, peer, r.Direction = a.server, a.client, policy.Ingress
	}
	if proxied && subject.endpoint != nil && r.Direction == policy.Egress {
		s.forbidden(a.policyFlow(ev), r)
	}
	out.Key = keyOf(r, subject, peer)
	return out
}

// forbidden explains by the client's own policies what is dropped on the way to a published port.
func (s *Snapshot) forbidden(f policy.Flow, r *Record) {
	d := s.Policies.EvaluateDirection(policy.Egress, f)
	if d.Action != policy.Accept {
		r.explain(d)
	}
}
