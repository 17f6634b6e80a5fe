// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func TestLinks(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br1")
	n.Bridge(t, "br0")
	box := n.AddContainer(t, "box")
	n.AttachBridged(t, box, "br0", testnet.Plug{Interface: "b", HostInterface: "port-b"})
	n.AttachBridged(t, box, "br0", testnet.Plug{Interface: "a", HostInterface: "port-a"})
	c := open(t, n)

	if got, err := c.ListBridges(); err != nil || !slices.Equal(got, []string{"br0", "br1"}) {
		t.Errorf("bridges: got %v, %v, want br0 and br1", got, err)
	}
	ports, err := c.BridgePorts("br0")
	if err != nil || len(ports) != 2 || ports[0].Name != "port-a" || ports[1].Name != "port-b" ||
		ports[0].Bridge != "br0" || ports[0].Kind != "veth" {
		t.Errorf("ports of br0: got %+v, %v, want port-a and port-b", ports, err)
	}
	if ports, err := c.BridgePorts("br1"); err != nil || len(ports) != 0 {
		t.Errorf("ports of br1: got %+v, %v, want none", ports, err)
	}
	if _, err := c.BridgePorts("port-a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ports of a veth: got %v, want an error about its kind", err)
	}
	if _, err := c.BridgePorts("br9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ports of br9: got %v, want %v", err, fs.ErrNotExist)
	}
	for name, want := range map[string]bool{"br0": true, "port-a": true, "br9": false, "": false} {
		if got, err := c.LinkExists(name); err != nil || got != want {
			t.Errorf("link %q exists: got %t, %v, want %t", name, got, err, want)
		}
	}
	if _, err := c.HostLink("br9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("host link br9: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestIsolation(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0")
	c := open(t, n)
	var boxes [2]*testnet.Container
	for i := range boxes {
		boxes[i] = n.AddContainer(t, fmt.Sprint("box", i))
		n.AttachBridged(t, boxes[i], "br0", testnet.Plug{HostInterface: fmt.Sprint("port", i),
			Addresses: []string{fmt.Sprintf("10.1.0.%d/24", 2+i)}})
	}
	for _, on := range []bool{true, true, false, false} {
		for i := range boxes {
			if err := c.SetIsolated(fmt.Sprint("port", i), on); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := c.HostLink("port0"); err != nil || l.Isolated != on {
			t.Errorf("flag: got %+v, %v, want %t", l, err, on)
		}
		// Isolation leaves a failed neighbour entry behind, which would hold the ping back.
		boxes[0].Run(t, "ip", "neigh", "flush", "all", "nud", "all")
		if err := boxes[0].Ping("10.1.0.3", 0); (err == nil) == on {
			t.Errorf("ping with isolation %t: got %v", on, err)
		}
	}
	if err := c.SetIsolated("br0", true); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bridge itself: got %v, want an error about ports", err)
	}
	if err := c.SetIsolated("port9", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing port: got %v, want %v", err, fs.ErrNotExist)
	}
}

// A packet to a reserved group reaches the node past its bridge, unless the port is told.
func TestReserved(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24")
	c := open(t, n)
	box := n.AddContainer(t, "box")
	n.AttachBridged(t, box, "br0", testnet.Plug{HostInterface: "port0",
		Addresses: []string{"10.1.0.2/24"}})
	server := n.Serve(t, "udp", 53)
	n.Nft(t, "table bridge t { chain c { type filter hook prerouting priority 0; drop; }; }")
	src, dst := netip.MustParseAddrPort("10.9.0.9:999"), netip.MustParseAddrPort("10.1.0.1:53")
	for _, on := range []bool{false, true, true, false} {
		if err := c.SetReserved("port0", on); err != nil {
			t.Fatal(err)
		}
		if l, err := c.HostLink("port0"); err != nil || l.Reserved != on {
			t.Errorf("flag: got %+v, %v, want %t", l, err, on)
		}
		before := len(server.Received())
		for last := range byte(16) {
			group := net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, last}
			box.SendRaw(t, "eth0", testnet.IPFrame(group, box.MAC(t, "eth0"),
				testnet.UDP(src, dst, []byte("x"))))
		}
		time.Sleep(50 * time.Millisecond)
		if got := len(server.Received()) - before; (got > 0) == on {
			t.Errorf("packets past the bridge with %t: got %d", on, got)
		}
	}
	if err := c.SetReserved("br0", true); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bridge itself: got %v, want an error about ports", err)
	}
	if err := c.SetReserved("port9", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing port: got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestListsAreComplete lists while links come and go; what stays must be in every list.
func TestListsAreComplete(t *testing.T) {
	const fixed = 300
	n := testnet.New(t)
	var batch strings.Builder
	for i := range fixed {
		fmt.Fprintf(&batch, "link add keep%d type bridge\n", i)
	}
	if out, err := n.Command(batch.String(), "ip", "-batch", "-"); err != nil {
		t.Fatalf("bridges: %v\n%s", err, out)
	}
	c := open(t, n)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		churn := strings.Repeat("link add x type bridge\nlink del x\n", 20)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if out, err := n.Command(churn, "ip", "-batch", "-"); err != nil {
				t.Errorf("churn: %v\n%s", err, out)
				return
			}
		}
	})
	for range 100 {
		got, err := c.ListBridges()
		if err != nil {
			t.Errorf("list: %v", err)
			continue
		}
		kept := 0
		for _, name := range got {
			if strings.HasPrefix(name, "keep") {
				kept++
			}
		}
		if kept != fixed {
			t.Errorf("list: got %d of the lasting bridges, want %d", kept, fixed)
		}
	}
	close(stop)
	wg.Wait()
}
