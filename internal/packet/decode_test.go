// SPDX-License-Identifier: Apache-2.0

package packet_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/packet"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

var (
	mac1, mac2 = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	a4, b4     = netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.3")
	a6, b6     = netip.MustParseAddr("fd00:1::2"), netip.MustParseAddr("fd00:1::3")
)

// ends are the two ends of a flow, from port 40000 to port 80.
func ends(a, b netip.Addr) (src, dst netip.AddrPort) {
	return netip.AddrPortFrom(a, 40000), netip.AddrPortFrom(b, 80)
}

func tcp(a, b netip.Addr) []byte {
	src, dst := ends(a, b)
	return testnet.TCP(src, dst, testnet.SYN, 1, 0, nil)
}

func udp(a, b netip.Addr) []byte {
	src, dst := ends(a, b)
	return testnet.UDP(src, dst, []byte("data"))
}

// withOptions gives an IPv4 packet a header of length bytes.
func withOptions(b []byte, length int) []byte {
	b = slices.Insert(slices.Clone(b), 20, make([]byte, length-20)...)
	b[0], b[2], b[3] = 0x40|byte(length/4), byte(len(b)>>8), byte(len(b))
	return b
}

// extended puts extension headers between an IPv6 header and what follows it. Each is its number
// and its bytes, the first of which becomes the number of the next.
func extended(b []byte, headers ...[]byte) []byte {
	out, next := slices.Clone(b[:40]), 6
	for _, h := range headers {
		out[next] = h[0]
		next = len(out)
		out = append(out, h[1:]...)
	}
	out[next] = b[6]
	out = append(out, b[40:]...)
	out[4], out[5] = byte((len(out)-40)>>8), byte(len(out)-40)
	return out
}

var (
	hopByHop    = []byte{0, 0, 0, 1, 4, 0, 0, 0, 0}
	routing     = []byte{43, 0, 2, 4, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}
	first       = []byte{44, 0, 0, 0, 1, 0, 0, 0, 7}
	atomic      = []byte{44, 0, 0, 0, 0, 0, 0, 0, 7}
	later       = []byte{44, 0, 0, 0x05, 0xa8, 0, 0, 0, 7}
	auth        = []byte{51, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9}
	destination = []byte{60, 0, 0, 1, 4, 0, 0, 0, 0}
)

// ip are the fields that every row of a TCP, UDP or similar packet shares.
func ip(a, b netip.Addr, proto uint8, length int) packet.IP {
	h := packet.IP{Version: 6, Src: a, Dst: b, Proto: proto, Length: uint32(length)}
	if a.Is4() {
		h.Version = 4
	}
	if packet.HasPorts(proto) {
		h.SrcPort, h.DstPort, h.Transport = 40000, 80, true
	}
	if proto == packet.TCP {
		h.TCPFlags = testnet.SYN
	}
	return h
}

// but is h with changes.
func but(h packet.IP, change func(*packet.IP)) packet.IP {
	change(&h)
	return h
}

func noTransport(h *packet.IP) {
	h.SrcPort, h.DstPort, h.TCPFlags, h.Transport = 0, 0, 0, false
}

// row is a packet and what its headers say.
type row struct {
	name string
	b    []byte
	want packet.IP
}

func TestIPv4(t *testing.T) {
	payload := udp(a4, b4)[20:]
	checkRows(t, []row{
		{"TCP over IPv4", tcp(a4, b4), ip(a4, b4, 6, 40)},
		{"UDP over IPv4", udp(a4, b4), ip(a4, b4, 17, 32)},
		{"SCTP", testnet.IP(a4, b4, 132, payload), ip(a4, b4, 132, 32)},
		{"DCCP", testnet.IP(a4, b4, 33, payload), ip(a4, b4, 33, 32)},
		{"GRE", testnet.IP(a4, b4, 47, payload), ip(a4, b4, 47, 32)},
		{"options", withOptions(tcp(a4, b4), 32),
			but(ip(a4, b4, 6, 52), func(h *packet.IP) { h.Options = true })},
		{"first fragment", testnet.Fragment(a4, b4, 17, 7, 0, true, payload),
			but(ip(a4, b4, 17, 32), func(h *packet.IP) { h.Fragment = true })},
		{"later fragment", testnet.Fragment(a4, b4, 17, 7, 1480, true, payload),
			but(but(ip(a4, b4, 17, 32), noTransport), func(h *packet.IP) {
				h.Fragment, h.Offset = true, 1480
			})},
		{"last fragment", testnet.Fragment(a4, b4, 17, 7, 1480, false, payload),
			but(but(ip(a4, b4, 17, 32), noTransport), func(h *packet.IP) {
				h.Fragment, h.Offset = true, 1480
			})},
		{"ICMP of IPv6 in IPv4", testnet.IP(a4, b4, 58, []byte{1, 2, 3, 4}), ip(a4, b4, 58, 24)},
		{"joined segments", func() []byte { b := tcp(a4, b4); b[2], b[3] = 0, 0; return b }(),
			ip(a4, b4, 6, 0)},
		{"behind a frame's filling", append(tcp(a4, b4), 1, 2, 3, 4, 5, 6), ip(a4, b4, 6, 40)},
		{"echo request", testnet.ICMPEcho(a4, b4, 1, 1), but(ip(a4, b4, 1, 28),
			func(h *packet.IP) { h.ICMPType, h.Transport = 8, true })},
	})
}

