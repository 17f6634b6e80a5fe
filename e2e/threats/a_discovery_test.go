// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// message is one ICMPv6 message of a's.
type message struct {
	name     string
	src, dst netip.Addr
	kind     byte
	body     []byte
}

// Types of ICMPv6.
const (
	mldQuery     = 130
	routerAdv    = 134
	neighbourSol = 135
	neighbourAdv = 136
	redirect     = 137
	mrdAdvert    = 151
)

// forgedDiscovery is neighbour discovery that lies about its target or its sender.
func forgedDiscovery(dst netip.Addr) []message {
	a := macOf("a")
	var out []message
	for whose, addr := range everybody6 {
		out = append(out,
			message{"advertisement for " + whose, v6("a"), dst, neighbourAdv, advert(addr, a)},
			message{"advertisement from link-local for " + whose, ll("a"), dst, neighbourAdv,
				advert(addr, a)},
			message{"solicitation from " + whose, addr, dst, neighbourSol, solicit(dst, a)})
	}
	return append(out,
		message{"detection of c's address", netip.IPv6Unspecified(), dst, neighbourSol,
			solicit(v6("c"), a)[:20]},
		message{"advertisement from nowhere", netip.IPv6Unspecified(), dst, neighbourAdv,
			advert(v6("a"), a)})
}

// routerMessages are what only a router says.
func routerMessages(dst netip.Addr) []message {
	lifetime := []byte{64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	prefix := append([]byte{3, 4, 64, 0xc0, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0, 0},
		ips("fd66::")[0].AsSlice()...)
	route := append(append(make([]byte, 4), ll("a").AsSlice()...), v6("c").AsSlice()...)
	var out []message
	for _, src := range []netip.Addr{ll("a"), v6("a")} {
		for name, m := range map[string]message{
			"router advertisement": {kind: routerAdv, body: append(lifetime, prefix...)},
			"redirect":             {kind: redirect, body: route},
			"query":                {kind: mldQuery, body: make([]byte, 24)},
			"router discovery":     {kind: mrdAdvert, body: make([]byte, 8)},
		} {
			m.name, m.src, m.dst = name+" from "+src.String(), src, dst
			out = append(out, m)
		}
	}
	return out
}

// bytes is the message with the mark in an option that nobody knows. What follows the packet
// in its frame would not do: the IP hooks of a bridge cut it off.
func (m message) bytes(mark []byte) []byte {
	option := append([]byte{253, 2, 0, 0, 0, 0, 0, 0}, mark...)
	return icmp6(m.src, m.dst, m.kind, append(slices.Clone(m.body), option...))
}

// disguises hide a message from who looks for it behind the IPv6 header: the first header's
// number and what follows.
var disguises = []struct {
	name string
	next uint8
	rest func(m message, mark []byte) []byte
}{
	{"plainly", protoICMP6, message.bytes},
	{"behind options", hopByHop, func(m message, mark []byte) []byte {
		return options(protoICMP6, m.bytes(mark))
	}},
	{"behind more options", destOptions, func(m message, mark []byte) []byte {
		return options(destOptions, options(protoICMP6, m.bytes(mark)))
	}},
	{"in an atomic fragment", fragment, func(m message, mark []byte) []byte {
		return fragmentHeader(protoICMP6, 0, false, m.bytes(mark))
	}},
	{"in an atomic fragment behind options", destOptions, func(m message, mark []byte) []byte {
		return options(fragment, fragmentHeader(protoICMP6, 0, false, m.bytes(mark)))
	}},
	{"behind options in an atomic fragment", fragment, func(m message, mark []byte) []byte {
		return fragmentHeader(destOptions, 0, false, options(protoICMP6, m.bytes(mark)))
	}},
	{"cut before its target", fragment, func(m message, mark []byte) []byte {
		return fragmentHeader(protoICMP6, 0, true, append(m.bytes(mark)[:8], mark...))
	}},
	{"behind the first fragment", fragment, func(m message, mark []byte) []byte {
		long := append([]byte{protoICMP6, 1, 1, 12, 0, 0, 0, 0}, mark...)
		return fragmentHeader(destOptions, 0, true, long)
	}},
}

// shots sends messages in every disguise, to a MAC.
func disguised(dst []byte, list []message) []shot {
	var out []shot
	for _, m := range list {
		for _, d := range disguises {
			out = append(out, shot{fmt.Sprintf("%s to %s %s", m.name, m.dst, d.name),
				func(mark []byte) []byte {
					packet := testnet.IP(m.src, m.dst, d.next, d.rest(m, mark))
					return testnet.IPFrame(dst, macOf("a"), packet)
				}})
		}
	}
	return out
}

// toAll are a message maker's shots to b, to the node and to everybody.
func (s *site) toAll(t *testing.T, list func(netip.Addr) []message) []shot {
	t.Helper()
	group := ips("ff02::1")[0]
	return slices.Concat(disguised(macOf("b"), list(v6("b"))),
		disguised(s.gatewayMAC(t, "a"), list(ips("fd00:1::1")[0])),
		disguised(multicastMAC(group), list(group)))
}

func TestThreat008(t *testing.T) {
	s := newSite(t)
	for _, hooks := range []string{"iptables", "ip6tables"} {
		s.Sysctl(t, "net/bridge/bridge-nf-call-"+hooks, "0")
	}
	s.poisoning(t, s.toAll(t, forgedDiscovery), "spoof", "options")
	t.Run("honest", func(t *testing.T) {
		b := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}
		own := []message{
			{"own advertisement", v6("a"), v6("b"), neighbourAdv, advert(v6("a"), macOf("a"))},
			{"own link-local advertisement", ll("a"), v6("b"), neighbourAdv,
				advert(ll("a"), macOf("a"))},
			{"own solicitation", v6("a"), v6("b"), neighbourSol, solicit(v6("b"), macOf("a"))},
			{"own detection", netip.IPv6Unspecified(), v6("b"), neighbourSol,
				solicit(v6("a"), nil)[:20]},
		}
		var shots []shot
		for _, m := range own {
			shots = append(shots, shot{m.name, func(mark []byte) []byte {
				packet := testnet.IP(m.src, m.dst, protoICMP6, m.bytes(mark))
				return testnet.IPFrame(macOf("b"), macOf("a"), packet)
			}})
		}
		allLand(t, s.boxes["a"], b, shots)
	})
}

