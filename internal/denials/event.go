// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/packet"
)

var families = map[byte]string{unix.AF_INET: "ip", unix.AF_INET6: "ip6", unix.AF_BRIDGE: "bridge"}

// EventOf reads the headers of a packet that the kernel's log handed over. A packet that cannot be
// read to its end is told by what could be read. It reports false for what is none of ours.
func EventOf(m *nflog.Message, name func(index uint32) string) (flow.Event, bool) {
	prefix, err := flow.ParsePrefix(m.Prefix)
	if err != nil {
		return flow.Event{}, false
	}
	// What is wrong with the packet is the reason of its refusal at most.
	p, _ := m.Decode()
	ev := flow.Event{Time: m.Time, Family: families[m.Family], Hook: flow.Hook(m.Hook),
		Prefix: prefix, In: name(m.InDev), Out: name(m.OutDev), PhysIn: name(m.PhysIn),
		PhysOut: name(m.PhysOut), MAC: p.EtherSrc, EtherType: m.EtherType,
		Src: p.Src, Dst: p.Dst, Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
		TCPFlags: p.TCPFlags, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, Fragment: p.Offset > 0,
		Tuple:  flow.Tuple{Src: m.Conntrack.Original.Src, SrcPort: m.Conntrack.Original.SrcPort},
		Length: uint64(p.Length)}
	if ev.EtherType == 0 {
		ev.EtherType = p.EtherType
	}
	if ev.MAC == [6]byte{} && len(m.HWAddr) == len(ev.MAC) {
		ev.MAC = [6]byte(m.HWAddr)
	}
	if p.EtherType == packet.EtherARP {
		ev.Src, ev.Dst = p.ARP.SenderIP, p.ARP.TargetIP
	}
	if ev.Length == 0 {
		ev.Length = uint64(len(m.Payload))
	}
	if p.Transport {
		ev.Community = p.CommunityID(0)
	}
	return ev, true
}
