// SPDX-License-Identifier: Apache-2.0

package ruleset

// Field is something of a packet that a rule can read. The text names are nft's.
type Field uint8

// The fields.
const (
	IIFName        Field = iota // iifname
	OIFName                     // oifname
	IIFKind                     // meta iifkind
	OIFKind                     // meta oifkind
	L4Proto                     // meta l4proto
	PacketType                  // meta pkttype: Key of one byte, see PacketHost...
	PacketMark                  // meta mark
	EtherSaddr                  // ether saddr
	EtherDaddr                  // ether daddr
	EtherType                   // ether type
	VLANID                      // vlan id (implies ether type 8021q unless EtherType was compared)
	ARPOperation                // arp operation
	ARPSenderEther              // arp saddr ether
	ARPSenderIP                 // arp saddr ip
	IPSaddr                     // ip saddr
	IPDaddr                     // ip daddr
	IPProtocol                  // ip protocol
	IPHdrLength                 // ip hdrlength, in 32-bit words
	IP6Saddr                    // ip6 saddr
	IP6Daddr                    // ip6 daddr
	IP6HopLimit                 // ip6 hoplimit
	SourcePort                  // th sport
	DestPort                    // th dport
	UDPSourcePort               // udp sport
	UDPDestPort                 // udp dport
	TCPFlags                    // tcp flags
	ICMPType                    // icmp type
	ICMPv6Type                  // icmpv6 type
	IGMPType                    // igmp type
	FragmentNext                // frag nexthdr: what follows an IPv6 fragment header
	NDTarget                    // @th,64,128 of a neighbour solicitation or advertisement
	DHCPClient                  // @th,288,48 of a DHCP message: the client's hardware address
	CTDirection                 // ct direction: Key of one byte, 0 original, 1 reply
	CTMark                      // ct mark
	CTOrigSaddr                 // ct original ip saddr | ct original ip6 saddr
	CTReplySaddr                // ct reply ip saddr | ct reply ip6 saddr
	CTReplyPort                 // ct reply proto-src
	CTOrigPort                  // ct original proto-dst; for ICMP type << 8 | code
	FibSaddrType                // fib saddr type: Key of one byte, see AddrLocal
	fieldCount
)

// Packet types of linux/if_packet.h, as PacketType compares them.
const (
	PacketHost      uint8 = 0
	PacketBroadcast uint8 = 1
	PacketMulticast uint8 = 2
	PacketOtherHost uint8 = 3
)

// AddrLocal is RTN_LOCAL of linux/rtnetlink.h: an address of the node itself.
const AddrLocal uint8 = 2

// State is a conntrack state.
type State uint8

// The states that ct state names.
const (
	StateNew State = iota
	StateEstablished
	StateRelated
	StateInvalid
	StateUntracked
)
