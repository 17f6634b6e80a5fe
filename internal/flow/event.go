// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"time"
)

// Hook is where a packet was logged, of the family's hooks.
type Hook uint8

// The hooks by the kernel's numbers (linux/netfilter.h, linux/netfilter_bridge.h).
const (
	HookPrerouting Hook = iota
	HookInput
	HookForward
	HookOutput
	HookPostrouting
)

// Event is one packet that the kernel's log handed over.
type Event struct {
	// Time is when it was received, which is after the packet was judged.
	Time time.Time
	// Family is the table's: "ip", "ip6" or "bridge".
	Family string
	Hook   Hook
	Prefix Prefix
	// In and Out are the devices that the rules see, PhysIn and PhysOut the ports of a bridge.
	// They are empty where there is none, or where it is gone.
	In, Out, PhysIn, PhysOut string
	// MAC is the source address of the frame; zero is none.
	MAC [6]byte
	// EtherType is the frame's, also of IP.
	EtherType uint16
	// Src and Dst are invalid unless the packet is IP's. Of ARP they are the sender's and the
	// target's.
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
	TCPFlags         uint8
	ICMPType         uint8
	ICMPCode         uint8
	// Fragment says that it is not the first of its packet, and that ports are unknown.
	Fragment bool
	// Tuple is conntrack's, if the kernel gives it.
	Tuple Tuple
	// Length is the packet's in bytes, as the kernel's counters count it.
	Length uint64
	// Community is the packet's Community ID, or empty.
	Community string
}

// Tuple tells who began the flow: Src is invalid if that is not known. The destination is left
// out: the policy sees the one after translation, which is in the packet.
type Tuple struct {
	Src     netip.Addr
	SrcPort uint16
}

// Bits of the TCP header's flags (RFC 9293).
const (
	tcpSYN = 0x02
	tcpACK = 0x10
)

// Ethertypes (IEEE 802 numbers).
const (
	etherIP  = 0x0800
	etherARP = 0x0806
	etherIP6 = 0x86dd
)

// inPort is the device that the packet came by: the port if it came over a bridge.
func (ev *Event) inPort() string {
	if ev.PhysIn != "" {
		return ev.PhysIn
	}
	return ev.In
}

func (ev *Event) outPort() string {
	if ev.PhysOut != "" {
		return ev.PhysOut
	}
	return ev.Out
}
