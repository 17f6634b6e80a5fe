// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// witnesses see what arrives: frames at b, d, f and the node's bridges, datagrams at a service
// of the node and at b.
type witnesses struct {
	taps    []*testnet.Capture
	servers []*testnet.Server
}

func (s *site) witnesses(t *testing.T) witnesses {
	t.Helper()
	w := witnesses{taps: []*testnet.Capture{s.Sniff(t, "br0"), s.Sniff(t, "br1")}}
	w.servers = append(w.servers, s.Serve(t, "udp", 8080))
	for _, name := range []string{"b", "d", "f"} {
		w.taps = append(w.taps, s.boxes[name].Sniff(t, "eth0"))
	}
	return w
}

// lands fires shots and returns the names of those that anybody got.
func (w witnesses) lands(t *testing.T, from *testnet.Container, shots []shot) []string {
	t.Helper()
	var got []string
	heard := func(mark []byte) bool {
		return slices.ContainsFunc(w.servers, func(s *testnet.Server) bool {
			return slices.ContainsFunc(s.Received(), func(r testnet.Received) bool {
				return strings.Contains(r.Data, string(mark))
			})
		})
	}
	sent := make([]shot, len(shots))
	mark := make([][]byte, len(shots))
	for i, x := range shots {
		sent[i] = shot{x.name, func(m []byte) []byte {
			mark[i] = slices.Clone(m)
			return x.frame(m)
		}}
	}
	seen := fire(t, from, w.taps, sent, grace)
	for i, x := range shots {
		if slices.Contains(seen, x.name) || heard(mark[i]) {
			got = append(got, x.name)
		}
	}
	return got
}

// escapes are a's attempts when something about its link is not as it was: lies in both
// families, as c and as a stranger, by ARP and discovery, tagged and plain, to everybody.
func (s *site) escapes(t *testing.T) []shot {
	t.Helper()
	macs := []net.HardwareAddr{macOf("b"), macOf("d"), s.gatewayMAC(t, "a"),
		s.gatewayMAC(t, "d"), s.MAC(t, s.plugs["a"].HostInterface), testnet.Broadcast}
	var out []shot
	for _, mac := range macs {
		to := " to " + mac.String()
		for _, dst := range []string{"10.1.0.3", "10.8.0.2", "10.1.0.1", "10.8.0.1", "10.2.0.3"} {
			for _, src := range ips("10.1.0.4", "10.8.0.2", "10.2.0.2") {
				out = append(out, shot{src.String() + " to " + dst + to, func(mark []byte) []byte {
					return testnet.IPFrame(mac, macOf("a"), testnet.UDP(at(src, 4000),
						at(netip.MustParseAddr(dst), 8080), mark))
				}})
			}
		}
		for _, dst := range []string{"fd00:1::3", "fd00:8::2", "fd00:1::1", "fd00:2::3"} {
			for _, src := range ips("fd00:1::4", "fd00:8::2", "fd00:2::2") {
				out = append(out, shot{src.String() + " to " + dst + to, func(mark []byte) []byte {
					return testnet.IPFrame(mac, macOf("a"), testnet.UDP(at(src, 4000),
						at(netip.MustParseAddr(dst), 8080), mark))
				}})
			}
		}
		for _, whose := range []string{"b", "c", "d"} {
			out = append(out, shot{"arp for " + whose + to, func(mark []byte) []byte {
				body := testnet.ARP(testnet.ARPReply, macOf("a"), v4(whose), mac, v4("b"))
				return testnet.Ether(mac, macOf("a"), testnet.EtherARP, marked(body, mark))
			}}, shot{"mac of " + whose + to, func(mark []byte) []byte {
				return testnet.Ether(mac, macOf(whose), 0x88b5, mark)
			}})
		}
	}
	return out
}

// moves are what may happen to the host's end of a link while its container runs.
var moves = map[string][][]string{
	"renamed": {{"ip", "link", "set", "veth-a", "name", "veth-z"}},
	"down and up": {{"ip", "link", "set", "veth-a", "down"},
		{"ip", "link", "set", "veth-a", "up"}},
	"to another bridge": {{"ip", "link", "set", "veth-a", "master", "br1"}},
	"unplugged":         {{"ip", "link", "set", "veth-a", "nomaster"}},
	"replugged": {{"ip", "link", "set", "veth-a", "nomaster"},
		{"ip", "link", "set", "veth-a", "master", "br0"}},
}

