// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// castMAC is the hardware address that a group or broadcast address is sent to.
func castMAC(a netip.Addr) net.HardwareAddr {
	b := a.AsSlice()
	switch {
	case a.Is6():
		return net.HardwareAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
	case a.IsMulticast():
		return net.HardwareAddr{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	return testnet.Broadcast
}

// casts are the ways to talk to everybody at once, and unicast disguised as such.
func (s *site) casts(t testing.TB, w way) []shot {
	var out []shot
	add := func(name string, mac net.HardwareAddr, packet func(mark []byte) []byte) {
		out = append(out, shot{name, func(mark []byte) []byte {
			return testnet.IPFrame(mac, macOf(w.from), packet(mark))
		}})
	}
	for _, text := range []string{"10.1.0.255", "255.255.255.255", "224.0.0.1", "224.0.0.251",
		"239.1.2.3", "ff02::1", "ff02::2", "ff02::fb", "ff05::1:3", "ff0e::7"} {
		to := netip.MustParseAddr(text)
		from := addrOf(w.from, to.Is6())
		for _, ports := range [][2]uint16{{4000, 5000}, {68, 67}, {5353, 5353}, {546, 547}} {
			packet := func(mark []byte) []byte {
				return testnet.UDP(netip.AddrPortFrom(from, ports[0]),
					netip.AddrPortFrom(to, ports[1]), mark)
			}
			add(fmt.Sprint(text, " ", ports), castMAC(to), packet)
			add(fmt.Sprint(text, " ", ports, " to one station"), macOf(w.to), packet)
		}
		// IGMP, and for IPv6 an MLD report, are group membership by their look alone.
		add(text+" membership", castMAC(to), func(mark []byte) []byte {
			return membership(from, to, mark)
		})
	}
	for family, six := range both {
		plain := func(mark []byte) []byte {
			return testnet.UDP(portAt(w.from, six, 4000), portAt(w.to, six, 5000), mark)
		}
		add(family+" unicast in a broadcast frame", testnet.Broadcast, plain)
		add(family+" unicast in a multicast frame", castMAC(netip.MustParseAddr("224.0.0.9")), plain)
	}
	return out
}

// membership is a group membership report with a mark behind it.
func membership(from, to netip.Addr, mark []byte) []byte {
	if to.Is6() {
		return behind(testnet.ICMP(from, to, 143, 0, append([]byte{0, 0, 0, 1}, mark...)), 0,
			[]byte{0, 0, 5, 2, 0, 0, 1, 0})
	}
	b := append([]byte{0x22, 0, 0, 0, 0, 0, 0, 1}, mark...)
	sum := sum16(b)
	b[2], b[3] = byte(sum>>8), byte(sum)
	return withOptions(testnet.IP(from, to, 2, b), []byte{148, 4, 0, 0})
}

// Broadcast and multicast are no channel between containers that may not talk.
func TestThreat022Casts(t *testing.T) {
	s := newSite(t)
	// A bridge that snoops keeps IPv4 membership to itself.
	s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
	w := way{"a", "b"}
	at := caught(s.boxes["b"].Sniff(t, "eth0"))
	shots := s.casts(t, w)
	pass(t, s.boxes["a"], at, shots)
	s.policies(t, isolate("b"))
	for _, calls := range []string{"1", "0"} {
		s.attach(t)
		s.Sysctl(t, "net/bridge/bridge-nf-call-iptables", calls)
		s.Sysctl(t, "net/bridge/bridge-nf-call-ip6tables", calls)
		s.blocked(t, s.boxes["a"], at, shots, "multicast", "default", "quarantine", "unjudged",
			"options", "spoof", "untracked", "invalid", "link-local", "misdelivered")
		s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", "0",
			"nf_call_ip6tables", "0")
	}
}

// Discovery is let through for what it is for, and no further: its messages to a container that
// is not to be reached do not carry data.
func TestThreat022Discovery(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"b", "d", "e", "f"} {
		s.boxes[name].Serve(t, "tcp", 80)
	}
	for _, w := range ways {
		at := caught(s.boxes[w.to].Sniff(t, "eth0"))
		var shots []shot
		for _, kind := range []byte{131, 132, 143, 133} {
			for _, from := range []netip.Addr{v6(w.from), ll(w.from)} {
				if from == ll(w.from) && (w.to != "b" || w.from != "a") {
					continue // a link-local address goes nowhere beyond its link
				}
				shots = append(shots, shot{fmt.Sprint(w, " type ", kind, " from ", from),
					func(mark []byte) []byte {
						return s.direct(t, w, testnet.ICMP(from, v6(w.to), kind, 0,
							append(make([]byte, 20), mark...)))
					}})
			}
		}
		pass(t, s.boxes[w.from], at, shots)
		s.policies(t, isolate(w.to))
		s.attach(t)
		s.blocked(t, s.boxes[w.from], at, shots, "untracked", "default", "link-local")
		s.forgetNeighbours(t)
		s.policies(t, "")
		s.apply(t)
		s.reach(t, w.from, portAt(w.to, true, 80).String(), nil)
		s.uninstall(t)
	}
}
