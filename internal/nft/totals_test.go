// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// flowTable is a table of the family in which UDP that comes in from port is noted by flow, in the
// set that has ports and in the one that has none, and counted.
func flowTable(f rs.Family) rs.Table {
	address, from, to := rs.TypeIPv4, rs.IPSaddr, rs.IPDaddr
	if f == rs.IP6 {
		address, from, to = rs.TypeIPv6, rs.IP6Saddr, rs.IP6Daddr
	}
	dynamic := &rs.Dynamic{Size: 65536, Timeout: 10 * time.Minute, Counter: true}
	return rs.Table{Family: f, Counters: []string{"all"},
		Sets: []rs.Set{
			{Name: "denied-ingress", Types: []rs.Type{address, address, rs.TypeProto, rs.TypeService},
				Dynamic: dynamic},
			{Name: "denied-egress-other", Types: []rs.Type{address, address, rs.TypeProto},
				Dynamic: dynamic},
		},
		Chains: []rs.Chain{{Name: "input", Base: &rs.Base{Hook: rs.Input}, Rules: []rs.Rule{
			rule(rs.Compare{Field: rs.L4Proto, Value: rs.Byte(17)},
				rs.Update{Set: "denied-ingress", Fields: []rs.Field{from, to, rs.L4Proto, rs.DestPort}},
				rs.Update{Set: "denied-egress-other", Fields: []rs.Field{from, to, rs.L4Proto}},
				rs.CounterRef{Name: "all"}),
		}}}}
}

func totals(t testing.TB, h host) nft.Totals {
	t.Helper()
	found, err := h.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Packets are found by flow, in both families, with and without ports, and in the counters.
func TestTotals(t *testing.T) {
	h := newHost(t)
	r := &rs.Ruleset{Tables: []rs.Table{flowTable(rs.IP), flowTable(rs.IP6)}}
	r.Sort()
	h.install(t, r)
	for to, packets := range map[string]int{
		"127.0.0.1:7000": 2, "127.0.0.1:7001": 1, "[::1]:7000": 3,
	} {
		h.ns.Do(func() {
			for range packets {
				c, err := net.Dial("udp", to)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Write(make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
		})
	}
	found := totals(t, h)
	got := map[string]nft.Count{}
	for _, f := range found.Flows {
		if f.Expires <= 9*time.Minute || f.Expires > 10*time.Minute {
			t.Errorf("%+v: got %v left, want almost ten minutes", f, f.Expires)
		}
		key := fmt.Sprint(f.Family, f.Direction, f.Client, f.Server, f.Proto, f.HasPort, f.Port)
		got[key] = nft.Count{Packets: f.Packets, Bytes: f.Bytes}
	}
	four, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for key, want := range map[string]nft.Count{
		fmt.Sprint(rs.IP, policy.Ingress, four, four, 17, true, 7000): {Packets: 2, Bytes: 256},
		fmt.Sprint(rs.IP, policy.Ingress, four, four, 17, true, 7001): {Packets: 1, Bytes: 128},
		fmt.Sprint(rs.IP, policy.Egress, four, four, 17, false, 0):    {Packets: 3, Bytes: 384},
		fmt.Sprint(rs.IP6, policy.Ingress, six, six, 17, true, 7000):  {Packets: 3, Bytes: 444},
		fmt.Sprint(rs.IP6, policy.Egress, six, six, 17, false, 0):     {Packets: 3, Bytes: 444},
	} {
		if got[key] != want {
			t.Errorf("%s: got %+v, want %+v", key, got[key], want)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("got %v besides, want nothing", got)
	}
	for family, want := range map[rs.Family]uint64{rs.IP: 3, rs.IP6: 3} {
		if got := found.Counters[nft.CounterKey{Family: family, Name: "all"}].Packets; got != want {
			t.Errorf("counter of %s: got %d packets, want %d", family, got, want)
		}
	}
}

// Without tables there is nothing, and tables without sets of flows have counters alone.
func TestTotalsOfNothing(t *testing.T) {
	h := newHost(t)
	if got := totals(t, h); len(got.Tables)+len(got.Flows)+len(got.Counters) != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
	h.apply(t, table, rs.Op{Kind: rs.AddCounter, Counter: "c"})
	got := totals(t, h)
	if len(got.Tables) != 1 || len(got.Flows) != 0 || len(got.Counters) != 1 {
		t.Errorf("got %+v, want one table and its counter", got)
	}
}

// A table that was replaced is told from one whose counters are what they were.
func TestTotalsKnowTheTable(t *testing.T) {
	h := newHost(t)
	h.apply(t, table)
	first := totals(t, h).Tables[rs.IP]
	h.apply(t, rs.Op{Kind: rs.AddCounter, Counter: "c"})
	if again := totals(t, h).Tables[rs.IP]; again != first || first == 0 {
		t.Errorf("got handle %d, then %d, want one that stays", first, again)
	}
	h.apply(t, rs.Op{Kind: rs.DeleteTable}, table)
	if other := totals(t, h).Tables[rs.IP]; other == first {
		t.Errorf("got handle %d of both tables, want two", other)
	}
}

// manyFlows adds flows number first to last-1, as packets would.
func (h host) manyFlows(t testing.TB, first, last int) {
	t.Helper()
	set := flowTable(rs.IP).Sets[0]
	op := rs.Op{Kind: rs.AddElements, Set: &set}
	for i := first; i < last; i++ {
		op.Elements = append(op.Elements, rs.Element{Key: rs.Join(numbered(i), numbered(1),
			rs.Byte(17), rs.Word(uint16(i)))})
	}
	h.apply(t, op)
}

// While flows come in their thousands, the kernel moves its hash, and others commit, every reading
// names each flow once, and the last one names all.
func TestTotalsWhileSetsGrow(t *testing.T) {
	const n = 40_000
	h := newHost(t)
	h.install(t, &rs.Ruleset{Tables: []rs.Table{flowTable(rs.IP)}})
	done := make(chan struct{})
	var readings atomic.Int32
	go func() {
		defer close(done)
		for i := 0; i < n; i += 500 {
			// However slow the reader is, it reads again while flows come.
			for int(readings.Load()) < 8*i/n && t.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
			h.manyFlows(t, i, i+500)
		}
	}()
	most := 0
	for running := true; running; readings.Add(1) {
		select {
		case <-done:
			running = false
		default:
		}
		found := totals(t, h)
		seen := map[netip.Addr]bool{}
		for _, f := range found.Flows {
			if seen[f.Client] {
				t.Fatalf("got %v twice", f.Client)
			}
			seen[f.Client] = true
		}
		most = len(found.Flows)
	}
	if most != n || readings.Load() < 5 {
		t.Errorf("got %d flows by the last of %d readings, want %d by the fifth or later", most,
			readings.Load(), n)
	}
}
