// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/packet"
)

// Message is one packet that a rule logged. What the kernel did not tell is zero.
type Message struct {
	// Family is that of the rule's table: unix.AF_INET, AF_INET6 or AF_BRIDGE.
	Family byte
	// Hook is 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting.
	Hook byte
	// EtherType is that of Payload.
	EtherType uint16
	Prefix    string
	Mark      uint32
	// InDev and OutDev are indices of interfaces. For a packet on a bridge, InDev and OutDev are the
	// bridge, and PhysIn and PhysOut its ports.
	InDev, OutDev   uint32
	PhysIn, PhysOut uint32
	// Time is the packet's, if the kernel has taken it, and else that of its receipt here.
	Time time.Time
	// Seq numbers the messages of a group, if HasSeq.
	Seq    uint32
	HasSeq bool
	// HWAddr is the source address of the frame that brought the packet. Link is the frame's header
	// and LinkType its kind, as in linux/if_arp.h.
	HWAddr   []byte
	Link     []byte
	LinkType uint16
	// VLAN is the tag in front of Payload that the kernel keeps beside the packet; VLANType is zero
	// when there is none.
	VLANType, VLAN uint16
	// UID is the owner of the socket that sent the packet, if HasUID: of packets of the own node.
	UID    uint32
	HasUID bool
	// Payload begins with the network header, for bridged frames too.
	Payload []byte
	// Conntrack is the packet's flow, if the kernel gives it (HasTuples) and there is one.
	Conntrack Conntrack
}

// Conntrack is the flow to which a packet belongs. It has none if Original has no address.
type Conntrack struct {
	// Original is as the first packet of the flow came, Reply as answers do. They differ by more
	// than the direction when addresses are translated: the server itself is Reply.Src.
	Original, Reply Tuple
	// Answer says that this packet goes from the server to the client.
	Answer bool
}

// Tuple is a direction of a flow.
type Tuple struct {
	Src, Dst           netip.Addr
	Proto              uint8
	SrcPort, DstPort   uint16
	ICMPType, ICMPCode uint8
}

const linkEthernet = 1 // ARPHRD_ETHER

// Decode reads the headers of the packet; they include the frame's where there was one.
func (m *Message) Decode() (packet.Packet, error) {
	var p packet.Packet
	var err error
	switch m.Family {
	case unix.AF_INET, unix.AF_INET6:
		p, err = packet.Decode(packet.LinkIP, m.Payload)
	default:
		p, err = packet.DecodeNetwork(m.EtherType, m.Payload)
	}
	if m.LinkType == linkEthernet && len(m.Link) >= 12 {
		copy(p.EtherDst[:], m.Link)
		copy(p.EtherSrc[:], m.Link[6:])
	}
	if m.VLANType != 0 {
		p.VLAN = m.VLAN & 0xfff
		p.Tags++
	}
	return p, err
}

// setHeader takes struct nfulnl_msg_packet_hdr.
func (m *Message) setHeader(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	m.EtherType, m.Hook = binary.BigEndian.Uint16(b), b[2]
	return true
}

// setTime takes struct nfulnl_msg_packet_timestamp.
func (m *Message) setTime(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	sec, usec := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	m.Time = time.Unix(int64(sec), int64(usec)*int64(time.Microsecond))
	return true
}

// setHWAddr takes struct nfulnl_msg_packet_hw.
func (m *Message) setHWAddr(b []byte) bool {
	const head = 4
	if len(b) < head {
		return false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-head {
		return false
	}
	m.HWAddr = b[head : head+n]
	return true
}
