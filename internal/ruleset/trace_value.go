// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"encoding/binary"
	"net/netip"
)

// value is a field's value, or a key of several: bytes in network order, on the stack.
type value struct {
	b [maxKey]byte
	n int
}

func (v *value) bytes() []byte { return v.b[:v.n] }

func (v *value) number() uint64 {
	var n uint64
	for _, b := range v.bytes() {
		n = n<<8 | uint64(b)
	}
	return n
}

func (v *value) addr() netip.Addr {
	a, _ := netip.AddrFromSlice(v.bytes())
	return a
}

// append adds a field to a key of several, padded as the kernel's registers are.
func (v *value) append(f value) {
	copy(v.b[v.n:], f.bytes())
	v.n += padded(f.n)
}

func (v *value) mask(m uint32) {
	binary.BigEndian.PutUint32(v.b[:4], binary.BigEndian.Uint32(v.b[:4])&m)
}

func nameValue(name string) value {
	v := value{n: 16}
	copy(v.b[:15], name)
	return v
}

func etherValue(mac [6]byte) value {
	v := value{n: 6}
	copy(v.b[:], mac[:])
	return v
}

func byteValue(b uint8) value { return value{b: [maxKey]byte{b}, n: 1} }

func wordValue(w uint16) value {
	v := value{n: 2}
	binary.BigEndian.PutUint16(v.b[:], w)
	return v
}

func markValue(m uint32) value {
	v := value{n: 4}
	binary.BigEndian.PutUint32(v.b[:], m)
	return v
}

// addrValue is an address, absent when it is not of the wanted width.
func addrValue(a netip.Addr, width int) (value, bool) {
	v := value{n: width}
	if a.BitLen() != width*8 {
		return value{}, false
	}
	if width == 4 {
		b := a.As4()
		copy(v.b[:], b[:])
	} else {
		b := a.As16()
		copy(v.b[:], b[:])
	}
	return v, true
}
