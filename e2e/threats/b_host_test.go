// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// hostAddresses are all under which the node can be reached: gateways of the own and of other
// networks, its address on the LAN, one on the loopback, and link-local ones.
func (s *site) hostAddresses(t testing.TB, from string) []netip.Addr {
	t.Helper()
	var out []netip.Addr
	for _, text := range []string{"10.1.0.1", "10.8.0.1", "192.0.2.1", "198.51.100.7", "169.254.1.1",
		"fd00:1::1", "fd00:8::1", "2001:db8::1", "2001:db8:7::7", "fd00:2::1"} {
		out = append(out, netip.MustParseAddr(text))
	}
	return append(out, s.linkLocal(t, from))
}

// linkLocal is the node's link-local address on a container's link. A bridge keeps the one that
// it made when it came up, while its hardware address follows its ports.
func (s *site) linkLocal(t testing.TB, from string) netip.Addr {
	t.Helper()
	link := places[from].bridge
	if link == "" {
		link = portOf(from)
	}
	for _, field := range strings.Fields(s.Run(t, "ip", "-6", "-o", "addr", "show", "dev", link)) {
		if p, err := netip.ParsePrefix(field); err == nil && p.Addr().IsLinkLocalUnicast() {
			return p.Addr()
		}
	}
	t.Fatalf("%s has no link-local address", link)
	return netip.Addr{}
}

// toHost are datagrams for the node at each address.
func (s *site) toHost(t testing.TB, from string, port uint16, to ...netip.Addr) []shot {
	t.Helper()
	var out []shot
	for _, a := range to {
		out = append(out, shot{fmt.Sprint(from, " to ", a), func(mark []byte) []byte {
			return s.routed(t, from, testnet.UDP(portAt(from, a.Is6(), 4000),
				netip.AddrPortFrom(a, port), mark))
		}})
	}
	return out
}

// A closed node is closed at each of its addresses.
func TestThreat026(t *testing.T) {
	s := newSite(t)
	s.AddAddresses(t, "lo", "198.51.100.7/32", "2001:db8:7::7/128")
	heard := told(s.Serve(t, "udp", 53))
	for _, from := range []string{"a", "d", "e"} {
		shots := s.toHost(t, from, 53, s.hostAddresses(t, from)...)
		pass(t, s.boxes[from], heard, shots)
		s.policies(t, hostClosed)
		s.attach(t)
		s.blocked(t, s.boxes[from], heard, shots, "rule")
		s.policies(t, "")
		s.apply(t)
		pass(t, s.boxes[from], heard, shots)
		s.uninstall(t)
	}
	pass(t, s.boxes["x"], heard, s.toHost(t, "x", 53, netip.MustParseAddr("192.0.2.1")))
}

// A policy that speaks of IPv4 alone leaves no IPv6 behind: the node and the containers are closed
// at their link-local addresses too, with every source that a container may try.
func TestThreat031(t *testing.T) {
	s := newSite(t)
	heard := told(s.Serve(t, "udp", 53))
	node := s.linkLocal(t, "a")
	at := caught(s.boxes["b"].Sniff(t, "eth0"))
	var host, peer []shot
	for _, from := range []netip.Addr{ll("a"), v6("a")} {
		host = append(host, shot{fmt.Sprint(from, " to the node"), func(mark []byte) []byte {
			return s.routed(t, "a", testnet.UDP(netip.AddrPortFrom(from, 1),
				netip.AddrPortFrom(node, 53), mark))
		}})
		peer = append(peer, shot{fmt.Sprint(from, " to b"), func(mark []byte) []byte {
			return s.direct(t, way{"a", "b"}, testnet.UDP(netip.AddrPortFrom(from, 1),
				netip.AddrPortFrom(ll("b"), 53), mark))
		}})
	}
	pass(t, s.boxes["a"], heard, host)
	pass(t, s.boxes["a"], at, peer)
	s.policies(t, onlyIPv4)
	s.attach(t)
	s.blocked(t, s.boxes["a"], heard, host, "rule", "link-local")
	s.blocked(t, s.boxes["a"], at, peer, "rule", "link-local", "quarantine", "default")
	s.boxes["b"].Serve(t, "tcp", 80)
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "a", "[fd00:1::3]:80", testnet.ErrTimeout)
}

