// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// limitedBroadcast reaches every neighbour, so it is treated as multicast.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// beforePolicy decides what no policy can change. It reports false when policy decides.
func (s *Set) beforePolicy(f Flow) (Decision, bool) {
	to := f.To.address()
	switch {
	case to.IsMulticast() || to == limitedBroadcast:
		// A bridge floods one frame to many receivers, and no rule could tell them apart.
		return always(f, ReasonMulticast, "%s is dropped: %s is a multicast or broadcast address",
			f.Service(), to), true
	case f.isOwnAddress():
		return Decision{Action: Accept, Direction: Ingress, Reason: ReasonOwnAddress,
			Why: fmt.Sprintf("%s talks to its own address", f.From.Endpoint)}, true
	case f.From.Endpoint != nil && to.IsLoopback():
		// With route_localnet the node would take it for its own loopback, where services
		// listen that trust whoever can reach them.
		return always(f, ReasonLoopback, "%s is dropped: %s sends to the loopback address %s",
			f.Service(), f.From.Endpoint, to), true
	case f.From.isLinkLocal():
		return always(f, ReasonLinkLocal, "%s is dropped: %s sends from the link-local address %s",
			f.Service(), f.From.Endpoint, f.From.address()), true
	case f.To.isLinkLocal():
		return always(f, ReasonLinkLocal, "%s is dropped: %s is a link-local address of %s",
			f.Service(), to, f.To.Endpoint), true
	case f.From.Endpoint != nil && !s.AllowEncapsulation && f.encapsulates():
		// A node of an overlay unwraps what reaches it and trusts the sender inside.
		return always(f, ReasonEncapsulation, "%s is dropped: %s sends a tunnel protocol",
			f.Service(), f.From.Endpoint), true
	}
	return Decision{}, false
}

// Tunnel protocols by number (IPIP, SIT, GRE, EtherIP, L2TP, MPLS) and by UDP port (VXLAN, VXLAN
// as Linux first had it, Geneve, GUE, MPLS, L2TP, WireGuard).
var (
	TunnelProtocols = []uint8{4, 41, 47, 97, 115, 137}
	TunnelPorts     = []uint16{4789, 8472, 6081, 6080, 6635, 1701, 51820}
)

func (f Flow) encapsulates() bool {
	return slices.Contains(TunnelProtocols, f.Protocol) ||
		f.Protocol == ProtocolUDP && slices.Contains(TunnelPorts, f.Port)
}

// always is a denial in the direction in which the flow is seen first.
func always(f Flow, reason Reason, format string, args ...any) Decision {
	direction := Ingress
	if f.From.Endpoint != nil {
		direction = Egress
	}
	return Decision{Action: Deny, Direction: direction, Reason: reason,
		Why: fmt.Sprintf(format, args...)}
}

// isOwnAddress reports whether an endpoint talks to itself without a Service in between. An
// empty ID identifies nothing.
func (f Flow) isOwnAddress() bool {
	from, to := f.From.Endpoint, f.To.Endpoint
	if f.ViaService || from == nil || to == nil {
		return false
	}
	return from == to || from.ID != "" && from.ID == to.ID
}

// isLinkLocal reports whether the party is an endpoint that uses an address no runtime gave it.
// The IPv6 one is never assigned, it is made from the link; of IPv4 an assigned 169.254.0.0/16
// address is as good as any. The metadata service at 169.254.169.254 is no endpoint, and policy
// decides about it.
func (p Party) isLinkLocal() bool {
	a := p.address()
	if p.Endpoint == nil || !a.IsLinkLocalUnicast() {
		return false
	}
	return a.Is6() || !slices.Contains(p.Endpoint.Addresses, a)
}
