// SPDX-License-Identifier: Apache-2.0

package ruleset

import "net/netip"

// Packet is what Trace reads: the parts of a packet and of its conntrack entry that our rules
// can see. Marks written by the rules are written here.
type Packet struct {
	IIF, OIF         string
	IIFKind, OIFKind string // rtnl link kind: "veth", "bridge", ...
	Type             uint8  // PacketHost...
	Mark             uint32

	EtherSrc, EtherDst [6]byte
	// EtherType is that of the frame as it stands on the wire: 0x8100 for a tagged frame.
	// Zero stands for the type that ARP or the addresses imply.
	EtherType uint16
	VLANID    uint16

	ARP *ARP // set for ARP frames, which have no addresses below

	Src, Dst      netip.Addr
	Protocol      uint8
	HopLimit      uint8
	IPOptions     bool // an IPv4 header longer than five words
	RoutingHeader bool
	// Fragmented says that there is an IPv6 fragment header, in front of FragmentNext.
	Fragmented         bool
	FragmentNext       uint8
	SrcPort, DstPort   uint16 // tcp, udp, sctp
	TCPFlags           uint8
	ICMPType, ICMPCode uint8 // ICMPType is that of IGMP, too
	NDTarget           netip.Addr
	DHCPClient         [6]byte // chaddr of what is sent to a DHCP server

	// SourceLocal says that the source is an address of the node (fib saddr type local).
	SourceLocal bool

	CT Conntrack
}

// ARP is the part of an ARP frame that the guard reads.
type ARP struct {
	Operation   uint16 // 1 request, 2 reply
	SenderEther [6]byte
	SenderIP    netip.Addr
}

// Conntrack is the packet's conntrack entry. Invalid and untracked packets have none: every
// other field reads as absent, as it does in the kernel.
type Conntrack struct {
	State State
	Reply bool
	// Confirmed says that the first packet of the connection has left the node.
	Confirmed bool
	Mark      uint32
	OrigSrc   netip.Addr
	ReplySrc  netip.Addr
	ReplyPort uint16 // source port of the reply tuple: the server's own port
	OrigPort  uint16 // destination port of the original tuple; ICMP: type << 8 | code
}