// onlyIPv4 lets everybody send to IPv4 addresses, b receive from them, and closes the node.
const onlyIPv4 = hostClosed + `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: four, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]
`

// localnet switches on what makes a node take loopback addresses from the wire.
func (s *site) localnet(t testing.TB) {
	t.Helper()
	for _, iface := range []string{"all", "br0", "eth0", "veth-e"} {
		s.Sysctl(t, "net/ipv4/conf/"+iface+"/route_localnet", "1")
		s.Sysctl(t, "net/ipv4/conf/"+iface+"/rp_filter", "0")
		s.Sysctl(t, "net/ipv4/conf/"+iface+"/accept_local", "1")
	}
}

// The node's loopback is out of reach from its containers and from its neighbours, whatever
// route_localnet says.
func TestThreat028(t *testing.T) {
	s := newSite(t)
	s.localnet(t)
	heard := told(s.Serve(t, "udp", 53))
	loopback := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.5.6.7"),
		netip.MustParseAddr("127.255.255.254")}
	for _, from := range []string{"a", "e", "x"} {
		shots := s.toHost(t, from, 53, loopback...)
		// A service that trusts 127.0.0.1 is as well reached by who claims to be it.
		forged := shot{from + " as 127.0.0.1", func(mark []byte) []byte {
			return s.routed(t, from, testnet.UDP(netip.MustParseAddrPort("127.0.0.1:9"),
				netip.AddrPortFrom(gatewayOf(from, false), 53), mark))
		}}
		shots = append(shots, forged)
		pass(t, s.boxes[from], heard, shots)
		s.attach(t)
		s.blocked(t, s.boxes[from], heard, shots, "loopback", "spoof")
		s.uninstall(t)
	}
	s.attach(t)
	if err := s.Dial("udp", "127.0.0.1:53", 0); err != nil {
		t.Errorf("the node to itself: %v", err)
	}
	pass(t, s.boxes["x"], heard, s.toHost(t, "x", 53, netip.MustParseAddr("192.0.2.1")))
	pass(t, s.boxes["a"], heard, s.toHost(t, "a", 53, netip.MustParseAddr("10.1.0.1")))
}

// A port that is published on the node's loopback is there for the node alone.
func TestThreat029(t *testing.T) {
	s := newSite(t)
	s.localnet(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	heard := told(s.boxes["b"].Serve(t, "udp", 80))
	s.Nft(t, `
table ip published {
	chain pre { type nat hook prerouting priority -100;
		ip daddr 127.0.0.1 meta l4proto { tcp, udp } th dport 8081 dnat to 10.1.0.3:80; }
	chain out { type nat hook output priority -100;
		ip daddr 127.0.0.1 meta l4proto { tcp, udp } th dport 8081 dnat to 10.1.0.3:80; }
	chain post { type nat hook postrouting priority 100;
		oifname "br0" fib saddr type local masquerade; }
}`)
	shots := s.toHost(t, "x", 8081, netip.MustParseAddr("127.0.0.1"))
	straight := []shot{s.udp(t, "straight", way{"x", "b"}, false, 4000, 80)}
	pass(t, s.boxes["x"], heard, append(shots, straight...))
	s.policies(t, isolate("b"))
	s.attach(t)
	s.blocked(t, s.boxes["x"], heard, shots, "loopback")
	s.blocked(t, s.boxes["x"], heard, straight, "default")
	if err := s.Dial("tcp", "127.0.0.1:8081", 0); err != nil {
		t.Errorf("the node to its published port: %v", err)
	}
	s.policies(t, "")
	s.apply(t)
	s.blocked(t, s.boxes["x"], heard, shots, "loopback")
}