// Discovery is never fragmented (RFC 6980), not even when it is true: what follows might not be.
func TestThreat008Fragments(t *testing.T) {
	s := newSite(t)
	for _, hooks := range []string{"iptables", "ip6tables"} {
		s.Sysctl(t, "net/bridge/bridge-nf-call-"+hooks, "0")
	}
	shots := slices.DeleteFunc(disguised(macOf("b"), []message{
		{"advertisement", v6("a"), v6("b"), neighbourAdv, advert(v6("a"), macOf("a"))},
		{"solicitation", v6("a"), v6("b"), neighbourSol, solicit(v6("b"), macOf("a"))},
	}), func(x shot) bool { return !strings.Contains(x.name, "fragment") })
	b := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0")}
	allLand(t, s.boxes["a"], b, shots)
	s.attach(t)
	s.noneLands(t, s.boxes["a"], b, shots, "options")
}

// Routers' messages are row 9's class: what a router says, an endpoint does not.
func TestThreat008Router(t *testing.T) {
	s := newSite(t)
	for _, hooks := range []string{"iptables", "ip6tables"} {
		s.Sysctl(t, "net/bridge/bridge-nf-call-"+hooks, "0")
	}
	// A snooping bridge refuses a query that is not from a link-local address before we do.
	s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
	shots := s.toAll(t, routerMessages)
	at := []*testnet.Capture{s.boxes["b"].Sniff(t, "eth0"), s.Sniff(t, "br0")}
	allLand(t, s.boxes["a"], at, shots)
	s.attach(t)
	s.relearn(t)
	s.noneLands(t, s.boxes["a"], at, shots, "router", "options", "spoof")
}
