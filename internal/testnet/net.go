// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Net is a host with forwarding on, and the containers attached to it.
type Net struct {
	*Namespace
	links atomic.Int32
}

// Container is a namespace that is attached to a Net.
type Container struct {
	*Namespace
}

// New makes the host's namespace. It and everything in it vanishes when the test ends.
func New(t testing.TB) *Net {
	t.Helper()
	n := &Net{Namespace: NewNamespace(t, "host")}
	n.Sysctl(t, "net/ipv4/ip_forward", "1")
	n.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	return n
}

// AddContainer makes a namespace without any link; the name is for messages.
func (n *Net) AddContainer(t testing.TB, name string) *Container {
	t.Helper()
	return &Container{Namespace: NewNamespace(t, name)}
}

// Bridge makes a bridge on the host with the given addresses ("10.1.0.1/24").
func (n *Net) Bridge(t testing.TB, name string, addresses ...string) {
	t.Helper()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := n.link.LinkAdd(bridge); err != nil {
		t.Fatalf("bridge %s: %v", name, err)
	}
	n.up(t, name)
	n.AddAddresses(t, name, addresses...)
}

// AddAddresses adds addresses ("10.1.0.1/24") to a link, usable at once.
func (n *Namespace) AddAddresses(t testing.TB, link string, addresses ...string) {
	t.Helper()
	l := n.byName(t, link)
	for _, a := range addresses {
		addr := &netlink.Addr{IPNet: ipNet(t, a), Flags: unix.IFA_F_NODAD}
		if err := n.link.AddrAdd(l, addr); err != nil {
			t.Fatalf("%s: address %s on %s: %v", n.Name, a, link, err)
		}
	}
}

// AddRoute adds a route to destination ("0.0.0.0/0"): through gateway, or, with an empty
// gateway, directly on the link.
func (n *Namespace) AddRoute(t testing.TB, link, destination, gateway string) {
	t.Helper()
	route := &netlink.Route{LinkIndex: n.byName(t, link).Attrs().Index, Dst: ipNet(t, destination)}
	if gateway == "" {
		route.Scope = netlink.SCOPE_LINK
	} else {
		route.Gw = net.IP(netip.MustParseAddr(gateway).AsSlice())
		route.Flags = int(netlink.FLAG_ONLINK)
	}
	if err := n.link.RouteReplace(route); err != nil {
		t.Fatalf("%s: route %s via %q dev %s: %v", n.Name, destination, gateway, link, err)
	}
}

// MAC returns the hardware address of a link of the namespace.
func (n *Namespace) MAC(t testing.TB, link string) net.HardwareAddr {
	t.Helper()
	return n.byName(t, link).Attrs().HardwareAddr
}

func (n *Namespace) byName(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := n.link.LinkByName(name)
	if err != nil {
		t.Fatalf("%s: link %s: %v", n.Name, name, err)
	}
	return l
}

func (n *Namespace) up(t testing.TB, name string) {
	t.Helper()
	if err := n.link.LinkSetUp(n.byName(t, name)); err != nil {
		t.Fatalf("%s: link %s up: %v", n.Name, name, err)
	}
}

func (n *Net) nextLink() string {
	return fmt.Sprintf("veth%d", n.links.Add(1))
}

func ipNet(t testing.TB, s string) *net.IPNet {
	t.Helper()
	p, err := netip.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	bits := p.Addr().BitLen()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), bits)}
}
