// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// dhcp is a DHCP message: a discovery, request or release of a client, with the client's
// hardware address inside.
func dhcp(op byte, client net.HardwareAddr, mark []byte) []byte {
	b := append(make([]byte, 0, 300), op, 1, 6, 0)
	b = append(b, mark...)
	b = append(b, make([]byte, 28-len(b))...)
	b = append(b, client...)
	b = append(b, make([]byte, 236-len(b))...)
	return append(b, 99, 130, 83, 99, 53, 1, op, 255)
}

// rogueServers are answers that only a DHCP server gives, from everywhere a may claim to be.
func rogueServers() []shot {
	var out []shot
	all6 := ips("ff02::1")[0]
	for _, src := range ips("10.1.0.2", "10.1.0.1", "10.1.0.99", "0.0.0.0") {
		for name, to := range map[string]netip.Addr{"b": v4("b"), "all": ips("255.255.255.255")[0]} {
			dst := net.HardwareAddr(testnet.Broadcast)
			if name == "b" {
				dst = macOf("b")
			}
			for _, port := range []uint16{67, 68, 4011} {
				out = append(out, shot{"offer from " + src.String() + " to " + name,
					func(mark []byte) []byte {
						return testnet.IPFrame(dst, macOf("a"), testnet.UDP(at(src, port),
							at(to, 68), dhcp(2, macOf("b"), mark)))
					}})
			}
		}
	}
	for _, src := range []netip.Addr{v6("a"), ll("a"), ips("fd00:1::1")[0], ll("c")} {
		for _, port := range []uint16{547, 546} {
			out = append(out, shot{"advertise from " + src.String(), func(mark []byte) []byte {
				return testnet.IPFrame(macOf("b"), macOf("a"), testnet.UDP(at(src, port),
					at(ll("b"), 546), append([]byte{2, 0, 0, 1}, mark...)))
			}}, shot{"advertise to all from " + src.String(), func(mark []byte) []byte {
				return testnet.IPFrame(multicastMAC(all6), macOf("a"), testnet.UDP(at(src, port),
					at(all6, 546), append([]byte{2, 0, 0, 1}, mark...)))
			}}, shot{"advertise behind options from " + src.String(), func(mark []byte) []byte {
				p := testnet.UDP(at(src, port), at(v6("b"), 546), append([]byte{2, 0, 0, 1}, mark...))
				return testnet.IPFrame(macOf("b"), macOf("a"), testnet.IP(src, v6("b"), destOptions,
					options(protoUDP, p[40:])))
			}})
		}
	}
	return out
}

// forgedClients are a's requests in the name of others.
func forgedClients() []shot {
	var out []shot
	for _, x := range []struct {
		name   string
		ether  net.HardwareAddr
		src    netip.Addr
		client net.HardwareAddr
	}{
		{"discover with c's frame", macOf("c"), netip.IPv4Unspecified(), macOf("c")},
		{"discover with c's chaddr", macOf("a"), netip.IPv4Unspecified(), macOf("c")},
		{"discover with nobody's chaddr", macOf("a"), netip.IPv4Unspecified(), macOf("z")},
		{"release of c", macOf("a"), v4("c"), macOf("c")},
		{"release of c from the own address", macOf("a"), v4("a"), macOf("c")},
	} {
		for to, mac := range map[netip.Addr]net.HardwareAddr{
			ips("255.255.255.255")[0]: testnet.Broadcast, v4("b"): macOf("b"),
		} {
			out = append(out, shot{x.name + " to " + to.String(), func(mark []byte) []byte {
				return testnet.IPFrame(mac, x.ether, testnet.UDP(at(x.src, 68), at(to, 67),
					dhcp(1, x.client, mark)))
			}})
		}
	}
	relay := ips("ff02::1:2")[0]
	for _, src := range []netip.Addr{ll("c"), v6("c"), netip.IPv6Unspecified()} {
		out = append(out, shot{"solicit from " + src.String(), func(mark []byte) []byte {
			return testnet.IPFrame(multicastMAC(relay), macOf("a"), testnet.UDP(at(src, 546),
				at(relay, 547), append([]byte{1, 0, 0, 1}, mark...)))
		}})
	}
	return out
}