func TestIPv6(t *testing.T) {
	checkRows(t, []row{
		{"TCP over IPv6", tcp(a6, b6), ip(a6, b6, 6, 60)},
		{"UDP over IPv6", udp(a6, b6), ip(a6, b6, 17, 52)},
		{"UDP-Lite", testnet.IP(a6, b6, 136, udp(a6, b6)[40:]),
			ip(a6, b6, 136, 52)},
		{"ICMP of IPv4 in IPv6", testnet.IP(a6, b6, 1, []byte{3, 2, 3, 4}), ip(a6, b6, 1, 44)},
		{"echo request of IPv6", testnet.ICMPEcho(a6, b6, 1, 1), but(ip(a6, b6, 58, 48),
			func(h *packet.IP) { h.ICMPType, h.Transport = 128, true })},
		{"neighbour advertisement", testnet.ICMP(a6, b6, 136, 5, make([]byte, 20)),
			but(ip(a6, b6, 58, 64), func(h *packet.IP) {
				h.ICMPType, h.ICMPCode, h.Transport = 136, 5, true
			})},
		{"all extension headers", extended(tcp(a6, b6), hopByHop, destination, routing, first, auth,
			destination), but(ip(a6, b6, 6, 132), func(h *packet.IP) {
			h.Routing, h.Fragment = true, true
		})},
		{"atomic fragment", extended(udp(a6, b6), atomic),
			but(ip(a6, b6, 17, 60), func(h *packet.IP) { h.Fragment = true })},
		{"later fragment of IPv6", extended(udp(a6, b6), later),
			but(but(ip(a6, b6, 17, 60), noTransport), func(h *packet.IP) {
				h.Fragment, h.Offset = true, 1448
			})},
		{"later fragment that began with options", extended(udp(a6, b6), later, destination),
			but(but(ip(a6, b6, 0, 68), noTransport), func(h *packet.IP) {
				h.Fragment, h.Offset = true, 1448
			})},
		{"no next header", testnet.IP(a6, b6, 59, nil), ip(a6, b6, 59, 0)},
		{"eight extension headers", extended(tcp(a6, b6), slices.Repeat([][]byte{destination},
			8)...), ip(a6, b6, 6, 124)},
	})
}

