// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"iter"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// typeMask cuts off the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const typeMask = 0x3fff

// attributes walks over netlink attributes: type without flag bits, and payload. A malformed
// rest is left out.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			kind := binary.NativeEndian.Uint16(b[2:]) & typeMask
			if !yield(kind, b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// noNetNS stands for "no namespace id": the peer is in the same namespace.
const noNetNS = -1

// attrs is what a link message says.
type attrs struct {
	name   string
	index  int
	mac    net.HardwareAddr
	kind   string
	master int
	// masterKind is the kind of the device that the link is a port of.
	masterKind string
	isolated   bool
	// groups is the port's group_fwd_mask.
	groups uint16
	// peer and peerNS are the other end of a veth: index, and namespace id as seen here.
	peer, peerNS int
	// nfV4 and nfV6 are a bridge's own br_netfilter flags.
	nfV4, nfV6 bool
}

func parseLink(b []byte) (attrs, bool) {
	a := attrs{peerNS: noNetNS}
	if len(b) < unix.SizeofIfInfomsg {
		return a, false
	}
	a.index = int(int32(binary.NativeEndian.Uint32(b[4:])))
	for kind, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch kind {
		case unix.IFLA_IFNAME:
			a.name = text(v)
		case unix.IFLA_ADDRESS:
			a.mac = append(net.HardwareAddr(nil), v...)
		case unix.IFLA_MASTER:
			a.master = number(v)
		case unix.IFLA_LINK:
			a.peer = number(v)
		case unix.IFLA_LINK_NETNSID:
			a.peerNS = number(v)
		case unix.IFLA_LINKINFO:
			a.parseInfo(v)
		}
	}
	return a, a.name != "" && a.index > 0
}

func (a *attrs) parseInfo(b []byte) {
	var data, portData []byte
	for kind, v := range attributes(b) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			a.kind = text(v)
		case unix.IFLA_INFO_SLAVE_KIND:
			a.masterKind = text(v)
		case unix.IFLA_INFO_DATA:
			data = v
		case unix.IFLA_INFO_SLAVE_DATA:
			portData = v
		}
	}
	if a.kind == kindBridge {
		for kind, v := range attributes(data) {
			switch kind {
			case unix.IFLA_BR_NF_CALL_IPTABLES:
				a.nfV4 = flag(v)
			case unix.IFLA_BR_NF_CALL_IP6TABLES:
				a.nfV6 = flag(v)
			}
		}
	}
	if a.masterKind == kindBridge {
		for kind, v := range attributes(portData) {
			switch kind {
			case unix.IFLA_BRPORT_ISOLATED:
				a.isolated = flag(v)
			case unix.IFLA_BRPORT_GROUP_FWD_MASK:
				if len(v) == 2 {
					a.groups = binary.NativeEndian.Uint16(v)
				}
			}
		}
	}
}

// parseAddress returns the address in an address message and the index of its link.
func parseAddress(b []byte) (netip.Addr, int) {
	if len(b) < unix.SizeofIfAddrmsg {
		return netip.Addr{}, 0
	}
	index := int(binary.NativeEndian.Uint32(b[4:]))
	var address, local netip.Addr
	for kind, v := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(v)
		case unix.IFA_LOCAL:
			// On a point-to-point link IFA_ADDRESS is the other side's.
			local, _ = netip.AddrFromSlice(v)
		}
	}
	if local.IsValid() {
		return local, index
	}
	return address, index
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

func number(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(b)))
}

func flag(b []byte) bool { return len(b) > 0 && b[0] != 0 }
