// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const webAndHost = `
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {podSelector: {matchLabels: {app: web}}}}
  egress: [{action: Deny, to: [{entity: Host}]}]
  ingress: [{action: %s, from: [{entity: Host}]}]
---
` + namespaceDocuments

// A tuple that the container was refused is still the node's to open; then the container's
// packets are answers. When the node's right goes, both directions go.
func TestTupleFromBothSides(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S0.6 one tuple, opened from both sides/"+attached, func(t *testing.T) {
			n := newClauseNode(t, attached, false)
			for _, r := range readRow(t, attached, "host shop/web udp/80 accept") {
				n.unprotect(t)
				p := newTuple(t, n, r.probe)
				p.fromWeb(t, "without our tables", true)
				n.forgetFlows(t)
				n.apply(t, load(t, fmt.Sprintf(webAndHost, "Accept")))
				p.fromWeb(t, "before the node spoke", false)
				p.fromHost(t, "the node speaks", true)
				p.fromWeb(t, "after the node spoke", true)
				n.apply(t, load(t, fmt.Sprintf(webAndHost, "Deny")))
				p.fromWeb(t, "after the node was forbidden", false)
				p.fromHost(t, "the node is forbidden", false)
				n.webOpens(t, newTuple(t, n, r.probe))
			}
		})
	}
}

// webOpens shows the price of judging by the tuple: what web opened stays web's flow, and when
// web may no longer, the node does not take it over until conntrack has forgotten it. It fails
// closed.
func (n *node) webOpens(t *testing.T, p *tuple) {
	t.Helper()
	n.apply(t, load(t, namespaceDocuments))
	p.fromWeb(t, "web opens", true)
	n.apply(t, load(t, fmt.Sprintf(webAndHost, "Accept")))
	p.fromWeb(t, "web is forbidden", false)
	p.fromHost(t, "on a tuple of web's", false)
	n.forgetFlows(t)
	p.fromHost(t, "on a tuple of its own", true)
}

// tuple is two UDP ports, one on the node and one in web, where a server echoes.
type tuple struct {
	node      *node
	probe     probe
	host, web netip.AddrPort
	socket    *net.UDPConn
	said      int
}

func newTuple(t *testing.T, n *node, p probe) *tuple {
	t.Helper()
	u := &tuple{node: n, probe: p, host: netip.AddrPortFrom(p.From.Addr, localPort()),
		web: netip.AddrPortFrom(p.To.Addr, p.Port)}
	var err error
	n.Do(func() { u.socket, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(u.host)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.socket.Close() })
	return u
}

// fromWeb sends a datagram from web's port and tells whether the node's port gets it.
func (u *tuple) fromWeb(t *testing.T, when string, want bool) {
	t.Helper()
	ns := u.node.namespaceOf(u.probe.To)
	line := u.line()
	frame := testnet.IPFrame(u.node.nextHop(t, u.probe.To, u.probe.From), ns.MAC(t, "eth0"),
		testnet.UDP(u.web, u.host, []byte(line)))
	ns.SendRaw(t, "eth0", frame)
	if got := u.hears(line); got != want {
		t.Errorf("%s: %s: datagram from web to the node: got %v, want %v", when, u.probe, got, want)
	}
}

// fromHost sends a line from the node's port and tells whether its echo comes back.
func (u *tuple) fromHost(t *testing.T, when string, want bool) {
	t.Helper()
	line := u.line()
	// A drop in the node's own output is an error of this write; the echo tells.
	_, err := u.socket.WriteToUDPAddrPort([]byte(line), u.web)
	if got := err == nil && u.hears(line); got != want {
		t.Errorf("%s: %s: echo to the node: got %v, want %v (%v)", when, u.probe, got, want, err)
	}
}

func (u *tuple) line() string {
	u.said++
	return fmt.Sprintf("line %d of %s\n", u.said, u.host)
}

func (u *tuple) hears(line string) bool {
	u.socket.SetReadDeadline(time.Now().Add(silence))
	buf := make([]byte, 2048)
	for {
		n, err := u.socket.Read(buf)
		if err != nil {
			return false
		}
		if strings.Contains(string(buf[:n]), line) {
			return true
		}
	}
}
