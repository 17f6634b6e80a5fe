// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/policy"
)

// end is one end of a packet or of a flow, as a generation knows it.
type end struct {
	addr     netip.Addr
	port     uint16
	host     bool
	endpoint *Endpoint
	device   string
	mac      [6]byte
}

// sides are the packet's two ends. Who sent it is told by the port it came by: an address can be
// forged, and its owner has then nothing to do with the packet. The own node is told by the hook.
func (s *Snapshot) sides(ev *Event) (src, dst end) {
	src = end{addr: ev.Src, port: ev.SrcPort, device: ev.inPort(), mac: ev.MAC}
	dst = end{addr: ev.Dst, port: ev.DstPort, device: ev.outPort()}
	ip := ev.Family != "bridge"
	src.host = ip && (ev.Hook == HookPostrouting || ev.Hook == HookOutput)
	dst.host = ip && ev.Hook == HookInput
	if !src.host {
		src.endpoint = s.Index.behind(ev.In, ev.PhysIn, ev.Src)
	}
	switch {
	case dst.host:
	case dst.device == "" || Reason(ev.Prefix.Word) == ReasonMisdelivered:
		// Where it would have gone: the owner's way, or not decided yet.
		dst.endpoint = s.Index.addresses[ev.Dst]
	default:
		dst.endpoint = s.Index.behind(ev.Out, ev.PhysOut, ev.Dst)
	}
	return src, dst
}

// behind is the endpoint behind a device, or behind its port, that has to do with packets of the
// address. An endpoint of another node is believed to be behind any device.
func (x *Index) behind(device, port string, a netip.Addr) *Endpoint {
	at := port
	if at == "" {
		at = device
	}
	if e := x.ports[at]; e != nil {
		return e
	}
	e := x.addresses[a]
	if e == nil || e.Local && (port != "" || e.device() != device) {
		return nil
	}
	return e
}

// roles are the ends of the flow as it began.
func (s *Snapshot) roles(ev *Event) (client, server end) {
	src, dst := s.sides(ev)
	if s.swapped(ev, src, dst) {
		return dst, src
	}
	return src, dst
}

// swapped tells whether the packet is of the reply direction. A flow that was judged already is
// judged once more by whatever packet comes first when the policies have changed.
func (s *Snapshot) swapped(ev *Event, src, dst end) bool {
	if ev.Prefix.Group == "" && !slices.Contains(ofFlows, Reason(ev.Prefix.Word)) {
		return false
	}
	there, back := ev.Tuple.is(ev.Src, ev.SrcPort), ev.Tuple.is(ev.Dst, ev.DstPort)
	switch {
	case there != back:
		return back
	case ev.Hook == HookInput:
		return ev.Prefix.Kind == kindFromHost
	case ev.Hook == HookPostrouting || ev.Hook == HookOutput:
		return ev.Prefix.Kind != kindFromHost
	case ev.Prefix.Group == "":
		return looksLikeReply(ev)
	}
	judged, other := src.endpoint, dst.endpoint
	if ev.Prefix.Kind == kindIngress {
		judged, other = other, judged
	}
	there, back = s.judges(ev.Prefix, judged), s.judges(ev.Prefix, other)
	if there != back {
		return back
	}
	return looksLikeReply(ev)
}

// ofFlows are the reasons of no group that speak of flows. All else is told as it was sent.
var ofFlows = []Reason{ReasonPublished, ReasonIsolated, ReasonEncapsulation}

// is reports whether the flow began at this address and port; ICMP has none.
func (t Tuple) is(a netip.Addr, port uint16) bool {
	return t.Src.IsValid() && t.Src == a && (port == 0 || t.SrcPort == port)
}

// judges reports whether the prefix can be of the endpoint's own group.
func (s *Snapshot) judges(p Prefix, e *Endpoint) bool {
	if e == nil || !e.Local {
		return false
	}
	group, known := s.group(e, p.Kind)
	return !known || group == p.Group
}

// Ports below are services' rather than clients' (ip_local_port_range begins at 32768).
const (
	privilegedPorts = 1024
	ephemeralPorts  = 32768
)

// looksLikeReply guesses by the packet alone.
func looksLikeReply(ev *Event) bool {
	switch ev.Proto {
	case policy.ProtocolICMP:
		return ev.ICMPType == icmpEchoReply || ev.ICMPType == icmpTimestampReply
	case policy.ProtocolICMPv6:
		return ev.ICMPType == icmp6EchoReply
	case policy.ProtocolTCP:
		if ev.TCPFlags&tcpSYN != 0 {
			return ev.TCPFlags&tcpACK != 0
		}
	case policy.ProtocolUDP:
		from := slices.Contains(policy.TunnelPorts, ev.SrcPort)
		if to := slices.Contains(policy.TunnelPorts, ev.DstPort); from != to {
			return from
		}
	}
	return ev.SrcPort < privilegedPorts && ev.DstPort >= privilegedPorts ||
		ev.SrcPort < ephemeralPorts && ev.DstPort >= ephemeralPorts
}

// ICMP messages that answer others (RFC 792, RFC 4443).
const (
	icmpEcho           = 8
	icmpEchoReply      = 0
	icmpTimestamp      = 13
	icmpTimestampReply = 14
	icmp6Echo          = 128
	icmp6EchoReply     = 129
)

// request is the message that began the exchange.
func request(proto, icmpType uint8) uint8 {
	switch {
	case proto == policy.ProtocolICMP && icmpType == icmpEchoReply:
		return icmpEcho
	case proto == policy.ProtocolICMP && icmpType == icmpTimestampReply:
		return icmpTimestamp
	case proto == policy.ProtocolICMPv6 && icmpType == icmp6EchoReply:
		return icmp6Echo
	}
	return icmpType
}

// behindProxy puts the endpoint in the place of the node's port that a proxy relays to it.
func (s *Snapshot) behindProxy(server end, proto uint8) (end, bool) {
	key := publishedKey{netip.AddrPortFrom(server.addr, server.port), proto}
	e := s.Index.published[key]
	if e == nil {
		return server, false
	}
	for _, a := range e.Addresses {
		if a.Is4() == server.addr.Is4() {
			return end{addr: a, port: s.Index.numbers[key], endpoint: e, device: e.Port}, true
		}
	}
	return server, false
}

// party is the end as policy sees it.
func (e end) party() policy.Party {
	p := policy.Party{Addr: e.addr, Host: e.host}
	if e.endpoint != nil {
		p.Endpoint = e.endpoint.Endpoint
	}
	return p
}

// told is the end as a record tells of it.
func (e end) told() Party {
	p := Party{Addr: e.addr, Host: e.host, Device: e.device}
	if e.mac != [6]byte{} {
		p.MAC = macText(e.mac)
	}
	if e.endpoint != nil {
		p.ID, p.Namespace, p.Name = e.endpoint.ID, e.endpoint.Namespace, e.endpoint.Name
		p.Interface, p.Labels = e.endpoint.Interface, e.endpoint.Labels
	}
	return p
}

func macText(mac [6]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 17)
	for i, b := range mac {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// name identifies the end in a Key: by its endpoint, as the own node, or not at all.
func (e end) name() string {
	switch {
	case e.host:
		return "the own node"
	case e.endpoint != nil:
		return e.endpoint.ID
	}
	return ""
}
