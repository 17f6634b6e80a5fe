// SPDX-License-Identifier: Apache-2.0

package nflog

import "net/netip"

// set reads conntrack's attributes.
func (c *Conntrack) set(b []byte) bool {
	for rest := attrs(b); ; {
		typ, data, ok := rest.next()
		switch {
		case !ok:
			return len(rest) == 0
		case typ == ctTupleOrig:
			ok = c.Original.set(data)
		case typ == ctTupleReply:
			ok = c.Reply.set(data)
		}
		if !ok {
			return false
		}
	}
}

// setInfo reads enum ip_conntrack_info: the packet's relation to its flow.
func (c *Conntrack) setInfo(b []byte) bool {
	const isReply = 3 // IP_CT_IS_REPLY: this and all above
	var info uint32
	ok := setU32(&info, b)
	c.Answer = info >= isReply
	return ok
}

func (t *Tuple) set(b []byte) bool {
	for rest := attrs(b); ; {
		typ, data, ok := rest.next()
		switch {
		case !ok:
			return len(rest) == 0
		case typ == tupleIP:
			ok = t.setAddresses(data)
		case typ == tupleProto:
			ok = t.setProto(data)
		}
		if !ok {
			return false
		}
	}
}

func (t *Tuple) setAddresses(b []byte) bool {
	for rest := attrs(b); ; {
		typ, data, ok := rest.next()
		if !ok {
			return len(rest) == 0
		}
		switch typ {
		case ipv4Src, ipv6Src:
			t.Src, ok = netip.AddrFromSlice(data)
		case ipv4Dst, ipv6Dst:
			t.Dst, ok = netip.AddrFromSlice(data)
		}
		if !ok {
			return false
		}
	}
}

func (t *Tuple) setProto(b []byte) bool {
	for rest := attrs(b); ; {
		typ, data, ok := rest.next()
		if !ok {
			return len(rest) == 0
		}
		switch typ {
		case protoNum:
			ok = setU8(&t.Proto, data)
		case protoSrcPort:
			ok = setU16(&t.SrcPort, data)
		case protoDstPort:
			ok = setU16(&t.DstPort, data)
		case protoICMPType, protoICMPv6Type:
			ok = setU8(&t.ICMPType, data)
		case protoICMPCode, protoICMPv6Code:
			ok = setU8(&t.ICMPCode, data)
		}
		if !ok {
			return false
		}
	}
}
