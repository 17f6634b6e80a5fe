// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// ipOptions are the options that steer or describe a way (RFC 791), and others a stack must not
// fall over.
var ipOptions = map[string][]byte{
	"loose source route":  {131, 7, 4, 10, 1, 0, 3, 0},
	"strict source route": {137, 7, 4, 10, 1, 0, 3, 0},
	"record route":        {7, 7, 4, 0, 0, 0, 0, 0},
	"timestamp":           {68, 8, 5, 0, 0, 0, 0, 0},
	"stream id":           {136, 4, 0, 1},
	"security":            {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	"no operation":        {1, 1, 1, 1},
	"router alert":        {148, 4, 0, 0},
	"unknown":             {0x5e, 4, 0, 0},
}

// routingHeaders are IPv6 routing headers: source routing, mobility, compressed and segments.
func routingHeader(kind byte, via netip.Addr) []byte {
	return append([]byte{0, 2, kind, 1, 0, 0, 0, 0}, via.AsSlice()...)
}

// destinationOptions is a header of padding.
var destinationOptions = []byte{0, 0, 1, 4, 0, 0, 0, 0}

// Source routing and its kin never leave a container, whatever policy says.
func TestThreat044(t *testing.T) {
	s := newSite(t)
	for _, w := range ways {
		t.Run(w.from+"-"+w.to, func(t *testing.T) {
			var shots []shot
			for name, option := range ipOptions {
				shots = append(shots, shot{name, func(mark []byte) []byte {
					return s.direct(t, w, withOptions(testnet.UDP(portAt(w.from, false, 4000),
						portAt(w.to, false, 5000), mark), option))
				}})
			}
			for _, kind := range []byte{0, 2, 3, 4, 253} {
				shots = append(shots, shot{fmt.Sprint("routing header ", kind),
					func(mark []byte) []byte {
						p := testnet.UDP(portAt(w.from, true, 4000), portAt(w.to, true, 5000), mark)
						p = behind(p, 43, routingHeader(kind, v6("c")))
						return s.direct(t, w, p)
					}})
				shots = append(shots, shot{fmt.Sprint("routing header ", kind, " behind options"),
					func(mark []byte) []byte {
						p := testnet.UDP(portAt(w.from, true, 4000), portAt(w.to, true, 5000), mark)
						p = behind(p, 43, routingHeader(kind, v6("c")))
						return s.direct(t, w, behind(p, 60, destinationOptions))
					}})
			}
			at := caught(s.boxes[w.to].Sniff(t, "eth0"))
			pass(t, s.boxes[w.from], at, honest(s, t, w))
			if kinds := len(volley(t, s.boxes[w.from], at, shots)); kinds < len(shots)/2 {
				// The node's own stack refuses some, and forwards the others.
				t.Errorf("unprotected: %d of %d pass", kinds, len(shots))
			}
			s.attach(t)
			defer s.uninstall(t)
			s.blocked(t, s.boxes[w.from], at, shots, "options")
			pass(t, s.boxes[w.from], at, honest(s, t, w))
		})
	}
}

// honest are packets that must pass wherever policy lets them: plain, behind harmless
// extension headers, in fragments.
func honest(s *site, t testing.TB, w way) []shot {
	wrapped := func(number byte, header []byte) func([]byte) []byte {
		return func(mark []byte) []byte {
			p := testnet.UDP(portAt(w.from, true, 4001), portAt(w.to, true, 5001), mark)
			return s.direct(t, w, behind(p, number, header))
		}
	}
	return []shot{
		s.udp(t, "plain IPv4", w, false, 4001, 5001),
		s.udp(t, "plain IPv6", w, true, 4001, 5001),
		{"destination options", wrapped(60, destinationOptions)},
		{"hop-by-hop options", wrapped(0, destinationOptions)},
		{"atomic fragment", wrapped(44, []byte{0, 0, 0, 0, 0, 0, 0, 9})},
	}
}

// A header that steers cannot hide in the second of two fragments: with segment routing on, the
// node itself would carry the packet on, to wherever the header says.
func TestThreat044Fragments(t *testing.T) {
	s := newSite(t)
	for _, iface := range []string{"all", "br0"} {
		s.Sysctl(t, "net/ipv6/conf/"+iface+"/seg6_enabled", "1")
	}
	seen := caught(s.boxes["d"].Sniff(t, "eth0"))
	// After the options, the kernel looks for an upper layer in the first fragment; after the
	// routing header too it finds one.
	for name, cut := range map[string]int{"the chain cut": 8, "the chain whole": 56} {
		if arrives := s.segments(t, seen, cut); arrives != (cut == 56) {
			t.Errorf("unprotected: %s: the packet arrives: %t", name, arrives)
		}
	}
	s.policies(t, isolate("d"))
	s.attach(t)
	before := s.refused(t)
	for name, cut := range map[string]int{"the chain cut": 8, "the chain whole": 56} {
		if s.segments(t, seen, cut) {
			t.Errorf("%s: the packet arrives", name)
		}
	}
	if grown := moved(before, s.refused(t)); grown["options"] == 0 {
		t.Errorf("counter of options: got none; moved: %v", grown)
	}
	pass(t, s.boxes["a"], caught(s.boxes["e"].Sniff(t, "eth0")), honest(s, t, way{"a", "e"}))
}

var fragments atomic.Uint32

// segments sends a packet from a to the node, with one more segment: d, which a may not reach. It
// is cut into two fragments. It returns whether it came to d.
func (s *site) segments(t testing.TB, seen witness, cut int) bool {
	t.Helper()
	mark, gateway := newMark(), gatewayOf("a", true)
	p := testnet.UDP(portAt("a", true, 4000), portAt("d", true, 5000), mark)
	copy(p[24:40], gateway.AsSlice())
	list := append([]byte{0, 4, 4, 1, 1, 0, 0, 0}, v6("d").AsSlice()...)
	p = behind(p, 43, append(list, gateway.AsSlice()...))
	p = behind(p, 60, destinationOptions)
	for _, piece := range pieces6(p, cut, byte(fragments.Add(1))) {
		s.boxes["a"].SendRaw(t, "eth0", s.routed(t, "a", piece))
	}
	for end := time.Now().Add(grace); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if seen(mark) {
			return true
		}
	}
	return false
}

