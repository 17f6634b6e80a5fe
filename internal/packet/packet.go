// SPDX-License-Identifier: Apache-2.0

package packet

import "net/netip"

// Packet is what the headers of one packet say. Fields that a packet does not have, or that could
// not be read, are zero.
type Packet struct {
	// EtherSrc and EtherDst are those of the frame, where it is known.
	EtherSrc, EtherDst [6]byte
	// EtherType is that of what the tags enclose; below 0x600 it is the length of an 802.3 frame.
	EtherType uint16
	// VLAN is the id of the outermost tag, if Tags, the number of them that were read, is not zero.
	VLAN uint16
	Tags uint8

	IP
	// ARP is set when EtherType is that of ARP.
	ARP ARP
	// Inner is the packet that an ICMP error quotes; its Version is zero when there is none.
	Inner IP

	// Truncated says that the packet ends inside of a header. That it ends inside of its data is
	// not told, nor that Inner ends, which says so itself.
	Truncated bool
}

// IP is what an IP header and the header behind it say.
type IP struct {
	Version  uint8 // 4, 6, or 0 for what is not IP
	Src, Dst netip.Addr
	// Length is the whole packet's in bytes by its header, 0 if that does not know.
	Length uint32
	// Proto is the protocol behind all extension headers, 0 if they were not read to the end.
	Proto uint8
	// Fragment says that the packet is a fragment, or has a fragment header.
	Fragment bool
	// Offset is where a fragment's data belongs, in bytes; only that at 0 has what follows here.
	Offset uint16
	// Options says that an IPv4 header has options; Routing, that there is an IPv6 routing header.
	Options, Routing bool

	// Transport says that the ports or ICMP's type and code were read, whichever Proto has.
	Transport          bool
	SrcPort, DstPort   uint16 // of the protocols for which HasPorts holds
	TCPFlags           uint8  // the header's 14th byte
	ICMPType, ICMPCode uint8

	// Truncated says that the packet ends inside of one of these headers.
	Truncated bool
}

// ARP is what an ARP packet says. Only that of IPv4 over Ethernet has more than an operation.
type ARP struct {
	Operation                uint16 // 1 request, 2 reply
	SenderEther, TargetEther [6]byte
	SenderIP, TargetIP       netip.Addr
}

// EtherTypes that are looked into.
const (
	EtherIPv4 = 0x0800
	EtherARP  = 0x0806
	EtherVLAN = 0x8100
	EtherIPv6 = 0x86dd
	EtherQinQ = 0x88a8
)

// Protocols that are looked into.
const (
	ICMP    = 1
	TCP     = 6
	UDP     = 17
	DCCP    = 33
	ICMPv6  = 58
	SCTP    = 132
	UDPLite = 136
)

// HasPorts tells whether a protocol's header begins with two ports.
func HasPorts(proto uint8) bool {
	switch proto {
	case TCP, UDP, DCCP, SCTP, UDPLite:
		return true
	}
	return false
}