// checkRows decodes every packet as it is and in a frame.
func checkRows(t *testing.T, rows []row) {
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			want := packet.Packet{EtherType: packet.EtherIPv4, IP: c.want}
			if c.want.Version == 6 {
				want.EtherType = packet.EtherIPv6
			}
			got, err := packet.Decode(packet.LinkIP, c.b)
			if err != nil || got != want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
			frame := testnet.IPFrame(mac2[:], mac1[:], c.b)
			want.EtherDst, want.EtherSrc = mac2, mac1
			if got, err := packet.Decode(packet.LinkEthernet, frame); err != nil || got != want {
				t.Errorf("in a frame: got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// What an ICMP error is about stands in the packet that it quotes, of which it has a part.
func TestQuotedPackets(t *testing.T) {
	for _, c := range []struct {
		name       string
		kind, code byte
		quoted     []byte
		want       packet.IP
	}{
		{"port unreachable", 3, 3, udp(a4, b4), ip(a4, b4, 17, 32)},
		{"eight bytes of TCP", 11, 0, tcp(a4, b4)[:28], but(ip(a4, b4, 6, 40),
			func(h *packet.IP) { h.TCPFlags, h.Truncated = 0, true })},
		{"redirect", 5, 1, tcp(a4, b4), ip(a4, b4, 6, 40)},
		{"echo reply", 0, 0, tcp(a4, b4), packet.IP{}},
		{"packet too big", 2, 0, udp(a6, b6), ip(a6, b6, 17, 52)},
		{"of what has extension headers", 1, 1, extended(tcp(a6, b6), destination),
			ip(a6, b6, 6, 68)},
		{"echo request of IPv6", 128, 0, udp(a6, b6), packet.IP{}},
		{"of an error", 3, 1, testnet.ICMPError(a4, b4, 3, 3, udp(b4, a4)),
			but(ip(a4, b4, 1, 60), func(h *packet.IP) {
				h.ICMPType, h.ICMPCode, h.Transport = 3, 3, true
			})},
	} {
		src, dst := b4, a4
		if c.quoted[0]>>4 == 6 {
			src, dst = b6, a6
		}
		got, err := packet.Decode(packet.LinkIP, testnet.ICMPError(src, dst, c.kind, c.code,
			c.quoted))
		if err != nil || got.Inner != c.want || got.Src != src || got.ICMPType != c.kind ||
			got.ICMPCode != c.code || got.Truncated {
			t.Errorf("%s: got %+v, %v\nwant inner %+v", c.name, got, err, c.want)
		}
	}
}

func TestFrames(t *testing.T) {
	arp := testnet.ARP(testnet.ARPRequest, mac1[:], a4, nil, b4)
	wantARP := packet.ARP{Operation: 1, SenderEther: mac1, SenderIP: a4, TargetIP: b4}
	token := slices.Clone(arp)
	token[1] = 6 // another hardware, whose addresses are as long
	long := append(slices.Clone(arp[:4]), 8, 4, 0, 2, 1, 1, 1, 1)
	tagged := testnet.Tag(3<<13|100, testnet.EtherIPv4, tcp(a4, b4))
	for _, c := range []struct {
		name      string
		etherType uint16
		payload   []byte
		want      packet.Packet
	}{
		{"ARP", testnet.EtherARP, arp, packet.Packet{EtherType: 0x806, ARP: wantARP}},
		{"ARP of another hardware", testnet.EtherARP, token,
			packet.Packet{EtherType: 0x806, ARP: wantARP}},
		{"ARP of longer addresses", testnet.EtherARP, long,
			packet.Packet{EtherType: 0x806, ARP: packet.ARP{Operation: 2}}},
		{"ARP cut", testnet.EtherARP, arp[:27], packet.Packet{EtherType: 0x806, Truncated: true,
			ARP: packet.ARP{Operation: 1}}},
		{"unknown", 0x88cc, []byte{1, 2}, packet.Packet{EtherType: 0x88cc}},
		{"802.3", 38, make([]byte, 38), packet.Packet{EtherType: 38}},
		{"tagged", testnet.EtherVLAN, tagged, packet.Packet{EtherType: 0x800, VLAN: 100, Tags: 1,
			IP: ip(a4, b4, 6, 40)}},
		{"tagged twice", testnet.EtherQinQ, testnet.Tag(7, testnet.EtherVLAN, tagged),
			packet.Packet{EtherType: 0x800, VLAN: 7, Tags: 2, IP: ip(a4, b4, 6, 40)}},
		{"tagged thrice", testnet.EtherQinQ, testnet.Tag(7, testnet.EtherQinQ,
			testnet.Tag(8, testnet.EtherVLAN, tagged)),
			packet.Packet{EtherType: testnet.EtherVLAN, VLAN: 7, Tags: 2}},
		{"tag cut", testnet.EtherVLAN, tagged[:3], packet.Packet{Truncated: true}},
	} {
		if got, err := packet.DecodeNetwork(c.etherType, c.payload); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
		c.want.EtherDst, c.want.EtherSrc = mac2, mac1
		frame := testnet.Ether(mac2[:], mac1[:], c.etherType, c.payload)
		if got, err := packet.Decode(packet.LinkEthernet, frame); err != nil || got != c.want {
			t.Errorf("%s in a frame: got %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
}

// What is cut off is told as such, and what stood before is known.
func TestTruncated(t *testing.T) {
	whole4, whole6 := ip(a4, b4, 6, 40), ip(a6, b6, 6, 60)
	cut := func(h *packet.IP) { h.Truncated = true }
	flags := func(h *packet.IP) { h.TCPFlags = 0 }
	unknown := func(h *packet.IP) { h.Proto = 0 }
	for _, c := range []struct {
		name string
		b    []byte
		want packet.IP
	}{
		{"nothing", nil, packet.IP{Truncated: true}},
		{"IPv4 header", tcp(a4, b4)[:19], packet.IP{Version: 4, Truncated: true}},
		{"IPv6 header", tcp(a6, b6)[:39], packet.IP{Version: 6, Truncated: true}},
		{"options", withOptions(tcp(a4, b4), 24)[:22], but(but(ip(a4, b4, 6, 44), noTransport),
			func(h *packet.IP) { h.Options, h.Truncated = true, true })},
		{"ports", tcp(a4, b4)[:23], but(but(whole4, noTransport), cut)},
		{"flags", tcp(a4, b4)[:33], but(but(whole4, flags), cut)},
		{"nothing that is read", tcp(a4, b4)[:34], whole4},
		{"first extension header", extended(tcp(a6, b6), hopByHop)[:47],
			but(but(but(ip(a6, b6, 6, 68), noTransport), cut), unknown)},
		{"second extension header", extended(tcp(a6, b6), hopByHop, hopByHop)[:48],
			but(but(but(ip(a6, b6, 6, 76), noTransport), cut), unknown)},
		{"long extension header", extended(tcp(a6, b6), routing)[:48],
			but(but(but(ip(a6, b6, 6, 84), noTransport), cut),
				func(h *packet.IP) { h.Routing = true })},
		{"transport header of IPv6", tcp(a6, b6)[:41], but(but(whole6, noTransport), cut)},
		{"ICMP", testnet.ICMPEcho(a4, b4, 1, 1)[:21], but(ip(a4, b4, 1, 28), cut)},
	} {
		got, err := packet.Decode(packet.LinkIP, c.b)
		if err != nil || got.IP != c.want || got.Truncated != c.want.Truncated {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 13)} {
		got, err := packet.Decode(packet.LinkEthernet, b)
		if err != nil || got != (packet.Packet{Truncated: true}) {
			t.Errorf("frame of %d bytes: got %+v, %v, want truncated", len(b), got, err)
		}
	}
	e := testnet.ICMPError(a4, b4, 3, 3, udp(b4, a4))
	if got, err := packet.Decode(packet.LinkIP, e[:28]); err != nil || !got.Truncated ||
		got.Inner.Version != 0 || !got.Transport {
		t.Errorf("error that quotes nothing: got %+v, %v, want truncated", got, err)
	}
}

func TestMalformed(t *testing.T) {
	set := func(b []byte, at int, v byte) []byte {
		b = slices.Clone(b)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name, want string
		b          []byte
		src        netip.Addr
	}{
		{"version", "byte 0: IP version 5", set(tcp(a4, b4), 0, 0x55), netip.Addr{}},
		{"header of 16 bytes", "byte 0: IPv4 header of 16 bytes", set(tcp(a4, b4), 0, 0x44), a4},
		{"packet shorter than its header", "byte 2: IPv4 packet of 19 bytes with a header of 20",
			set(tcp(a4, b4), 3, 19), a4},
		{"nine extension headers", "byte 104: more than 8 extension headers", extended(tcp(a6, b6),
			slices.Repeat([][]byte{destination}, 9)...), a6},
		{"quoted version", "quoted packet: byte 28: IP version 0", testnet.ICMPError(a4, b4, 3, 3,
			make([]byte, 28)), a4},
	} {
		got, err := packet.Decode(packet.LinkIP, c.b)
		if !errors.Is(err, packet.ErrMalformed) || !strings.Contains(err.Error(), c.want) ||
			got.Src != c.src {
			t.Errorf("%s: got source %s, %v, want %s, %q", c.name, got.Src, err, c.src, c.want)
		}
	}
	frame := testnet.Ether(mac1[:], mac2[:], testnet.EtherIPv6, tcp(a4, b4))
	if _, err := packet.Decode(packet.LinkEthernet, frame); !errors.Is(err, packet.ErrMalformed) ||
		!strings.Contains(err.Error(), "byte 14: IP version 4 in a frame of type 0x86dd") {
		t.Errorf("IPv4 in a frame of IPv6: got %v, want that it is malformed", err)
	}
}
