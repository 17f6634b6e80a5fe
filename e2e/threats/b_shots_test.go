// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// way is one path between two containers.
type way struct{ from, to string }

// ways are all kinds of paths: over one bridge, from bridge to bridge, between routed links, and
// both mixtures.
var ways = []way{{"a", "b"}, {"a", "d"}, {"e", "f"}, {"a", "e"}, {"e", "b"}}

// both are the two families, by whether it is IPv6.
var both = map[string]bool{"IPv4": false, "IPv6": true}

func addrOf(name string, six bool) netip.Addr {
	if six {
		return v6(name)
	}
	return v4(name)
}

func portAt(name string, six bool, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(addrOf(name, six), port)
}

// gatewayOf is the node's address that a container routes to.
func gatewayOf(name string, six bool) netip.Addr {
	list := gateways[places[name].bridge]
	if name == "x" {
		list = []string{"192.0.2.1", "2001:db8::1"}
	}
	if six {
		return netip.MustParseAddr(list[1])
	}
	return netip.MustParseAddr(list[0])
}

// direct frames a packet as the sender's own stack would: to the receiver on the same bridge, to
// the gateway otherwise.
func (s *site) direct(t testing.TB, w way, packet []byte) []byte {
	t.Helper()
	if bridge := places[w.from].bridge; bridge != "" && bridge == places[w.to].bridge {
		return testnet.IPFrame(macOf(w.to), macOf(w.from), packet)
	}
	return s.routed(t, w.from, packet)
}

// routed frames a packet for the gateway.
func (s *site) routed(t testing.TB, from string, packet []byte) []byte {
	t.Helper()
	return testnet.IPFrame(s.gatewayMAC(t, from), macOf(from), packet)
}

// witness says whether a mark was seen where it must not be.
type witness func(mark []byte) bool

// caught looks into captures.
func caught(at ...*testnet.Capture) witness {
	return func(mark []byte) bool {
		return slices.ContainsFunc(at, func(c *testnet.Capture) bool { return saw(c, mark) })
	}
}

// told looks into what a server has received.
func told(at *testnet.Server) witness {
	return func(mark []byte) bool {
		return slices.ContainsFunc(at.Received(), func(r testnet.Received) bool {
			return strings.Contains(r.Data, string(mark))
		})
	}
}

// volley fires all shots and returns the names of those that were seen.
func volley(t testing.TB, from *testnet.Container, seen witness, shots []shot) []string {
	t.Helper()
	sent, frames := make([][]byte, len(shots)), make([][]byte, len(shots))
	for i, s := range shots {
		sent[i] = newMark()
		frames[i] = s.frame(sent[i])
	}
	from.SendRaw(t, "eth0", frames...)
	var landed []string
	for deadline := time.Now().Add(grace); ; time.Sleep(2 * time.Millisecond) {
		landed = landed[:0]
		for i, s := range shots {
			if seen(sent[i]) {
				landed = append(landed, s.name)
			}
		}
		if len(landed) == len(shots) || time.Now().After(deadline) {
			return landed
		}
	}
}

// pass demands that every shot is seen.
func pass(t testing.TB, from *testnet.Container, seen witness, shots []shot) {
	t.Helper()
	got := volley(t, from, seen, shots)
	for _, name := range names(shots) {
		if !slices.Contains(got, name) {
			t.Errorf("%s: not seen, want it to pass", name)
		}
	}
}

// blocked demands that no shot is seen and that each was counted under one of the reasons: the
// whole name of a counter, or what a policy's counter ends in ("default", "rule").
func (s *site) blocked(t testing.TB, from *testnet.Container, seen witness, shots []shot,
	reasons ...string) {
	t.Helper()
	before := s.refused(t)
	for _, name := range volley(t, from, seen, shots) {
		t.Errorf("%s: got through", name)
	}
	s.counted(t, before, len(shots), reasons...)
}

// counted demands that the reasons' counters have grown by so many packets together.
func (s *site) counted(t testing.TB, before map[string]uint64, want int, reasons ...string) {
	t.Helper()
	grown := moved(before, s.refused(t))
	var sum uint64
	for name, n := range grown {
		if slices.ContainsFunc(reasons, func(r string) bool {
			return name == r || strings.HasSuffix(name, "-"+r)
		}) {
			sum += n
		}
	}
	if sum < uint64(want) {
		t.Errorf("counted as %v: got %d, want %d; moved: %v", reasons, sum, want, grown)
	}
}

// udp is a shot of one datagram on a way.
func (s *site) udp(t testing.TB, name string, w way, six bool, from, to uint16) shot {
	return shot{name, func(mark []byte) []byte {
		return s.direct(t, w, testnet.UDP(portAt(w.from, six, from), portAt(w.to, six, to), mark))
	}}
}

// withOptions puts options, a multiple of four bytes, into an IPv4 packet.
func withOptions(packet, options []byte) []byte {
	b := append(append([]byte(nil), packet[:20]...), options...)
	b[0] = 0x40 | byte(5+len(options)/4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(packet)+len(options)))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], sum16(b))
	return append(b, packet[20:]...)
}

// sum16 is the Internet checksum of an even number of bytes.
func sum16(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// behind puts an extension header between the fixed header of an IPv6 packet and the rest. Its
// first byte is overwritten with the number of what follows.
func behind(packet []byte, number byte, header []byte) []byte {
	b := append([]byte(nil), packet[:40]...)
	h := append([]byte(nil), header...)
	h[0], b[6] = packet[6], number
	binary.BigEndian.PutUint16(b[4:], uint16(len(packet)-40+len(h)))
	return append(append(b, h...), packet[40:]...)
}

// pieces6 cuts an IPv6 packet into two fragments after a multiple of eight bytes.
func pieces6(packet []byte, at int, id byte) [2][]byte {
	piece := func(offset int, more byte, body []byte) []byte {
		b := append([]byte(nil), packet[:40]...)
		b[6] = 44
		binary.BigEndian.PutUint16(b[4:], uint16(len(body)+8))
		return append(append(b, packet[6], 0, byte(offset>>8), byte(offset)|more, 0, 0, 0, id),
			body...)
	}
	body := packet[40:]
	return [2][]byte{piece(0, 1, body[:at]), piece(at, 0, body[at:])}
}

// isolate is a NetworkPolicy that closes a container in both directions.
func isolate(name string) string {
	return strings.ReplaceAll(`
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolate-NAME, namespace: shop}
spec:
  podSelector: {matchLabels: {app: NAME}}
  policyTypes: [Ingress, Egress]
`, "NAME", name)
}

// admit opens the ingress of one container to another, on the ports given as YAML ("" for all).
func admit(to, from, ports string) string {
	text := `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: TO-admits-FROM, namespace: shop}
spec:
  podSelector: {matchLabels: {app: TO}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: FROM}}}]
PORTS`
	if ports != "" {
		ports = "    ports: " + ports + "\n"
	}
	return strings.NewReplacer("TO", to, "FROM", from, "PORTS", ports).Replace(text)
}

// hostClosed closes the node to its containers, and them to it.
const hostClosed = `
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host-closed}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{entity: Host}]}
  egress:
  - {action: Deny, to: [{entity: Host}]}
`
