// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func TestRouteTo(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	box := n.AddContainer(t, "box")
	n.AttachRouted(t, box, testnet.Plug{HostInterface: "veth-box",
		Addresses: []string{"10.2.0.2/24"}, Gateways: []string{"10.2.0.1"}})
	n.AddRoute(t, "br0", "203.0.113.0/24", "10.1.0.254")
	c := open(t, n)
	for _, tc := range []struct {
		to   string
		want link.Route
	}{
		{"10.1.0.7", link.Route{Interface: "br0", Source: netip.MustParseAddr("10.1.0.1")}},
		{"203.0.113.9", link.Route{Interface: "br0", Source: netip.MustParseAddr("10.1.0.1")}},
		{"fd00:1::7", link.Route{Interface: "br0", Source: netip.MustParseAddr("fd00:1::1")}},
		{"10.2.0.2", link.Route{Interface: "veth-box", Source: netip.MustParseAddr("10.2.0.1")}},
		{"10.2.0.1", link.Route{Interface: "lo", Local: true,
			Source: netip.MustParseAddr("10.2.0.1")}},
		{"fd00:1::1", link.Route{Interface: "lo", Local: true,
			Source: netip.MustParseAddr("fd00:1::1")}},
	} {
		got, err := c.RouteTo(netip.MustParseAddr(tc.to))
		if err != nil || got != tc.want {
			t.Errorf("route to %s: got %+v, %v, want %+v", tc.to, got, err, tc.want)
		}
	}
	for _, to := range []string{"192.0.2.1", "2001:db8::1"} {
		if _, err := c.RouteTo(netip.MustParseAddr(to)); !errors.Is(err, link.ErrNoRoute) {
			t.Errorf("route to %s: got %v, want %v", to, err, link.ErrNoRoute)
		}
	}
}
