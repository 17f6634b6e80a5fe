// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func second(n float64) time.Time { return noon.Add(time.Duration(n * float64(time.Second))) }

// era is a generation whose transaction took half a second.
func era(n int) *Snapshot {
	return &Snapshot{Generation: uint32(n), Before: second(float64(10*n) - 0.5),
		Since: second(float64(10 * n)), Policies: &policy.Set{}, Index: NewIndex(nil)}
}

func TestHistoryFindsTheGenerationOfATime(t *testing.T) {
	h := NewHistory()
	if h.At(noon) != nil || h.Now() != nil {
		t.Fatal("got a generation of an empty history")
	}
	for n := 1; n <= 3; n++ {
		h.Add(era(n))
	}
	for _, c := range []struct {
		at   float64
		want string
	}{
		{5, "1"}, {10, "1"}, {19.4, "1"}, {19.6, "1 2"}, {20, "2 1"}, {29.9, "2 3 1"},
		{30, "3 2 1"}, {1000, "3 2 1"},
	} {
		got := ""
		for s := range h.Candidates(second(c.at)) {
			got += fmt.Sprint(" ", s.Generation)
		}
		if got != " "+c.want {
			t.Errorf("candidates at %v: got%s, want %s", c.at, got, c.want)
		}
		if first := fmt.Sprint(h.At(second(c.at)).Generation); first != c.want[:1] {
			t.Errorf("generation at %v: got %s, want %s", c.at, first, c.want[:1])
		}
	}
}

func TestHistoryForgets(t *testing.T) {
	h := NewHistory()
	for n := range 10 {
		h.Add(era(n))
	}
	// Replaced at 60: 30 seconds before.
	if got := h.eras[0].Generation; got != 5 {
		t.Errorf("oldest generation: got %d, want 5", got)
	}
	h.Forget(second(1000))
	if h.Len() != 1 || h.Now().Generation != 9 {
		t.Errorf("got %d generations, the last %d, want the present one alone", h.Len(),
			h.Now().Generation)
	}
	h.Age, h.Most = time.Hour, 4
	for n := 10; n < 20; n++ {
		h.Add(era(n))
	}
	if h.Len() != 4 || h.eras[0].Generation != 16 {
		t.Errorf("got %d generations from %d on, want 4 from 16 on", h.Len(), h.eras[0].Generation)
	}
}

// TestIndexSettlesClaimsAsTheKernelDoes: a local endpoint before a remote one, an earlier before a
// later one, and never a stale routed one on a bridge's port.
func TestIndexSettlesClaimsAsTheKernelDoes(t *testing.T) {
	a := netip.MustParseAddr("10.1.0.1")
	named := func(id string, e Endpoint) Endpoint {
		e.Endpoint = &policy.Endpoint{ID: id, Addresses: []netip.Addr{a}}
		return e
	}
	list := []Endpoint{named("remote", Endpoint{}), named("stale", Endpoint{Local: true, Port: "v1"}),
		named("bridged", Endpoint{Local: true, Port: "v1", Bridge: "br0"})}
	x := NewIndex(list)
	if got := x.addresses[a].ID; got != "stale" {
		t.Errorf("holder: got %s, want the first local one", got)
	}
	if got := x.ports["v1"].ID; got != "bridged" {
		t.Errorf("port: got %s, want the bridged one", got)
	}
	if !x.Holds(list) || x.Holds(list[1:]) || (*Index)(nil).Holds(list) {
		t.Error("Holds: want it for the same endpoints alone")
	}
}
