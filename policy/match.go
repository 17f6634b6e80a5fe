// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
)

// address is the party's address as prefixes see it. A prefix of IPv4 does not contain the
// IPv4-mapped form, and no prefix contains an address with a zone: without this, either form
// would walk past a rule that denies the address.
func (p Party) address() netip.Addr { return p.Addr.Unmap().WithZone("") }

// other is the side of the flow that is not the subject.
func (f Flow) other(d Direction) Party {
	if d == Egress {
		return f.To
	}
	return f.From
}

// judged is the side of the flow that direction d is about.
func (f Flow) judged(d Direction) Party {
	if d == Egress {
		return f.From
	}
	return f.To
}

// SelectsPods reports whether the selector selects the endpoint. A nil selector and a nil
// endpoint never match.
func (s *Set) SelectsPods(p *PodSelector, e *Endpoint) bool {
	if p == nil || e == nil {
		return false
	}
	if p.Namespace != "" && p.Namespace != e.Namespace {
		return false
	}
	if p.Namespace == "" && !p.NamespaceSelector.Matches(s.NamespaceLabels(e.Namespace)) {
		return false
	}
	return p.Selector.Matches(e.Labels)
}

// Selects reports whether the endpoint is a subject of the policy.
func (s *Set) Selects(p *Policy, e *Endpoint) bool {
	if e == nil {
		return false
	}
	if p.Subject.Segment != "" {
		return s.InSegment(p.Subject.Segment, Party{Endpoint: e})
	}
	return s.SelectsPods(p.Subject.Pods, e)
}

// InSegment reports whether the party is a member of the segment of that name. The own node is
// in no segment, and a segment that does not exist has no members.
func (s *Set) InSegment(name string, p Party) bool {
	segment := s.Segments[name]
	if segment == nil || p.Host {
		return false
	}
	for _, m := range segment.Members {
		if s.isMember(m, p) {
			return true
		}
	}
	return false
}

// isMember takes the party for no Host. The address of an endpoint does not make it a member
// through cidrs: membership of a workload is given by its labels or its network, never by an
// address that another workload may have tomorrow.
func (s *Set) isMember(m Member, p Party) bool {
	if p.Endpoint == nil {
		return slices.ContainsFunc(m.CIDRs, func(c netip.Prefix) bool {
			return c.Contains(p.address())
		})
	}
	if s.SelectsPods(m.Pods, p.Endpoint) {
		return true
	}
	return p.Endpoint.Network != "" && slices.Contains(m.Networks, p.Endpoint.Network)
}

// PeerMatches reports whether the peer names the party. Selectors name endpoints only; a CIDR
// names an address whoever owns it.
func (s *Set) PeerMatches(peer Peer, p Party) bool {
	switch {
	case peer.Pods != nil:
		return !p.Host && s.SelectsPods(peer.Pods, p.Endpoint)
	case peer.Segment != "":
		return s.InSegment(peer.Segment, p)
	case peer.CIDR != nil:
		return peer.CIDR.Contains(p.address())
	}
	switch peer.Entity {
	case EntityHost:
		return p.Host
	case EntityEndpoints:
		return !p.Host && p.Endpoint != nil
	case EntityWorld:
		return !p.Host && p.Endpoint == nil
	}
	return false
}

// AnyPeerMatches reports whether the rule names the party by one of its peers or by naming all.
func (s *Set) AnyPeerMatches(r Rule, p Party) bool {
	return r.AnyPeer || slices.ContainsFunc(r.Peers, func(peer Peer) bool {
		return s.PeerMatches(peer, p)
	})
}

// AnyPortMatches reports whether the rule names the flow's protocol and port.
func (s *Set) AnyPortMatches(r Rule, f Flow) bool {
	return r.AnyPort || slices.ContainsFunc(r.Ports, func(port Port) bool {
		return s.PortMatches(port, f)
	})
}

// RuleMatches reports whether a rule of direction d matches the flow: peers and ports, both.
func (s *Set) RuleMatches(r Rule, d Direction, f Flow) bool {
	return s.AnyPeerMatches(r, f.other(d)) && s.AnyPortMatches(r, f)
}

// PortMatches reports whether the port names the flow's protocol and destination port. A named
// port means what the destination endpoint calls so, in both directions of policy; a destination
// that is no endpoint has no names.
func (s *Set) PortMatches(p Port, f Flow) bool {
	if p.Named != "" {
		return namedPortMatches(p, f)
	}
	if p.Protocol != f.Protocol {
		return false
	}
	switch {
	case HasPorts(f.Protocol):
		return p.First <= f.Port && f.Port <= p.Last
	case f.Protocol == ProtocolICMP || f.Protocol == ProtocolICMPv6:
		return (p.ICMPType == nil || *p.ICMPType == f.ICMPType) &&
			(p.ICMPCode == nil || *p.ICMPCode == f.ICMPCode)
	}
	return true
}

func namedPortMatches(p Port, f Flow) bool {
	if f.To.Endpoint == nil || f.To.Host || !HasPorts(f.Protocol) {
		return false
	}
	if p.Protocol != 0 && p.Protocol != f.Protocol {
		return false
	}
	return slices.Contains(f.To.Endpoint.Ports,
		NamedPort{Name: p.Named, Protocol: f.Protocol, Port: f.Port})
}

// HasPorts reports whether policy knows ports of the IP protocol: TCP, UDP and SCTP. Others that
// have some, such as DCCP, are judged as a whole.
func HasPorts(protocol uint8) bool {
	return protocol == ProtocolTCP || protocol == ProtocolUDP || protocol == ProtocolSCTP
}
