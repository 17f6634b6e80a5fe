// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// tag is one VLAN tag: its type and its identifier with priority bits.
type tag struct{ tpid, id uint16 }

// stacks are the ways to wrap a frame. A receiver takes a tag with identifier 0 off, and the
// next one too.
var stacks = [][]tag{
	{{0x8100, 0}}, {{0x88a8, 0}}, {{0x8100, 0xe000}}, {{0x8100, 0x1000}}, {{0x8100, 5}},
	{{0x88a8, 5}}, {{0x8100, 4095}}, {{0x9100, 0}}, {{0x9200, 0}},
	{{0x8100, 0}, {0x8100, 0}}, {{0x88a8, 0}, {0x8100, 0}}, {{0x8100, 0}, {0x88a8, 0}},
	{{0x88a8, 0}, {0x88a8, 0}}, {{0x8100, 5}, {0x8100, 0}}, {{0x8100, 0}, {0x8100, 5}},
	{{0x8100, 0}, {0x8100, 0}, {0x8100, 0}}, {{0x88a8, 0}, {0x8100, 0}, {0x8100, 0}},
}

// wrap builds a frame with a stack of tags, the first outermost.
func wrap(dst, src net.HardwareAddr, stack []tag, etherType uint16, payload []byte) []byte {
	for i := len(stack) - 1; i >= 0; i-- {
		payload, etherType = testnet.Tag(stack[i].id, etherType, payload), stack[i].tpid
	}
	return testnet.Ether(dst, src, etherType, payload)
}

// content is what a tagged frame holds.
type content struct {
	name      string
	etherType uint16
	payload   func(mark []byte) []byte
}

// contents are a's lies about c, and true packets: a tag hides both.
func contents() []content {
	a, b, c := macOf("a"), macOf("b"), macOf("c")
	return []content{
		{"arp", testnet.EtherARP, func(mark []byte) []byte {
			return marked(testnet.ARP(testnet.ARPReply, a, v4("c"), b, v4("b")), mark)
		}},
		{"true arp", testnet.EtherARP, func(mark []byte) []byte {
			return marked(testnet.ARP(testnet.ARPReply, a, v4("a"), b, v4("b")), mark)
		}},
		{"ipv4", testnet.EtherIPv4, func(mark []byte) []byte {
			return testnet.UDP(at(v4("c"), 4000), at(v4("b"), 8080), mark)
		}},
		{"true ipv4", testnet.EtherIPv4, func(mark []byte) []byte {
			return testnet.UDP(at(v4("a"), 4000), at(v4("b"), 8080), mark)
		}},
		{"ipv6", testnet.EtherIPv6, func(mark []byte) []byte {
			return testnet.UDP(at(v6("c"), 4000), at(v6("b"), 8080), mark)
		}},
		{"true ipv6", testnet.EtherIPv6, func(mark []byte) []byte {
			return testnet.UDP(at(v6("a"), 4000), at(v6("b"), 8080), mark)
		}},
		{"advertisement", testnet.EtherIPv6, func(mark []byte) []byte {
			return marked(testnet.ICMP(ll("a"), v6("b"), 136, 0, advert(v6("c"), a)), mark)
		}},
		{"llc", 46, func(mark []byte) []byte { return append([]byte{0xaa, 0xaa, 3}, mark...) }},
		{"ipv4 from c's mac", testnet.EtherIPv4, func(mark []byte) []byte {
			return testnet.UDP(at(v4("c"), 4000), at(v4("b"), 8080), append(c, mark...))
		}},
	}
}

func tagged(dst, src net.HardwareAddr, list []content) []shot {
	var out []shot
	for _, stack := range stacks {
		for _, c := range list {
			out = append(out, shot{fmt.Sprintf("%s in %x to %s", c.name, stack, dst),
				func(mark []byte) []byte {
					return wrap(dst, src, stack, c.etherType, c.payload(mark))
				}})
		}
	}
	return out
}

func TestThreat005(t *testing.T) {
	s := newSite(t)
	var shots []shot
	for _, dst := range []net.HardwareAddr{macOf("b"), testnet.Broadcast, s.gatewayMAC(t, "a")} {
		shots = append(shots, tagged(dst, macOf("a"), contents())...)
	}
	t.Run("bridged", func(t *testing.T) { s.poisoning(t, shots, "ethertype") })
	t.Run("priority tag on a routed link", routedTags)
}

// routedTags: the node takes priority tags off before any IP hook, so that the packet inside is
// judged as what it is. A tag with another identifier leads nowhere.
func routedTags(t *testing.T) {
	s := newSite(t)
	forged := []content{{"ipv4", testnet.EtherIPv4, func(mark []byte) []byte {
		return testnet.UDP(at(netip.MustParseAddr("203.0.113.7"), 4000), at(v4("f"), 8080), mark)
	}}, {"ipv6", testnet.EtherIPv6, func(mark []byte) []byte {
		return testnet.UDP(at(v6("a"), 4000), at(v6("f"), 8080), mark)
	}}}
	f := []*testnet.Capture{s.boxes["f"].Sniff(t, "eth0")}
	shots := tagged(s.gatewayMAC(t, "e"), macOf("e"), forged)
	landed := fire(t, s.boxes["e"], f, shots, grace)
	if len(landed) < 4 {
		t.Errorf("unprotected: got %v, want both families in one tag and in two", landed)
	}
	s.attach(t)
	s.counts(t, func() {
		for _, name := range fire(t, s.boxes["e"], f, shots, grace) {
			t.Errorf("protected: %s: got through", name)
		}
	}, "spoof")
}
