// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const forwardDrop = "table inet t { chain f { type filter hook forward priority 0; drop; }; }"

// TestBridgeNetfilter compares what is reported with what bridged packets do.
func TestBridgeNetfilter(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0")
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	n.AttachBridged(t, a, "br0", testnet.Plug{Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"}})
	n.AttachBridged(t, b, "br0", testnet.Plug{Addresses: []string{"10.1.0.3/24", "fd00:1::3/64"}})
	for _, p := range []string{"10.1.0.3", "fd00:1::3"} {
		if err := a.Ping(p, 0); err != nil { // resolves the neighbour before rules drop it
			t.Fatal(err)
		}
	}
	n.Nft(t, forwardDrop)
	c := open(t, n)
	enable := func() error { _, err := c.EnableBridgeNetfilter("br0"); return err }
	steps := []struct {
		name   string
		do     func() error
		v4, v6 bool
	}{
		{"all off", func() error { setAll(t, n, "0", "0"); return nil }, false, false},
		{"namespace v4", func() error { setAll(t, n, "1", "0"); return nil }, true, false},
		{"namespace v6", func() error { setAll(t, n, "0", "1"); return nil }, false, true},
		{"bridge", func() error {
			setAll(t, n, "0", "0")
			return enable()
		}, true, true},
		{"bridge again", enable, true, true},
		{"bridge v6 off", func() error {
			n.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_ip6tables", "0")
			return nil
		}, true, false},
		{"repaired", enable, true, true},
		{"given back", func() error { return c.DisableBridgeNetfilter("br0") }, false, false},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		v4, v6, err := c.BridgeNetfilter("br0")
		if err != nil || v4 != s.v4 || v6 != s.v6 {
			t.Errorf("%s: got %t, %t, %v, want %t, %t", s.name, v4, v6, err, s.v4, s.v6)
		}
		if dropped := a.Ping("10.1.0.3", 0) != nil; dropped != s.v4 {
			t.Errorf("%s: ipv4 dropped: got %t, want %t", s.name, dropped, s.v4)
		}
		if dropped := a.Ping("fd00:1::3", 0) != nil; dropped != s.v6 {
			t.Errorf("%s: ipv6 dropped: got %t, want %t", s.name, dropped, s.v6)
		}
	}
}

func setAll(t *testing.T, n *testnet.Net, v4, v6 string) {
	t.Helper()
	n.Sysctl(t, "net/bridge/bridge-nf-call-iptables", v4)
	n.Sysctl(t, "net/bridge/bridge-nf-call-ip6tables", v6)
}

func TestBridgeNetfilterErrors(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0")
	n.AttachRouted(t, n.AddContainer(t, "a"), testnet.Plug{HostInterface: "ptp0"})
	c := open(t, n)
	for _, call := range []func(string) error{
		func(name string) error { _, err := c.EnableBridgeNetfilter(name); return err },
		func(name string) error { _, _, err := c.BridgeNetfilter(name); return err },
	} {
		if err := call("br9"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("br9: got %v, want %v", err, fs.ErrNotExist)
		}
		if err := call("ptp0"); err == nil || errors.Is(err, fs.ErrNotExist) ||
			errors.Is(err, link.ErrNoBridgeNetfilter) {
			t.Errorf("ptp0: got %v, want an error about its kind", err)
		}
	}
}
