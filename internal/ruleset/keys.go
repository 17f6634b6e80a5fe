// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"encoding/binary"
	"net/netip"
)

// Ifname is the key of an interface name. Names are at most 15 bytes (IFNAMSIZ - 1).
func Ifname(name string) Key {
	var b [16]byte
	copy(b[:15], name)
	return Key(b[:])
}

// Addr is the key of an address: 4 bytes for IPv4, 16 for IPv6.
func Addr(a netip.Addr) Key { return Key(a.Unmap().AsSlice()) }

// Ether is the key of a link-layer address.
func Ether(mac [6]byte) Key { return Key(mac[:]) }

// Byte is the key of a one-byte field.
func Byte(b uint8) Key { return Key([]byte{b}) }

// Word is the key of a two-byte field, such as a port or an ethertype.
func Word(w uint16) Key { return Key(binary.BigEndian.AppendUint16(nil, w)) }

// Mark is the key of a mark.
func Mark(m uint32) Key { return Key(binary.BigEndian.AppendUint32(nil, m)) }

// Join makes one key of several fields, each padded to a multiple of four bytes.
func Join(fields ...Key) Key {
	if len(fields) == 1 {
		return fields[0]
	}
	n := 0
	for _, f := range fields {
		n += len(f) + 3
	}
	b := make([]byte, 0, n)
	for _, f := range fields {
		b = append(b, f...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return Key(b)
}
