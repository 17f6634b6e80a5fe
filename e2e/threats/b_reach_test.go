// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// matrix serves TCP 80 in every container.
func (s *site) serveAll(t testing.TB) {
	t.Helper()
	for _, name := range append([]string{"x"}, members...) {
		s.boxes[name].Serve(t, "tcp", 80)
	}
}

// reachBoth probes in both families.
func (s *site) reachBoth(t testing.TB, from, to string, want error) {
	t.Helper()
	for _, six := range both {
		s.reach(t, from, portAt(to, six, 80).String(), want)
	}
}

// Isolated ports do not reach each other, and reach everybody else.
func TestThreat022(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.reachBoth(t, "a", "b", nil)
	s.isolated["a"], s.isolated["b"] = true, true
	s.attach(t)
	s.counts(t, func() {
		s.reachBoth(t, "a", "b", testnet.ErrTimeout)
		s.reachBoth(t, "b", "a", testnet.ErrTimeout)
	}, "isolated")
	for _, to := range []string{"c", "d", "e", "x"} {
		s.reachBoth(t, "a", to, nil)
		s.reachBoth(t, to, "a", nil)
	}
}

// Nor through the gateway, which would carry the packet back: by its hardware address, by a host
// route, with the bridge's own isolation on or off.
func TestThreat023(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	w := way{"a", "b"}
	at := caught(s.boxes["b"].Sniff(t, "eth0"))
	var shots []shot
	for family, six := range both {
		shots = append(shots, shot{family, func(mark []byte) []byte {
			return s.routed(t, "a", testnet.UDP(portAt("a", six, 4000), portAt("b", six, 5000), mark))
		}})
	}
	// The node's answer is a redirect to b itself: not for these.
	pass(t, s.boxes["a"], at, shots)
	s.isolated["a"], s.isolated["b"] = true, true
	for _, flag := range []string{"on", "off"} {
		for _, name := range []string{"a", "b"} {
			s.Run(t, "bridge", "link", "set", "dev", portOf(name), "isolated", flag)
		}
		s.attach(t)
		s.blocked(t, s.boxes["a"], at, shots, "isolated")
		if flag == "off" {
			s.blocked(t, s.boxes["a"], at, []shot{s.udp(t, "direct IPv4", w, false, 1, 2),
				s.udp(t, "direct IPv6", w, true, 1, 2)}, "isolated")
		}
	}
	s.boxes["a"].AddRoute(t, "eth0", "10.1.0.3/32", "10.1.0.1")
	s.boxes["a"].AddRoute(t, "eth0", "fd00:1::3/128", "fd00:1::1")
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.reachBoth(t, "a", "c", nil)
}

// segments parts a, b and c from everybody else, and e and f.
const segments = `
---
apiVersion: bulkhead.dev/v1alpha1
kind: Segment
metadata: {name: first}
spec:
  members:
  - pods: {podSelector: {matchExpressions: [{key: app, operator: In, values: [a, b, c]}]}}
  isolated: true
---
apiVersion: bulkhead.dev/v1alpha1
kind: Segment
metadata: {name: second}
spec:
  members:
  - pods: {podSelector: {matchExpressions: [{key: app, operator: In, values: [e, f]}]}}
  isolated: true
`

// What is routed between segments is judged, in every direction.
func TestThreat025(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	crossing := []way{{"a", "d"}, {"d", "a"}, {"a", "e"}, {"e", "a"}, {"d", "e"}, {"f", "d"},
		{"x", "a"}, {"a", "x"}, {"x", "e"}, {"f", "x"}}
	inside := []way{{"a", "b"}, {"c", "a"}, {"e", "f"}, {"x", "d"}, {"d", "x"}}
	for _, w := range crossing {
		s.reachBoth(t, w.from, w.to, nil)
	}
	s.policies(t, segments)
	s.attach(t)
	for _, w := range crossing {
		s.reachBoth(t, w.from, w.to, testnet.ErrTimeout)
	}
	for _, w := range inside {
		s.reachBoth(t, w.from, w.to, nil)
	}
}

// br_netfilter on, off, and switched while traffic runs: what policy forbids stays forbidden.
func TestThreat034(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	s.reachBoth(t, "c", "b", nil)
	s.policies(t, isolate("b")+openEgress+admit("b", "a", "[{port: 80}]"))
	s.attach(t)
	at := caught(s.boxes["b"].Sniff(t, "eth0"))
	shots := []shot{s.udp(t, "IPv4", way{"c", "b"}, false, 1, 2),
		s.udp(t, "IPv6", way{"c", "b"}, true, 1, 2)}
	set := func(flag, all string) {
		t.Helper()
		s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", flag,
			"nf_call_ip6tables", flag)
		s.Sysctl(t, "net/bridge/bridge-nf-call-iptables", all)
		s.Sysctl(t, "net/bridge/bridge-nf-call-ip6tables", all)
	}
	states := [][2]string{{"1", "1"}, {"1", "0"}, {"0", "1"}, {"0", "0"}, {"1", "0"}, {"0", "0"}}
	for _, state := range states {
		set(state[0], state[1])
		t.Run("bridge "+state[0]+" namespace "+state[1], func(t *testing.T) {
			s.blocked(t, s.boxes["c"], at, shots, "default", "unjudged")
			s.reachBoth(t, "c", "b", testnet.ErrTimeout)
			want := error(nil)
			if state == [2]string{"0", "0"} {
				want = testnet.ErrTimeout // nobody judges: closed
			}
			s.reachBoth(t, "a", "b", want)
		})
	}
	set("1", "0")
	conn, err := s.boxes["a"].Open("tcp", "", "10.1.0.3:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	set("0", "0")
	if err := conn.Echo(0); err == nil {
		t.Error("echo while nobody judges: got an answer")
	}
	set("1", "0")
	if err := conn.Echo(3e9); err != nil {
		t.Errorf("echo after that: %v", err)
	}
}

// mapped is an IPv4 address dressed as IPv6.
func mapped(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

// Every address that a container has is as closed as the others: families are judged alike, and
// what no policy speaks of in one family is not open in the other.
func TestThreat032(t *testing.T) {
	s := newSite(t)
	for _, w := range ways {
		at := caught(s.boxes[w.to].Sniff(t, "eth0"))
		shots := []shot{s.udp(t, "IPv4", w, false, 1, 2), s.udp(t, "IPv6", w, true, 1, 2)}
		if bridge := places[w.from].bridge; bridge != "" && bridge == places[w.to].bridge {
			for name, to := range map[string]netip.Addr{"link-local": ll(w.to),
				"mapped": mapped(v4(w.to)), "nobody's": netip.MustParseAddr("fd00:1::77")} {
				shots = append(shots, shot{name, func(mark []byte) []byte {
					return s.direct(t, w, testnet.UDP(portAt(w.from, true, 1),
						netip.AddrPortFrom(to, 2), mark))
				}})
			}
		}
		pass(t, s.boxes[w.from], at, shots)
		s.policies(t, isolate(w.to))
		s.attach(t)
		s.blocked(t, s.boxes[w.from], at, shots, "default", "quarantine")
		s.uninstall(t)
	}
}
