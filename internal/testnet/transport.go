// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"net/netip"
)

// TCP flags.
const (
	FIN = 0x01
	SYN = 0x02
	RST = 0x04
	PSH = 0x08
	ACK = 0x10
)

// UDP builds a whole IP packet with one datagram.
func UDP(src, dst netip.AddrPort, payload []byte) []byte {
	b := ports(src, dst)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0)
	b = append(b, payload...)
	sum := transportSum(src.Addr(), dst.Addr(), 17, b)
	if sum == 0 {
		sum = 0xffff // zero means "no checksum"
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return IP(src.Addr(), dst.Addr(), 17, b)
}

// TCP builds a whole IP packet with one TCP segment.
func TCP(src, dst netip.AddrPort, flags byte, seq, ack uint32, payload []byte) []byte {
	b := ports(src, dst)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[16:], transportSum(src.Addr(), dst.Addr(), 6, b))
	return IP(src.Addr(), dst.Addr(), 6, b)
}

// SCTPInit builds a whole IP packet with the first chunk of an association.
func SCTPInit(src, dst netip.AddrPort, tag uint32) []byte {
	s := segment{src: src.Port(), dst: dst.Port(), kind: chunkInit, body: initBody(tag)}
	return IP(src.Addr(), dst.Addr(), 132, s.bytes())
}

// ICMP builds a whole IP packet with an ICMP or ICMPv6 message, by the family of src; rest is
// what follows the checksum.
func ICMP(src, dst netip.Addr, kind, code byte, rest []byte) []byte {
	b := append([]byte{kind, code, 0, 0}, rest...)
	if src.Is6() {
		binary.BigEndian.PutUint16(b[2:], transportSum(src, dst, 58, b))
		return IP(src, dst, 58, b)
	}
	binary.BigEndian.PutUint16(b[2:], checksum(b, 0))
	return IP(src, dst, 1, b)
}

// ICMPEcho builds a whole IP packet with an echo request.
func ICMPEcho(src, dst netip.Addr, id, seq uint16) []byte {
	rest := binary.BigEndian.AppendUint16(nil, id)
	rest = binary.BigEndian.AppendUint16(rest, seq)
	if src.Is6() {
		return ICMP(src, dst, 128, 0, rest)
	}
	return ICMP(src, dst, 8, 0, rest)
}

// ICMPError builds a whole IP packet with an ICMP or ICMPv6 error that quotes packet.
func ICMPError(src, dst netip.Addr, kind, code byte, packet []byte) []byte {
	return ICMP(src, dst, kind, code, append([]byte{0, 0, 0, 0}, packet...))
}

func ports(src, dst netip.AddrPort) []byte {
	b := binary.BigEndian.AppendUint16(nil, src.Port())
	return binary.BigEndian.AppendUint16(b, dst.Port())
}

// transportSum is the checksum of b with the pseudo header of its packet.
func transportSum(src, dst netip.Addr, proto uint8, b []byte) uint16 {
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	sum := uint32(proto) + uint32(len(b))
	return checksum(b, sum+uint32(^checksum(pseudo, 0)))
}
