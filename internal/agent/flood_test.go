// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"net"
	"net/netip"
)

// flood sends UDP packets to a thousand ports of an address.
func flood(to string, packets int) error {
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer c.Close()
	addr := netip.MustParseAddr(to)
	for i := range packets {
		port := uint16(2000 + i%1000)
		if _, err := c.WriteToUDPAddrPort([]byte("flood"), netip.AddrPortFrom(addr, port)); err != nil {
			return err
		}
	}
	return nil
}
