// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// protocols is what a rule's earlier statements have settled about the packet. nft(8) writes
// "udp dport 53" and means "meta l4proto udp" in front of it: the match is generated where it
// is missing, and left out where an earlier statement of the rule made it, since nft would
// else list it twice.
type protocols struct {
	etherType uint16 // 0 while unknown; the family's own in ip and ip6
	l4        int    // -1 while unknown
	vlan      bool   // a VLAN tag was matched
	ether     bool   // the link layer is known to be Ethernet
}

func protocolsOf(family rs.Family) protocols {
	switch family {
	case rs.IP:
		return protocols{etherType: unix.ETH_P_IP, l4: -1}
	case rs.IP6:
		return protocols{etherType: unix.ETH_P_IPV6, l4: -1}
	}
	return protocols{l4: -1, ether: true}
}

// require appends the matches without which a field must not be read.
func (l *lowering) require(n need) {
	switch n {
	case needEther:
		l.requireEther()
	case needIP:
		l.requireMetaProtocol(unix.ETH_P_IP)
	case needIP6:
		l.requireMetaProtocol(unix.ETH_P_IPV6)
	case needARP:
		l.requireEtherType(unix.ETH_P_ARP)
	case needVLAN:
		if !l.known.vlan && l.known.etherType == 0 {
			l.requireEtherType(unix.ETH_P_8021Q)
		}
		// What follows the tag is not known yet.
		l.known.vlan, l.known.etherType = true, 0
	case needTCP:
		l.requireL4(unix.IPPROTO_TCP)
	case needUDP:
		l.requireL4(unix.IPPROTO_UDP)
	case needICMP:
		l.requireICMP(unix.ETH_P_IP, unix.IPPROTO_ICMP)
	case needICMPv6:
		l.requireICMP(unix.ETH_P_IPV6, unix.IPPROTO_ICMPV6)
	case needIGMP:
		l.requireICMP(unix.ETH_P_IP, unix.IPPROTO_IGMP)
	case needIP6Type:
		l.requireEtherType(unix.ETH_P_IPV6)
	}
}

// requireEther keeps rules of the ip families from reading a link layer header where there
// is none, as on a tunnel.
func (l *lowering) requireEther() {
	if l.known.ether {
		return
	}
	l.known.ether = true
	l.add(meta(unix.NFT_META_IIFTYPE, 2, 0).load(reg1))
	l.add(compare(false, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_ETHER)))
}

// requireMetaProtocol is how nft asks for IP in the bridge family. It sees the inner type of
// an accelerated VLAN tag; rules that must not see through tags compare EtherType first.
func (l *lowering) requireMetaProtocol(etherType uint16) {
	switch {
	case l.known.etherType == etherType:
		return
	case l.known.vlan:
		l.requireEtherType(etherType)
		return
	}
	l.known.etherType = etherType
	l.add(meta(unix.NFT_META_PROTOCOL, 2, 0).load(reg1))
	l.add(compare(false, binary.BigEndian.AppendUint16(nil, etherType)))
}

// requireEtherType is how nft asks for every other protocol: by the frame's own header.
func (l *lowering) requireEtherType(etherType uint16) {
	if l.known.etherType == etherType {
		return
	}
	offset := uint32(12)
	if l.known.vlan {
		offset = 16
	}
	l.known.etherType = etherType
	l.add(payload(fromLink, offset, 2, needNothing, 0).load(reg1))
	l.add(compare(false, binary.BigEndian.AppendUint16(nil, etherType)))
}

func (l *lowering) requireL4(protocol int) {
	if l.known.l4 == protocol {
		return
	}
	l.known.l4 = protocol
	l.add(meta(unix.NFT_META_L4PROTO, 1, 0).load(reg1))
	l.add(compare(false, []byte{uint8(protocol)}))
}

func (l *lowering) requireICMP(etherType uint16, protocol int) {
	if l.known.l4 == protocol {
		return
	}
	if l.known.etherType == 0 {
		l.requireEtherType(etherType)
	}
	l.requireL4(protocol)
}

// learn remembers what a successful comparison says about the packet.
func (l *lowering) learn(name rs.Field, value rs.Key) {
	switch name {
	case rs.EtherType:
		l.known.etherType = binary.BigEndian.Uint16([]byte(value))
		switch l.known.etherType {
		case unix.ETH_P_8021Q, unix.ETH_P_8021AD:
		default:
			l.known.vlan = false
		}
	case rs.L4Proto, rs.IPProtocol:
		l.known.l4 = int(value[0])
	}
}
