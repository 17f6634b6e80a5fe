// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func open(t *testing.T, n *testnet.Net) *link.Conn {
	t.Helper()
	c, err := link.Open(link.Options{NetNS: n.FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFindPort(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24")
	bridged, routed := n.AddContainer(t, "bridged"), n.AddContainer(t, "routed")
	n.AttachBridged(t, bridged, "br0", testnet.Plug{MAC: "02:00:00:00:00:01",
		HostInterface: "port1", Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"}})
	n.AttachRouted(t, routed, testnet.Plug{MAC: "02:00:00:00:00:02", Interface: "net1",
		HostInterface: "ptp1", Addresses: []string{"10.2.0.2/24"},
		Gateways: []string{"10.2.0.1"}})
	c := open(t, n)
	if err := c.SetIsolated("port1", true); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		container   *testnet.Container
		ifname, mac string
		want        link.Port
		addresses   []string
	}{
		{bridged, "eth0", "02:00:00:00:00:01",
			link.Port{Name: "port1", Kind: "veth", Bridge: "br0", Isolated: true},
			[]string{"10.1.0.2", "fd00:1::2"}},
		{routed, "net1", "02:00:00:00:00:02", link.Port{Name: "ptp1", Kind: "veth"},
			[]string{"10.2.0.2"}},
	}
	for _, x := range cases {
		got, err := c.FindPort(x.container.Path(), x.ifname)
		if err != nil {
			t.Errorf("%s: got %v, want its port", x.container.Name, err)
			continue
		}
		if got.Name != x.want.Name || got.Kind != x.want.Kind ||
			got.Bridge != x.want.Bridge || got.Isolated != x.want.Isolated {
			t.Errorf("%s: got %+v, want %+v", x.container.Name, got, x.want)
		}
		if got.MAC.String() != x.mac {
			t.Errorf("%s: mac: got %s, want %s", x.container.Name, got.MAC, x.mac)
		}
		for _, a := range x.addresses {
			if !slices.Contains(got.Addresses, netip.MustParseAddr(a)) {
				t.Errorf("%s: addresses: got %v, want %s in it",
					x.container.Name, got.Addresses, a)
			}
		}
		host, err := c.HostLink(got.Name)
		if err != nil || host.Index != got.Index || host.Bridge != x.want.Bridge ||
			host.Isolated != x.want.Isolated || host.MAC.String() == x.mac {
			t.Errorf("%s: host link: got %+v, %v", x.container.Name, host, err)
		}
	}
}

func TestFindPortUnenforceable(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0")
	c := open(t, n)
	box, other := n.AddContainer(t, "box"), n.AddContainer(t, "other")
	// A link whose only difference is that its other end is elsewhere has the same index as
	// one on the host would have.
	n.AttachBridged(t, other, "br0", testnet.Plug{Interface: "uplink"})
	n.Run(t, "ip", "link", "add", "mv0", "link", "br0", "type", "macvlan")
	n.Run(t, "ip", "link", "set", "mv0", "netns", box.Path())
	box.Run(t, "ip", "link", "add", "inner0", "type", "veth", "peer", "inner1")
	box.Run(t, "ip", "link", "add", "away0", "type", "veth", "peer", "away1",
		"netns", other.Path())
	box.Run(t, "ip", "link", "add", "eth7", "type", "bridge")
	cases := []struct{ ifname, kind, why string }{
		{"mv0", "macvlan", "only veth"},
		{"eth7", "bridge", "only veth"},
		{"inner0", "veth", "not in the host's"},
		{"away0", "veth", "not in the host's"},
	}
	for _, x := range cases {
		_, err := c.FindPort(box.Path(), x.ifname)
		var refused *link.UnenforceableError
		if !errors.Is(err, link.ErrUnenforceable) || !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want %v", x.ifname, err, link.ErrUnenforceable)
			continue
		}
		if refused.Kind != x.kind || refused.Interface != x.ifname ||
			!strings.Contains(refused.Why, x.why) {
			t.Errorf("%s: got %v, want kind %s, %q", x.ifname, err, x.kind, x.why)
		}
	}
}

func TestFindPortGone(t *testing.T) {
	n := testnet.New(t)
	c := open(t, n)
	box := n.AddContainer(t, "box")
	box.Run(t, "ip", "link", "add", "eth0", "type", "bridge")
	box.Run(t, "ip", "link", "property", "add", "dev", "eth0", "altname", "nick")
	file := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ path, ifname string }{
		{box.Path(), "eth1"},
		{box.Path(), "nick"}, // an alternative name is not what rules match
		{box.Path(), ""},
		{box.Path(), "a-name-beyond-the-kernels-limit"},
		{file + "-missing", "eth0"},
	} {
		if _, err := c.FindPort(x.path, x.ifname); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s %q: got %v, want %v", x.path, x.ifname, err, fs.ErrNotExist)
		}
	}
	if _, err := c.FindPort(file, "lo"); err == nil {
		t.Error("plain file: got a port, want an error")
	}
	if _, err := c.FindPort("/proc/self/ns/mnt", "lo"); err == nil {
		t.Error("mount namespace: got a port, want an error")
	}
}
