// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// onlyAPIToPay closes everything, the own node included, but for one pair.
const onlyAPIToPay = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: pay, namespace: pay}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: a}}
      podSelector: {matchLabels: {app: api}}
    ports: [{protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {team: b}}}]
    ports: [{protocol: UDP}]
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{entity: Host}]}]
  egress: [{action: Deny, to: [{entity: Host}]}]
---
` + namespaceDocuments

// S0.5: neighbour discovery, and the ICMP errors of allowed flows, pass whatever the policy.
func TestErrorsOfAllowedFlows(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S0.5 errors of allowed flows pass/"+attached, func(t *testing.T) {
			n := newClauseNode(t, attached, false)
			n.apply(t, load(t, onlyAPIToPay))
			for _, ns := range n.namespaces() {
				ns.Run(t, "ip", "neigh", "flush", "all")
				ns.Run(t, "ip", "-6", "neigh", "flush", "all")
			}
			for _, server := range []string{"pay/api", "pay/db"} {
				for _, r := range readRow(t, server, "shop/api "+server+" udp/7777 accept") {
					got := n.run(r.probe, patience)
					if !errors.Is(got, testnet.ErrPortUnreachable) {
						t.Errorf("%s: got %v, want port unreachable", r.probe, got)
					}
				}
			}
			n.narrowLink(t, attached)
			for _, r := range readRow(t, attached, "shop/api pay/db udp/80 accept") {
				if tries := n.sendLarge(t, r.probe); tries < 2 {
					t.Errorf("%s: arrived at try %d, want the first to be too big", r.probe, tries)
				}
			}
		})
	}
}

// narrowLink makes the last link on the way to pay/db narrower than the first.
func (n *node) narrowLink(t *testing.T, attached string) {
	t.Helper()
	device := map[string]string{"bridge": "br1", "ptp": "veth4"}[attached]
	n.Run(t, "ip", "link", "set", device, "mtu", "1400")
	n.at["pay/db/eth0"].Run(t, "ip", "link", "set", "eth0", "mtu", "1400")
}

// sendLarge sends a datagram that must not be divided on its way, again and again, until it
// comes back: the sender has learnt the width of the path from an ICMP error.
func (n *node) sendLarge(t *testing.T, p probe) int {
	t.Helper()
	var c *net.UDPConn
	var err error
	n.namespaceOf(p.From).Do(func() {
		c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.To.Addr, p.Port)))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line := append(bytes.Repeat([]byte("x"), 1420), '\n')
	r := bufio.NewReader(c)
	for try := 1; try <= 10; try++ {
		c.SetDeadline(time.Now().Add(silence))
		if _, err := c.Write(line); err != nil {
			continue // the error arrived: this write is refused, the next is divided
		}
		if _, err := r.ReadString('\n'); err == nil {
			return try
		}
	}
	t.Errorf("%s: 10 datagrams of 1421 bytes did not arrive", p)
	return 10
}
