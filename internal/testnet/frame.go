// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// EtherTypes of frames.
const (
	EtherIPv4 = 0x0800
	EtherARP  = 0x0806
	EtherVLAN = 0x8100
	EtherIPv6 = 0x86dd
	EtherQinQ = 0x88a8
)

// Broadcast is the hardware address of everybody.
var Broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Ether builds an Ethernet frame.
func Ether(dst, src net.HardwareAddr, etherType uint16, payload []byte) []byte {
	b := append(append([]byte(nil), dst...), src...)
	b = binary.BigEndian.AppendUint16(b, etherType)
	return append(b, payload...)
}

// Tag builds the payload of a frame of type EtherVLAN or EtherQinQ: the VLAN id and what is
// inside.
func Tag(id, etherType uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, etherType)
	return append(b, payload...)
}

// IPFrame builds an Ethernet frame around an IPv4 or IPv6 packet.
func IPFrame(dst, src net.HardwareAddr, packet []byte) []byte {
	if packet[0]>>4 == 6 {
		return Ether(dst, src, EtherIPv6, packet)
	}
	return Ether(dst, src, EtherIPv4, packet)
}

// ARP operations.
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP builds the payload of an ARP frame for IPv4 over Ethernet. A request leaves targetMAC
// nil.
func ARP(op uint16, senderMAC net.HardwareAddr, sender netip.Addr,
	targetMAC net.HardwareAddr, target netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4}
	b = binary.BigEndian.AppendUint16(b, op)
	b = append(b, senderMAC...)
	b = append(b, sender.AsSlice()...)
	if targetMAC == nil {
		targetMAC = make(net.HardwareAddr, 6)
	}
	b = append(b, targetMAC...)
	return append(b, target.AsSlice()...)
}

// IP builds an IPv4 or IPv6 packet, by the family of src; the hop limit is 255, as neighbour
// discovery demands.
func IP(src, dst netip.Addr, proto uint8, payload []byte) []byte {
	if src.Is6() {
		b := []byte{0x60, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
		b = append(b, proto, 255)
		b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
		return append(b, payload...)
	}
	return Fragment(src, dst, proto, 0, 0, false, payload)
}

// Fragment builds an IPv4 fragment; offset is in bytes and a multiple of 8.
func Fragment(src, dst netip.Addr, proto uint8, id, offset uint16, more bool,
	payload []byte) []byte {
	b := make([]byte, 20)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], id)
	flags := offset / 8
	if more {
		flags |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], flags)
	b[8], b[9] = 255, proto
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(b, 0))
	return append(b, payload...)
}

// checksum is the Internet checksum of b, started with sum.
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
