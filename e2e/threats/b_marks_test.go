// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// stream opens a plain TCP connection.
func (s *site) stream(t testing.TB, from string, to netip.AddrPort) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	s.boxes[from].Do(func() { conn, err = net.DialTimeout("tcp", to.String(), time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// meddlers are foreign rules that would open a firewall that trusts what others write.
var meddlers = map[string]string{
	"notrack": `table inet meddler {
		chain pre { type filter hook prerouting priority -300; notrack; }
		chain out { type filter hook output priority -300; notrack; }
}`,
	"every packet mark": `table inet meddler {
		chain pre { type filter hook prerouting priority -150; meta mark set 0xffffffff; }
		chain out { type route hook output priority -150; meta mark set 0xffffffff; }
}`,
	"our bit": `table inet meddler {
		chain pre { type filter hook prerouting priority -460; meta mark set 0x01000000; }
		chain between { type filter hook forward priority -20; meta mark set 0x01000000; }
		chain out { type route hook output priority -150; meta mark set 0x01000000; }
}
		table bridge meddler {
		chain pre { type filter hook prerouting priority -200; meta mark set 0x01000000; }
		chain between { type filter hook forward priority -200; meta mark set 0x01000000; }
}`,
	"mark of new flows": `table inet meddler {
		chain pre { type filter hook prerouting priority -150;
			ct mark set ct mark or 0x00ff0000; ct state new ct mark set 0x00030000; }
}`,
	"accept early": `table inet meddler {
		chain between { type filter hook forward priority -400; accept; }
		chain inp { type filter hook input priority -400; accept; }
		chain post { type filter hook postrouting priority -400; accept; }
}
		table bridge meddler {
		chain between { type filter hook forward priority -400; accept; }
}`,
	"zone": `table inet meddler {
		chain pre { type filter hook prerouting priority -300; ct zone set 7; }
		chain out { type filter hook output priority -300; ct zone set 7; }
}`,
}

// What other people's rules write into packets and connections opens nothing.
func TestThreat053(t *testing.T) {
	s := newSite(t)
	heard := told(s.Serve(t, "udp", 53))
	attack := func(check func(from string, seen witness, shots []shot)) {
		t.Helper()
		for _, w := range ways {
			seen := caught(s.boxes[w.to].Sniff(t, "eth0"))
			check(w.from, seen, []shot{s.udp(t, "IPv4", w, false, 1, 53), s.udp(t, "IPv6", w, true, 1, 53)})
		}
		check("a", heard, s.toHost(t, "a", 53, gatewayOf("a", false), gatewayOf("a", true)))
	}
	attack(func(from string, seen witness, shots []shot) { pass(t, s.boxes[from], seen, shots) })
	closed := hostClosed
	for _, name := range members {
		closed += isolate(name)
	}
	s.policies(t, closed)
	s.attach(t)
	for name, rules := range meddlers {
		for _, calls := range []string{"1", "0"} {
			t.Run(name+" netfilter "+calls, func(t *testing.T) {
				s.Nft(t, rules)
				s.netfilter(t, calls)
				attack(func(from string, seen witness, shots []shot) {
					t.Helper()
					s.blocked(t, s.boxes[from], seen, shots, "default", "rule", "untracked",
						"unjudged", "invalid")
				})
				s.fromHost(t)
				s.Nft(t, "delete table inet meddler")
				if out, err := s.Command("", "nft", "delete", "table", "bridge", "meddler"); err != nil &&
					name == "our bit" {
					t.Error(out)
				}
			})
		}
	}
	s.policies(t, "")
	s.apply(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.netfilter(t, "1")
	s.reachBoth(t, "a", "b", nil)
}

// netfilter switches br_netfilter for br0 and for the namespace.
func (s *site) netfilter(t testing.TB, on string) {
	t.Helper()
	s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", on,
		"nf_call_ip6tables", on)
	s.Sysctl(t, "net/bridge/bridge-nf-call-iptables", on)
	s.Sysctl(t, "net/bridge/bridge-nf-call-ip6tables", on)
}

// fromHost demands that the closed node does not reach its containers.
func (s *site) fromHost(t testing.TB) {
	t.Helper()
	for _, to := range []string{"b", "e"} {
		seen := caught(s.boxes[to].Sniff(t, "eth0"))
		for _, six := range both {
			mark := newMark()
			var conn net.Conn
			var err error
			s.Do(func() { conn, err = net.Dial("udp", portAt(to, six, 53).String()) })
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(mark)
			conn.Close()
			time.Sleep(grace / 3)
			if seen(mark) {
				t.Errorf("the node to %s, IPv6 %t: got through", to, six)
			}
		}
	}
}

// Allowed flows under foreign rules that do not concern them go on; under notrack they stop.
func TestThreat053Honest(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.policies(t, isolate("b")+openEgress+admit("b", "a", "[{port: 80}]"))
	s.attach(t)
	for name, rules := range meddlers {
		s.Nft(t, rules)
		want := error(nil)
		if name == "notrack" {
			want = testnet.ErrTimeout
		}
		s.reach(t, "a", "10.1.0.3:80", want)
		s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
		s.Nft(t, "delete table inet meddler")
		s.Command("", "nft", "delete", "table", "bridge", "meddler")
	}
}
