// SPDX-License-Identifier: Apache-2.0

package suggest_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/suggest"
	"github.com/bulkhead-net/bulkhead/policy"
)

// with is the set with the documents of the answer.
func with(t *testing.T, set *policy.Set, a suggest.Answer) *policy.Set {
	t.Helper()
	var files []policy.File
	for i, d := range a.Documents {
		files = append(files, policy.File{Name: fmt.Sprint(i), Data: []byte(d.YAML)})
	}
	loaded := policy.Load(files, nil)
	if len(loaded.Problems) > 0 || len(loaded.Policies) != len(a.Documents) {
		t.Fatalf("documents: got %v of %+v", loaded.Problems, a.Documents)
	}
	after := *set
	after.Policies = append(append([]*policy.Policy{}, set.Policies...), loaded.Policies...)
	policy.SortPolicies(after.Policies)
	return &after
}

// TestASuggestionOpensTheFlowAndNothingOfAnotherPort asks about the flows of random worlds. With
// the suggestion, the flow is accepted, nothing that was accepted is refused, nothing that goes to
// another port or protocol is accepted that was not, and what is opened besides is told.
func TestASuggestionOpensTheFlowAndNothingOfAnotherPort(t *testing.T) {
	given, obstacles, opened := 0, 0, 0
	for seed := range uint64(300) {
		d := randpolicy.New(seed, 77)
		set, attached := d.Policies(), d.Endpoints()
		var endpoints []*policy.Endpoint
		for _, e := range attached {
			endpoints = append(endpoints, e.Endpoint)
		}
		for range 12 {
			f := d.Flow(attached).Flow
			a := suggest.For(set, endpoints, f)
			switch accepted := set.Evaluate(f).Action == policy.Accept; {
			case accepted != a.Accepted():
				t.Fatalf("seed %d: %s: got accepted %t, want %t", seed, f, a.Accepted(), accepted)
			case accepted:
				continue
			case len(a.Documents) == 0 && len(a.Obstacles) == 0:
				t.Fatalf("seed %d: %s: got nothing, want documents or obstacles", seed, f)
			case len(a.Documents) == 0:
				obstacles++
				continue
			}
			given++
			opened += a.OpensCount
			after := with(t, set, a)
			if got := after.Evaluate(f); got.Action != policy.Accept {
				t.Fatalf("seed %d: got %s, want Accept with\n%+v", seed, got.Why, a.Documents)
			}
			compare(t, d, seed, set, after, endpoints, f, a)
		}
	}
	if given < 100 || obstacles < 100 || opened < 100 {
		t.Errorf("got %d suggestions, %d obstacles and %d more flows, want at least 100 of each", given,
			obstacles, opened)
	}
	t.Logf("%d suggestions, %d obstacles, %d more flows", given, obstacles, opened)
}

// compare tries all pairs of endpoints on the flow's port, and on others.
func compare(t *testing.T, d randpolicy.Dice, seed uint64, before, after *policy.Set,
	endpoints []*policy.Endpoint, asked policy.Flow, a suggest.Answer) {
	t.Helper()
	told := map[string]bool{asked.String(): true}
	for _, text := range a.Opens {
		told[text] = true
	}
	for _, from := range endpoints {
		for _, to := range endpoints {
			for i, other := range []bool{false, true, true, true} {
				f := asked
				f.From = policy.Party{Endpoint: from, Addr: from.Addresses[i%2]}
				f.To = policy.Party{Endpoint: to, Addr: to.Addresses[i%2]}
				f.ViaService = from == to
				switch {
				case other && i == 3:
					f.Protocol, f.Port, f.ICMPType = policy.ProtocolICMPv6, 0, 128
				case other:
					f.Port = randpolicy.Ports[d.IntN(len(randpolicy.Ports))]
				}
				other = f.Port != asked.Port || f.Protocol != asked.Protocol
				was := before.Evaluate(f).Action == policy.Accept
				is := after.Evaluate(f).Action == policy.Accept
				f.ViaService = false
				switch {
				case was && !is:
					t.Fatalf("seed %d: %s was accepted, and is refused with %+v", seed, f, a.Documents)
				case is && !was && other:
					t.Fatalf("seed %d: %s is opened by %+v", seed, f, a.Documents)
				case is && !was && a.OpensCount <= len(a.Opens) && !told[f.String()] &&
					!told[f.String()+" through a Service"]:
					t.Fatalf("seed %d: %s is opened and not told: %q", seed, f, a.Opens)
				}
			}
		}
	}
}

// FuzzNamesAreDNSLabels gives the parties any name and label, and wants a document that loads,
// whose name is a DNS label, and that lets the flow through.
func FuzzNamesAreDNSLabels(f *testing.F) {
	f.Add("web", "app", "web", "db", "shop")
	f.Add("--", "a/b/c", "x\x1b[2J", strings.Repeat("Ü", 80), "pay")
	f.Add(strings.Repeat("a", 300), "app", strings.Repeat("b", 63), "0", "shop")
	f.Add("", "name", "true", "on", "shop")
	f.Add("x: y", "app", "1e3", "\n- evil", "no")
	f.Fuzz(func(t *testing.T, client, key, value, server, namespace string) {
		set := policy.Load([]policy.File{{Data: []byte(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}}
`)}}, nil)
		from := &policy.Endpoint{ID: "a/eth0", Namespace: namespace, Name: client,
			Labels:    map[string]string{key: value},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}
		to := &policy.Endpoint{ID: "b/eth0", Namespace: "shop", Name: server,
			Labels:    map[string]string{key: value + "x"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}
		flow := policy.Flow{From: policy.Party{Endpoint: from, Addr: from.Addresses[0]},
			To: policy.Party{Endpoint: to, Addr: to.Addresses[0]}, Protocol: 6, Port: 80}
		a := suggest.For(set, []*policy.Endpoint{from, to}, flow)
		if len(a.Documents) != 1 {
			t.Fatalf("got %+v, want one document", a)
		}
		name := a.Documents[0].Ref.Name
		if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
			t.Errorf("name %q: %v", name, faults)
		}
		if got := with(t, set, a).Evaluate(flow); got.Action != policy.Accept {
			t.Errorf("got %s, want Accept with\n%s", got.Why, a.Documents[0].YAML)
		}
	})
}
