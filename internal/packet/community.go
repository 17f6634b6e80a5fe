// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// CommunityID is the flow's Community ID, version 1
// (https://github.com/corelight/community-id-spec), under which other tools find the same flow. It
// is the same for both directions. It is empty for what is not IP, and where the ports could not be
// read, as in later fragments.
func (h *IP) CommunityID(seed uint16) string {
	src, dst, first, second := h.Src, h.Dst, h.SrcPort, h.DstPort
	counted, oneWay := true, false
	switch {
	case !src.IsValid() || !dst.IsValid() || h.Proto == 0:
		return ""
	case h.Proto == ICMP && h.Version == 4:
		first, second, oneWay = icmpPorts(&answers4, h.ICMPType, h.ICMPCode)
	case h.Proto == ICMPv6 && h.Version == 6:
		first, second, oneWay = icmpPorts(&answers6, h.ICMPType, h.ICMPCode)
	case h.Proto == TCP, h.Proto == UDP, h.Proto == SCTP:
	default:
		counted, first, second = false, 0, 0
	}
	if counted && !h.Transport {
		return ""
	}
	order := src.Compare(dst)
	if !oneWay && (order > 0 || order == 0 && first > second) {
		src, dst, first, second = dst, src, second, first
	}
	var space [2 + 16 + 16 + 2 + 4]byte
	b := binary.BigEndian.AppendUint16(space[:0], seed)
	b = appendAddr(appendAddr(b, src), dst)
	b = append(b, h.Proto, 0)
	if counted {
		b = binary.BigEndian.AppendUint16(b, first)
		b = binary.BigEndian.AppendUint16(b, second)
	}
	sum := sha1.Sum(b)
	var text [2 + 28]byte
	copy(text[:], "1:")
	base64.StdEncoding.Encode(text[2:], sum[:])
	return string(text[:])
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v4 := a.As4()
		return append(b, v4[:]...)
	}
	v6 := a.As16()
	return append(b, v6[:]...)
}

// answers is a question's type in ICMP and that of its answer, both ways.
type answers [][2]uint8

var (
	answers4 = answers{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	answers6 = answers{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {139, 140}, {144, 145}}
)

// icmpPorts is what takes the place of the ports. A message that has no counterpart is hashed as it
// goes, its code in the second place.
func icmpPorts(known *answers, kind, code uint8) (first, second uint16, oneWay bool) {
	for _, pair := range *known {
		switch kind {
		case pair[0]:
			return uint16(kind), uint16(pair[1]), false
		case pair[1]:
			return uint16(kind), uint16(pair[0]), false
		}
	}
	return uint16(kind), uint16(code), true
}
