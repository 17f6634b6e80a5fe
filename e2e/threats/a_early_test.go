// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// truths are a container's honest packets to everybody, and odd frames, which nobody may get
// before it is attached.
func (s *site) truths(t *testing.T, name string, to ...netip.Addr) []shot {
	t.Helper()
	var out []shot
	own := macOf(name)
	macs := []net.HardwareAddr{s.gatewayMAC(t, name)}
	if places[name].bridge == "br0" {
		macs = append(macs, macOf("b"), testnet.Broadcast)
	}
	for _, mac := range macs {
		for _, dst := range to {
			src := v4(name)
			if dst.Is6() {
				src = v6(name)
			}
			for _, from := range []netip.Addr{src, map[bool]netip.Addr{
				true: ips("2001:db8:9::7")[0], false: ips("203.0.113.7")[0]}[dst.Is6()]} {
				out = append(out, shot{from.String() + " to " + dst.String(),
					func(mark []byte) []byte {
						return testnet.IPFrame(mac, own,
							testnet.UDP(at(from, 4000), at(dst, 8080), mark))
					}})
			}
		}
	}
	return out
}

// withoutTheft leaves out frames with b's own hardware address: the bridge would send those that
// follow to the thief instead of b.
func withoutTheft(shots []shot) []shot {
	return slices.DeleteFunc(slices.Clone(shots), func(x shot) bool {
		return strings.HasPrefix(x.name, "mac of")
	})
}

// early are all attempts of a bridged attacker that no endpoint's port is known for.
func (s *site) early(t *testing.T) []shot {
	t.Helper()
	group := ips("ff02::1")[0]
	out := slices.Concat(s.escapes(t), rogueServers(), forgedClients(),
		tagged(macOf("b"), macOf("a"), contents()), oddFrames(macOf("b")),
		oddFrames(testnet.Broadcast), disguised(macOf("b"), forgedDiscovery(v6("b"))),
		disguised(multicastMAC(group), routerMessages(group)),
		s.truths(t, "a", v4("b"), v6("b"), v4("d"), v4("f"), v6("f")))
	for _, c := range claims(everybody4) {
		out = append(out, c.shots(macOf("b"), v4("b"))...)
	}
	return out
}

// TestThreat019: an attacker waits in the namespace until its link comes up, and the chained
// plugin runs later. With the closed base nothing at all passes; without it the other endpoints
// are safe.
func TestThreat019(t *testing.T) {
	for _, base := range []bool{true, false} {
		t.Run(map[bool]string{true: "closed base", false: "no base"}[base], func(t *testing.T) {
			s := newSite(t)
			shots := s.early(t)
			var taps []*testnet.Capture
			for _, name := range []string{"b", "c", "d", "f"} {
				taps = append(taps, s.boxes[name].Sniff(t, "eth0"))
			}
			if got := fire(t, s.boxes["a"], taps, withoutTheft(shots), grace); len(got) < len(shots)/2 {
				t.Errorf("unprotected: %d of %d landed, want most", len(got), len(shots))
			}
			reason := "unknown-port"
			if base {
				s.manage(t, managed)
				taps = append(taps, s.Sniff(t, "br0"))
			}
			s.attach(t, "b", "c", "d", "f")
			s.relearn(t)
			s.acquaint(t)
			s.counts(t, func() {
				if got := fire(t, s.boxes["a"], taps, shots, grace); len(got) > 0 {
					t.Errorf("protected: %d got through: %q", len(got), got)
				}
			}, reason)
			if lie := s.believes(t); lie != "" {
				t.Errorf("protected: believed: %s", lie)
			}
			s.acquaint(t)
		})
	}
	t.Run("while others are attached", earlyRace)
	t.Run("towards the node", earlyNode)
	t.Run("lured frames", luredFrames)
}

// earlyRace keeps an attacker firing through every transaction of everybody's ADD.
func earlyRace(t *testing.T) {
	s := newSite(t)
	shots := slices.Concat(s.escapes(t)[:40], oddFrames(macOf("b")),
		s.truths(t, "a", v4("b"), v6("b"), v4("f"), v6("f")))
	taps := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.boxes["f"].Sniff(t, "eth0")}
	if got := fire(t, s.boxes["a"], taps, withoutTheft(shots), grace); len(got) < len(shots)/2 {
		t.Errorf("unprotected: %d of %d landed, want most", len(got), len(shots))
	}
	s.manage(t, managed)
	s.relearn(t)
	stop, rounds := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { rounds <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if got := fire(t, s.boxes["a"], taps, shots, 0); len(got) > 0 {
				t.Errorf("round %d: %d got through: %q", n, len(got), got[:1])
			}
		}
	}()
	s.attach(t, "b", "c", "d", "e", "f")
	for range 5 {
		s.detach(t, "c")
		s.attach(t, "c")
	}
	close(stop)
	if n := <-rounds; n < 2 {
		t.Errorf("attacker: got %d rounds, want 2", n)
	}
	s.attach(t, "a")
	s.relearn(t)
	for _, addr := range []string{"10.1.0.3", "fd00:1::3", "10.2.0.3"} {
		if err := s.boxes["a"].Ping(addr, 0); err != nil {
			t.Errorf("a pings %s after its ADD: %v", addr, err)
		}
	}
}

