// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// What is in force is another pointer exactly when something of it has changed.
func TestInForce(t *testing.T) {
	s := newSite(t)
	s.policies(t, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress]}
`)
	n := s.openAs(t, false)
	defer n.Close()
	first := n.InForce()
	if first != n.InForce() || len(first.Attachments) > 0 {
		t.Errorf("got %+v, want nothing, in one value", first)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := n.Attach(t.Context(), s.attachment(name)); err != nil {
			t.Fatal(err)
		}
	}
	second := n.InForce()
	if second == first || second != n.InForce() || len(second.Attachments) != 2 {
		t.Errorf("got %+v, want the endpoints, in one value", second)
	}
	groups := second.Groups[s.attachment("b").Endpoint.ID]
	if groups.Ingress == "" || groups.Egress != "" || second.LogGroup != 4711 {
		t.Errorf("got %+v, want a group for what b receives, and log group 4711", second)
	}
	before := second.Policies.AllowEncapsulation
	config := compile.DefaultConfig()
	config.AllowEncapsulation = true
	if _, err := n.SetConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	third := n.InForce()
	if third == second || second.Policies.AllowEncapsulation != before ||
		!third.Policies.AllowEncapsulation {
		t.Error("the former value has changed, want another one beside it")
	}
}
