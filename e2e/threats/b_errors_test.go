// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// An answer opens nothing for questions: b may ping a, a may not ping b, with whatever number.
func TestThreat046(t *testing.T) {
	s := newSite(t)
	for _, w := range ways {
		at := caught(s.boxes[w.to].Sniff(t, "eth0"))
		var shots []shot
		for family, six := range both {
			for _, id := range []uint16{7, 8} {
				shots = append(shots, shot{fmt.Sprint(family, " id ", id), func(mark []byte) []byte {
					kind := byte(8)
					if six {
						kind = 128
					}
					return s.direct(t, w, testnet.ICMP(addrOf(w.from, six), addrOf(w.to, six), kind, 0,
						append([]byte{byte(id >> 8), byte(id), 0, 1}, mark...)))
				}})
			}
		}
		pass(t, s.boxes[w.from], at, shots)
		s.policies(t, isolate(w.to)+openEgress)
		s.attach(t)
		// b's own echo, with the first of the numbers.
		for _, six := range both {
			s.boxes[w.to].SendRaw(t, "eth0", s.direct(t, way{w.to, w.from},
				testnet.ICMPEcho(addrOf(w.to, six), addrOf(w.from, six), 7, 1)))
			if err := s.boxes[w.to].Ping(addrOf(w.from, six).String(), 0); err != nil {
				t.Errorf("%s pings %s: %v", w.to, w.from, err)
			}
		}
		s.blocked(t, s.boxes[w.from], at, shots, "default")
		// Answers nobody asked for, and timestamps.
		s.blocked(t, s.boxes[w.from], at, []shot{
			{"unasked reply", func(mark []byte) []byte {
				return s.direct(t, w, testnet.ICMP(v4(w.from), v4(w.to), 0, 0,
					append([]byte{0, 99, 0, 1}, mark...)))
			}},
			{"timestamp", func(mark []byte) []byte {
				return s.direct(t, w, testnet.ICMP(v4(w.from), v4(w.to), 13, 0,
					append([]byte{0, 7, 0, 1}, append(mark, make([]byte, 4)...)...)))
			}},
			{"unasked reply IPv6", func(mark []byte) []byte {
				return s.direct(t, w, testnet.ICMP(v6(w.from), v6(w.to), 129, 0,
					append([]byte{0, 99, 0, 1}, mark...)))
			}},
		}, "default", "invalid")
		s.uninstall(t)
	}
}

// errorKinds are the errors that a packet on its way may cause, by family.
func errorKinds(six bool) [][2]byte {
	if six {
		return [][2]byte{{1, 0}, {1, 1}, {1, 4}, {2, 0}, {3, 0}, {4, 0}, {4, 1}}
	}
	return [][2]byte{{3, 0}, {3, 1}, {3, 3}, {3, 4}, {3, 13}, {4, 0}, {11, 0}, {12, 0}}
}

// quotes are errors from a container to b, about a packet that they quote.
func (s *site) quotes(t testing.TB, w way, six bool, what string, src netip.Addr,
	inner func(mark []byte) []byte) []shot {
	var out []shot
	for _, k := range errorKinds(six) {
		out = append(out, shot{fmt.Sprint(what, " ", k), func(mark []byte) []byte {
			return s.direct(t, w, testnet.ICMPError(src, addrOf(w.to, six), k[0], k[1], inner(mark)))
		}})
	}
	return out
}

// Errors speak for the flows that they belong to and for no others: forged ones open nothing and
// reach nobody.
func TestThreat047(t *testing.T) {
	s := newSite(t)
	s.boxes["e"].Serve(t, "udp", 53)
	for family, six := range both {
		t.Run(family, func(t *testing.T) {
			at := caught(s.boxes["b"].Sniff(t, "eth0"))
			// b talks to e; a, who may talk to nobody, tells b about it.
			s.policies(t, isolate("a"))
			s.attach(t)
			conn, err := s.boxes["b"].Open("udp", ":4000", portAt("e", six, 53).String(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.Echo(0); err != nil {
				t.Fatal(err)
			}
			live := func(mark []byte) []byte {
				return testnet.UDP(portAt("b", six, 4000), portAt("e", six, 53), mark)
			}
			dead := func(mark []byte) []byte {
				return testnet.UDP(portAt("b", six, 4999), portAt("a", six, 53), mark)
			}
			w := way{"a", "b"}
			a, e := addrOf("a", six), addrOf("e", six)
			forged := append(s.quotes(t, w, six, "another's flow", a, live),
				s.quotes(t, w, six, "no flow", a, dead)...)
			forged = append(forged, s.quotes(t, w, six, "with the peer's address", e, live)...)
			s.blocked(t, s.boxes["a"], at, forged, "related", "invalid", "spoof", "default")
			if err := conn.Echo(0); err != nil {
				t.Errorf("the flow after that: %v", err)
			}
			pass(t, s.boxes["e"], at, s.quotes(t, way{"e", "b"}, six, "the peer", e, live))
			s.blocked(t, s.boxes["e"], at, []shot{s.redirect(t, six)}, "redirect", "untracked",
				"invalid")
			s.uninstall(t)
			pass(t, s.boxes["a"], at, forged)
		})
	}
}

// redirect is one from e to b about their own flow.
func (s *site) redirect(t testing.TB, six bool) shot {
	return shot{"redirect", func(mark []byte) []byte {
		quoted := testnet.UDP(portAt("b", six, 4000), portAt("e", six, 53), mark)
		if six {
			body := append(make([]byte, 4), append(v6("a").AsSlice(), v6("e").AsSlice()...)...)
			return s.direct(t, way{"e", "b"}, testnet.ICMP(v6("e"), v6("b"), 137, 0,
				append(body, quoted...)))
		}
		return s.direct(t, way{"e", "b"}, testnet.ICMP(v4("e"), v4("b"), 5, 1,
			append(v4("a").AsSlice(), quoted...)))
	}}
}

// Discovery and path MTU work where everything is denied but one flow: large packets get through
// a narrow link.
func TestThreat047PathMTU(t *testing.T) {
	s := newSite(t)
	s.boxes["e"].Serve(t, "tcp", 80)
	s.Run(t, "ip", "link", "set", portOf("e"), "mtu", "1300")
	s.policies(t, isolate("a")+isolate("b")+isolate("e")+openEgress+admit("e", "a", "[{port: 80}]"))
	s.attach(t)
	s.forgetNeighbours(t)
	for _, six := range both {
		conn := s.stream(t, "a", portAt("e", six, 80))
		payload := make([]byte, 20000)
		for i := range payload {
			payload[i] = 'x'
		}
		payload[len(payload)-1] = '\n'
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := conn.Write(payload); err != nil {
			t.Fatal(err)
		}
		got := 0
		for buf := make([]byte, 4096); got < len(payload); {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("IPv6 %t: after %d of %d bytes: %v", six, got, len(payload), err)
			}
			got += n
		}
	}
	s.reachBoth(t, "b", "e", testnet.ErrTimeout)
}
