// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

func TestScanIsOneRecord(t *testing.T) {
	s := newScene(t, DefaultLimits())
	records := 0
	for port := range uint16(1000) {
		r, ok := s.add(11, apiAddr, 1000+port)
		if ok {
			records++
		}
		if ok && records <= 64 && (r.Scan || r.Ports != 1 || r.Port == 0) ||
			ok && records > 64 && (!r.Scan || r.Port != 0) {
			t.Errorf("record %d: got %+v", records, r)
		}
	}
	if records != 65 {
		t.Errorf("records at once: got %d, want 64 and the scan's", records)
	}
	if _, ok := s.add(11, farAddr, 1000); !ok {
		t.Error("another peer: got nothing, want a record")
	}
	got := s.closes(20, "935/935 samples 0")
	if r := got[0]; !r.Scan || r.Peers != 1 || r.Ports < 900 || r.Ports > 970 ||
		r.Client.Name != "api" {
		t.Errorf("got %+v, want a scan of api over about 936 ports", r)
	}
	// The sets tell of a scan's ports one by one.
	s.totals(30, grown(element(apiAddr, 1500), 3), grown(element(apiAddr, 5000), 2))
	s.closes(30, "4/0 kernel 0")
	if got := s.window.Stats().Scans; got != 1+935+4 {
		t.Errorf("folded packets: got %d, want 940", got)
	}
}

// client is the n-th of many addresses outside.
func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestPeersOutsideAreFoldedIntoBlocks(t *testing.T) {
	limits := DefaultLimits()
	limits.Share = 300
	s := newScene(t, limits)
	blocks := map[netip.Prefix]int{}
	for n := range 512 {
		if r, ok := s.add(11, client(n), 80); ok && r.Client.Prefix.IsValid() {
			blocks[r.Client.Prefix]++
		}
	}
	if want := netip.MustParsePrefix("20.0.1.0/24"); len(blocks) != 1 || blocks[want] != 1 {
		t.Errorf("blocks: got %v, want one record of %s", blocks, want)
	}
	got := s.closes(20, "211/211 samples 80")
	if r := got[0]; r.Client.Addr.IsValid() || r.Peers < 190 || r.Peers > 230 || r.Scan ||
		r.Ports != 1 || r.Server.Name != "web" {
		t.Errorf("got %+v, want about 212 peers of one block", r)
	}
	if got := s.window.Stats(); got.Keys != 301 || got.Blocks != 212 {
		t.Errorf("got %+v, want 300 keys, a block, and 212 packets in it", got)
	}
}

// TestFlooderBlindsNobody: one subject that takes all it can get has one record in the end, and
// leaves the others theirs.
func TestFlooderBlindsNobody(t *testing.T) {
	limits := Limits{Keys: 400, Share: 300, Blocks: 8, Ports: 64, Flows: 100000,
		Linger: DefaultLimits().Linger}
	s := newScene(t, limits)
	for n := range 5000 {
		a := s.sampled(11, client(n*37), uint16(n*91))
		s.window.Add(a)
		b := *a
		b.Key.Subject = "second flooder"
		s.window.Add(&b)
	}
	got := s.window.Stats()
	if most := 300 + 8 + 1 + 200 + 8 + 1; got.Keys > most {
		t.Errorf("keys: got %d, want at most %d", got.Keys, most)
	}
	for n := range 10 {
		a := *s.sampled(12, client(n), 80)
		a.Key.Subject = fmt.Sprint("quiet ", n)
		if r, ok := s.window.Add(&a); !ok || r.Peers != 1 || r.Client.Prefix.IsValid() {
			t.Errorf("quiet subject %d: got %+v, %v, want its own record", n, r, ok)
		}
	}
	told := uint64(0)
	for _, r := range s.window.Close(second(20)) {
		told += r.Packets
		if r.Scan && r.Proto == 0 && (r.Peers < 1500 || r.Client.Addr.IsValid()) {
			t.Errorf("all in one: got %+v, want many of peers", r)
		}
	}
	if told += uint64(got.Keys); told != 10000 {
		t.Errorf("packets told: got %d, want all 10000", told)
	}
	s.closes(100)
	if got := s.window.Stats(); got.Keys+got.Subjects+got.Flows != 0 || len(s.window.pairs) != 0 {
		t.Errorf("after a minute: got %+v and %d pairs, want nothing left", got, len(s.window.pairs))
	}
}

func TestTooManyFlowsAreCounted(t *testing.T) {
	limits := DefaultLimits()
	limits.Flows = 10
	s := newScene(t, limits)
	for n := range 15 {
		s.add(11, client(n), 80)
	}
	s.totals(20, grown(element(client(99), 80), 7))
	if got := s.window.Stats(); got.Unremembered != 5+7 || got.Flows != 10 {
		t.Errorf("got %+v, want 12 packets left out and 10 flows", got)
	}
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 64, 1000, 4000, 12000} {
		var ports, peers distinct
		for i := range n {
			ports.addPort(uint16(i * 3))
			peers.addAddr(client(i))
			peers.addAddr(client(i))
		}
		for name, d := range map[string]*distinct{"ports": &ports, "peers": &peers} {
			if got := int(d.count()); (got-n)*12 > n+12 || (n-got)*12 > n+12 {
				t.Errorf("%d %s: got %d", n, name, got)
			}
		}
	}
	var full distinct
	for i := range full {
		full[i] = 1<<64 - 1
	}
	if got := full.count(); got < 30000 || got > 40000 {
		t.Errorf("full: got %d, want some ten thousand", got)
	}
}

// TestEveryIPv6PeerFolds: blocks of IPv6 are /48.
func TestEveryIPv6PeerFolds(t *testing.T) {
	k := Key{Subject: "x", Direction: policy.Ingress, PeerAddr: netip.MustParseAddr("2001:db8:1:2::3")}
	w := NewWindow(Limits{}, noon)
	if !w.foldPeers(&k, &subject{}) || k.Peers.String() != "2001:db8:1::/48" || k.PeerAddr.IsValid() {
		t.Errorf("got %+v, want 2001:db8:1::/48", k)
	}
}
