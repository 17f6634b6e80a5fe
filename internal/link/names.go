// SPDX-License-Identifier: Apache-2.0

package link

import (
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Names are the names of all links by their indexes.
func (c *Conn) Names() (map[uint32]string, error) {
	all, err := list(c.route)
	if err != nil {
		return nil, err
	}
	names := make(map[uint32]string, len(all))
	for _, a := range all {
		names[uint32(a.index)] = a.name
	}
	return names, nil
}

// HostAddresses are the addresses of the namespace's own interfaces.
func (c *Conn) HostAddresses() (map[netip.Addr]bool, error) {
	found := map[netip.Addr]bool{}
	err := c.route.dump(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETADDR},
		Data:   make([]byte, unix.SizeofIfAddrmsg),
	}, func() { clear(found) }, func(b []byte) {
		if a, _ := parseAddress(b); a.IsValid() {
			found[a] = true
		}
	})
	return found, err
}
