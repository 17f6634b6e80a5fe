// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/policy"
)

// fakeRouter is a node with one uplink, its own addresses 10.1.0.1 and fd00:1::1, and no way
// to 198.51.100.0/24.
type fakeRouter struct{ handsOver bool }

func (f fakeRouter) RouteTo(a netip.Addr) (link.Route, error) {
	source := netip.MustParseAddr("10.1.0.1")
	if a.Is6() {
		source = netip.MustParseAddr("fd00:1::1")
	}
	switch {
	case a == source:
		return link.Route{Interface: "lo", Source: source, Local: true}, nil
	case netip.MustParsePrefix("198.51.100.0/24").Contains(a):
		return link.Route{}, link.ErrNoRoute
	}
	return link.Route{Interface: "eth0", Source: source}, nil
}

func (f fakeRouter) HostLink(name string) (link.Link, error) {
	if name != "eth0" {
		return link.Link{}, errors.New("no such link")
	}
	return link.Link{Name: name}, nil
}

func (f fakeRouter) BridgeNetfilter(string) (v4, v6 bool, err error) {
	return f.handsOver, false, nil
}

func attachment(id, namespace, name, face string, addrs ...string) endpoint.Attachment {
	a := endpoint.Attachment{ContainerID: id, HostInterface: "v" + id + face, Bridge: "br0",
		MAC: "02:00:00:00:00:01", Endpoint: policy.Endpoint{ID: endpoint.ID(id, face),
			Namespace: namespace, Name: name, Interface: face}}
	for _, s := range addrs {
		a.Endpoint.Addresses = append(a.Endpoint.Addresses, netip.MustParseAddr(s))
	}
	return a
}

// crowd is a view with names and ids that nearly coincide.
func crowd() view {
	return view{attachments: []endpoint.Attachment{
		attachment("abc1", "shop", "web", "eth0", "10.1.0.2", "fd00:1::2"),
		attachment("abc1", "shop", "web", "net1", "10.2.0.2"),
		attachment("abd2", "shop", "db", "eth0", "10.1.0.3", "fd00:1::3"),
		attachment("host", "ops", "abc1", "eth0", "fd00:1::4"),
	}}
}

