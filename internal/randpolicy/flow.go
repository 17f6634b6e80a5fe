// SPDX-License-Identifier: Apache-2.0

package randpolicy

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// WorldAddresses belong to no endpoint and not to the node. Some lie in blocks that policies
// name, some look like an endpoint's.
var WorldAddresses = []string{
	"192.0.2.1", "192.0.2.200", "203.0.113.7", "10.1.0.1", "10.9.9.9", "8.8.8.8",
	"2001:db8::1", "2001:db8:1::1", "2001:db8:ffff::1", "fd00:9::9",
}

// HostAddresses are the node's own; one of each family lies inside a block that policies name.
var HostAddresses = []string{"10.1.0.254", "198.51.100.1", "fd00:1::ffff", "2001:db8:5::1"}

// Ports are those that flows go to.
var Ports = []uint16{53, 80, 443, 8080, 49, 8001, 65535, 4789}

// Flow is a connection attempt that this node gets to see.
type Flow struct {
	policy.Flow
	// From and To are the sides that are endpoints of this node, nil otherwise.
	From, To *Endpoint
}

// party returns the side, and the endpoint when it is one of this node.
func (d Dice) party(endpoints []Endpoint, v6 bool) (policy.Party, *Endpoint) {
	family := func(list []string) netip.Addr {
		for {
			if a := netip.MustParseAddr(roll(d, list...)); a.Is6() == v6 {
				return a
			}
		}
	}
	switch d.IntN(8) {
	case 0:
		return policy.Party{Host: true, Addr: family(HostAddresses)}, nil
	case 1:
		return policy.Party{Addr: family(WorldAddresses)}, nil
	}
	e := &endpoints[d.IntN(len(endpoints))]
	i := 0
	if v6 {
		i = 1
	}
	p := policy.Party{Endpoint: e.Endpoint, Addr: e.Addresses[i]}
	if e.Remote {
		return p, nil
	}
	return p, e
}

// Flow makes a connection attempt between two of the endpoints, the node and the world. At
// least one side is an endpoint of this node. A flow of an endpoint to itself goes through a
// Service.
func (d Dice) Flow(endpoints []Endpoint) Flow {
	for {
		v6 := d.percent(50)
		var f Flow
		f.Flow.From, f.From = d.party(endpoints, v6)
		f.Flow.To, f.To = d.party(endpoints, v6)
		if f.From == nil && f.To == nil || f.Flow.From.Host && f.Flow.To.Host {
			continue // nothing of ours
		}
		f.ViaService = f.From != nil && f.From == f.To
		d.service(&f.Flow, v6)
		return f
	}
}

func (d Dice) service(f *policy.Flow, v6 bool) {
	f.Protocol = roll[uint8](d, 6, 6, 6, 17, 17, 132, 1, 50, 89, 47, 6)
	switch f.Protocol {
	case policy.ProtocolTCP, policy.ProtocolUDP, policy.ProtocolSCTP:
		f.Port = roll(d, Ports...)
	case policy.ProtocolICMP:
		f.ICMPType, f.ICMPCode = roll[uint8](d, 8, 13), roll[uint8](d, 0, 0, 1)
		if v6 {
			f.Protocol, f.ICMPType = policy.ProtocolICMPv6, 128
		}
	}
}
