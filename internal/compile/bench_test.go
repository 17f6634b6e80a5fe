// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// largeNode is a node of 1,000 endpoints, twenty for each of fifty services, and 100 policies.
func largeNode(b *testing.B) Input {
	b.Helper()
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"+
			"metadata: {name: service-%d, namespace: shop}\nspec:\n"+
			"  podSelector: {matchLabels: {app: app%d}}\n  policyTypes: [Ingress]\n  ingress:\n"+
			"  - from: [{podSelector: {matchLabels: {caller: c%d}}}]\n"+
			"    ports: [{protocol: TCP, port: %d}]\n", i, i%50, i%50, 10000+i)
	}
	set := policy.Load([]policy.File{{Name: "large.yaml", Data: []byte(text.String())}}, nil)
	if len(set.Problems) > 0 {
		b.Fatalf("policies: %v", set.Problems)
	}
	in := Input{Policies: set, Config: DefaultConfig()}
	for i := range 1000 {
		id := fmt.Sprintf("container%05d/eth0", i)
		in.Endpoints = append(in.Endpoints, Endpoint{
			Endpoint: &policy.Endpoint{ID: id, Namespace: "shop", Name: id, Labels: map[string]string{
				"app": fmt.Sprintf("app%d", i%50), "caller": fmt.Sprintf("c%d", i%50)},
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)})}},
			Local: &Local{Port: fmt.Sprintf("veth%d", i),
				MAC: [6]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}}})
	}
	return in
}

func BenchmarkCompile(b *testing.B) {
	in := largeNode(b)
	for b.Loop() {
		Compile(in)
	}
}

// One endpoint gets another label: everything is compiled and compared, twice as a node does.
func BenchmarkDiffOfOneMember(b *testing.B) {
	in := largeNode(b)
	before, _ := Compile(in)
	former := in.Endpoints[13].Endpoint
	changed := *former
	changed.Labels = map[string]string{"app": "app13", "caller": "c20"}
	in.Endpoints[13].Endpoint = &changed
	after, _ := Compile(in)
	stamp := Stamp{Generation: 1, Epoch: 1}
	before = in.Config.Stamped(before, stamp)
	for b.Loop() {
		after := after.Shared(before)
		ops := ruleset.Diff(before, in.Config.Stamped(after, stamp))
		if !Narrows(ops) {
			b.Fatal("got no narrowing, want one: the endpoint leaves a set")
		}
		ruleset.Diff(before, in.Config.Stamped(after, Stamp{Generation: 2, Epoch: 2}))
	}
}

func BenchmarkEncode(b *testing.B) {
	r, _ := Compile(largeNode(b))
	for b.Loop() {
		ruleset.Encode(r)
	}
}
