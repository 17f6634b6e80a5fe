// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func TestNamesAndAddressesOfTheHost(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	n.AttachBridged(t, n.AddContainer(t, "box"), "br0", testnet.Plug{HostInterface: "port",
		Addresses: []string{"10.1.0.2/24"}})
	c := open(t, n)
	names, err := c.Names()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for index, name := range names {
		found[name] = index > 0
	}
	if len(names) != 3 || !found["lo"] || !found["br0"] || !found["port"] {
		t.Errorf("names: got %v, want lo, br0 and port", names)
	}
	host, err := c.HostAddresses()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"10.1.0.1": true, "fd00:1::1": true,
		"127.0.0.1": true, "10.1.0.2": false} {
		if host[netip.MustParseAddr(text)] != want {
			t.Errorf("%s is the host's: got %t, want %t", text, !want, want)
		}
	}
}
