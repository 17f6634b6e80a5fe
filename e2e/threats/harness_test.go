// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// site is a host with containers a, b and c on br0, d on br1, e and f on routed links of their
// own, and a neighbour x on its LAN (eth0), which is not managed. Nobody is attached at first.
type site struct {
	*testnet.Net
	options node.Options
	boxes   map[string]*testnet.Container
	plugs   map[string]testnet.Attachment
	// isolated asks for port isolation when a container is attached.
	isolated map[string]bool
}

// place is where a container is plugged in. Its name is its app label and the last byte of its
// hardware address.
type place struct {
	bridge string // empty: routed
	v4, v6 string
}

var places = map[string]place{
	"a": {"br0", "10.1.0.2", "fd00:1::2"},
	"b": {"br0", "10.1.0.3", "fd00:1::3"},
	"c": {"br0", "10.1.0.4", "fd00:1::4"},
	"d": {"br1", "10.8.0.2", "fd00:8::2"},
	"e": {"", "10.2.0.2", "fd00:2::2"},
	"f": {"", "10.2.0.3", "fd00:2::3"},
	"x": {"", "192.0.2.2", "2001:db8::2"},
}

// gateways are the node's own addresses on each bridge, and for routed links.
var gateways = map[string][]string{
	"br0": {"10.1.0.1", "fd00:1::1"},
	"br1": {"10.8.0.1", "fd00:8::1"},
	"":    {"169.254.1.1", "fd00:2::1"},
}

// members are the containers; x is none.
var members = []string{"a", "b", "c", "d", "e", "f"}

func newSite(t testing.TB) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{Net: testnet.New(t), boxes: map[string]*testnet.Container{},
		plugs: map[string]testnet.Attachment{}, isolated: map[string]bool{}}
	s.options = node.Options{StateDir: filepath.Join(dir, "state"),
		PolicyDir: filepath.Join(dir, "policies"), NetNS: s.FD()}
	if err := os.Mkdir(s.options.PolicyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, bridge := range []string{"br0", "br1"} {
		s.Bridge(t, bridge, gateways[bridge][0]+"/24", gateways[bridge][1]+"/64")
	}
	for _, name := range append([]string{"x"}, members...) {
		s.boxes[name] = s.AddContainer(t, name)
		s.plug(t, name)
	}
	return s
}

// plug connects a container's link, as the plugins bridge and ptp do.
func (s *site) plug(t testing.TB, name string) {
	t.Helper()
	p := places[name]
	plug := testnet.Plug{HostInterface: portOf(name), MAC: macOf(name).String(),
		Gateways: gateways[p.bridge]}
	if name == "x" {
		plug.Gateways = []string{"192.0.2.1", "2001:db8::1"}
	}
	if p.bridge == "" {
		plug.Addresses = []string{p.v4 + "/32", p.v6 + "/128"}
		s.plugs[name] = s.AttachRouted(t, s.boxes[name], plug)
		return
	}
	plug.Addresses = []string{p.v4 + "/24", p.v6 + "/64"}
	s.plugs[name] = s.AttachBridged(t, s.boxes[name], p.bridge, plug)
}

// portOf is the host's end of a container's link.
func portOf(name string) string {
	if name == "x" {
		return "eth0"
	}
	return "veth-" + name
}

// macOf is the hardware address of a container.
func macOf(name string) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0, 0, 0, 0, name[0]}
}

// v4 and v6 are a container's addresses, ll its link-local one.
func v4(name string) netip.Addr { return netip.MustParseAddr(places[name].v4) }
func v6(name string) netip.Addr { return netip.MustParseAddr(places[name].v6) }
func ll(name string) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 11: 0xff, 12: 0xfe, 15: name[0]})
}

// gatewayMAC is the hardware address behind which a container's node is.
func (s *site) gatewayMAC(t testing.TB, name string) net.HardwareAddr {
	t.Helper()
	if bridge := places[name].bridge; bridge != "" {
		return s.MAC(t, bridge)
	}
	return s.MAC(t, portOf(name))
}

// policies replaces the documents of the node; they come into force with the next operation.
func (s *site) policies(t testing.TB, text string) {
	t.Helper()
	path := filepath.Join(s.options.PolicyDir, "test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) attachment(name string) endpoint.Attachment {
	p := s.plugs[name]
	id := strings.Repeat(name, 12)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: name,
			Interface: "eth0", Labels: map[string]string{"app": name}, Addresses: p.Addresses},
		ContainerID: id, NetworkName: "test", HostInterface: p.HostInterface, Bridge: p.Bridge,
		MAC: p.MAC.String(), Isolated: s.isolated[name], Created: time.Now().UTC().Round(0),
	}
}

// operate does one thing with the node, as a short-lived process does.
func (s *site) operate(t testing.TB,
	f func(context.Context, *node.Node) (node.Report, error)) node.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n, err := node.Open(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r, err := f(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// attach brings containers into force: all of them when none is named.
func (s *site) attach(t testing.TB, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = members
	}
	for _, name := range names {
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			return n.Attach(ctx, s.attachment(name))
		})
	}
}

func (s *site) detach(t testing.TB, name string) {
	t.Helper()
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Detach(ctx, func(a endpoint.Attachment) bool { return a.Endpoint.Name == name })
	})
}

// apply makes the kernel follow the documents.
func (s *site) apply(t testing.TB) node.Report {
	t.Helper()
	return s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Apply(ctx)
	})
}

// uninstall takes all protection away.
func (s *site) uninstall(t testing.TB) {
	t.Helper()
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return node.Report{}, n.Uninstall(ctx)
	})
}

// manage loads the closed base, as the node does at boot.
func (s *site) manage(t testing.TB, m compile.Managed) {
	t.Helper()
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		c := n.Config()
		c.Managed = m
		return n.SetConfig(ctx, c)
	})
}

// managed is what a node with this site's networks declares its own.
var managed = compile.Managed{Interfaces: []string{"br0", "br1"}, Kinds: []string{"veth"}}

// reach probes with TCP and compares the outcome.
func (s *site) reach(t testing.TB, from, address string, want error) {
	t.Helper()
	if got := s.boxes[from].Dial("tcp", address, 0); !errors.Is(got, want) {
		t.Errorf("%s -> %s: got %v, want %v", from, address, got, want)
	}
}

// forgetNeighbours empties the neighbour caches of the node and of all containers.
func (s *site) forgetNeighbours(t testing.TB) {
	t.Helper()
	for _, n := range append(s.namespaces(), s.Namespace) {
		n.Run(t, "ip", "-4", "neigh", "flush", "all")
		n.Run(t, "ip", "-6", "neigh", "flush", "all")
	}
}

func (s *site) namespaces() []*testnet.Namespace {
	var out []*testnet.Namespace
	for _, box := range s.boxes {
		out = append(out, box.Namespace)
	}
	return out
}
