// SPDX-License-Identifier: Apache-2.0

package ruleset

// IP protocol numbers and ethertypes that decide which fields a packet has.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoIGMP   = 2
	protoSCTP   = 132

	typeIP   = 0x0800
	typeARP  = 0x0806
	typeVLAN = 0x8100
	typeIP6  = 0x86dd
)

// conntrackPriority is NF_IP_PRI_CONNTRACK: before it no packet has its entry.
const conntrackPriority = -200

// wireType is the packet's ethertype: the given one, or the one its content implies.
func (p *Packet) wireType() uint16 {
	switch {
	case p.EtherType != 0:
		return p.EtherType
	case p.ARP != nil:
		return typeARP
	case p.Src.Is4():
		return typeIP
	}
	return typeIP6
}

// In the bridge family a field of IP needs a frame of that ethertype; a tagged frame is none.
func (e *evaluation) isIP() bool {
	switch e.table.table.Family {
	case IP:
		return true
	case IP6:
		return false
	}
	return e.packet.wireType() == typeIP
}

func (e *evaluation) isIP6() bool {
	switch e.table.table.Family {
	case IP6:
		return true
	case IP:
		return false
	}
	return e.packet.wireType() == typeIP6
}

// hasL4 tells whether the packet is one whose transport header the kernel has found.
func (e *evaluation) hasL4() bool { return e.isIP() || e.isIP6() }

func (e *evaluation) isL4(proto uint8) bool { return e.hasL4() && e.packet.Protocol == proto }

func (e *evaluation) hasPorts() bool {
	return e.isL4(protoTCP) || e.isL4(protoUDP) || e.isL4(protoSCTP)
}

func (e *evaluation) isARP() bool { return e.packet.wireType() == typeARP && e.packet.ARP != nil }

func (e *evaluation) beforeConntrack() bool {
	b := e.base.Base
	return (b.Hook == Prerouting || b.Hook == Output) && b.Priority <= conntrackPriority
}

// tracked tells whether the packet has a conntrack entry.
func (e *evaluation) tracked() bool {
	s := e.packet.CT.State
	return s != StateInvalid && s != StateUntracked && !e.beforeConntrack()
}

// field loads a field, and tells whether the packet has it. The fields that imply others
// (udp sport, icmp type, ip saddr in the bridge family) are absent where the rule that nft
// adds in front of them would fail.
func (e *evaluation) field(f Field) (value, bool) {
	switch {
	case f <= PacketMark:
		return e.metaField(f)
	case f <= ARPSenderIP:
		return e.linkField(f)
	case f <= IP6HopLimit:
		return e.networkField(f)
	case f <= DHCPClient:
		return e.transportField(f)
	}
	return e.stateField(f)
}

func (e *evaluation) metaField(f Field) (value, bool) {
	p := e.packet
	switch f {
	// A hook without a device reads an empty name; only the kind is absent.
	case IIFName:
		return nameValue(p.IIF), true
	case OIFName:
		return nameValue(p.OIF), true
	case IIFKind:
		return nameValue(p.IIFKind), p.IIF != "" && p.IIFKind != ""
	case OIFKind:
		return nameValue(p.OIFKind), p.OIF != "" && p.OIFKind != ""
	case L4Proto:
		return byteValue(p.Protocol), e.hasL4()
	case PacketType:
		return byteValue(p.Type), true
	}
	return markValue(p.Mark), true
}

func (e *evaluation) linkField(f Field) (value, bool) {
	p := e.packet
	// In the ip families nft asks for "meta iiftype ether" first, which needs a device.
	frame := e.table.table.Family == Bridge || p.IIF != ""
	switch f {
	case EtherSaddr:
		return etherValue(p.EtherSrc), frame
	case EtherDaddr:
		return etherValue(p.EtherDst), frame
	case EtherType:
		return wordValue(p.wireType()), true
	case VLANID:
		want := e.etherType
		if want == 0 {
			want = typeVLAN
		}
		return wordValue(p.VLANID), p.wireType() == want
	}
	if !e.isARP() {
		return value{}, false
	}
	switch f {
	case ARPOperation:
		return wordValue(p.ARP.Operation), true
	case ARPSenderEther:
		return etherValue(p.ARP.SenderEther), true
	}
	return addrValue(p.ARP.SenderIP, 4)
}

func (e *evaluation) networkField(f Field) (value, bool) {
	p := e.packet
	if f >= IP6Saddr && !e.isIP6() || f < IP6Saddr && !e.isIP() {
		return value{}, false
	}
	switch f {
	case IPSaddr:
		return addrValue(p.Src, 4)
	case IPDaddr:
		return addrValue(p.Dst, 4)
	case IP6Saddr:
		return addrValue(p.Src, 16)
	case IP6Daddr:
		return addrValue(p.Dst, 16)
	case IPProtocol:
		return byteValue(p.Protocol), true
	case IP6HopLimit:
		return byteValue(p.HopLimit), true
	}
	if p.IPOptions {
		return byteValue(6), true
	}
	return byteValue(5), true
}
