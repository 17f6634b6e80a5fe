// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// reachWorld is the model of the Kubernetes suite: pods a, b and c in the namespaces x, y and z,
// each serving 80 and 81 under the names serve-80-tcp and serve-81-tcp.
func reachWorld() []*Endpoint {
	var pods []*Endpoint
	for i, namespace := range []string{"x", "y", "z"} {
		for j, name := range []string{"a", "b", "c"} {
			pods = append(pods, &Endpoint{ID: namespace + name + "/eth0", Namespace: namespace,
				Name: name, Labels: map[string]string{"pod": name},
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 3, byte(i), byte(j)})},
				Ports: []NamedPort{{"serve-80-tcp", ProtocolTCP, 80},
					{"serve-81-tcp", ProtocolTCP, 81}}})
		}
	}
	return pods
}

const reachNamespaces = `
---
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {ns: x}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: y, labels: {ns: y}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: z, labels: {ns: z}}}`

// reachCase is one case of the suite: policies for namespace x, and which connections pass.
type reachCase struct {
	name  string
	specs []string
	want  func(from, to *Endpoint, port uint16) bool
}

// TestKubernetesReachability takes cases of the NetworkPolicy suite of Kubernetes: each judges
// all 81 pairs of pods on both ports.
func TestKubernetesReachability(t *testing.T) {
	for _, c := range reachCases {
		t.Run("S1.16 "+c.name, func(t *testing.T) {
			s := loadSpecs(t, c.specs)
			var wrong []string
			pods := reachWorld()
			for _, from := range pods {
				for _, to := range pods {
					for _, port := range []uint16{80, 81} {
						wrong = append(wrong, reach(s, c, from, to, port)...)
					}
				}
			}
			if len(wrong) > 0 {
				t.Errorf("%d of 162 differ:\n%s", len(wrong), strings.Join(wrong, "\n"))
			}
		})
	}
}

func loadSpecs(t *testing.T, specs []string) *Set {
	t.Helper()
	var text strings.Builder
	for i, spec := range specs {
		fmt.Fprintf(&text, "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"+
			"metadata: {name: p%d, namespace: x}\nspec: %s", i, spec)
	}
	s := Load([]File{{Name: "p.yaml", Data: []byte(text.String() + reachNamespaces)}}, nil)
	for _, p := range s.Problems {
		if p.Severity == SeverityError {
			t.Fatalf("load: %+v", p)
		}
	}
	return s
}

func reach(s *Set, c reachCase, from, to *Endpoint, port uint16) []string {
	f := Flow{From: Party{Endpoint: from, Addr: from.Addresses[0]},
		To: Party{Endpoint: to, Addr: to.Addresses[0]}, Protocol: ProtocolTCP, Port: port}
	// No policy closes a pod to itself, whatever the case says of its neighbours.
	want := from == to || c.want(from, to, port)
	if got := s.Evaluate(f); (got.Action == Accept) != want {
		return []string{fmt.Sprintf("%s: got %q want accepted %v", f, got.Why, want)}
	}
	return nil
}
