// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"slices"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// toAndFrom are probes between an endpoint and everybody else, in every protocol with ports.
func toAndFrom(t testing.TB, name string, others ...string) []probe {
	t.Helper()
	var out []probe
	for _, other := range others {
		for _, service := range []string{"tcp/80", "udp/80", "sctp/80", "ping"} {
			for _, line := range []string{name + " " + other, other + " " + name} {
				for _, r := range readRow(t, name, line+" "+service+" -") {
					out = append(out, r.probe)
				}
			}
		}
	}
	return out
}

func closed(policy.Flow) policy.Decision { return policy.Decision{Action: policy.Deny} }

// without takes an endpoint away from the rules; its container stays where it is.
func (n *node) without(name string) compile.Endpoint {
	i := slices.IndexFunc(n.endpoints, func(e compile.Endpoint) bool {
		return e.Namespace+"/"+e.Name == name
	})
	gone := n.endpoints[i]
	n.endpoints = slices.Delete(slices.Clone(n.endpoints), i, i+1)
	return gone
}

// A container is closed before its endpoint is known and after it is gone, and an address
// gives its next owner nothing of what the last one had.
func TestLifecycle(t *testing.T) {
	const fromDB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]
---
` + namespaceDocuments
	for _, attached := range []string{"bridge", "ptp"} {
		n := newClauseNode(t, attached, false)
		set := load(t, fromDB)
		probes := toAndFrom(t, "shop/db", "shop/web", "pay/db", "world", "host")
		check(t, "without our tables", n.probeAll(accepts, probes))
		db := n.without("shop/db")
		t.Run("S1.13 closed from the very first instant/"+attached, func(t *testing.T) {
			n.apply(t, set)
			check(t, "before", n.probeAll(closed, probes))
			n.endpoints = append(n.endpoints, db)
			n.apply(t, set)
			check(t, "after", n.probeAll(set.Evaluate, probes))
		})
		t.Run("S0.7 a completed workload is in no set/"+attached, func(t *testing.T) {
			flows := n.openAll(t, "80", "shop/db shop/web")
			echoAll(t, "running", flows, nil, patience)
			n.without("shop/db")
			n.apply(t, set)
			check(t, "completed", n.probeAll(closed, probes))
			echoAll(t, "completed", flows, testnet.ErrTimeout, silence)
		})
		t.Run("S1.15 a reused address has the identity of its new owner/"+attached,
			func(t *testing.T) { n.reuse(t, set, db) })
	}
}

func (n *node) reuse(t *testing.T, set *policy.Set, db compile.Endpoint) {
	changed := *db.Endpoint
	changed.Labels, changed.Name = map[string]string{"app": "job"}, "job"
	n.endpoints = append(n.endpoints, compile.Endpoint{Endpoint: &changed, Local: db.Local})
	n.apply(t, set)
	for _, p := range toAndFrom(t, "shop/db", "shop/web") {
		if p.From.Endpoint == db.Endpoint {
			p.From.Endpoint = &changed
		} else {
			p.To.Endpoint = &changed
		}
		want := expected(p, set.Evaluate(p.Flow))
		if got := n.run(p, result{probe: p, want: want}.timeout()); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", p, got, want)
		}
	}
}

// S0.4: a document that has become unreadable leaves its last good version in force.
func TestLastGoodVersion(t *testing.T) {
	const good = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]
`
	t.Run("S0.4 the last good version stays", func(t *testing.T) {
		n := newClauseNode(t, "bridge", false)
		before := policy.Load([]policy.File{{Name: "web.yaml", Data: []byte(good)}}, nil)
		broken := policy.Load([]policy.File{{Name: "web.yaml", Data: []byte(good + "surprise: 1\n")}},
			before.Documents)
		if !policy.HasErrors(broken.Problems) {
			t.Fatal("got no problem, want the unknown field reported")
		}
		probes := append(toAndFrom(t, "shop/web", "shop/api", "world"),
			toAndFrom(t, "shop/web", "pay/db")...)
		check(t, "without our tables", n.probeAll(accepts, probes))
		n.apply(t, broken)
		check(t, "broken", n.probeAll(before.Evaluate, probes))
	})
}
