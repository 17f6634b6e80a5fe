// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// maxAttr is the most that one attribute can hold: its length is a 16-bit number which, when
// it overflows, makes the kernel silently read a part of the content.
const maxAttr = 1<<16 - 1 - unix.SizeofNlAttr

// attrs is a run of netlink attributes under construction. Numbers are big endian, as
// nf_tables wants them.
type attrs []byte

func (a attrs) bytes(typ uint16, v []byte) attrs {
	a = binary.NativeEndian.AppendUint16(a, uint16(unix.SizeofNlAttr+len(v)))
	a = binary.NativeEndian.AppendUint16(a, typ)
	a = append(a, v...)
	for len(a)%unix.NLA_ALIGNTO != 0 {
		a = append(a, 0)
	}
	return a
}

func (a attrs) nest(typ uint16, inner attrs) attrs {
	return a.bytes(typ|unix.NLA_F_NESTED, inner)
}

// str adds a string with the terminating zero that the kernel's NLA_STRING names carry.
func (a attrs) str(typ uint16, s string) attrs {
	return a.bytes(typ, append([]byte(s), 0))
}

func (a attrs) u8(typ uint16, v uint8) attrs {
	return a.bytes(typ, []byte{v})
}

func (a attrs) u32(typ uint16, v uint32) attrs {
	return a.bytes(typ, binary.BigEndian.AppendUint32(nil, v))
}

func (a attrs) u64(typ uint16, v uint64) attrs {
	return a.bytes(typ, binary.BigEndian.AppendUint64(nil, v))
}

// attr is one received attribute. The kernel does not mark nested attributes of nf_tables as
// such, so whoever reads one must know what is inside.
type attr struct {
	typ  uint16
	data []byte
}

// parseAttrs splits a run of attributes; ok is false when it is not well formed.
func parseAttrs(b []byte) (as []attr, ok bool) {
	for len(b) > 0 {
		if len(b) < unix.SizeofNlAttr {
			return nil, false
		}
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			return nil, false
		}
		typ := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		as = append(as, attr{typ: typ, data: b[unix.SizeofNlAttr:n]})
		b = b[min(len(b), (n+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return as, true
}

// find is the content of the first attribute of the type, nil when there is none.
func find(as []attr, typ uint16) []byte {
	for _, a := range as {
		if a.typ == typ {
			return a.data
		}
	}
	return nil
}

// findNest is the attributes inside the first attribute of the type.
func findNest(as []attr, typ uint16) []attr {
	inner, _ := parseAttrs(find(as, typ))
	return inner
}

// findString is a string attribute without its terminating zero.
func findString(as []attr, typ uint16) string {
	b := find(as, typ)
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// findU32 is a 32-bit attribute, zero when it is absent.
func findU32(as []attr, typ uint16) uint32 {
	if b := find(as, typ); len(b) == 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// findU64 is a 64-bit attribute, zero when it is absent.
func findU64(as []attr, typ uint16) uint64 {
	if b := find(as, typ); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}
