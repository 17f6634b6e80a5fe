// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// Plug says how a container is attached. Only Addresses is required.
type Plug struct {
	// Interface is the name inside the container; empty means eth0.
	Interface string
	// HostInterface is the name of the host's end; empty means a name of its own.
	HostInterface string
	// MAC is the hardware address inside the container; empty lets the kernel choose.
	MAC string
	// Addresses are the container's, with prefix length ("10.1.0.2/24").
	Addresses []string
	// Gateways become default routes, one of each family at most. On a routed link the
	// host's end gets them as its addresses.
	Gateways []string
}

// Attachment is what came of a Plug.
type Attachment struct {
	Interface     string
	HostInterface string
	// Bridge is empty for a routed link.
	Bridge    string
	MAC       net.HardwareAddr
	Addresses []netip.Addr
}

// AttachBridged plugs a container into a bridge of the host, as the CNI plugin bridge does.
func (n *Net) AttachBridged(t testing.TB, c *Container, bridge string, p Plug) Attachment {
	t.Helper()
	a := n.veth(t, c, p)
	a.Bridge = bridge
	if err := n.link.LinkSetMaster(n.byName(t, a.HostInterface), n.byName(t, bridge)); err != nil {
		t.Fatalf("port %s of %s: %v", a.HostInterface, bridge, err)
	}
	c.AddAddresses(t, a.Interface, p.Addresses...)
	c.defaultRoutes(t, a.Interface, p.Gateways)
	n.settle(t, bridge)
	c.settle(t, a.Interface)
	return a
}

// AttachRouted gives a container a link of its own to the host, as the CNI plugin ptp does:
// the host's end holds the gateway addresses and one route per container address.
func (n *Net) AttachRouted(t testing.TB, c *Container, p Plug) Attachment {
	t.Helper()
	a := n.veth(t, c, p)
	for _, g := range p.Gateways {
		n.AddAddresses(t, a.HostInterface, hostPrefix(netip.MustParseAddr(g)))
	}
	for _, addr := range a.Addresses {
		c.AddAddresses(t, a.Interface, hostPrefix(addr))
		n.AddRoute(t, a.HostInterface, hostPrefix(addr), "")
	}
	for _, g := range p.Gateways {
		c.AddRoute(t, a.Interface, hostPrefix(netip.MustParseAddr(g)), "")
	}
	c.defaultRoutes(t, a.Interface, p.Gateways)
	n.settle(t, a.HostInterface)
	c.settle(t, a.Interface)
	return a
}

// veth makes the pair, both ends up.
func (n *Net) veth(t testing.TB, c *Container, p Plug) Attachment {
	t.Helper()
	a := Attachment{Interface: p.Interface, HostInterface: p.HostInterface}
	if a.Interface == "" {
		a.Interface = "eth0"
	}
	if a.HostInterface == "" {
		a.HostInterface = n.nextLink()
	}
	pair := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: a.HostInterface},
		PeerName:      a.Interface,
		PeerNamespace: netlink.NsFd(c.FD()),
	}
	if p.MAC != "" {
		mac, err := net.ParseMAC(p.MAC)
		if err != nil {
			t.Fatal(err)
		}
		pair.PeerHardwareAddr = mac
	}
	if err := n.link.LinkAdd(pair); err != nil {
		t.Fatalf("veth %s to %s of %s: %v", a.HostInterface, a.Interface, c.Name, err)
	}
	n.up(t, a.HostInterface)
	c.up(t, a.Interface)
	a.MAC = c.MAC(t, a.Interface)
	for _, s := range p.Addresses {
		a.Addresses = append(a.Addresses, netip.MustParsePrefix(s).Addr())
	}
	return a
}

func (n *Namespace) defaultRoutes(t testing.TB, link string, gateways []string) {
	t.Helper()
	for _, g := range gateways {
		destination := "0.0.0.0/0"
		if netip.MustParseAddr(g).Is6() {
			destination = "::/0"
		}
		n.AddRoute(t, link, destination, g)
	}
}

func hostPrefix(a netip.Addr) string {
	return netip.PrefixFrom(a, a.BitLen()).String()
}
