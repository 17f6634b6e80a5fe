// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// What each table refuses is told of whoever sent it, whatever the packet says.
func TestWhoSentWhatIsRefused(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.options.Denials.Interval = time.Minute // a round that overtakes a sample knows no device
	s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b", "c", "x")
	udp := func(src, dst string, port uint16) []byte {
		from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
		return testnet.UDP(netip.AddrPortFrom(from, 5000), netip.AddrPortFrom(to, port), []byte("x"))
	}
	toB := func(packet []byte) []byte {
		return testnet.IPFrame(s.plugs["b"].MAC, s.plugs["a"].MAC, packet)
	}
	a := s.boxes["a"]
	for _, tc := range []struct {
		what, family string
		frame        []byte
		reason       flow.Reason
		direction    policy.Direction
		port         uint16
	}{
		{"IPv4", "ip", toB(udp("10.1.0.2", "10.1.0.3", 7001)), flow.ReasonDefaultDeny,
			policy.Ingress, 7001},
		{"IPv6", "ip6", toB(udp("fd00:1::2", "fd00:1::3", 7002)), flow.ReasonDefaultDeny,
			policy.Ingress, 7002},
		{"a source that is x's", "", toB(udp("10.1.0.9", "10.1.0.3", 7003)), flow.ReasonSpoof,
			policy.Egress, 7003},
		{"another ethertype", "bridge", testnet.Ether(s.plugs["b"].MAC, s.plugs["a"].MAC, 0x8847,
			make([]byte, 50)), flow.ReasonEtherType, policy.Egress, 0},
	} {
		a.SendRaw(t, "eth0", tc.frame)
		var found flow.Record
		s.await(t, tc.what, func() bool {
			records := s.records(t)
			i := slices.IndexFunc(records, func(r flow.Record) bool {
				return r.Reason == tc.reason && r.Port == tc.port &&
					(tc.family == "" || r.Counter.Family == tc.family)
			})
			if i >= 0 {
				found = records[i]
			}
			return i >= 0
		})
		if found.Client.Name != "a" || found.Direction != tc.direction ||
			found.Client.Device != s.plugs["a"].HostInterface ||
			found.Client.MAC != s.plugs["a"].MAC.String() || found.Bytes == 0 {
			t.Errorf("%s: got %+v, want it of a, by its port and hardware address", tc.what, found)
		}
	}
}
