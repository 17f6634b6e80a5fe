// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"net"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

const (
	tcpSYN = 0x02
	// clientPort stands for the port that the client's kernel would pick. No rule reads it
	// but the always-dropped list, which names none of the usual range.
	clientPort = 40000
	hopLimit   = 64
)

// first is the first packet of the flow as the node sees it, with nothing known of it yet.
func (j journey) first() (ruleset.Path, *ruleset.Packet) {
	f := j.flow
	p := &ruleset.Packet{Src: f.From.Addr, Dst: f.To.Addr, Protocol: f.Protocol,
		HopLimit: hopLimit, ICMPType: f.ICMPType, ICMPCode: f.ICMPCode, SourceLocal: f.From.Host}
	original := f.Port
	switch f.Protocol {
	case policy.ProtocolTCP, policy.ProtocolUDP, policy.ProtocolSCTP:
		p.SrcPort, p.DstPort = clientPort, f.Port
	case policy.ProtocolICMP, policy.ProtocolICMPv6:
		// Where conntrack keeps the message type of an ICMP flow.
		original = uint16(f.ICMPType)<<8 | uint16(f.ICMPCode)
	}
	if f.Protocol == policy.ProtocolTCP {
		p.TCPFlags = tcpSYN
	}
	p.CT = ruleset.Conntrack{State: ruleset.StateNew, OrigSrc: f.From.Addr,
		ReplySrc: f.To.Addr, ReplyPort: f.Port, OrigPort: original}
	if a := j.from.attachment; a != nil {
		if mac, err := net.ParseMAC(a.MAC); err == nil { // the registry refuses any other
			copy(p.EtherSrc[:], mac)
		}
	}
	return ruleset.Path{In: j.from.device, Out: j.to.device, NoNetfilterBridge: j.unhanded}, p
}
