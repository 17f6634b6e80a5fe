// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"net/netip"
)

// arp reads an ARP packet.
func (p *Packet) arp(b []byte) {
	const fixed, whole = 8, 28
	if len(b) < fixed {
		p.Truncated = true
		return
	}
	p.ARP.Operation = binary.BigEndian.Uint16(b[6:])
	if binary.BigEndian.Uint16(b[2:]) != EtherIPv4 || b[4] != 6 || b[5] != 4 {
		return
	}
	if len(b) < whole {
		p.Truncated = true
		return
	}
	copy(p.ARP.SenderEther[:], b[8:])
	p.ARP.SenderIP = netip.AddrFrom4([4]byte(b[14:]))
	copy(p.ARP.TargetEther[:], b[18:])
	p.ARP.TargetIP = netip.AddrFrom4([4]byte(b[24:]))
}
