// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// attrs is a run of received attributes.
type attrs []byte

// next takes the first attribute off the run. It returns false at the end, and where the run is not
// well formed: then something is left of it.
func (a *attrs) next() (typ uint16, data []byte, ok bool) {
	b := *a
	if len(b) < unix.SizeofNlAttr {
		return 0, nil, false
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < unix.SizeofNlAttr || n > len(b) {
		return 0, nil, false
	}
	typ = binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	*a = b[min(len(b), (n+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	return typ, b[unix.SizeofNlAttr:n], true
}

// setU32 and its like take a number in network byte order; they return false if it is none.
func setU32(v *uint32, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	*v = binary.BigEndian.Uint32(b)
	return true
}

func setU16(v *uint16, b []byte) bool {
	if len(b) != 2 {
		return false
	}
	*v = binary.BigEndian.Uint16(b)
	return true
}

func setU8(v *uint8, b []byte) bool {
	if len(b) != 1 {
		return false
	}
	*v = b[0]
	return true
}
