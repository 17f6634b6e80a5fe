// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// claim is an ARP frame from a that says who has which address.
type claim struct {
	name          string
	op            uint16
	etherSrc, mac net.HardwareAddr
	sender        netip.Addr
}

// claims are a's lies about everybody: as a request, as an answer, unasked, with operations
// nobody uses, and with an honest frame around a dishonest sender.
func claims(liedAbout map[string]netip.Addr) []claim {
	a := macOf("a")
	var out []claim
	for whose, addr := range liedAbout {
		for _, op := range []uint16{0, 1, 2, 3, 8, 9, 0x0100} {
			out = append(out, claim{fmt.Sprintf("operation %d for %s", op, whose), op, a, a, addr})
		}
		out = append(out,
			claim{"request for " + whose + " from the MAC of x", 1, macOf("x"), macOf("x"), addr},
			claim{"reply for " + whose + " from nobody's MAC", 2, macOf("z"), macOf("z"), addr})
	}
	return append(out,
		claim{"own address, MAC of c inside", 2, a, macOf("c"), v4("a")},
		claim{"own address, broadcast inside", 2, a, testnet.Broadcast, v4("a")},
		claim{"own address, MAC of c outside", 2, macOf("c"), a, v4("a")},
		claim{"unspecified sender as a reply", 2, a, a, netip.IPv4Unspecified()},
		claim{"probe with MAC of c inside", 1, a, macOf("c"), netip.IPv4Unspecified()})
}

// shots sends claims to one MAC about one target, or gratuitously.
func (c claim) shots(dst net.HardwareAddr, target netip.Addr) []shot {
	build := func(target netip.Addr) func([]byte) []byte {
		return func(mark []byte) []byte {
			body := testnet.ARP(c.op, c.mac, c.sender, dst, target)
			return testnet.Ether(dst, c.etherSrc, testnet.EtherARP, marked(body, mark))
		}
	}
	return []shot{{c.name, build(target)}, {c.name + ", gratuitous", build(c.sender)}}
}

var (
	everybody4 = map[string]netip.Addr{"c": v4("c"), "the gateway": ips("10.1.0.1")[0],
		"the victim": v4("b"), "nobody": ips("10.1.0.99")[0], "a routed one": v4("f")}
	everybody6 = map[string]netip.Addr{"c": v6("c"), "the gateway": ips("fd00:1::1")[0],
		"the victim": v6("b"), "nobody": ips("fd00:1::99")[0], "c's link-local": ll("c")}
)

func TestThreat004(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	var shots []shot
	for _, c := range claims(everybody4) {
		shots = append(shots, c.shots(macOf("b"), v4("b"))...)
		shots = append(shots, c.shots(testnet.Broadcast, v4("b"))...)
		shots = append(shots, c.shots(s.gatewayMAC(t, "a"), ips("10.1.0.1")[0])...)
	}
	shots = append(shots, shot{"reverse ARP", func(mark []byte) []byte {
		body := testnet.ARP(3, macOf("a"), v4("c"), macOf("b"), v4("b"))
		return testnet.Ether(testnet.Broadcast, macOf("a"), 0x8035, marked(body, mark))
	}})
	s.poisoning(t, shots, "spoof", "ethertype")
	t.Run("honest", func(t *testing.T) {
		honest := claim{"own", 1, macOf("a"), macOf("a"), v4("a")}.shots(testnet.Broadcast, v4("b"))
		honest = append(honest,
			claim{"own answer", 2, macOf("a"), macOf("a"), v4("a")}.shots(macOf("b"), v4("b"))...)
		honest = append(honest, claim{"probe", 1, macOf("a"), macOf("a"),
			netip.IPv4Unspecified()}.shots(testnet.Broadcast, v4("a"))[0])
		allLand(t, s.boxes["a"], []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}, honest)
	})
}

// poisoning fires shots of a at b and the node, and looks at what both believe of c before and
// after.
func (s *site) poisoning(t *testing.T, shots []shot, reasons ...string) {
	t.Helper()
	at := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	for n, link := range map[*testnet.Namespace]string{s.boxes["b"].Namespace: "eth0",
		s.Namespace: "br0"} {
		// The kernel holds on to an answer for a second; an attacker has the time to wait.
		n.Sysctl(t, "net/ipv4/neigh/"+link+"/locktime", "0")
	}
	s.acquaint(t)
	allLand(t, s.boxes["a"], at, shots)
	if s.believes(t) == "" {
		t.Error("unprotected: nobody believed a lie, so that disbelief proves nothing")
	}
	s.attach(t)
	s.relearn(t)
	s.acquaint(t)
	s.noneLands(t, s.boxes["a"], at, shots, reasons...)
	if lie := s.believes(t); lie != "" {
		t.Errorf("protected: believed: %s", lie)
	}
	s.acquaint(t)
}

// acquaint makes b and the node know c, and b know the node.
func (s *site) acquaint(t *testing.T) {
	t.Helper()
	b := s.boxes["b"].Namespace
	for from, to := range map[*testnet.Namespace][]string{
		b: {"10.1.0.1", "fd00:1::1", "10.1.0.4", "fd00:1::4"}, s.Namespace: {"10.1.0.4", "fd00:1::4"},
	} {
		for _, addr := range to {
			if err := from.Ping(addr, 0); err != nil {
				t.Errorf("%s pings %s: %v", from.Name, addr, err)
			}
		}
	}
}

// believes returns the first line of a neighbour cache that is not true: only a, b, c and the
// gateway are on the bridge, each behind its own hardware address.
func (s *site) believes(t *testing.T) string {
	t.Helper()
	truth := map[netip.Addr]net.HardwareAddr{}
	for _, addr := range ips(gateways["br0"]...) {
		truth[addr] = s.gatewayMAC(t, "a")
	}
	for _, name := range []string{"a", "b", "c"} {
		truth[v4(name)], truth[v6(name)], truth[ll(name)] = macOf(name), macOf(name), macOf(name)
	}
	b := s.boxes["b"].Run(t, "ip", "neigh", "show", "dev", "eth0")
	for line := range strings.Lines(b + s.Run(t, "ip", "neigh", "show", "dev", "br0")) {
		addr, rest, _ := strings.Cut(line, " ")
		who := netip.MustParseAddr(addr)
		lied := strings.Contains(rest, "lladdr") && !strings.Contains(rest, truth[who].String())
		if lied && (truth[who] != nil || !who.IsLinkLocalUnicast()) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
