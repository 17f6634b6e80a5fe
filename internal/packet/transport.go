// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// transport reads the header of Proto at the beginning of b.
func (h *IP) transport(b []byte) {
	switch {
	case h.Version == 4 && h.Proto == ICMP, h.Version == 6 && h.Proto == ICMPv6:
		if len(b) < 2 {
			h.Truncated = true
			return
		}
		h.ICMPType, h.ICMPCode = b[0], b[1]
	case HasPorts(h.Proto):
		if len(b) < 4 {
			h.Truncated = true
			return
		}
		h.SrcPort, h.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	default:
		return
	}
	h.Transport = true
	if h.Proto == TCP {
		const flags = 13
		if len(b) <= flags {
			h.Truncated = true
			return
		}
		h.TCPFlags = b[flags]
	}
}
