// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// Numbers of protocols and extension headers (IANA protocol numbers).
const (
	hopByHop    = 0
	protoIGMP   = 2
	protoTCP    = 6
	protoUDP    = 17
	routing     = 43
	fragment    = 44
	protoICMP6  = 58
	destOptions = 60
	protoPIM    = 103
)

// carrier wraps a mark in a packet.
type carrier struct {
	name string
	wrap func(src, dst netip.Addr, mark []byte) []byte
}

// carriers are the kinds of packets that an address may be forged in: a filter that only knows
// transport headers would miss some. The flows' ports are those of conversation.
var carriers = []carrier{
	{"udp", func(src, dst netip.Addr, mark []byte) []byte {
		return testnet.UDP(at(src, 4000), at(dst, 8080), mark)
	}},
	{"tcp syn", func(src, dst netip.Addr, mark []byte) []byte {
		return testnet.TCP(at(src, 4000), at(dst, 8080), testnet.SYN, 1, 0, mark)
	}},
	{"tcp ack", func(src, dst netip.Addr, mark []byte) []byte {
		return testnet.TCP(at(src, 4000), at(dst, 8080), testnet.ACK, 1, 1, mark)
	}},
	{"echo", func(src, dst netip.Addr, mark []byte) []byte {
		kind := byte(8)
		if src.Is6() {
			kind = 128
		}
		return testnet.ICMP(src, dst, kind, 0, append([]byte{0, 1, 0, 1}, mark...))
	}},
	{"unknown protocol", func(src, dst netip.Addr, mark []byte) []byte {
		return testnet.IP(src, dst, 253, mark)
	}},
	{"first fragment", func(src, dst netip.Addr, mark []byte) []byte {
		return piece(src, dst, protoUDP, 0, true, append(make([]byte, 8), mark...))
	}},
	{"later fragment", func(src, dst netip.Addr, mark []byte) []byte {
		return piece(src, dst, protoUDP, 64, false, mark)
	}},
}

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// piece is a fragment in either family.
func piece(src, dst netip.Addr, proto uint8, offset uint16, more bool, b []byte) []byte {
	if src.Is6() {
		return testnet.IP(src, dst, fragment, fragmentHeader(proto, offset, more, b))
	}
	return testnet.Fragment(src, dst, proto, 77, offset, more, b)
}

// fragmentHeader is an IPv6 fragment header and what follows it.
func fragmentHeader(next uint8, offset uint16, more bool, b []byte) []byte {
	if more {
		offset |= 1
	}
	out := []byte{next, 0, byte(offset >> 8), byte(offset), 0, 0, 0, 77}
	return append(out, b...)
}

// options is a hop-by-hop or destination options header of eight bytes, padding alone, and what
// follows it.
func options(next uint8, b []byte) []byte {
	return append([]byte{next, 0, 1, 4, 0, 0, 0, 0}, b...)
}

// icmp6 is an ICMPv6 message with its checksum, without an IP header.
func icmp6(src, dst netip.Addr, kind byte, rest []byte) []byte {
	return testnet.ICMP(src, dst, kind, 0, rest)[40:]
}

// Options of neighbour discovery that carry a hardware address (RFC 4861 section 4.6).
const (
	sourceMAC = 1
	targetMAC = 2
)

func macOption(kind byte, mac net.HardwareAddr) []byte {
	return append([]byte{kind, 1}, mac...)
}

// advert is the body of a neighbour advertisement, solicited and overriding.
func advert(target netip.Addr, mac net.HardwareAddr) []byte {
	b := append([]byte{0x60, 0, 0, 0}, target.AsSlice()...)
	return append(b, macOption(targetMAC, mac)...)
}

// solicit is the body of a neighbour solicitation.
func solicit(target netip.Addr, mac net.HardwareAddr) []byte {
	b := append(make([]byte, 4), target.AsSlice()...)
	return append(b, macOption(sourceMAC, mac)...)
}

// multicastMAC is the hardware address of an IP multicast group.
func multicastMAC(group netip.Addr) net.HardwareAddr {
	b := group.AsSlice()
	if group.Is4() {
		return net.HardwareAddr{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	return append(net.HardwareAddr{0x33, 0x33}, b[12:]...)
}

// marked appends the mark to a payload whose receiver reads no further than its own length.
func marked(payload, mark []byte) []byte {
	return append(append([]byte(nil), payload...), mark...)
}

// llc is the payload of an 802.3 frame: a length stands where the type would be.
func llc(dst, src net.HardwareAddr, payload []byte) []byte {
	b := append(append([]byte(nil), dst...), src...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}
