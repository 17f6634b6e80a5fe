// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// oddFrames are what is neither IP nor ARP.
func oddFrames(dst net.HardwareAddr) []shot {
	a := macOf("a")
	var out []shot
	for _, t := range []uint16{0x0842, 0x22f3, 0x6003, 0x8035, 0x809b, 0x8137, 0x8847, 0x8848,
		0x8863, 0x8864, 0x888e, 0x88b5, 0x88b6, 0x88cc, 0x88e3, 0x88e5, 0x88f7, 0x8902, 0x8906,
		0x9000, 0x0600, 0xffff, 0x8808, 0x8809} {
		out = append(out, shot{fmt.Sprintf("ethertype %#x", t), func(mark []byte) []byte {
			return testnet.Ether(dst, a, t, mark)
		}})
	}
	packet := func(mark []byte) []byte { return testnet.UDP(at(v4("a"), 1), at(v4("b"), 2), mark) }
	for name, head := range map[string][]byte{
		"snap ip": {0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, "snap arp": {0xaa, 0xaa, 3, 0, 0, 0, 8, 6},
		"snap vlan": {0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 0}, "llc ip": {6, 6, 3},
		"stp": {0x42, 0x42, 3}, "netbeui": {0xf0, 0xf0, 3}, "ipx": {0xff, 0xff},
		"zero length": {},
	} {
		out = append(out, shot{"802.3 " + name, func(mark []byte) []byte {
			body := append(slices.Clone(head), packet(mark)...)
			return llc(dst, a, body)
		}})
	}
	return append(out,
		shot{"runt", func(mark []byte) []byte { return testnet.Ether(dst, a, 0x0003, mark[:8]) }},
		shot{"length zero", func(mark []byte) []byte { return testnet.Ether(dst, a, 0, mark) }},
		shot{"oversize", func(mark []byte) []byte {
			return testnet.Ether(dst, a, 0x88b5, append(mark, make([]byte, 1492)...))
		}})
}

// brokenPackets are IP and ARP that no stack would send, from a's own addresses.
func brokenPackets(dst net.HardwareAddr) []shot {
	a := macOf("a")
	cut := func(n int, etherType uint16, p []byte) func([]byte) []byte {
		return func(mark []byte) []byte {
			return testnet.Ether(dst, a, etherType, append(slices.Clone(p[:n]), mark...))
		}
	}
	p4 := testnet.UDP(at(v4("c"), 1), at(v4("b"), 2), nil)
	p6 := testnet.UDP(at(v6("c"), 1), at(v6("b"), 2), nil)
	arp := testnet.ARP(2, a, v4("c"), macOf("b"), v4("b"))
	return []shot{
		{"ipv4 cut after 1", cut(1, testnet.EtherIPv4, p4)},
		{"ipv4 cut after 19", cut(11, testnet.EtherIPv4, p4)},
		{"ipv4 that says 6", cut(28, testnet.EtherIPv4, append([]byte{0x65}, p4[1:]...))},
		{"ipv4 with a short header", cut(28, testnet.EtherIPv4, append([]byte{0x41}, p4[1:]...))},
		{"ipv4 in an ipv6 frame", cut(28, testnet.EtherIPv6, p4)},
		{"ipv6 in an ipv4 frame", cut(48, testnet.EtherIPv4, p6)},
		{"ipv6 cut after 20", cut(20, testnet.EtherIPv6, p6)},
		{"arp cut after 8", cut(8, testnet.EtherARP, arp)},
		{"arp cut after 15", cut(15, testnet.EtherARP, arp)},
		{"arp with long addresses", cut(28, testnet.EtherARP,
			append([]byte{0, 1, 8, 0, 8, 4}, arp[6:]...))},
		{"arp of another network", cut(28, testnet.EtherARP,
			append([]byte{0, 6, 8, 0, 6, 4}, arp[6:]...))},
	}
}

func TestThreat007(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	var odd, broken []shot
	for _, dst := range []net.HardwareAddr{macOf("b"), testnet.Broadcast, s.gatewayMAC(t, "a")} {
		odd = append(odd, oddFrames(dst)...)
		broken = append(broken, brokenPackets(dst)...)
	}
	for _, hooks := range []string{"iptables", "ip6tables"} {
		// The IP hooks of a bridge would refuse what is broken before we do.
		s.Sysctl(t, "net/bridge/bridge-nf-call-"+hooks, "0")
	}
	at := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	allLand(t, s.boxes["a"], at, odd)
	allLand(t, s.boxes["a"], at, broken)
	s.attach(t)
	s.relearn(t)
	s.noneLands(t, s.boxes["a"], at, odd, "ethertype")
	s.noneLands(t, s.boxes["a"], at, broken, "spoof")
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "a", "[fd00:1::3]:80", nil)
}
