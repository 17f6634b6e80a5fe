// SPDX-License-Identifier: Apache-2.0

package ruleset

// addrUnicast is RTN_UNICAST of linux/rtnetlink.h.
const addrUnicast = 1

// transportField loads a field of the transport header. "th" without a protocol reads the same
// bytes of any header; here it is absent but for tcp, udp and sctp, so that a rule which
// forgets to ask for the protocol shows itself.
func (e *evaluation) transportField(f Field) (value, bool) {
	p := e.packet
	switch f {
	case SourcePort:
		return wordValue(p.SrcPort), e.hasPorts()
	case DestPort:
		return wordValue(p.DstPort), e.hasPorts()
	case UDPSourcePort:
		return wordValue(p.SrcPort), e.isL4(protoUDP)
	case UDPDestPort:
		return wordValue(p.DstPort), e.isL4(protoUDP)
	case TCPFlags:
		return byteValue(p.TCPFlags), e.isL4(protoTCP)
	case ICMPType:
		return byteValue(p.ICMPType), e.isIP() && p.Protocol == protoICMP
	case ICMPv6Type:
		return byteValue(p.ICMPType), e.isIP6() && p.Protocol == protoICMPv6
	}
	if f == IGMPType {
		return byteValue(p.ICMPType), e.isIP() && p.Protocol == protoIGMP
	}
	if f == FragmentNext {
		return byteValue(p.FragmentNext), e.isIP6() && p.Fragmented
	}
	if f == DHCPClient {
		return etherValue(p.DHCPClient), e.isL4(protoUDP)
	}
	v, ok := addrValue(p.NDTarget, 16)
	return v, ok && e.isIP6() && p.Protocol == protoICMPv6
}

// stateField loads what the conntrack entry or the routing table says.
func (e *evaluation) stateField(f Field) (value, bool) {
	p := e.packet
	if f == FibSaddrType {
		if p.SourceLocal {
			return byteValue(AddrLocal), true
		}
		return byteValue(addrUnicast), true
	}
	if !e.tracked() {
		return value{}, false
	}
	width := 4
	if e.table.table.Family == IP6 {
		width = 16
	}
	switch f {
	case CTDirection:
		if p.CT.Reply {
			return byteValue(1), true
		}
		return byteValue(0), true
	case CTMark:
		return markValue(p.CT.Mark), true
	case CTOrigSaddr:
		return addrValue(p.CT.OrigSrc, width)
	case CTReplySaddr:
		return addrValue(p.CT.ReplySrc, width)
	case CTReplyPort:
		return wordValue(p.CT.ReplyPort), true
	}
	return wordValue(p.CT.OrigPort), true
}
