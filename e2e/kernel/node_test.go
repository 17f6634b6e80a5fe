// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// layout is what a node is built from.
type layout struct {
	places []randpolicy.Endpoint
	// gateways are addresses of the node that its containers route to, one of each family;
	// host are further addresses of the node.
	gateways, host []string
	// world are addresses behind the uplink eth0, which is not managed.
	world []string
	// netfilter switches br_netfilter on for every bridge of the namespace; the flags of each
	// managed bridge are on in any case.
	netfilter bool
}

// node is a host with containers, bridged and routed, and the rules in its kernel.
type node struct {
	*testnet.Net
	kernel    *nft.Kernel
	links     *link.Conn
	config    compile.Config
	endpoints []compile.Endpoint
	layout    layout
	world     *testnet.Container
	// at is the container of every endpoint of this node, by its ID.
	at   map[string]*testnet.Container
	ears map[*testnet.Namespace]*ear
	// installed is what the kernel holds, stamped; plain is the same without its stamp.
	installed, plain *ruleset.Ruleset
	stamp            compile.Stamp
}

func newNode(t testing.TB, l layout) *node {
	t.Helper()
	n := &node{Net: testnet.New(t), layout: l, config: compile.DefaultConfig(),
		at: map[string]*testnet.Container{}, ears: map[*testnet.Namespace]*ear{}}
	n.forget()
	n.config.Managed = compile.Managed{Interfaces: []string{"br0", "br1"},
		Prefixes: []string{"veth"}}
	n.open(t)
	for _, family := range []string{"iptables", "ip6tables", "arptables"} {
		value := "0"
		if l.netfilter {
			value = "1"
		}
		n.Sysctl(t, "net/bridge/bridge-nf-call-"+family, value)
	}
	// The node may answer as many rejected flows as a test makes at once.
	n.Sysctl(t, "net/ipv4/icmp_ratemask", "0")
	n.AddAddresses(t, "lo", hostPrefixes(l.host)...)
	for _, bridge := range n.config.Managed.Interfaces {
		n.Bridge(t, bridge, hostPrefixes(l.gateways)...)
		if _, err := n.links.EnableBridgeNetfilter(bridge); err != nil {
			t.Fatal(err)
		}
	}
	n.world = n.AddContainer(t, "world")
	for i := range l.places {
		n.attach(t, &l.places[i])
	}
	n.AttachRouted(t, n.world, testnet.Plug{HostInterface: "eth0", Gateways: l.gateways,
		Addresses: hostPrefixes(n.beyond())})
	n.connectBridges(t)
	n.listen(t)
	return n
}

// open makes the node's sockets.
func (n *node) open(t testing.TB) {
	t.Helper()
	var err error
	if n.kernel, err = nft.Open(nft.Options{NetNS: n.FD()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.kernel.Close() })
	if n.links, err = link.Open(link.Options{NetNS: n.FD()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.links.Close() })
}

// beyond are the addresses behind the uplink: the world's and those of other nodes' endpoints.
func (n *node) beyond() []string {
	out := append([]string(nil), n.layout.world...)
	for _, p := range n.layout.places {
		if p.Remote {
			for _, a := range p.Addresses {
				out = append(out, a.String())
			}
		}
	}
	return out
}

// attach plugs an endpoint's container in. Its addresses have no subnet: which of its
// neighbours it reaches without the node is a matter of connectBridges.
func (n *node) attach(t testing.TB, p *randpolicy.Endpoint) {
	t.Helper()
	e := compile.Endpoint{Endpoint: p.Endpoint}
	if !p.Remote {
		e.Local = &compile.Local{Port: p.Port, Bridge: p.Bridge, MAC: p.MAC}
		c := n.AddContainer(t, p.Endpoint.Name)
		n.at[p.ID] = c
		n.plug(t, c, p)
	}
	n.endpoints = append(n.endpoints, e)
}

func (n *node) plug(t testing.TB, c *testnet.Container, p *randpolicy.Endpoint) {
	t.Helper()
	plug := testnet.Plug{HostInterface: p.Port, MAC: net.HardwareAddr(p.MAC[:]).String(),
		Gateways: n.layout.gateways}
	for _, a := range p.Addresses {
		plug.Addresses = append(plug.Addresses, netip.PrefixFrom(a, a.BitLen()).String())
	}
	if p.Bridge == "" {
		n.AttachRouted(t, c, plug)
		return
	}
	n.AttachBridged(t, c, p.Bridge, plug)
	for _, a := range plug.Addresses {
		n.AddRoute(t, p.Bridge, a, "")
	}
}

// connectBridges gives the containers of one bridge routes to each other that do not lead
// through the node: their packets are bridged, and only br_netfilter shows them to IP hooks.
func (n *node) connectBridges(t testing.TB) {
	t.Helper()
	for _, a := range n.layout.places {
		for _, b := range n.layout.places {
			if a.Bridge == "" || a.Bridge != b.Bridge || a.ID == b.ID {
				continue
			}
			for _, addr := range b.Addresses {
				n.at[a.ID].AddRoute(t, "eth0",
					netip.PrefixFrom(addr, addr.BitLen()).String(), "")
			}
		}
	}
}

// namespaces are all that can send and receive.
func (n *node) namespaces() []*testnet.Namespace {
	out := []*testnet.Namespace{n.Namespace, n.world.Namespace}
	for _, e := range n.endpoints {
		if c := n.at[e.ID]; c != nil {
			out = append(out, c.Namespace)
		}
	}
	return out
}

// listen serves every port of every protocol everywhere.
func (n *node) listen(t testing.TB) {
	t.Helper()
	for _, ns := range n.namespaces() {
		for _, port := range servedPorts {
			for _, protocol := range []string{"tcp", "udp", "sctp"} {
				ns.Serve(t, protocol, port)
			}
		}
		n.ears[ns] = newEar(t, ns)
	}
}

// servedPorts are all that any test of this package connects to.
var servedPorts = append([]uint16{81, 8000, 8005, 8010, 8011, 9090, 5432}, randpolicy.Ports...)

// namespaceOf is where a party of a flow lives.
func (n *node) namespaceOf(p policy.Party) *testnet.Namespace {
	switch {
	case p.Host:
		return n.Namespace
	case p.Endpoint != nil && n.at[p.Endpoint.ID] != nil:
		return n.at[p.Endpoint.ID].Namespace
	}
	return n.world.Namespace
}

func hostPrefixes(addresses []string) []string {
	var out []string
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		out = append(out, fmt.Sprintf("%s/%d", a, a.BitLen()))
	}
	return out
}
