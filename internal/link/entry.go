// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages and attributes of linux/netfilter/nfnetlink_conntrack.h.
const (
	ctGet    netlink.HeaderType = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1
	ctDelete netlink.HeaderType = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2

	ctaTupleOrig  = 1
	ctaTupleReply = 2
	ctaMark       = 8
	ctaID         = 12
	ctaZone       = 18
	ctaMarkMask   = 21
	ctaFilter     = 25

	ctaTupleIP = 1
	ctaV4Src   = 1
	ctaV6Dst   = 4
)

// entry is one conntrack entry as it was dumped.
type entry struct {
	family byte
	// addrs are source and destination of the original and of the reply tuple.
	addrs [4]netip.Addr
	mark  uint32
	// orig, id and zone are the kernel's own attributes; they name the entry when sent back.
	orig, id, zone []byte
}

func parseEntry(b []byte) (entry, bool) {
	if len(b) < 4 {
		return entry{}, false
	}
	e := entry{family: b[0]}
	for kind, v := range attributes(b[4:]) {
		switch kind {
		case ctaTupleOrig:
			e.orig = v
			parseTuple(v, e.addrs[0:2])
		case ctaTupleReply:
			parseTuple(v, e.addrs[2:4])
		case ctaMark:
			if len(v) == 4 { // left out by some kernels when zero
				e.mark = binary.BigEndian.Uint32(v)
			}
		case ctaID:
			e.id = v
		case ctaZone:
			e.zone = v
		}
	}
	return e, e.orig != nil
}

// parseTuple puts source and destination into pair; the attribute numbers alternate.
func parseTuple(b []byte, pair []netip.Addr) {
	for kind, v := range attributes(b) {
		if kind != ctaTupleIP {
			continue
		}
		for kind, v := range attributes(v) {
			if kind >= ctaV4Src && kind <= ctaV6Dst {
				pair[(kind-1)%2], _ = netip.AddrFromSlice(v)
			}
		}
	}
}

func (e entry) involves(wanted map[netip.Addr]bool) bool {
	for _, a := range e.addrs {
		if wanted[a] {
			return true
		}
	}
	return false
}

// clone detaches e from the buffer it was parsed from.
func (e entry) clone() entry {
	e.orig, e.id, e.zone = bytes.Clone(e.orig), bytes.Clone(e.id), bytes.Clone(e.zone)
	return e
}

// name returns the attributes by which the kernel finds exactly this entry.
func (e entry) name() []byte {
	b := attribute(ctaTupleOrig|unix.NLA_F_NESTED, e.orig)
	if e.id != nil {
		b = append(b, attribute(ctaID, e.id)...)
	}
	if e.zone != nil {
		b = append(b, attribute(ctaZone, e.zone)...)
	}
	return b
}

// nfHeader is a struct nfgenmsg of version 0.
func nfHeader(family byte) []byte { return []byte{family, 0, 0, 0} }

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
