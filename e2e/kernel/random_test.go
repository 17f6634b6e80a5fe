// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/policy"
)

var randomSeed = flag.Uint64("kernel.seed", 0, "seed of TestRandomPairs; 0 for a random one")

const (
	randomNodes    = 4
	policiesOfNode = 10
	flowsOfPolicy  = 14
)

// round is one random set of policies, and the flows to try under it.
type round struct {
	set    *policy.Set
	probes []probe
}

// TestRandomPairs sends at least 500 random flows through random nodes under random policies.
func TestRandomPairs(t *testing.T) {
	seed := *randomSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	histogram, pairs := map[string]int{}, 0
	for i := range uint64(randomNodes) {
		dice := randpolicy.New(seed, i)
		n := newNode(t, layout{places: dice.Endpoints(), gateways: randomGateways,
			host: randomHost, world: randpolicy.WorldAddresses, netfilter: i%2 == 1})
		for _, r := range n.randomRun(t, dice) {
			histogram[bucket(r)]++
			pairs++
			if !r.ok() {
				t.Errorf("seed %d, node %d: %s: got %v, want %v: %s", seed, i, r.probe, r.got,
					r.want, r.decision.Why)
			}
		}
	}
	t.Logf("seed %d: %d pairs: %v", seed, pairs, histogram)
	if pairs < 500 {
		t.Errorf("got %d pairs, want at least 500", pairs)
	}
	for _, name := range []string{"accept", "rule", "default-deny"} {
		if histogram[name] == 0 {
			t.Errorf("%s: got no pair with it in %v", name, histogram)
		}
	}
}

// The addresses that flows of the dice take for the node's. The first of each family is where
// containers send what is not for their own bridge.
var (
	randomGateways = []string{randpolicy.HostAddresses[0], randpolicy.HostAddresses[2]}
	randomHost     = []string{randpolicy.HostAddresses[1], randpolicy.HostAddresses[3]}
)

// randomRun plays the rounds of one node: first every flow without our tables, where it must
// pass, then each under its policies.
func (n *node) randomRun(t *testing.T, dice randpolicy.Dice) []result {
	t.Helper()
	var rounds []round
	var all []probe
	for range policiesOfNode {
		r := round{dice.Policies(), n.randomProbes(dice)}
		rounds = append(rounds, r)
		all = append(all, r.probes...)
	}
	check(t, "without our tables", n.probeAll(accepts, all))
	var out []result
	for _, r := range rounds {
		n.apply(t, r.set)
		out = append(out, n.probeAll(n.here(r.set), r.probes)...)
		n.forgetFlows(t)
	}
	return out
}

// randomProbes leaves out what two probes of one set would share a conntrack entry for:
// protocols without ports have one entry for both directions of a pair.
func (n *node) randomProbes(dice randpolicy.Dice) []probe {
	var out []probe
	taken := map[[2]netip.Addr]bool{}
	for len(out) < flowsOfPolicy {
		p := probe{dice.Flow(n.layout.places).Flow}
		if p.ViaService { // needs a Service: see the tests of translated flows
			continue
		}
		if portWords[p.Protocol] == "" {
			pair, back := [2]netip.Addr{p.From.Addr, p.To.Addr}, [2]netip.Addr{p.To.Addr, p.From.Addr}
			if taken[pair] || taken[back] {
				continue
			}
			taken[pair] = true
		}
		out = append(out, p)
	}
	return out
}

// forgetFlows deletes the conntrack entries of all endpoints.
func (n *node) forgetFlows(t testing.TB) {
	t.Helper()
	var all []netip.Addr
	for _, e := range n.endpoints {
		all = append(all, e.Addresses...)
	}
	if _, err := n.links.ForgetAddress(all); err != nil {
		t.Fatal(err)
	}
}

// bucket is why a flow fared as it did; a rule that rejects stands apart.
func bucket(r result) string {
	switch {
	case r.decision.Action == policy.Accept:
		return "accept"
	case r.decision.Action == policy.Reject:
		return "reject"
	}
	return string(r.decision.Reason)
}
