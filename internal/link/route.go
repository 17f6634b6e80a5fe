// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoRoute says that the host would not send a packet to an address at all.
var ErrNoRoute = errors.New("no route")

// Route is the way that the host's own packets to an address take.
type Route struct {
	// Interface is where they leave; lo for an address of the host.
	Interface string
	// Source is the address that the host gives them.
	Source netip.Addr
	// Local says that the address is the host's own.
	Local bool
}

// RouteTo asks the kernel for the route to an address, as it decides now. Nothing is sent.
func (c *Conn) RouteTo(addr netip.Addr) (Route, error) {
	family := byte(unix.AF_INET6)
	if addr.Is4() {
		family = unix.AF_INET
	}
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = family, byte(addr.BitLen())
	replies, err := c.route.request(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request},
		Data:   append(header, attribute(unix.RTA_DST, addr.AsSlice())...),
	})
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", addr, routeError(err))
	}
	if len(replies) != 1 || len(replies[0].Data) < unix.SizeofRtMsg {
		return Route{}, fmt.Errorf("route to %s: %d replies, want one", addr, len(replies))
	}
	r, index := parseRoute(replies[0].Data)
	if index == 0 {
		return Route{}, fmt.Errorf("route to %s: %w", addr, ErrNoRoute)
	}
	out, err := byIndex(c.route, index)
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	r.Interface = out.name
	return r, nil
}

// routeError tells "no route" and routes that refuse from a fault.
func routeError(err error) error {
	for _, no := range []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrNoRoute, err)
		}
	}
	return err
}

// parseRoute returns what a route message says and the index of its interface.
func parseRoute(b []byte) (Route, int) {
	r := Route{Local: b[7] == unix.RTN_LOCAL}
	index := 0
	for kind, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch kind {
		case unix.RTA_OIF:
			if len(v) == 4 {
				index = int(binary.NativeEndian.Uint32(v))
			}
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(v)
		}
	}
	return r, index
}
