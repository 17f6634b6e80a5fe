// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func TestLivePresentRemove(t *testing.T) {
	h := newHost(t)
	if live, err := h.Live(); len(live) != 0 || err != nil {
		t.Errorf("empty kernel: Live got %v, %v, want none", live, err)
	}
	if err := h.Remove(); err != nil {
		t.Errorf("empty kernel: Remove got %v, want nil", err)
	}
	h.nft(t, "add table ip other; add table inet bulkhead")
	if present, err := h.Present(); present || err != nil {
		t.Errorf("foreign tables: Present got %v, %v, want false", present, err)
	}
	h.install(t, sample())
	h.nft(t, "add element ip bulkhead live { 0x00fe0000 }")
	live, err := h.Live()
	slices.Sort(live)
	if want := []uint32{0x10000, 0xfe0000}; !slices.Equal(live, want) || err != nil {
		t.Errorf("Live: got %x, %v, want %x", live, err, want)
	}
	if present, err := h.Present(); !present || err != nil {
		t.Errorf("installed: Present got %v, %v, want true", present, err)
	}
	for range 2 {
		if err := h.Remove(); err != nil {
			t.Errorf("Remove: got %v, want nil", err)
		}
	}
	if got, want := h.list(t), "table ip other {\n}\ntable inet bulkhead {\n}\n"; got != want {
		t.Errorf("after Remove: got\n%swant\n%s", got, want)
	}
}

// counting is a ruleset that counts UDP on loopback: by a set of intervals, by flow, and all.
func counting() *rs.Ruleset {
	flow := []rs.Field{rs.IPSaddr, rs.PacketMark, rs.L4Proto, rs.DestPort}
	count := func(name string) rs.CounterRef { return rs.CounterRef{Name: name} }
	r := &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP,
		Counters: []string{"inside", "ports", "unused"},
		Sets: []rs.Set{
			{Name: "ranges", Types: []rs.Type{rs.TypeIPv4}, Interval: true, Elements: []rs.Element{
				{Key: ip("127.0.1.0"), Last: ip("127.0.1.9")},
				{Key: ip("127.0.1.10"), Last: ip("127.0.1.10")},
				{Key: ip("127.0.2.0"), Last: ip("255.255.255.255")}}},
			{Name: "ports", Types: []rs.Type{rs.TypeService}, Verdicts: true, Interval: true,
				Elements: []rs.Element{{Key: rs.Word(7000), Last: rs.Word(65535),
					Verdict: rs.Verdict{Kind: rs.JumpVerdict, Chain: "high"}}}},
			*flows(),
		},
		Chains: []rs.Chain{
			{Name: "high", Rules: []rs.Rule{rule(count("ports"))}},
			{Name: "input", Base: &rs.Base{Hook: rs.Input}, Rules: []rs.Rule{
				rule(inSet(rs.IPDaddr, "ranges"), count("inside")),
				rule(rs.VerdictMap{Fields: []rs.Field{rs.UDPDestPort}, Map: "ports"}),
				rule(rs.SetMark{Or: 0x01020304}, rs.Update{Set: "flows", Fields: flow}),
			}},
		}}}}
	r.Sort()
	return r
}

func flows() *rs.Set {
	return &rs.Set{Name: "flows",
		Types:   []rs.Type{rs.TypeIPv4, rs.TypeMark, rs.TypeProto, rs.TypeService},
		Dynamic: &rs.Dynamic{Size: 1024, Timeout: time.Hour, Counter: true}}
}

// Packets meet the rules as ruleset means them: bounds of intervals, open ends, and what the
// counters say.
func TestPacketsAreCounted(t *testing.T) {
	h := newHost(t)
	h.install(t, counting())
	for _, to := range []string{
		"127.0.0.255:53", "127.0.1.0:53", "127.0.1.9:7000", "127.0.1.10:53", "127.0.1.11:6999",
		"127.0.1.255:53", "127.0.2.0:65535", "127.255.255.254:53", "127.255.255.254:53",
	} {
		h.ns.Do(func() {
			c, err := net.Dial("udp", to)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			// A port without a socket answers with an ICMP error, which the next write on
			// a connected socket would report; there is one write only.
			if _, err := c.Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		})
	}
	counters, err := h.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) nft.CounterKey { return nft.CounterKey{Family: rs.IP, Name: name} }
	if len(counters) != 3 || counters[key("unused")] != (nft.Count{}) {
		t.Errorf("got counters %v, want three, unused zero", counters)
	}
	if got, want := counters[key("ports")], (nft.Count{Packets: 2, Bytes: 256}); got != want {
		t.Errorf("counter ports: got %v, want %v", got, want)
	}
	// ICMP errors come back to 127.0.0.1, which is in no range.
	if got, want := counters[key("inside")], (nft.Count{Packets: 6, Bytes: 768}); got != want {
		t.Errorf("counter inside: got %v, want %v", got, want)
	}
	checkFlow(t, h)
}

func checkFlow(t *testing.T, h host) {
	t.Helper()
	found, err := h.DynamicElements(rs.IP, flows())
	if err != nil {
		t.Fatal(err)
	}
	want := rs.Join(ip("127.0.0.1"), rs.Mark(0x01020304), rs.Byte(17), rs.Word(7000))
	for _, e := range found {
		if e.Key == want {
			if e.Count != (nft.Count{Packets: 1, Bytes: 128}) {
				t.Errorf("flow: got %v, want 1 packet of 128 bytes", e.Count)
			}
			return
		}
	}
	t.Errorf("got flows %v, want %x among them", found, want)
}

func TestDynamicElementsOfNothing(t *testing.T) {
	h := newHost(t)
	if _, err := h.DynamicElements(rs.IP, flows()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// Counters are read by name and family.
func TestManyCounters(t *testing.T) {
	h := newHost(t)
	r := &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP}, {Family: rs.Bridge}}}
	for i := range 2000 {
		name := fmt.Sprintf("c%d", i)
		r.Tables[i%2].Counters = append(r.Tables[i%2].Counters, name)
	}
	r.Sort()
	h.install(t, r)
	counters, err := h.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := counters[nft.CounterKey{Family: rs.Bridge, Name: "c1999"}]; len(counters) != 2000 ||
		!ok {
		t.Errorf("got %d counters (bridge c1999: %v), want 2000", len(counters), ok)
	}
}
