// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"testing"
)

func TestDecisionDirection(t *testing.T) {
	s := newSet(netpol("shop/web", "app=web", egress(rule(Accept, nil, tcp(80)))),
		netpol("pay/db", "app=db", ingress()))
	for _, c := range []struct {
		from, to, service string
		want              Direction
	}{
		{"shop/web", "shop/api", "tcp/81", Egress},
		{"shop/web", "pay/db", "tcp/80", Ingress},
		{"shop/web", "shop/api", "tcp/80", Ingress},
		{"shop/web", "192.0.2.1", "tcp/80", Ingress},
		{"shop/web", "shop/web", "tcp/80", Ingress},
		{"shop/web", "224.0.0.1", "udp/1", Egress},
		{"192.0.2.1", "224.0.0.1", "udp/1", Ingress},
		{"shop/web", "127.0.0.1", "tcp/80", Egress},
		{"host/6", "shop/api@fe80::1", "tcp/80", Ingress},
	} {
		f := flowOf(t, c.from, c.to, c.service)
		if got := s.Evaluate(f); got.Direction != c.want {
			t.Errorf("%s: got %s (%s) want %s", f, got.Direction, got.Why, c.want)
		}
	}
}

// A flow that no endpoint takes part in is nobody's to judge, loopback included.
func TestLoopbackOfOthers(t *testing.T) {
	d := newSet().Evaluate(flowOf(t, "host@127.0.0.1", "host@127.0.0.1", "tcp/80"))
	if d.Action != Accept || d.Reason != ReasonNotSubject {
		t.Errorf("the node to itself: got %s (%s) want Accept (not-subject)", d.Action, d.Reason)
	}
}

// NetworkPolicy has no deny: a rule of its tier that says something else is no rule.
func TestNetworkPolicyTierKnowsOnlyAccept(t *testing.T) {
	for _, action := range []Action{Deny, Reject, Pass, ""} {
		s := newSet(netpol("shop/web", "app=web", ingress(rule(action, nil), rule(Accept, nil))))
		d := s.Evaluate(flowOf(t, "shop/api", "shop/web", "tcp/80"))
		if d.Action != Accept || d.Rule == nil || d.Rule.Index != 1 {
			t.Errorf("%q rule before an Accept rule: got %q want the Accept rule", action, d.Why)
		}
	}
}

func TestUnknownActionDenies(t *testing.T) {
	s := newSet(cluster("p", AdminTier, 1, podsOf("", ""), ingress(rule("Permit", nil))))
	d := s.Evaluate(flowOf(t, "shop/api", "shop/web", "tcp/80"))
	if d.Action != Deny {
		t.Errorf("action Permit: got %s want Deny", d.Action)
	}
}

// Two endpoints without an ID are not the same endpoint.
func TestOwnAddressNeedsAnIdentity(t *testing.T) {
	from, to := *endpointNamed(t, "shop/api"), *endpointNamed(t, "shop/web")
	s := newSet(netpol("shop/web", "app=web", ingress()))
	f := flowOf(t, "shop/api", "shop/web", "tcp/80")
	f.From.Endpoint, f.To.Endpoint = &from, &to
	for _, c := range []struct {
		from, to string
		want     Reason
	}{
		{"a/eth0", "b/eth0", ReasonDefaultDeny},
		{"a/eth0", "a/eth0", ReasonOwnAddress},
		{"", "", ReasonDefaultDeny},
	} {
		from.ID, to.ID = c.from, c.to
		if got := s.Evaluate(f); got.Reason != c.want {
			t.Errorf("IDs %q and %q: got %s want %s", c.from, c.to, got.Reason, c.want)
		}
	}
}

// The link-local address of IPv6 stays closed even if a runtime reports it as assigned; one of
// IPv4 that was assigned is an address like any other.
func TestAssignedLinkLocal(t *testing.T) {
	e := *endpointNamed(t, "shop/web")
	e.Addresses = []netip.Addr{netip.MustParseAddr("169.254.7.7"), netip.MustParseAddr("fe80::7")}
	for i, want := range []Reason{ReasonDefaultAllow, ReasonLinkLocal} {
		f := flowOf(t, "shop/api", "shop/web", "tcp/80")
		f.To = Party{Endpoint: &e, Addr: e.Addresses[i]}
		if got := newSet().Evaluate(f); got.Reason != want {
			t.Errorf("to %s: got %s want %s", f.To.Addr, got.Reason, want)
		}
	}
}

// A process in the host's network is the own node, whatever workload it belongs to.
func TestHostIsNoEndpoint(t *testing.T) {
	s := newSet().withSegment("all", Member{Pods: podsOf("", "").Pods})
	f := flowOf(t, "shop/web", "shop/api", "tcp/9090")
	f.To.Host = true
	for _, peer := range []Peer{podsOf("", ""), segment("all"), entity(EntityEndpoints),
		entity(EntityWorld)} {
		if s.PeerMatches(peer, f.To) {
			t.Errorf("%s matches the own node", peer.Key())
		}
	}
	if !s.PeerMatches(entity(EntityHost), f.To) {
		t.Error("entity Host does not match the own node")
	}
	if s.PortMatches(named(0, "http"), f) {
		t.Error("a named port matches the own node")
	}
}

func TestTunnelsAreDroppedBeforePolicy(t *testing.T) {
	for _, service := range []string{"ip/4", "ip/41", "ip/47", "udp/4789", "udp/8472", "udp/6081"} {
		for _, allowed := range []bool{false, true} {
			s := newSet()
			s.AllowEncapsulation = allowed
			want := Decision{Action: Deny, Direction: Egress, Reason: ReasonEncapsulation}
			if allowed {
				want = Decision{Action: Accept, Direction: Ingress, Reason: ReasonDefaultAllow}
			}
			got := s.Evaluate(flowOf(t, "shop/web", "shop/api", service))
			if got.Action != want.Action || got.Direction != want.Direction ||
				got.Reason != want.Reason {
				t.Errorf("%s, allowed %t: got %+v want %+v", service, allowed, got, want)
			}
		}
		from := newSet().Evaluate(flowOf(t, "192.0.2.1", "shop/api", service))
		if from.Action != Accept {
			t.Errorf("%s from the world: got %+v want it accepted", service, from)
		}
	}
}
