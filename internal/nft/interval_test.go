// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// randomIntervals are disjoint ranges among the numbers below 2^16, often next to each other,
// and sometimes up to the first or the last.
func randomIntervals(rng *rand.Rand, key func(uint16) rs.Key, verdicts bool) []rs.Element {
	var es []rs.Element
	at := 0
	if rng.IntN(2) == 0 {
		at = rng.IntN(100)
	}
	for at <= 65535 {
		last := min(65535, at+rng.IntN(6000))
		e := rs.Element{Key: key(uint16(at)), Last: key(uint16(last))}
		if verdicts {
			e.Verdict = []rs.Verdict{accept, drop, back}[rng.IntN(3)]
		}
		es = append(es, e)
		at = last + 1
		if rng.IntN(3) > 0 {
			at += rng.IntN(8000)
		}
	}
	return es
}

func intervalRuleset(rng *rand.Rand) *rs.Ruleset {
	topIPv4 := func(n uint16) rs.Key {
		return rs.Key(binary.BigEndian.AppendUint16([]byte{255, 255}, n))
	}
	lowIPv6 := func(n uint16) rs.Key {
		return rs.Key(binary.BigEndian.AppendUint16(make([]byte, 14), n))
	}
	return &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP, Sets: []rs.Set{
		{Name: "addresses", Types: []rs.Type{rs.TypeIPv4}, Interval: true,
			Elements: randomIntervals(rng, topIPv4, false)},
		{Name: "addresses6", Types: []rs.Type{rs.TypeIPv6}, Interval: true,
			Elements: randomIntervals(rng, lowIPv6, false)},
		{Name: "ports", Types: []rs.Type{rs.TypeService}, Interval: true, Verdicts: true,
			Elements: randomIntervals(rng, rs.Word, true)},
	}}}}
}

// Whatever intervals a set had, one transaction makes it those that it shall have: bounds that
// coincide, grow, shrink or swap sides do not get into each other's way.
func TestIntervalsFromAnyStateToAnyOther(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t)
	have := &rs.Ruleset{}
	for step := range 100 {
		want := intervalRuleset(rng)
		if err := h.Apply(t.Context(), rs.Diff(have, want)); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}
		if got := h.drift(t, want); len(got) > 0 {
			t.Fatalf("seed %d, step %d: got drift %q, want none", seed, step, got)
		}
		have = want
	}
	theirs := newHost(t)
	theirs.nft(t, have.String())
	if got, want := sorted(h.list(t)), sorted(theirs.list(t)); got != want {
		t.Errorf("listing differs:\n%s", differences(got, want))
	}
}