func TestThreat016(t *testing.T) {
	for name, commands := range moves {
		t.Run(name, func(t *testing.T) {
			move := func(s *site) []string {
				w := s.witnesses(t)
				for _, c := range commands {
					s.Run(t, c[0], c[1:]...)
				}
				if name == "renamed" {
					p := s.plugs["a"]
					p.HostInterface = "veth-z"
					s.plugs["a"] = p
				}
				s.relearn(t)
				return w.lands(t, s.boxes["a"], s.escapes(t))
			}
			if got := move(newSite(t)); len(got) < 10 {
				t.Errorf("unprotected: got %q, want far more", got)
			}
			s := newSite(t)
			s.boxes["b"].Serve(t, "tcp", 80)
			s.policies(t, onlyCReachesB)
			s.attach(t)
			s.counts(t, func() {
				if got := move(s); len(got) > 0 {
					t.Errorf("protected: %q got through", got)
				}
			}, "spoof")
			s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
			s.reach(t, "a", "[fd00:1::3]:80", testnet.ErrTimeout)
			s.reach(t, "c", "10.1.0.3:80", nil)
		})
	}
	t.Run("routed and renamed", routedRenamed)
	t.Run("replugged and applied", repluggedApplied)
}

// routedRenamed: the rules know a routed link by its name, and a stranger's name only when the
// base declares the kind.
func routedRenamed(t *testing.T) {
	for _, protected := range []bool{false, true} {
		s := newSite(t)
		w := s.witnesses(t)
		if protected {
			s.manage(t, managed)
			s.attach(t)
		}
		s.Run(t, "ip", "link", "set", "veth-e", "name", "veth-z")
		var shots []shot
		for _, src := range ips("10.2.0.2", "10.2.0.3", "10.1.0.4", "203.0.113.7") {
			for _, dst := range ips("10.2.0.3", "169.254.1.1", "10.1.0.3") {
				shots = append(shots, shot{src.String() + " to " + dst.String(),
					func(mark []byte) []byte {
						return testnet.IPFrame(s.MAC(t, "veth-z"), macOf("e"),
							testnet.UDP(at(src, 4000), at(dst, 8080), mark))
					}})
			}
		}
		got := w.lands(t, s.boxes["e"], shots)
		if protected && len(got) > 0 {
			t.Errorf("protected: %q got through", got)
		}
		if !protected && len(got) < 6 {
			t.Errorf("unprotected: got %q, want more", got)
		}
	}
}

// repluggedApplied: a port that was taken out of its bridge has lost its flags.
func repluggedApplied(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.attach(t)
	s.Run(t, "ip", "link", "set", "veth-a", "nomaster")
	s.Run(t, "ip", "link", "set", "veth-a", "master", "br0")
	server := s.Serve(t, "udp", 8080)
	if n := s.reserved(t, server); n > 0 {
		t.Errorf("replugged: got %d packets past the bridge, want 0", n)
	}
	s.apply(t)
	s.relearn(t)
	s.acquaint(t)
	if n := s.reserved(t, server); n > 0 || s.portOfMAC(t, "c") != "veth-c" {
		t.Errorf("applied: got %d packets, c behind %q, want 0 and veth-c", n, s.portOfMAC(t, "c"))
	}
	s.reach(t, "a", "10.1.0.3:80", nil)
}

// TestThreat017 gives a's link to a new container: first with a's attachment still there, then
// after its DEL, then as an attachment of its own.
func TestThreat017(t *testing.T) {
	for _, base := range []compile.Managed{{}, managed} {
		t.Run("base "+strings.Join(base.Kinds, ""), func(t *testing.T) {
			s := newSite(t)
			s.boxes["b"].Serve(t, "tcp", 80)
			s.policies(t, onlyCReachesB)
			w := s.witnesses(t)
			if got := w.lands(t, s.boxes["a"], s.escapes(t)); len(got) < 10 {
				t.Errorf("unprotected: got %q, want far more", got)
			}
			s.manage(t, base)
			s.attach(t)
			for _, still := range []string{"attached", "detached"} {
				s.Run(t, "ip", "link", "del", "veth-a")
				s.boxes["a"] = s.AddContainer(t, "a")
				if still == "detached" {
					s.detach(t, "a")
				}
				s.plug(t, "a")
				s.relearn(t)
				if got := w.lands(t, s.boxes["a"], s.escapes(t)); len(got) > 0 {
					t.Errorf("%s: %q got through", still, got)
				}
				s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
			}
			s.attach(t, "a")
			s.relearn(t)
			if got := w.lands(t, s.boxes["a"], s.escapes(t)); len(got) > 0 {
				t.Errorf("attached anew: %q got through", got)
			}
			s.reach(t, "c", "10.1.0.3:80", nil)
		})
	}
}
