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

const onlyCReachesB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchLabels: {app: b}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: c}}}]
`

// ips are addresses, for tables.
func ips(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// lies are every carrier from every source.
func lies(dstMAC, srcMAC net.HardwareAddr, sources []netip.Addr, dst netip.Addr) []shot {
	var out []shot
	for _, src := range sources {
		for _, c := range carriers {
			out = append(out, shot{fmt.Sprintf("%s from %s", c.name, src), func(mark []byte) []byte {
				return testnet.IPFrame(dstMAC, srcMAC, c.wrap(src, dst, mark))
			}})
		}
	}
	return out
}

// foreignMACs sends packets from an address that is the sender's own, from hardware addresses
// that are not.
func foreignMACs(dstMAC, own net.HardwareAddr, macs map[string]net.HardwareAddr, src,
	dst netip.Addr) []shot {
	var out []shot
	for name, mac := range macs {
		if mac.String() == own.String() {
			continue
		}
		out = append(out, lies(dstMAC, mac, []netip.Addr{src}, dst)...)
		for i := len(out) - len(carriers); i < len(out); i++ {
			out[i].name += " with the MAC of " + name
		}
	}
	return out
}

// spoofs are a's lies to b on their bridge, in one family.
func (s *site) spoofs(t *testing.T, sources []netip.Addr, own, dst netip.Addr) []shot {
	t.Helper()
	out := lies(macOf("b"), macOf("a"), sources, dst)
	return append(out, foreignMACs(macOf("b"), macOf("a"), map[string]net.HardwareAddr{
		"c": macOf("c"), "nobody": {0x02, 9, 9, 9, 9, 9}, "the gateway": s.gatewayMAC(t, "a"),
		"its own port": s.MAC(t, portOf("a")),
	}, own, dst)...)
}

// relearn puts the bridges' tables right, which forged frames confused before anybody was
// protected.
func (s *site) relearn(t *testing.T) {
	t.Helper()
	for _, bridge := range []string{"br0", "br1"} {
		s.Run(t, "ip", "link", "set", bridge, "type", "bridge", "fdb_flush")
	}
	s.forgetNeighbours(t)
	if _, err := s.Command("", "conntrack", "-F"); err != nil {
		t.Fatal(err)
	}
}

func TestThreat001(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyCReachesB)
	bridged := s.spoofs(t, ips("10.1.0.4", "10.1.0.1", "10.1.0.99", "10.8.0.2", "192.0.2.2",
		"127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.1.0.3"), v4("a"), v4("b"))
	routed := lies(s.gatewayMAC(t, "e"), macOf("e"),
		ips("10.1.0.4", "10.8.0.2", "192.0.2.2", "10.2.0.99", "203.0.113.7"), v4("f"))
	s.spoofing(t, bridged, routed)
	s.reach(t, "c", "10.1.0.3:80", nil)
	s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
	s.namesTheLiar(t)
}

func TestThreat002(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyCReachesB)
	bridged := s.spoofs(t, append(ips("fd00:1::4", "fd00:1::1", "fd00:1::99", "fd00:8::2",
		"2001:db8::2", "::1", "::ffff:10.1.0.4", "ff02::1", "fe80::1", "fd00:1::3"),
		ll("b"), ll("c")), v6("a"), v6("b"))
	routed := lies(s.gatewayMAC(t, "e"), macOf("e"),
		ips("fd00:1::4", "fd00:8::2", "2001:db8::2", "fd00:2::99", "2001:db8:9::7"), v6("f"))
	s.spoofing(t, bridged, routed)
	s.reach(t, "c", "[fd00:1::3]:80", nil)
	s.reach(t, "a", "[fd00:1::3]:80", testnet.ErrTimeout)
	s.namesTheLiar(t)
}

// spoofing fires a's lies at b and e's at f, before and after all are attached.
func (s *site) spoofing(t *testing.T, bridged, routed []shot) {
	t.Helper()
	b := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	f := []*testnet.Capture{s.boxes["f"].Sniff(t, "eth0")}
	allLand(t, s.boxes["a"], b, bridged)
	allLand(t, s.boxes["e"], f, routed)
	s.attach(t)
	s.relearn(t)
	s.noneLands(t, s.boxes["a"], b, bridged, "spoof")
	s.noneLands(t, s.boxes["e"], f, routed, "spoof")
	if table, err := s.Command("", "conntrack", "-L"); err != nil ||
		strings.Contains(table, "sport=4000") {
		t.Errorf("conntrack: got %v, %s, want nothing of forged packets", err, table)
	}
}

// namesTheLiar demands that the sample is taken by interface: the address is a lie.
func (s *site) namesTheLiar(t *testing.T) {
	t.Helper()
	got := s.Run(t, "nft", "list", "set", "bridge", "bulkhead", "log-limit")
	if !strings.Contains(got, `"veth-a"`) || strings.Contains(got, `"veth-c"`) {
		t.Errorf("log-limit: got %s, want veth-a and not veth-c", got)
	}
}