// tunnels are packets that a node of an overlay would unwrap, around a packet to b.
func (s *site) tunnels(t testing.TB, w way, to netip.Addr) []shot {
	var out []shot
	from := addrOf(w.from, to.Is6())
	for _, protocol := range []uint8{4, 41, 47, 97, 115, 137} {
		out = append(out, shot{fmt.Sprint("protocol ", protocol), func(mark []byte) []byte {
			inner := testnet.UDP(portAt(w.from, false, 1), portAt("b", false, 2), mark)
			if protocol == 47 {
				inner = append([]byte{0, 0, 8, 0}, inner...)
			}
			return s.frameTo(t, w, testnet.IP(from, to, protocol, inner))
		}})
	}
	for _, port := range []uint16{4789, 8472, 6081, 6080, 6635, 51820, 1701} {
		out = append(out, shot{fmt.Sprint("port ", port), func(mark []byte) []byte {
			inner := testnet.IPFrame(macOf("b"), macOf(w.from), testnet.UDP(
				portAt(w.from, false, 1), portAt("b", false, 2), mark))
			return s.frameTo(t, w, testnet.UDP(netip.AddrPortFrom(from, 33333),
				netip.AddrPortFrom(to, port), append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, inner...)))
		}})
	}
	return out
}

func (s *site) frameTo(t testing.TB, w way, packet []byte) []byte {
	if w.to == "" {
		return s.routed(t, w.from, packet)
	}
	return s.direct(t, w, packet)
}

// Tunnels do not begin in a container: neither to others, nor to the world.
func TestThreat043(t *testing.T) {
	s := newSite(t)
	for _, w := range append(ways, way{"a", "x"}, way{"e", "x"}) {
		at := caught(s.boxes[w.to].Sniff(t, "eth0"))
		shots := append(s.tunnels(t, w, v4(w.to)), s.tunnels(t, w, v6(w.to))...)
		pass(t, s.boxes[w.from], at, shots)
		s.attach(t)
		s.blocked(t, s.boxes[w.from], at, shots, "encapsulation")
		pass(t, s.boxes[w.from], at, honest(s, t, w)[:2])
		s.uninstall(t)
	}
}

// Nor do they reach the node: a VXLAN device there, told to listen, would put the frame inside
// onto the overlay.
func TestThreat043Node(t *testing.T) {
	s := newSite(t)
	s.Run(t, "ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "4789",
		"local", "10.1.0.1", "dev", "br0")
	s.Run(t, "ip", "link", "set", "vx0", "up")
	overlay := caught(s.Sniff(t, "vx0"))
	vxlan := []shot{{"vxlan", func(mark []byte) []byte {
		inner := testnet.IPFrame(testnet.Broadcast, macOf("a"), testnet.UDP(
			portAt("a", false, 1), portAt("b", false, 2), mark))
		return s.routed(t, "a", testnet.UDP(portAt("a", false, 33333),
			netip.MustParseAddrPort("10.1.0.1:4789"),
			append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, inner...)))
	}}}
	pass(t, s.boxes["a"], overlay, vxlan)
	s.attach(t)
	s.blocked(t, s.boxes["a"], overlay, vxlan, "encapsulation")
	if err := s.boxes["a"].Ping("10.1.0.1", 0); err != nil {
		t.Errorf("ping of the gateway: %v", err)
	}
}
