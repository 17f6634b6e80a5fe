// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// overheard counts unicast frames that are not for a on a's link.
func overheard(c *testnet.Capture, after int) int {
	n := 0
	for _, f := range c.Frames()[after:] {
		if f[0]&1 == 0 && !bytes.Equal(f[:6], macOf("a")) {
			n++
		}
	}
	return n
}

// TestThreat013 makes br0 flood what b and c say to each other: it does so with every frame for
// an address that it has not learned, or has forgotten.
func TestThreat013(t *testing.T) {
	s := newSite(t)
	s.boxes["a"].Run(t, "ip", "link", "set", "eth0", "promisc", "on")
	for _, port := range []string{"veth-b", "veth-c"} {
		s.Run(t, "bridge", "link", "set", "dev", port, "learning", "off")
	}
	s.boxes["c"].Serve(t, "tcp", 80)
	a := s.boxes["a"].Sniff(t, "eth0")
	talk := func() int {
		s.relearn(t)
		before := len(a.Frames())
		s.reach(t, "b", "10.1.0.4:80", nil)
		s.reach(t, "b", "[fd00:1::4]:80", nil)
		for _, addr := range []string{"10.1.0.3", "fd00:1::3"} {
			if err := s.Ping(addr, 0); err != nil {
				t.Errorf("node to %s: %v", addr, err)
			}
		}
		settled(t)
		return overheard(a, before)
	}
	if n := talk(); n < 10 {
		t.Errorf("unprotected: overheard %d frames, so that 0 proves nothing", n)
	}
	s.attach(t)
	s.counts(t, func() {
		if n := talk(); n > 0 {
			t.Errorf("protected: overheard %d frames, want 0", n)
		}
	}, "misdelivered")
}

// A bridge whose table is full floods everything.
func TestThreat013TableFlood(t *testing.T) {
	s := newSite(t)
	entries := func() int {
		return strings.Count(s.Run(t, "bridge", "fdb", "show", "br", "br0"), "veth-a master")
	}
	var frames [][]byte
	for i := range 500 {
		mac := net.HardwareAddr{0x06, 7, 7, 7, byte(i >> 8), byte(i)}
		frames = append(frames, testnet.IPFrame(macOf("b"), mac,
			testnet.UDP(at(v4("a"), 1), at(v4("b"), 2), nil)))
	}
	s.boxes["a"].SendRaw(t, "eth0", frames...)
	settled(t)
	if n := entries(); n < 400 {
		t.Errorf("unprotected: got %d entries, want 400", n)
	}
	s.attach(t)
	s.relearn(t)
	s.counts(t, func() {
		s.boxes["a"].SendRaw(t, "eth0", frames...)
		settled(t)
	}, "spoof")
	// The port's own and a's true one.
	if n := entries(); n > 2 {
		t.Errorf("protected: got %d entries, want at most 2", n)
	}
}

const nobodyReachesB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress]}
`

// trustful is somebody's firewall that denies all but answers.
const trustful = `
table inet trustful {
  chain forward {
    type filter hook forward priority 0; policy drop;
    meta l4proto ipv6-icmp accept
    ct state established accept
  }
}`

// TestThreat014: one frame in the victim's name makes conntrack believe that the victim has
// asked, and what is denied passes for an answer.
func TestThreat014(t *testing.T) {
	s := newSite(t)
	s.Nft(t, trustful)
	s.policies(t, nobodyReachesB)
	for _, hooks := range []string{"iptables", "ip6tables"} {
		s.Sysctl(t, "net/bridge/bridge-nf-call-"+hooks, "1")
	}
	taps := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}
	macs := map[string]net.HardwareAddr{"itself": macOf("a"), "b": macOf("b"), "c": macOf("c"),
		"the gateway": s.gatewayMAC(t, "a"), "all": testnet.Broadcast}
	poison := func(name string, mac net.HardwareAddr, six bool) []string {
		a, b := v4("a"), v4("b")
		if six {
			a, b = v6("a"), v6("b")
		}
		s.boxes["a"].SendRaw(t, "eth0",
			testnet.IPFrame(mac, macOf("a"), testnet.UDP(at(b, 8080), at(a, 4000), []byte("q"))),
			testnet.IPFrame(mac, macOf("a"), testnet.TCP(at(b, 8080), at(a, 4000), testnet.SYN, 1,
				0, nil)))
		return fire(t, s.boxes["a"], taps, []shot{{"udp by " + name, func(mark []byte) []byte {
			return testnet.IPFrame(macOf("b"), macOf("a"), testnet.UDP(at(a, 4000), at(b, 8080), mark))
		}}, {"tcp by " + name, func(mark []byte) []byte {
			return testnet.IPFrame(macOf("b"), macOf("a"), testnet.TCP(at(a, 4000), at(b, 8080),
				testnet.SYN|testnet.ACK, 1, 2, mark))
		}}}, grace)
	}
	for _, six := range []bool{false, true} {
		s.relearn(t)
		if got := poison("unprotected", testnet.Broadcast, six); len(got) == 0 {
			t.Errorf("unprotected: IPv6 %t: nothing passed for an answer", six)
		}
	}
	s.attach(t)
	for name, mac := range macs {
		for _, six := range []bool{false, true} {
			s.relearn(t)
			s.counts(t, func() {
				if got := poison(name, mac, six); len(got) > 0 {
					t.Errorf("protected: sent to %s, IPv6 %t: %v passed", name, six, got)
				}
			}, "spoof")
			if got := s.Run(t, "conntrack", "-L"); strings.Contains(got, "src=10.1.0.3 dst=10.1.0.2") {
				t.Errorf("conntrack: got %s, want nothing of b", got)
			}
		}
	}
}