// earlyNode: what reaches a service of the node, bridged and routed, by honest and other
// addresses, also through the groups that bridges reserve.
func earlyNode(t *testing.T) {
	s := newSite(t)
	server := s.Serve(t, "udp", 8080)
	to := ips("10.1.0.1", "fd00:1::1", "10.8.0.1", "fd00:8::1", "169.254.1.1", "fd00:2::1")
	heard := func() int {
		before := len(server.Received())
		for _, name := range []string{"a", "e"} {
			for _, x := range s.truths(t, name, to...) {
				s.boxes[name].SendRaw(t, "eth0", x.frame(newMark()))
			}
		}
		settled(t)
		return len(server.Received()) - before + s.reserved(t, server)
	}
	if n := heard(); n < 40 {
		t.Errorf("unprotected: got %d packets, want 40", n)
	}
	s.manage(t, managed)
	s.attach(t, "b", "f")
	s.relearn(t)
	s.counts(t, func() {
		if n := heard(); n > 0 {
			t.Errorf("protected: got %d packets, want 0", n)
		}
	}, "quarantine", "unknown-port")
}

// luredFrames: a port that nobody knows teaches the bridge c's address and waits for what the
// node sends there. The reserved groups teach it past every hook; the frames stay away all the
// same.
func luredFrames(t *testing.T) {
	s := newSite(t)
	tap := s.boxes["a"].Sniff(t, "eth0")
	// Once is not enough: the frame after which c itself has spoken goes to c.
	lure := func() bool {
		s.acquaint(t)
		before := len(tap.Frames())
		for range 10 {
			s.boxes["a"].SendRaw(t, "eth0", testnet.Ether(testnet.Broadcast, macOf("c"), 0x88b5,
				make([]byte, 46)), testnet.Ether(group(0x0e), macOf("c"), 0x88cc, make([]byte, 46)))
			settled(t)
			s.Ping("10.1.0.4", grace)
			s.Ping("fd00:1::4", grace)
			if slices.ContainsFunc(tap.Frames()[before:], func(f []byte) bool {
				return bytes.Equal(f[:6], macOf("c"))
			}) {
				return true
			}
		}
		return false
	}
	if !lure() {
		t.Error("unprotected: lured nothing, so that it proves nothing")
	}
	s.attach(t, "b", "c")
	s.relearn(t)
	s.acquaint(t)
	s.boxes["a"].SendRaw(t, "eth0", testnet.Ether(testnet.Broadcast, macOf("c"), 0x88b5,
		make([]byte, 46)))
	settled(t)
	if port := s.portOfMAC(t, "c"); port == "veth-a" {
		t.Error("protected: c is behind veth-a, want it not learned from an unknown port")
	}
	s.counts(t, func() {
		if lure() {
			t.Error("protected: lured frames for c, want none")
		}
	}, "misdelivered")
}

const ownGatewayOnly = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {matchLabels: {app: a}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.1.0.0/24}}]
`

// TestThreat020: the node answers for all its addresses on every bridge. The answer gives a no
// access: what it sends there is judged by its address, not by the bridge it is on.
func TestThreat020(t *testing.T) {
	s := newSite(t)
	s.policies(t, ownGatewayOnly)
	s.boxes["d"].Serve(t, "tcp", 80)
	server := s.Serve(t, "udp", 8080)
	tap := s.boxes["a"].Sniff(t, "eth0")
	d := s.boxes["d"].Sniff(t, "eth0")
	answered := func() bool {
		other := ips("10.8.0.1")[0]
		s.boxes["a"].SendRaw(t, "eth0", testnet.Ether(testnet.Broadcast, macOf("a"),
			testnet.EtherARP, testnet.ARP(testnet.ARPRequest, macOf("a"), v4("a"), nil, other)))
		_, ok := tap.Wait(func(f []byte) bool {
			return f[12] == 8 && f[13] == 6 && bytes.Contains(f[14:], other.AsSlice())
		}, 0)
		return ok
	}
	shots := []shot{{"through the other gateway", func(mark []byte) []byte {
		return testnet.IPFrame(s.gatewayMAC(t, "a"), macOf("a"),
			testnet.UDP(at(v4("a"), 4000), at(v4("d"), 8080), mark))
	}}, {"to the other bridge's address", func(mark []byte) []byte {
		return testnet.IPFrame(s.gatewayMAC(t, "d"), macOf("a"),
			testnet.UDP(at(v4("a"), 4000), at(v4("d"), 8080), mark))
	}}}
	if !answered() {
		t.Error("unprotected: no answer for the other bridge's gateway")
	}
	allLand(t, s.boxes["a"], []*testnet.Capture{d}, shots[:1])
	s.attach(t)
	s.relearn(t)
	if got := fire(t, s.boxes["a"], []*testnet.Capture{d}, shots, grace); len(got) > 0 {
		t.Errorf("protected: %q got through", got)
	}
	s.reach(t, "a", "10.8.0.2:80", testnet.ErrTimeout)
	if err := s.boxes["a"].Ping("10.1.0.3", 0); err != nil {
		t.Errorf("a pings b: %v", err)
	}
	if got := server.Received(); slices.ContainsFunc(got, func(r testnet.Received) bool {
		return strings.HasPrefix(r.From.String(), "10.1.0.2")
	}) {
		t.Errorf("service of the node: got %v, want nothing of a", got)
	}
}
