// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Key is what packets of one record have in common. The client's port is not part of it, nor is
// the generation: one that changes nothing about the decision, as every container that comes or
// goes brings one, begins no new record. Nor is an address that a sender has forged.
type Key struct {
	// Subject is the endpoint's ID, or the device by which a stranger's packet came.
	Subject   string
	Direction policy.Direction
	Action    Action
	Counter   Counter
	// Cause names the rule, or the policies that isolate or would refuse.
	Cause string
	// Peer is the other end's ID, or else PeerAddr its address, or Peers its block.
	Peer     string
	PeerAddr netip.Addr
	Peers    netip.Prefix
	Proto    uint8
	Port     uint16
	Type     uint8
	Code     uint8
	// EtherType is that of frames that are no IP.
	EtherType uint16
	// Scan says that ports are folded, and with All peers and protocols too.
	Scan, All bool
}

// FlowKey is the key of an element of the per-flow sets, of which there are one for each family
// and direction.
type FlowKey struct {
	Direction policy.Direction `json:"direction"`
	Client    netip.Addr       `json:"client"`
	Server    netip.Addr       `json:"server"`
	Proto     uint8            `json:"proto"`
	// Port is the server's, and 0 for protocols without ports.
	Port uint16 `json:"port,omitempty"`
}

// family is the name of the table that has the element.
func (k FlowKey) family() string {
	if k.Client.Is4() {
		return "ip"
	}
	return "ip6"
}

func isICMP(proto uint8) bool {
	return proto == policy.ProtocolICMP || proto == policy.ProtocolICMPv6
}
