// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// scan sends one datagram from c to each of n ports of b.
func (s *site) scan(t *testing.T, n int) {
	t.Helper()
	s.boxes["c"].Do(func() {
		conn, err := net.ListenPacket("udp4", "10.2.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := range n {
			to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("10.1.0.3"),
				uint16(10000+i)))
			if _, err := conn.WriteTo([]byte("scan"), to); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// account is what the kernel says of refusals by b's ingress.
type account struct{ counted, noted, overflow int }

func (s *site) account(t *testing.T) (a account, all nft.Totals) {
	t.Helper()
	s.look(t, func(n *node.Node) {
		var err error
		if all, err = n.Totals(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	for _, f := range all.Flows {
		if f.Family == ruleset.IP && f.Direction == policy.Ingress {
			a.noted += int(f.Packets)
		}
	}
	a.counted = refused(all.Counters)
	over := nft.CounterKey{Family: ruleset.IP, Name: "overflow-ingress"}
	a.overflow = int(all.Counters[over].Packets)
	return a, all
}

// Whatever becomes of the detail (sets that are full, limits that are exceeded, elements that go,
// a log that nobody reads), the counters say exactly how many packets were refused.
func TestCountersAreExactWhateverBecomesOfDetail(t *testing.T) {
	const packets = 3000
	for name, spoil := range map[string]func(*testing.T, *site){
		"nothing": func(*testing.T, *site) {},
		"elements gone": func(t *testing.T, s *site) {
			s.net.Nft(t, "flush set ip bulkhead denied-ingress")
		},
		"every set full": fillSets,
	} {
		t.Run(name, func(t *testing.T) {
			s := guarded(t)
			s.boxes["b"].Serve(t, "udp", 9)
			before, _ := s.account(t)
			s.scan(t, packets/2)
			spoil(t, s)
			s.scan(t, packets/2)
			s.knock(t, 5)
			after, all := s.account(t)
			if got := after.counted - before.counted; got != packets+5 {
				t.Errorf("got %d counted, want %d", got, packets+5)
			}
			if after.noted >= packets || after.overflow == 0 {
				t.Errorf("got %+v, want some packets not noted by flow", after)
			}
			if name == "nothing" && after.noted+after.overflow != after.counted {
				t.Errorf("got %+v, want noted and overflow to sum up to counted", after)
			}
			if len(all.Tables) != 3 {
				t.Errorf("got tables %v, want three", all.Tables)
			}
		})
	}
}

// fillSets leaves no room in any set that packets fill on their way to a refusal.
func fillSets(t *testing.T, s *site) {
	t.Helper()
	for set, key := range map[string]string{
		"denied-ingress": "10.9.%d.%d . 10.1.0.3 . udp . 9",
		"insert-limit":   "10.9.%d.%d limit rate 64/second burst 512 packets",
		"log-limit":      "10.9.%d.%d limit rate 10/second burst 50 packets",
	} {
		s.net.Nft(t, "flush set ip bulkhead "+set)
		var b strings.Builder
		for i := range 65536 {
			fmt.Fprintf(&b, key+",\n", i>>8, i&255)
		}
		s.net.Nft(t, "add element ip bulkhead "+set+" {"+b.String()+"}")
	}
}
