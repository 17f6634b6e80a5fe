// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/policy"
)

// state is one desired state of a node.
type state struct {
	set       *policy.Set
	endpoints []compile.Endpoint
}

// manyStates are the golden cases and random worlds: policies and endpoints come, go and move.
func manyStates(t testing.TB, dice randpolicy.Dice) []state {
	t.Helper()
	var out []state
	for _, c := range goldenCases(t) {
		out = append(out, state{c.Input.Policies, c.Input.Endpoints})
	}
	for range 6 {
		s := state{set: dice.Policies()}
		for _, p := range dice.Endpoints() {
			e := compile.Endpoint{Endpoint: p.Endpoint}
			if !p.Remote {
				e.Local = &compile.Local{Port: p.Port, Bridge: p.Bridge, MAC: p.MAC}
			}
			s.endpoints = append(s.endpoints, e)
		}
		out = append(out, s)
	}
	return out
}

// walkTo brings a state into force, one transaction.
func (n *node) walkTo(t testing.TB, s state) {
	t.Helper()
	n.endpoints = s.endpoints
	n.apply(t, s.set)
}

// Invariant: the rules depend on the desired state alone, not on the way that led to it.
func TestPathIndependence(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := randpolicy.New(seed, 0)
	states := manyStates(t, dice)
	empty := state{set: &policy.Set{}}
	reversed := slices.Clone(states)
	slices.Reverse(reversed)
	paths := map[string][]state{"in order": states, "reversed": reversed}
	for _, name := range []string{"shuffled", "shuffled again"} {
		shuffled := slices.Clone(states)
		dice.Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		paths[name] = shuffled
	}
	for i, s := range states {
		if i > 0 { // policies first, endpoints later
			paths["split"] = append(paths["split"], state{s.set, states[i-1].endpoints})
		}
		paths["split"] = append(paths["split"], s)
		paths["with empties"] = append(paths["with empties"], empty, s, empty, empty)
		paths["repeated"] = append(paths["repeated"], s, s)
		if i%2 == 0 {
			paths["squashed"] = append(paths["squashed"], s)
		}
	}
	paths["with empties"] = append(paths["with empties"], states[3])
	for name, path := range paths {
		t.Run(name, func(t *testing.T) { walk(t, path) })
	}
}

func walk(t *testing.T, path []state) {
	n := newBareNode(t, compile.DefaultConfig())
	for i, s := range path {
		n.walkTo(t, s)
		if drift, err := n.kernel.Verify(n.installed); err != nil || len(drift) > 0 {
			t.Fatalf("step %d: got drift %v, %v", i, drift, err)
		}
	}
	fresh := newBareNode(t, compile.DefaultConfig())
	fresh.walkTo(t, path[len(path)-1])
	checkSame(t, "after the last step", lasting(n.list(t)), lasting(fresh.list(t)))
}