func TestThreat010(t *testing.T) {
	s := newSite(t)
	taps := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	servers, clients := rogueServers(), forgedClients()
	allLand(t, s.boxes["a"], taps, slices.Concat(servers, clients))
	s.attach(t)
	s.relearn(t)
	s.noneLands(t, s.boxes["a"], taps, servers, "dhcp-server", "spoof")
	s.noneLands(t, s.boxes["a"], taps, clients, "spoof")
	t.Run("honest", func(t *testing.T) {
		relay := ips("ff02::1:2")[0]
		host := []*testnet.Capture{s.Sniff(t, "br0")}
		allLand(t, s.boxes["a"], host, []shot{{"discover", func(mark []byte) []byte {
			return testnet.IPFrame(testnet.Broadcast, macOf("a"), testnet.UDP(
				at(netip.IPv4Unspecified(), 68), at(ips("255.255.255.255")[0], 67),
				dhcp(1, macOf("a"), mark)))
		}}, {"renewal", func(mark []byte) []byte {
			return testnet.IPFrame(s.gatewayMAC(t, "a"), macOf("a"), testnet.UDP(at(v4("a"), 68),
				at(ips("10.1.0.1")[0], 67), dhcp(1, macOf("a"), mark)))
		}}, {"solicit", func(mark []byte) []byte {
			return testnet.IPFrame(multicastMAC(relay), macOf("a"), testnet.UDP(at(ll("a"), 546),
				at(relay, 547), append([]byte{1, 0, 0, 1}, mark...)))
		}}})
	})
}

// Multicast routers' messages: a bridge that snoops sends every group to who speaks like one.
func TestThreat010Routers(t *testing.T) {
	s := newSite(t)
	taps := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	var shots []shot
	for _, src := range ips("10.1.0.2", "0.0.0.0", "10.1.0.1") {
		for name, m := range map[string]struct {
			group string
			proto uint8
			body  []byte
		}{
			"query":            {"224.0.0.1", protoIGMP, []byte{0x11, 100, 0xee, 0x9b, 0, 0, 0, 0}},
			"router discovery": {"224.0.0.106", protoIGMP, []byte{0x30, 20, 0xcf, 0xeb, 0, 0, 0, 0}},
			"pim hello":        {"224.0.0.13", protoPIM, []byte{0x20, 0, 0xdf, 0xff, 0, 0, 0, 0}},
		} {
			to := ips(m.group)[0]
			shots = append(shots, shot{name + " from " + src.String(), func(mark []byte) []byte {
				return testnet.IPFrame(multicastMAC(to), macOf("a"),
					testnet.IP(src, to, m.proto, append(m.body, mark...)))
			}})
		}
	}
	snoop := func(on string) {
		s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", on)
	}
	lured := func() string {
		for _, x := range shots {
			// As it is without a mark, which would spoil the checksum.
			frame := x.frame(nil)
			s.boxes["a"].SendRaw(t, "eth0", frame)
		}
		settled(t)
		return s.Run(t, "bridge", "-d", "mdb", "show")
	}
	if got := lured(); !strings.Contains(got, "router ports on br0: veth-a") {
		t.Errorf("unprotected: got %q, want veth-a for a router", got)
	}
	snoop("0")
	allLand(t, s.boxes["a"], taps, shots)
	s.attach(t)
	snoop("1")
	if got := lured(); strings.Contains(got, "router ports on br0: veth-a") {
		t.Errorf("protected: got %q, want no router", got)
	}
	s.noneLands(t, s.boxes["a"], taps, shots, "router", "spoof")
}
