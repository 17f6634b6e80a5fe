// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// next is the next event; the test ends when none comes.
func next(t *testing.T, events <-chan nft.Event) nft.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("watch ended, want an event")
		}
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no event within 5 s")
	}
	return nft.Event{}
}

// What others do to our tables is reported, and that they wrote rules elsewhere; what we do is not.
func TestWatchReportsForeignChanges(t *testing.T) {
	h, other := newHost(t), host{}
	other.ns = h.ns
	k, err := nft.Open(nft.Options{NetNS: h.ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	other.Kernel = k
	events, err := h.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.install(t, sample())
	h.nft(t, "add table inet bulkhead; add table ip other; add chain ip other bulkhead")
	for _, c := range []struct {
		change  func()
		want    []rs.Family
		foreign bool
	}{
		{func() { h.nft(t, "add element ip bulkhead live { 0x20000 }") }, []rs.Family{rs.IP}, false},
		{func() { h.nft(t, "add rule bridge bulkhead guard-arp drop") }, []rs.Family{rs.Bridge}, false},
		{func() { other.apply(t, rs.Op{Kind: rs.DeleteTable, Family: rs.IP6}) },
			[]rs.Family{rs.IP6}, false},
		{func() { h.nft(t, "add rule ip other bulkhead accept") }, nil, true},
		{func() { h.nft(t, "flush ruleset") }, []rs.Family{rs.IP, rs.Bridge}, false},
	} {
		// Were the changes before reported, their event would come first.
		c.change()
		got := next(t, events)
		slices.Sort(got.Families)
		if !slices.Equal(got.Families, c.want) || got.Foreign != c.foreign || got.Overrun ||
			got.Err != nil {
			t.Errorf("got event %+v, want families %v", got, c.want)
		}
	}
}

func TestWatchMergesWhatIsNotFetched(t *testing.T) {
	h := newHost(t)
	h.install(t, sample())
	events, err := h.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		h.nft(t, "add rule ip bulkhead done drop; add rule ip6 bulkhead guard drop")
	}
	seen := 0
	for {
		select {
		case e := <-events:
			seen++
			slices.Sort(e.Families)
			if !slices.Equal(e.Families, []rs.Family{rs.IP, rs.IP6}) {
				t.Errorf("got families %v, want ip and ip6", e.Families)
			}
			continue
		case <-time.After(200 * time.Millisecond):
		}
		break
	}
	if seen == 0 || seen > 3 {
		t.Errorf("got %d events for 50 changes that nobody fetched, want one or a few", seen)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	events, err := h.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case e, ok := <-events:
		if ok {
			t.Errorf("got event %+v, want the end", e)
		}
	case <-time.After(5 * time.Second):
		t.Error("watch goes on after its context")
	}
}
