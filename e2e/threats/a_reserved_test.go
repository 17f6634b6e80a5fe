// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// group is an address of the block that IEEE 802.1D reserves for bridges (01:80:c2:00:00:00 to
// 0f): a bridge does not forward what is sent there, it gives it to the node or to itself.
func group(last byte) net.HardwareAddr {
	return net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, last}
}

const closedA = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: []}
`

// spanning switches the spanning tree of br0. Its ports take two delays to forward again.
func (s *site) spanning(t *testing.T, state string) {
	t.Helper()
	s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "stp_state", state,
		"forward_delay", "200", "hello_time", "100")
	for deadline := time.Now().Add(10 * time.Second); s.notForwarding(t) != ""; {
		if time.Now().After(deadline) {
			t.Fatalf("spanning tree: got %s, want all ports forwarding", s.notForwarding(t))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// notForwarding lists the ports of br0 that do not forward.
func (s *site) notForwarding(t *testing.T) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(s.Run(t, "bridge", "link", "show")) {
		if strings.Contains(line, "master br0") && !strings.Contains(line, "state forwarding") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// The node takes a frame to a reserved group at the port itself, past all hooks of the bridge:
// with a packet inside, an endpoint spoke to the node whatever its policy said. And the bridge
// learned the frame's source: its owner's traffic went to the liar.
func TestThreat007ReservedGroups(t *testing.T) {
	for _, stp := range []string{"0", "1"} {
		t.Run("stp "+stp, func(t *testing.T) {
			s := newSite(t)
			s.spanning(t, stp)
			s.policies(t, closedA)
			server := s.Serve(t, "udp", 8080)
			n := s.reserved(t, server)
			for range 10 { // until c does not speak in the moment between
				if s.portOfMAC(t, "c") != "veth-a" {
					s.reserved(t, server)
				}
			}
			if port := s.portOfMAC(t, "c"); n < 24 || port != "veth-a" {
				t.Errorf("unprotected: got %d packets, c behind %q, want 24 and veth-a", n, port)
			}
			s.attach(t)
			s.relearn(t)
			s.acquaint(t)
			s.counts(t, func() {
				if n := s.reserved(t, server); n > 0 {
					t.Errorf("protected: got %d packets, want 0", n)
				}
			}, "spoof", "ethertype")
			if port := s.portOfMAC(t, "c"); port != "veth-c" {
				t.Errorf("protected: c behind %q, want veth-c", port)
			}
		})
	}
}

// reserved sends packets and other frames from a to all reserved groups and returns how many
// packets a server of the node got.
func (s *site) reserved(t *testing.T, server *testnet.Server) int {
	t.Helper()
	before := len(server.Received())
	var frames [][]byte
	for last := range byte(16) {
		for _, flow := range [][2]netip.Addr{{v4("x"), ips("10.1.0.1")[0]},
			{v4("a"), ips("10.1.0.1")[0]}, {v6("x"), ips("fd00:1::1")[0]}} {
			frames = append(frames, testnet.IPFrame(group(last), macOf("c"),
				testnet.UDP(at(flow[0], 4000), at(flow[1], 8080), []byte("x"))))
		}
		frames = append(frames, testnet.Ether(group(last), macOf("c"), 0x88cc, make([]byte, 46)),
			testnet.Ether(group(last), macOf("a"), 0x88cc, make([]byte, 46)),
			testnet.Ether(group(last), macOf("a"), 0x8809, make([]byte, 46)))
	}
	s.boxes["a"].SendRaw(t, "eth0", frames...)
	settled(t)
	return len(server.Received()) - before
}

// bpdu is a frame of the spanning tree: a root with the best of all identifiers, or a change of
// the topology.
func bpdu(src net.HardwareAddr, change bool) []byte {
	body := []byte{0x42, 0x42, 3, 0, 0, 0, 0x80}
	if !change {
		body = []byte{0x42, 0x42, 3, 0, 0, 0, 0, 0}
		id := append([]byte{0, 0}, src...)
		body = append(append(append(body, id...), 0, 0, 0, 0), id...)
		body = append(body, 0x80, 1, 0, 0, 20, 0, 2, 0, 15, 0)
	}
	return llc(group(0), src, append(body, make([]byte, 8)...))
}

func TestThreat011(t *testing.T) {
	for _, sender := range []string{"a", "c"} {
		t.Run("sent with the MAC of "+sender, func(t *testing.T) {
			s := newSite(t)
			s.boxes["b"].Serve(t, "tcp", 80)
			s.spanning(t, "1")
			own := s.root(t)
			claim := func() string {
				s.boxes["a"].SendRaw(t, "eth0", bpdu(macOf(sender), false),
					bpdu(macOf(sender), true))
				settled(t)
				return s.root(t)
			}
			if claim() == own {
				t.Errorf("unprotected: root stays %s, so that it proves nothing", own)
			}
			s.spanning(t, "0")
			s.spanning(t, "1")
			s.attach(t)
			own = s.root(t)
			s.counts(t, func() {
				if root := claim(); root != own {
					t.Errorf("protected: got root %s, want %s", root, own)
				}
			}, "ethertype")
			if got := s.notForwarding(t); got != "" {
				t.Errorf("protected: got %s, want all ports forwarding", got)
			}
			s.reach(t, "a", "10.1.0.3:80", nil)
		})
	}
	t.Run("without a spanning tree", bpduForwarded)
}

// root is who br0 takes for the root of its tree, and whether its topology changes.
func (s *site) root(t *testing.T) string {
	t.Helper()
	var out []string
	fields := strings.Fields(s.Run(t, "ip", "-d", "link", "show", "br0"))
	for i, f := range fields {
		if f == "designated_root" || f == "root_port" || f == "topology_change" {
			out = append(out, fmt.Sprintf("%s %s", f, fields[i+1]))
		}
	}
	return strings.Join(out, " ")
}

// bpduForwarded: a bridge without a spanning tree forwards BPDUs, for others to find loops.
func bpduForwarded(t *testing.T) {
	s := newSite(t)
	b := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}
	shots := []shot{{"root", func(mark []byte) []byte {
		return append(bpdu(macOf("a"), false), mark...)
	}}, {"change", func(mark []byte) []byte {
		return append(bpdu(macOf("a"), true), mark...)
	}}}
	allLand(t, s.boxes["a"], b, shots)
	s.attach(t)
	s.noneLands(t, s.boxes["a"], b, shots, "ethertype")
}