func TestFind(t *testing.T) {
	v := crowd()
	for text, want := range map[string]string{
		"shop/web@eth0":    "abc1/eth0",
		"shop/web@net1":    "abc1/net1",
		"shop/db":          "abd2/eth0",
		"shop/db@eth0":     "abd2/eth0",
		"abd":              "abd2/eth0",
		"abd2/eth0":        "abd2/eth0",
		"abc1/n":           "abc1/net1",
		"10.1.0.3":         "abd2/eth0",
		"fd00:1::2":        "abc1/eth0",
		"fd00:0001:0::2":   "abc1/eth0",
		"::ffff:10.2.0.2":  "abc1/net1",
		"host/eth0":        "host/eth0",
		"ops/abc1":         "host/eth0",
		"host":             "the node",
		"10.1.0.1":         "the node",
		"fd00:1::1":        "the node",
		"192.0.2.1":        "the world",
		"198.51.100.7":     "the world",
		"shop/web":         `"shop/web" is not one endpoint but 2: shop/web@eth0 (abc1/eth0), `,
		"ab":               `"ab" is not one endpoint but 3: `,
		"shop/we":          `no endpoint "shop/we"; bulkheadctl endpoints lists them`,
		"shop/web@":        `no endpoint "shop/web@"`,
		"":                 `no endpoint ""`,
		"shop/\x1b[2J":     `no endpoint "shop/\x1b[2J"`,
		"fe80::1%eth0":     `without its zone`,
		"10.1.0.0/24":      `no endpoint "10.1.0.0/24"`,
		"shop/db@eth1":     `no endpoint "shop/db@eth1"`,
		"abc1/eth0/x":      `no endpoint "abc1/eth0/x"`,
		"010.1.0.3":        `no endpoint "010.1.0.3"`,
		"shop/web@eth0@e0": `no endpoint`,
	} {
		p, err := v.find(text, fakeRouter{})
		got := "the world"
		switch {
		case err != nil:
			got = err.Error()
		case p.attachment != nil:
			got = p.attachment.Endpoint.ID
		case p.host:
			got = "the node"
		}
		if got != want && !(err != nil && strings.Contains(got, want)) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestJourneySettlesAddresses(t *testing.T) {
	v := crowd()
	for _, tc := range []struct {
		from, to, service string
		v6                bool
		want              string
	}{
		{"shop/web@eth0", "shop/db", "80/tcp", false, "10.1.0.2 10.1.0.3"},
		{"shop/web@eth0", "shop/db", "80/tcp", true, "fd00:1::2 fd00:1::3"},
		{"shop/web@eth0", "shop/db", "icmpv6", false, "fd00:1::2 fd00:1::3"},
		{"shop/web@eth0", "shop/db", "icmp", true, "10.1.0.2 10.1.0.3"},
		{"shop/web@eth0", "ops/abc1", "80/tcp", false, "fd00:1::2 fd00:1::4"},
		{"shop/web@net1", "ops/abc1", "80/tcp", false, "no address of one family"},
		{"shop/web@net1", "192.0.2.1", "icmpv6", false, "no address of one family"},
		{"10.1.0.2", "shop/db", "80/tcp", true, "10.1.0.2 10.1.0.3"},
		{"host", "shop/db", "80/tcp", false, "10.1.0.1 10.1.0.3"},
		{"shop/db", "host", "80/tcp", true, "fd00:1::3 fd00:1::1"},
		{"host", "ops/abc1", "80/tcp", false, "fd00:1::1 fd00:1::4"},
		{"host", "10.1.0.1", "80/tcp", false, "both sides are the node itself"},
		{"nobody", "nothing", "80/tcp", false, "no endpoint \"nobody\""},
	} {
		s, err := parseService(tc.service)
		if err != nil {
			t.Fatal(err)
		}
		j, err := v.journey(question{from: tc.from, to: tc.to, service: s, v6: tc.v6}, fakeRouter{})
		got := j.flow.From.Addr.String() + " " + j.flow.To.Addr.String()
		if err != nil {
			got = err.Error()
		}
		if got != tc.want && !(err != nil && strings.Contains(got, tc.want)) {
			t.Errorf("%s to %s %s: got %q, want %q", tc.from, tc.to, tc.service, got, tc.want)
		}
	}
}

func TestJourneyKnowsItsDevices(t *testing.T) {
	v := crowd()
	service := service{protocol: policy.ProtocolTCP, port: 80}
	for _, tc := range []struct {
		from, to  string
		handsOver bool
		unhanded  bool
		out       string
		notes     int
	}{
		{"shop/web@eth0", "shop/db", true, false, "vabd2eth0 in br0", 0},
		{"shop/web@eth0", "shop/db", false, true, "vabd2eth0 in br0", 0},
		{"fd00:1::2", "fd00:1::3", true, true, "vabd2eth0 in br0", 0},
		{"shop/web@eth0", "192.0.2.1", false, false, "eth0 in ", 0},
		{"shop/web@eth0", "198.51.100.1", false, false, "no-route in ", 1},
		{"shop/web@eth0", "host", false, false, " in ", 0},
	} {
		q := question{from: tc.from, to: tc.to, service: service}
		j, err := v.journey(q, fakeRouter{handsOver: tc.handsOver})
		if err != nil {
			t.Fatal(err)
		}
		path, packet := j.first()
		out := path.Out.Name + " in " + path.Out.Bridge
		if out != tc.out || path.NoNetfilterBridge != tc.unhanded || len(j.notes) != tc.notes ||
			packet.DstPort != 80 || packet.TCPFlags != tcpSYN || packet.EtherSrc[5] != 1 {
			t.Errorf("%s to %s: got %+v, %+v, notes %q; want out %q, not handed over %t", tc.from,
				tc.to, path, packet, j.notes, tc.out, tc.unhanded)
		}
	}
}
