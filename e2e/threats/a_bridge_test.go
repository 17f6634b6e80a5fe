// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// bridgeSettings are what an administrator, another program or a hurried hand may have set on a
// bridge and its ports. None may change a verdict.
var bridgeSettings = map[string][][]string{
	"hairpin": {
		{"bridge", "link", "set", "dev", "veth-a", "hairpin", "on"},
		{"bridge", "link", "set", "dev", "veth-b", "hairpin", "on"}},
	"no learning": {
		{"bridge", "link", "set", "dev", "veth-a", "learning", "off"},
		{"bridge", "link", "set", "dev", "veth-b", "learning", "off"}},
	"no flooding": {
		{"bridge", "link", "set", "dev", "veth-b", "flood", "off"}},
	"neighbour suppression": {
		{"bridge", "link", "set", "dev", "veth-b", "neigh_suppress", "on"}},
	"promiscuous": {
		{"ip", "link", "set", "br0", "promisc", "on"}},
	"spanning tree": {
		{"ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "0"}},
	"proxy": {
		{"sysctl", "-qw", "net.ipv4.conf.br0.proxy_arp=1", "net.ipv4.conf.br0.proxy_arp_pvlan=1",
			"net.ipv6.conf.br0.proxy_ndp=1"}},
	"loose node": {
		{"sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.br0.rp_filter=0",
			"net.ipv4.conf.br0.accept_source_route=1", "net.ipv4.conf.all.accept_source_route=1",
			"net.ipv4.conf.br0.accept_local=1", "net.ipv4.conf.br0.arp_accept=1",
			"net.ipv4.conf.br0.send_redirects=1", "net.ipv4.conf.br0.accept_redirects=1"}},
	"loose conntrack": {
		{"sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=1",
			"net.netfilter.nf_conntrack_tcp_be_liberal=1"}},
}

// TestThreat150: with every setting of a bridge that changes the way of frames, before and after
// attaching, forbidden ways and forged senders stay closed and allowed ways open.
func TestThreat150(t *testing.T) {
	t.Parallel()
	for name, commands := range bridgeSettings {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", name, late), func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.boxes["b"].Serve(t, "tcp", 80)
				s.policies(t, onlyCReachesB)
				set := func() {
					for _, c := range commands {
						s.Run(t, c[0], c[1:]...)
					}
				}
				if !late {
					set()
				}
				forged := lies(macOf("b"), macOf("a"), ips("10.1.0.4"), v4("b"))
				b := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}
				s.reach(t, "a", "10.1.0.3:80", nil)
				allLand(t, s.boxes["a"], b, forged)
				s.attach(t)
				if late {
					set()
				}
				s.relearn(t)
				s.reach(t, "c", "10.1.0.3:80", nil)
				s.reach(t, "c", "[fd00:1::3]:80", nil)
				s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
				s.reach(t, "a", "[fd00:1::3]:80", testnet.ErrTimeout)
				s.noneLands(t, s.boxes["a"], b, forged, "spoof")
			})
		}
	}
}
