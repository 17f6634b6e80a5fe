// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// reservedGroups are the group addresses 01:80:c2:00:00:00 to 0f, one bit each. The kernel does
// not let go of the second, pause frames, and drops them itself.
const reservedGroups = 0xffff &^ (1 << 1)

// SetReserved sets or clears that frames to the reserved group addresses (bridge protocols, LLDP,
// LACP, 802.1X) which enter at a bridge port are treated as any other frame, and reads it back.
// Otherwise the kernel learns their source address and hands them to the node as if the port
// were no bridge's, IP packets included, and no bridge hook sees the spanning tree's and LLDP's.
// The error is fs.ErrNotExist without such a link.
func (c *Conn) SetReserved(port string, on bool) error {
	a, err := c.port(port)
	if err != nil {
		return err
	}
	want := uint16(0)
	if on {
		want = reservedGroups
	}
	if a.groups == want {
		return nil
	}
	value := binary.NativeEndian.AppendUint16(nil, want)
	if err := c.setPort(a, unix.IFLA_BRPORT_GROUP_FWD_MASK, value); err != nil {
		return fmt.Errorf("port %s: group_fwd_mask: %w", port, err)
	}
	if a, err = c.port(port); err != nil {
		return err
	}
	if a.groups != want {
		return fmt.Errorf("port %s: group_fwd_mask read back as %#x", port, a.groups)
	}
	return nil
}
