// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Input is everything a ruleset depends on.
type Input struct {
	Policies *policy.Set
	// Endpoints are those of this node and of all others. When two claim one address, a local
	// one wins over a remote one and an earlier one over a later one.
	Endpoints []Endpoint
	Config    Config
}

// Endpoint is an endpoint as the node knows it.
type Endpoint struct {
	*policy.Endpoint
	// Local is nil for an endpoint of another node: a peer, never a subject.
	Local *Local
}

// Local is how an endpoint is attached to this node.
type Local struct {
	// Port is the host-side interface of the container's own: its veth.
	Port string
	// Bridge is the bridge that Port belongs to; empty for a routed endpoint.
	Bridge string
	// MAC is the container's link-layer address; it matters behind a bridge only.
	MAC [6]byte
	// Isolated closes the way to the other isolated endpoints of the same bridge, at layer 2
	// and through the gateway.
	Isolated bool
	// Published are the node's ports that a proxy process relays to the endpoint.
	Published []Published
}

// Interface is what the IP hooks see: the bridge of a bridged endpoint, the veth of a routed one.
func (l *Local) Interface() string {
	if l.Bridge != "" {
		return l.Bridge
	}
	return l.Port
}

// Published is one address and port of the node that leads to a container port.
type Published struct {
	Host     netip.AddrPort
	Protocol uint8
	Port     uint16
}

// Conflict reports an endpoint's address that stays closed because another one holds it.
type Conflict struct {
	Endpoint *policy.Endpoint
	Addr     netip.Addr
	Holder   *policy.Endpoint
}
