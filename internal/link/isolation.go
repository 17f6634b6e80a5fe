// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// SetIsolated sets or clears the isolation flag of a bridge port and reads it back. Isolated
// ports of a bridge cannot reach each other at all; the kernel drops such frames before any
// hook. The error is fs.ErrNotExist without such a link.
func (c *Conn) SetIsolated(port string, on bool) error {
	a, err := c.port(port)
	if err != nil {
		return err
	}
	if a.isolated == on {
		return nil
	}
	value := []byte{0}
	if on {
		value[0] = 1
	}
	if err := c.setPort(a, unix.IFLA_BRPORT_ISOLATED, value); err != nil {
		return fmt.Errorf("port %s: isolation: %w", port, err)
	}
	if a, err = c.port(port); err != nil {
		return err
	}
	if a.isolated != on {
		return fmt.Errorf("port %s: isolation read back as %t", port, a.isolated)
	}
	return nil
}

// setPort changes one attribute of a bridge port.
func (c *Conn) setPort(a attrs, kind uint16, value []byte) error {
	info := attribute(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, attribute(kind, value))
	_, err := c.route.request(netlink.Message{
		Header: netlink.Header{
			Type: unix.RTM_SETLINK, Flags: netlink.Request | netlink.Acknowledge},
		Data: append(linkHeader(unix.AF_BRIDGE, a.index), info...),
	})
	return err
}

func (c *Conn) port(name string) (attrs, error) {
	a, err := byName(c.route, name)
	if err == nil && a.masterKind != kindBridge {
		err = fmt.Errorf("not a port of a bridge")
	}
	if err != nil {
		return attrs{}, fmt.Errorf("port %s: %w", name, err)
	}
	return a, nil
}
