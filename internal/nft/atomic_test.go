// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// state is a ruleset in two tables that states its generation, and is about that generation
// in every part.
func state(generation uint32) *rs.Ruleset {
	mark := rs.Element{Key: rs.Mark(generation)}
	name := map[uint32]string{1: "one", 2: "two"}[generation]
	tableOf := func(family rs.Family) rs.Table {
		return rs.Table{Family: family, Counters: []string{name},
			Sets: []rs.Set{
				{Name: "generation", Types: []rs.Type{rs.TypeMark}, Elements: []rs.Element{mark}},
				{Name: "peers-" + name, Types: []rs.Type{rs.TypeMark}, Elements: []rs.Element{mark}},
			},
			Chains: []rs.Chain{{Name: "input", Base: &rs.Base{Hook: rs.Input}, Rules: []rs.Rule{
				rule(inSet(rs.PacketMark, "peers-"+name), rs.CounterRef{Name: name}, drop)}}},
		}
	}
	return &rs.Ruleset{Tables: []rs.Table{tableOf(rs.IP), tableOf(rs.IP6)}}
}

// While one side goes back and forth between two rulesets, every reading of the other is one
// of the two, whole, in all tables.
func TestReaderNeverSeesHalfAState(t *testing.T) {
	const applies = 1000
	h := newHost(t)
	states := []*rs.Ruleset{state(1), state(2)}
	h.install(t, states[0])
	reader, err := nft.Open(nft.Options{NetNS: h.ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, done := context.WithCancel(t.Context())
	go func() {
		defer done()
		for i := range applies {
			ops := rs.Diff(states[i%2], states[(i+1)%2])
			if err := h.Apply(ctx, ops); err != nil {
				t.Errorf("apply %d: %v", i, err)
				return
			}
		}
	}()
	var seen [2]int
	for ctx.Err() == nil {
		if which := readState(t, reader, states); which >= 0 {
			seen[which]++
		}
	}
	if seen[0] == 0 || seen[1] == 0 {
		t.Errorf("got %v readings of the two states, want some of each", seen)
	}
	t.Logf("%d applies, %v readings", applies, seen)
}

// readState tells which of two states is installed, -1 when the reading was given up.
func readState(t *testing.T, k *nft.Kernel, states []*rs.Ruleset) int {
	drift, err := k.Verify(states[0])
	switch {
	case errors.Is(err, nft.ErrInterrupted):
		return -1
	case err != nil:
		t.Errorf("verify: %v", err)
		return -1
	case len(drift) == 0:
		return 0
	}
	// It must differ in everything in which the other state differs, and in nothing else.
	want := map[string]bool{}
	for _, d := range states01 {
		want[d] = true
	}
	if len(drift) != len(want) {
		t.Errorf("got half a state: %v", drift)
	}
	for _, d := range drift {
		if !want[d.String()] {
			t.Errorf("got half a state: %v", d)
		}
	}
	return 1
}

// states01 is how state 2 looks to somebody who wants state 1.
var states01 = []string{
	"extra: ip counter two", "missing: ip counter one",
	"extra: ip set peers-two", "missing: ip set peers-one",
	"extra: ip element 0x00000002 of set generation",
	"missing: ip element 0x00000001 of set generation",
	"different: ip rule 1 of chain input",
	"extra: ip6 counter two", "missing: ip6 counter one",
	"extra: ip6 set peers-two", "missing: ip6 set peers-one",
	"extra: ip6 element 0x00000002 of set generation",
	"missing: ip6 element 0x00000001 of set generation",
	"different: ip6 rule 1 of chain input",
}

// The generation is replaced only by somebody who knows which one is in force.
func TestGenerationIsComparedAndSwapped(t *testing.T) {
	h := newHost(t)
	if gen, ok, err := h.Generation(); gen != 0 || ok || err != nil {
		t.Errorf("empty kernel: got %d, %v, %v, want no generation", gen, ok, err)
	}
	set := &rs.Set{Name: "generation", Types: []rs.Type{rs.TypeMark}}
	swap := func(from, to uint32) []rs.Op {
		return []rs.Op{
			{Kind: rs.DeleteElements, Set: set, Elements: []rs.Element{{Key: rs.Mark(from)}}},
			{Kind: rs.AddElements, Set: set,
				Elements: []rs.Element{{Key: rs.Mark(to), Comment: "abc"}}},
		}
	}
	h.install(t, state(1))
	h.apply(t, swap(1, 0x01020304)...)
	if err := h.Apply(t.Context(), swap(1, 3)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("swap from a generation that is gone: got %v, want fs.ErrNotExist", err)
	}
	if gen, ok, err := h.Generation(); gen != 0x01020304 || !ok || err != nil {
		t.Errorf("got %#x, %v, %v, want 0x01020304", gen, ok, err)
	}
}
